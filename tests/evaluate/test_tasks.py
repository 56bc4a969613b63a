"""A task is one file and no Python: by the letter of its guide, and each kind with a model that can be foretold."""

import json
import tomllib

import guides
import pytest
from chat_server import ChatServer
from click.testing import CliRunner

from anatili.cli import main
from anatili.confidence_intervals import wilson
from anatili.engine import open_engine
from anatili.evaluate.answers import answer_record
from anatili.evaluate.items import item_set
from anatili.evaluate.likelihood import Likelihood
from anatili.evaluate.measure import NothingToMeasure, Setup, measure
from anatili.evaluate.task_data import read_rows
from anatili.evaluate.task_file import bundled, load_task
from anatili.evaluate.text_sets import TextSet
from anatili.opening.evaluation import evaluate
from anatili.problem import Problem

GUIDE = "add-a-task.md"
HEAD = 'license = "CC0-1.0"\n'
CHOICES = 'kind = "choices"\nlanguage = "kk"\ndata = "d.jsonl"\ntemplate = "{q}"\nchoices = ["{a}", "{b}"]\n'


@pytest.fixture
def model(tmp_path):
    """Makes a model of the bigrams of a text."""
    bigrams = guides.engine_guide(tmp_path)

    def make(text):
        (tmp_path / "seen.txt").write_text(text, "utf-8")
        return Likelihood(bigrams(tmp_path / "seen.txt"))

    return make


def write(folder, body, **files):
    (folder / "own.toml").write_text(HEAD + body, "utf-8")
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text, "utf-8")
    return load_task("own.toml", folder)


def measured(task, model, *languages, **settings):
    return list(measure(task, model, Setup(languages, **settings)))


def test_the_guide_s_task_is_measured(tmp_path, model):
    guides.write_files(GUIDE, tmp_path, "toml")
    (tmp_path / "capitals.jsonl").write_text(guides.blocks(GUIDE, "json")[0], "utf-8")
    task = load_task("capitals.toml", tmp_path)
    seen = "Жауап: Ташкент\nЖауап: Бішкек\nЖауап: Астана\n" * 30
    (row,) = measured(task, model(seen))
    facts = {"measure": "capitals of neighboring countries", "task": "capitals", "language": "kk", "chance": 0.3333}
    assert row.items() >= facts.items()
    assert (row["value"], row["count"], row["interval"]) == (row["acc_bytes"], 3, wilson(3, 3))
    assert (row["majority"], row["answers"]) == (0.3333, {"A": 1, "B": 1, "C": 1})
    (row,) = measured(task, model("Жауап: Самарқан\nЖауап: Қарақол\nЖауап: Шымкент\n" * 30))
    assert row["value"] == 0.0
    named = tomllib.loads(next(block for block in guides.blocks(GUIDE, "toml") if block.startswith("[evaluate]")))
    assert [load_task(name, tmp_path).name for name in named["evaluate"]["tasks"]][-1] == "capitals"


def test_a_choice_is_read_as_a_number_a_letter_or_a_text(tmp_path):
    task = write(tmp_path, CHOICES)
    rows = [{"q": "x", "a": "1", "b": "2", "answer": answer} for answer in ("B", "2", 1, "b")]
    assert [item.answer for item in item_set(task, rows, "kk").items] == [1, 1, 1, 1]


def test_of_two_choices_that_are_equally_likely_the_first_counts(tmp_path, model):
    rows = [{"q": "?", "a": "a", "b": "b", "answer": 0}, {"q": "?", "a": "a", "b": "b", "answer": 1}]
    task = write(tmp_path, CHOICES, d__jsonl="\n".join(map(json.dumps, rows)))
    (row,) = measured(task, model("nothing of it"))
    assert (row["value"], row["chosen"]) == (0.5, {"A": 2})
    (row,) = measured(task, model("? b" * 9))
    assert row["chosen"] == {"B": 2}


def test_length_favors_short_choices_unless_it_is_by_byte(tmp_path, model):
    row = {"q": "?", "a": "q", "b": "abab", "answer": 1}
    task = write(tmp_path, CHOICES + 'metric = "acc_bytes"\n', d__jsonl=json.dumps(row))
    (row,) = measured(task, model(" abababab" * 3 + "? "))
    assert (row["acc"], row["acc_bytes"], row["value"]) == (0.0, 1.0, 1.0)


