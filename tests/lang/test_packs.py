"""Every pack, found by folder: its rules and the cases its linguist wrote down."""

import json
import re
import shutil

import pytest
from click.testing import CliRunner

from anatili.cli import main
from anatili.lang import codes, load_pack, reference
from anatili.lang.new import new_pack, scripts
from anatili.lang_check import TABLES, TEXTS, check_pack, flat_keys
from anatili.morphology import load_morphology
from anatili.pack_folders import FOLDER
from anatili.problem import Problem


@pytest.mark.parametrize("code", codes())
def test_the_pack_passes_its_checks(code):
    checks = check_pack(code)
    assert len(checks) >= 6
    assert not [check for check in checks if check.problem]


def test_the_full_packs_have_all_files():
    expected = {
        "pack.toml",
        "stopwords.txt",
        "abbreviations.txt",
        "blocked.txt",
        "prompts.toml",
        "cases.toml",
    }
    for code in ("kk", "ru", "en", "tr"):
        assert expected <= set(load_pack(code).files)
        assert len(load_pack(code).config.sources) >= len(expected)


def test_the_full_packs_have_the_same_words_of_the_page():
    pages = [load_pack(code).prompts["page"].keys() for code in ("kk", "ru", "en", "tr")]
    assert all(page == pages[0] for page in pages)


@pytest.fixture
def packs(tmp_path, monkeypatch):
    """A folder for new packs."""
    monkeypatch.setenv("ANATILI_PACKS", str(tmp_path))
    load_pack.cache_clear()
    yield tmp_path
    load_pack.cache_clear()


@pytest.mark.parametrize("script", sorted(scripts()))
def test_a_new_pack_is_whole_and_passes_its_own_check(packs, script):
    folder = new_pack("xx", packs, script, "ru")
    assert {path.name for path in folder.iterdir()} == {*TEXTS, *TABLES} - {"small.txt"}
    checks = check_pack("xx")
    assert [check for check in checks if check.problem] == []
    lines = len(flat_keys(load_pack(reference()).prompts))
    assert lines > 100
    assert [check.todo.split(":")[0] for check in checks if check.todo] == [
        "write the 50 to 150 most frequent small words",
        f"{lines} of {lines} lines are still in ru",
        "write the words that ask",
        "teach it",
    ]
    with pytest.raises(Problem, match="already exists"):
        new_pack("xx", packs, script, "ru")


def test_every_comment_of_a_new_pack_is_valid_when_uncommented(packs):
    """A linguist removes the #: the rest of the line must be something that `lang check` accepts."""
    folder = new_pack("xx", packs, "Cyrl", "en")
    for path in folder.glob("*.toml"):
        text = re.sub(r"^# ?(?=\[|[\w\"]+(?: \w+\"|\.tsv\"|\.npz\")? = )", "", path.read_text("utf-8"), flags=re.M)
        assert text != path.read_text("utf-8"), path
        path.write_text(text, "utf-8")
    table = load_pack("xx").config.model_dump()
    assert table["stemmer"] == "turkish"
    assert table["cut"] == {"min_words": 20, "min_stopwords": 0.02}
    assert table["personal"]["phone"]["pattern"]
    failed = {check.name for check in check_pack("xx") if check.problem}
    # The examples of cases.toml are about made-up words, and two letters are not Russian.
    assert {name.removeprefix("cases.toml: ").split(" ")[0] for name in failed} <= {
        "language",
        "normalize",
        "stem",
        "pack.toml:",
    }
    assert len(failed) <= 6, failed


def test_a_pack_can_have_code(packs):
    folder = new_pack("xx", packs, prompts_from="en")
    (folder / "normalize.py").write_text("def normalize(text: str) -> str:\n    return text.replace('q', 'k')\n")
    assert load_pack("xx").normalize("qazaq") == "kazak"