def test_pairs_of_a_table_by_kind(tmp_path, model):
    table = "right\twrong\tkind\nабаб\tбаба\tone\nаб\tба\ttwo\nба\tаб\ttwo\n"
    task = write(tmp_path, 'kind = "minimal_pairs"\ndata = "{language}.tsv"\n', kk__tsv=table)
    (row,) = measured(task, model("аб\n" * 20), "kk", "ru")
    assert (row["language"], row["value"], row["count"]) == ("kk", 0.6667, 3)
    assert row["kinds"]["two"] == {"right": 0.5, "interval": wilson(1, 2), "count": 2}
    with pytest.raises(NothingToMeasure, match="own has no data for ru"):
        measured(task, model("x"), "ru")


def test_texts_of_files_and_of_the_command_are_scored_alike(tmp_path, model):
    own = write(tmp_path, 'kind = "bits_per_byte"\ndata = "{language}.txt"\n', kk__txt="қазақ\nтілі\n")
    seen = model("қазақ тілі\n")
    (mine,), (given,) = (
        measured(own, seen, "kk"),
        measured(load_task("bits-per-byte"), seen, sets=[TextSet("kk", "own", ("қазақ", "тілі"))]),
    )
    assert mine["value"] == given["value"] < 8 == given["chance"]
    (half,) = measured(load_task("second-halves"), seen, sets=[TextSet("kk", "own", ("қазақ тілі",))])
    assert half["bytes"] == len(" тілі".encode())
    (latin, *_) = measured(load_task("scripts"), seen, sets=[TextSet("kk", "own", ("қазақ тілі",))])
    assert latin["measure"].startswith("bits per byte of the original, written in Latn")
    with pytest.raises(NothingToMeasure, match="give --text FILE"):
        measured(load_task("second-halves"), seen)


@pytest.mark.parametrize(("scorer", "right"), [("exact", 0.5), ("contains", 1.0)])
def test_answers_are_compared_with_the_target(tmp_path, model, scorer, right):
    body = 'kind = "generate"\nlanguage = "kk"\ndata = "d.tsv"\ntemplate = "{q}"\ntarget = "{a}"\nmax_tokens = 4\n'
    task = write(tmp_path, body + f'scorer = "{scorer}"\n', d__tsv="q\ta\nx\tYz.\np\tr\n")
    (row,) = measured(task, model("xyz\npqr\n"))
    assert (row["value"], row["count"]) == (right, 2)


def test_translations_are_scored_in_each_direction(tmp_path, model):
    pytest.importorskip("sacrebleu")
    (tmp_path / "lines").mkdir()
    for code, text in {"kk": "x\nu\n", "en": "yz\nvw\n"}.items():
        (tmp_path / "lines" / f"{code}.txt").write_text(text, "utf-8")
    task = write(tmp_path, 'kind = "translation"\ndata = "lines"\ntemplate = "{source} {target}: {text}"\n')
    back, forth = measured(task, model("xyz\nuvw\n"), "kk", "en")
    assert (forth["language"], forth["value"], forth["count"]) == ("kk-en", 100.0, 2)
    assert (back["language"], back["value"]) == ("en-kk", 0.0)
    (tmp_path / "lines" / "en.txt").write_bytes(b"\xef\xbb\xbfyz\xe2\x80\xa8\r\nvw\r\n")  # U+2028 ends no line
    assert [row["en"] for row in read_rows(task, "")] == ["yz\u2028", "vw"]
    (tmp_path / "lines" / "en.txt").write_text("yz\n", "utf-8")
    with pytest.raises(Problem, match=r"the same number of lines; they have en.txt 1, kk.txt 2"):
        read_rows(task, "")


def test_every_bundled_task_says_what_it_is_and_has_data():
    assert bundled() == sorted(bundled()) != []
    for name in bundled():
        task = load_task(name)
        assert task.license
        if task.data == "user:":
            assert task.source.startswith("http"), name
            assert task.citation, name
            continue
        assert task.data == "texts:" or read_rows(task, "kk"), name
        assert task.file.read_text("utf-8").startswith("# ")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('kind = "choices"\ndata = "{language}.tsv"\n', "a task of kind choices needs choices"),
        ('kind = "guess"\ndata = "x"\n', "kind: Input should be"),
        ('kind = "minimal_pairs"\ndata = "x.tsv"\n', "name the language of the data"),
        ('kind = "minimal_pairs"\ndata = "sample:all"\n', "no data 'sample:all': a file, a folder, or one of texts:"),
        ('kind = "minimal_pairs"\ndata = "{language}.tsv"\nshots = 1\n', r"shots: unknown key"),
        ('kind = "generate"\ndata = "x"\nlanguage = "kk"\ntemplate = "x"\nscorer = "exact"\n', "exact needs target"),
    ],
)
def test_what_is_wrong_with_a_task_is_said_with_its_key(tmp_path, body, words):
    with pytest.raises(Problem, match=words):
        write(tmp_path, body)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ('{"right": "a"}', r"d.jsonl: a row has no field 'wrong', which own.toml .* '\{wrong\}'; it has right"),
        ("[1]", "d.jsonl:1: a row is a JSON object"),
        ("{", "d.jsonl:1: not JSON"),
        ("[" * 100_000, "d.jsonl:1: not JSON"),
        (None, "no file"),
    ],
)
def test_what_is_wrong_with_its_data_is_said_with_the_line(tmp_path, model, data, words):
    task = write(tmp_path, 'kind = "minimal_pairs"\nlanguage = "kk"\ndata = "d.jsonl"\n')
    if data:
        (tmp_path / "d.jsonl").write_text(data, "utf-8")
    with pytest.raises(Problem, match=words):
        measured(task, model("x"))


def test_data_given_as_a_task_is_told(tmp_path):
    (tmp_path / "d.jsonl").write_text('{"right": "a", "wrong": "b"}', "utf-8")
    with pytest.raises(Problem, match="a task is a TOML file; the data of a bundled one is named by --data FILE"):
        load_task("d.jsonl", tmp_path)


def test_written_answers_are_graded_and_failures_counted_apart(tmp_path, model):
    body = (
        'kind = "generate"\nlanguage = "kk"\ndata = "d.jsonl"\ntemplate = "{q}"\ntarget = "{answers}"\nscorer = "f1"\n'
    )
    rows = [{"q": "x", "answers": ["zz", "yz"]}, {"q": "p", "answers": ["qr st"]}, {"q": "n", "answers": ["o"]}]
    task = write(tmp_path, body, d__jsonl="\n".join(map(json.dumps, rows)))
    (row,) = measured(task, model("xyz\npqr\nn\n"))
    assert (row["value"], row["exact"], row["unanswered"]) == (round((1 + 2 / 3 + 0) / 3, 4), 0.3333, 1)
    record = answer_record(task, rows[0], "This is plainly an answer in another language.", "kk")
    assert (record["language"], record["wrong_language"], record["value"]) == ("en", True, 0.0)
    assert answer_record(task, rows[0], "y" * 100_000, "kk")["value"] == 0.0
    (tmp_path / "d.jsonl").write_text(json.dumps({"q": "x", "answers": [""]}), "utf-8")
    with pytest.raises(Problem, match="has an empty right answer"):
        measured(task, model("xyz\n"))
    (tmp_path / "d.jsonl").write_text('{"id": "n1", "q": "x", "answers": ["y"]}\n' * 2, "utf-8")
    with pytest.raises(Problem, match=r"d.jsonl: the id 'n1' occurs more than once; give each row its own id"):
        measured(task, model("xyz\n"))


def test_a_server_that_dies_while_answers_are_written_loses_none(tmp_path):
    body = 'kind = "generate"\nlanguage = "kk"\ndata = "d.tsv"\ntemplate = "{q}"\ntarget = "{a}"\nscorer = "exact"\n'
    task = write(tmp_path, body, d__tsv="q\ta\nx\tx!\np\tp!\nr\tr!\n")
    server = ChatServer(lambda question: f"{question}!", dies_after=2)
    engine = Likelihood(open_engine(server.url))
    with pytest.raises(Problem, match="out of memory"):
        measured(task, engine, folder=tmp_path / "out")
    server.dies_after = 10**9
    (row,) = measured(task, engine, folder=tmp_path / "out")
    assert (row["value"], row["count"], server.asked) == (1.0, 3, 4), "two kept, one that failed, one asked again"