def test_prompts_are_completed_line_by_line(packs):
    folder = new_pack("xx", packs, prompts_from="ru")
    before = load_pack("xx")
    assert before.prompts == load_pack("ru").prompts
    (folder / "prompts.toml").write_text('no_answer = "Nope"\n[page]\nsend = "Go"\n', "utf-8")
    load_pack.cache_clear()
    after = load_pack("xx")
    assert (after.prompts["no_answer"], after.prompts["page"]["send"]) == ("Nope", "Go")
    assert after.prompts["page"]["stop"] == load_pack("ru").prompts["page"]["stop"]
    assert after.files["prompts.toml"] != before.files["prompts.toml"] != load_pack("ru").files["prompts.toml"]
    (folder / "pack.toml").write_text((folder / "pack.toml").read_text().replace('"ru"', '"tt"'))
    load_pack.cache_clear()
    with pytest.raises(Problem, match=r"prompts_from: tt has no prompts.toml"):
        load_pack("xx")


WRONG = {
    "stopwords.txt": ("ba\nba1\n", "ba1: add the letters"),
    "abbreviations.txt": ("bla\n", "bla: add the full stop"),
    "blocked.txt": ("Casino\n", "Casino: write them in lower case"),
    "seeds.txt": ("https://a.example/\n", "write only the host"),
    "stopword.txt": ("ba\n", "stopword.txt: misspelled?"),
    "cases.toml": ('[[stems]]\nword = "a"\nstem = "a"\n', "stems: the kinds are normalize"),
    "prompts.toml": ('notice_smal = "x"\n', "notice_smal: unknown key"),
    "morphology.toml": ('[letters]\nback = "a"\n', "invalid morphology"),
    "pairs.toml": ('[[agreement]]\nkind = "x"\n', "no pairs can be made: KeyError('rows')"),
    "facts.toml": ("[numbers]\ndecimals = 1\n", "numbers.decimals: unknown key"),
    "questions.toml": ('[kinds]\nwhen = ["x"]\n', "kinds.when"),
    "translation.toml": ("negation = '('\n", "negation"),
    "dictionary.tsv": ("ru\tдом\n", "dictionary.tsv:1: this is not a language, a word"),
    "identify.npz": ("x", "anatili lang identify xx"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_file_is_reported_with_advice(packs, name):
    folder = new_pack("xx", packs, prompts_from="ru")
    (folder / name).write_text(WRONG[name][0], "utf-8")
    problems = [check.problem for check in check_pack("xx") if check.problem]
    assert any(WRONG[name][1] in problem for problem in problems), problems


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("мeн", "мeн: a letter only looks like the right one"),
        ("Мен", "Мен: write one word a line, in small letters"),
        ("мен бен", "мен бен: write one word a line"),
    ],
)
def test_a_word_that_would_never_be_found_is_reported(packs, word, message):
    """The first has a Latin e in Cyrillic letters, which nobody sees."""
    shutil.copytree(FOLDER / "kk", packs / "kk")
    with (packs / "kk" / "stopwords.txt").open("a", encoding="utf-8") as file:
        file.write(f"{word}\n")
    (problem,) = [check.problem for check in check_pack("kk") if check.problem]
    assert problem.startswith(message)


def test_a_wrong_row_of_a_lexicon_is_reported_with_its_line(tmp_path):
    shutil.copytree(FOLDER / "kk", tmp_path / "kk")
    (tmp_path / "kk" / "lexicon.tsv").write_text("noun\tел\t2\nбір екі\n", "utf-8")
    with pytest.raises(Problem, match=r"lexicon.tsv:2: write two words and a number with tabs between them, not 'бір"):
        load_morphology(tmp_path / "kk")