def test_answers_of_a_model_are_kept_and_not_asked_for_again(tmp_path, model):
    body = 'kind = "generate"\nlanguage = "kk"\ndata = "d.tsv"\ntemplate = "{q}"\ntarget = "{a}"\nscorer = "exact"\n'
    task = write(tmp_path, body, d__tsv="q\ta\nx\tyz\np\tr\n")
    (first,) = measured(task, model("xyz\npqr\n"), folder=tmp_path / "out")
    (second,) = measured(task, model("xab\npqr\n"), folder=tmp_path / "out")
    assert first == second, "the answers are those that were kept"


def test_pairs_as_other_programs_write_them(tmp_path, model):
    table = "sen\twrong_sen\tphenomenon\nабаб\tбабабаба\tSV-#\n"
    (tmp_path / "d.tsv").write_text(table, "utf-8")
    (row,) = measured(load_task("multiblimp_kk").with_data(tmp_path / "d.tsv"), model("аб\n" * 20))
    assert (row["value"], row["acc"], row["acc_bytes"]) == (1.0, 1.0, row["acc_norm"])
    assert list(row["kinds"]) == ["SV-#"]


def test_labels_of_a_classification_and_columns_of_a_parallel_text(tmp_path, model):
    sib = load_task("sib200_kk")
    (tmp_path / "d.tsv").write_text("index_id\tcategory\ttext\n1\tsports\tфутбол\n2\thealth\tдәрі\n", "utf-8")
    (row,) = measured(sib.with_data(tmp_path / "d.tsv"), model("тақырыбы: спорт\n" * 9))
    assert (row["acc"], row["macro_f1"]) == (0.5, round((2 / 3 + 0) / 2, 4))
    (tmp_path / "d.tsv").write_text("category\ttext\nart\tx\n", "utf-8")
    with pytest.raises(Problem, match="category = 'art' is none of the labels science/technology"):
        measured(sib.with_data(tmp_path / "d.tsv"), model("x"))
    (tmp_path / "flores").mkdir()
    for name in ("kaz_Cyrl", "rus_Cyrl"):
        (tmp_path / "flores" / f"{name}.devtest").write_text("бір\nекі\n", "utf-8")
    rows = read_rows(load_task("flores_kk").with_data(tmp_path / "flores"), "")
    assert [(row["kk"], row["ru"]) for row in rows] == [("бір", "бір"), ("екі", "екі")]


@pytest.mark.parametrize("name", [name for name in bundled() if load_task(name).kind == "choices"])
def test_every_set_of_choices_has_three_wordings_of_each_form(name):
    task = load_task(name)
    assert len(task.templates("cloze")) >= 3
    assert len(task.templates("letter")) >= 3
    assert all("{options}" in template for template in task.letter)


def test_a_task_for_several_languages_can_be_compared_in_one(tmp_path):
    servers = [ChatServer(lambda question: "Бұл қазақша жауап, қысқа мәтін.") for _ in range(2)]
    call = ["compare", *(server.url for server in servers), "--task", "answer-language", "--limit", "3"]
    done = CliRunner().invoke(main, [*call, "-o", str(tmp_path / "none")])
    assert "is for several languages: name one with --language CODE" in done.output
    done = CliRunner().invoke(main, [*call, "--language", "kk", "-o", str(tmp_path / "out")])
    assert "3 items" in done.output, done.output


def test_a_folder_that_cannot_be_written_to_is_told_before_anything_is_measured(tmp_path):
    (tmp_path / "taken").write_text("a file", "utf-8")
    (tmp_path / "kk.txt").write_text("Абай – ақын.", "utf-8")
    with pytest.raises(Problem, match=r"cannot write into .*taken: .*; name another folder with --out"):
        evaluate("http://127.0.0.1:9/v1", [tmp_path / "kk.txt"], out=tmp_path / "taken")