def test_check_says_which_folder_it_looks_at(packs, monkeypatch):
    done = CliRunner().invoke(main, ["lang", "check", "ru"])
    assert re.search(r"pack ru: .*lang/ru\n", done.output)
    rows = json.loads(CliRunner().invoke(main, ["lang", "check", "ru", "--json"]).stdout)
    assert {row["holds"] for row in rows} == {True}, "one JSON document, as other programs read it"
    monkeypatch.setenv("ANATILI_PACKS", str(packs / "mistyped"))
    assert "mistyped, which is no folder" in CliRunner().invoke(main, ["lang", "check", "ru"]).output


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("[cut]\nmin_wrods = 20\n", "cut.min_wrods: unknown key"),
        ("[gate.Latn]\n'ж' = 2\n", "[gate.Latn] ж: add them"),
        ("[transliteration.Cyrl]\nprefix = 1\n", "transliteration.Cyrl.table"),
        ("[sources.'normalize.py']\norigin = ''\nlicense = ''\n", ""),
    ],
)
def test_a_wrong_pack_toml_is_reported(packs, line, message):
    folder = new_pack("xx", packs, prompts_from="ru")
    (folder / "pack.toml").write_text((folder / "pack.toml").read_text("utf-8") + line, "utf-8")
    try:
        problems = " ".join(check.problem for check in check_pack("xx"))
    except Problem as problem:
        problems = str(problem)
    assert message in problems


def test_a_file_without_an_author_is_reported(packs):
    folder = new_pack("xx", packs, prompts_from="ru")
    (folder / "pack.toml").write_text((folder / "pack.toml").read_text("utf-8").replace("written by the authors", " "))
    text = (folder / "pack.toml").read_text("utf-8").replace('"  of this pack"', '" "')
    (folder / "pack.toml").write_text(text, "utf-8")
    assert "abbreviations.txt" in " ".join(check.problem for check in check_pack("xx"))


def test_a_new_pack_does_not_hide_one_that_is_there(tmp_path):
    with pytest.raises(Problem, match=r"there is a pack 'kk' already: .*kk\. To change it, copy that folder"):
        new_pack("kk", tmp_path, prompts_from="en")
    assert not (tmp_path / "kk").exists()


@pytest.mark.parametrize("code", ["../kk", "KK", "kazakh", ""])
def test_a_pack_needs_a_proper_code(code, tmp_path):
    with pytest.raises(Problem, match="not a language code"):
        new_pack(code, tmp_path, prompts_from="en")


def test_an_unknown_pack_is_reported_with_the_known_ones():
    with pytest.raises(Problem, match="no language pack 'zz'; the packs are"):
        load_pack("zz")


def test_a_folder_that_is_no_pack_is_told_from_one_that_is_named_wrongly(tmp_path, monkeypatch):
    monkeypatch.setenv("ANATILI_PACKS", str(tmp_path))
    (tmp_path / "xx").mkdir()
    with pytest.raises(Problem, match=r"xx: pack\.toml is missing, so this is no language pack"):
        load_pack("xx")
    with pytest.raises(Problem, match=r"xx: pack\.toml is missing, so this is no language pack"):
        load_pack(str(tmp_path / "xx"))
    new_pack("xal", tmp_path, prompts_from="ru")
    with pytest.raises(Problem, match=f"export ANATILI_PACKS={tmp_path}, then use xal"):
        load_pack(str(tmp_path / "xal"))
    assert load_pack("xal").folder == tmp_path / "xal"


def test_a_wrong_pack_is_reported_with_file_and_key(tmp_path, monkeypatch):
    folder = new_pack("xy", tmp_path, prompts_from="en")
    (folder / "pack.toml").write_text('name = "X"\nown_name = "X"\nletter = 1\n[letters]\nLatn = "abc"\n')
    monkeypatch.setenv("ANATILI_PACKS", str(tmp_path))
    load_pack.cache_clear()
    with pytest.raises(Problem, match=r"pack.toml: letter: unknown key"):
        load_pack("xy")


def test_transliteration_keeps_case_and_marks_front_words():
    pack = load_pack("kk")
    assert pack.transliterate("Қазақ ТІЛІ – әдемі", "Latn2021") == "Qazaq TILI – ädemı".replace("TILI", "TILI")
    assert pack.transliterate("өз", "Arab") == "ءوز"
    assert pack.transliterate("кез", "Arab") == "كەز"


def test_packs_are_where_the_design_says():
    assert sorted(path.parent.name for path in FOLDER.glob("*/pack.toml")) == sorted(set(codes()))
