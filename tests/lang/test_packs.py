"""Every pack, found by folder: its rules and the cases its linguist wrote down."""

import pytest

from anatili.lang import FOLDER, codes, load_pack
from anatili.lang_check import check_pack, new_pack
from anatili.problem import Problem


@pytest.mark.parametrize("code", codes())
def test_the_pack_keeps_its_promises(code):
    checks = check_pack(code)
    assert len(checks) >= 6
    assert not [check for check in checks if check.problem]


def test_the_full_packs_have_all_files():
    wanted = {
        "pack.toml",
        "stopwords.txt",
        "abbreviations.txt",
        "blocked.txt",
        "examples.txt",
        "prompts.toml",
        "cases.toml",
    }
    for code in ("kk", "ru", "en", "tr"):
        assert wanted <= set(load_pack(code).files)
        assert len(load_pack(code).said.sources) >= len(wanted)


def test_the_full_packs_have_the_same_words_of_the_page():
    pages = [load_pack(code).prompts["page"].keys() for code in ("kk", "ru", "en", "tr")]
    assert all(page == pages[0] for page in pages)


def test_a_new_pack_is_made_found_and_checked(tmp_path, monkeypatch):
    folder = new_pack("xx", tmp_path)
    monkeypatch.setenv("ANATILI_PACKS", str(tmp_path))
    load_pack.cache_clear()
    assert "xx" in codes()
    failed = [check.name for check in check_pack("xx") if check.problem]
    assert failed == ["there are stop words", "every file has a source and a licence"]
    (folder / "stopwords.txt").write_text("and\nor\n", "utf-8")
    (folder / "normalize.py").write_text("def normalize(text: str) -> str:\n    return text.replace('q', 'k')\n")
    load_pack.cache_clear()
    assert load_pack("xx").normalize("qazaq") == "kazak"
    with pytest.raises(Problem, match="is there already"):
        new_pack("xx", tmp_path)
    load_pack.cache_clear()


@pytest.mark.parametrize("code", ["../kk", "KK", "kazakh", ""])
def test_a_pack_needs_a_proper_code(code, tmp_path):
    with pytest.raises(Problem, match="no language code"):
        new_pack(code, tmp_path)


def test_an_unknown_pack_names_those_there_are():
    with pytest.raises(Problem, match="no language pack 'zz'; there are"):
        load_pack("zz")


def test_a_wrong_pack_is_told_with_file_and_key(tmp_path, monkeypatch):
    folder = new_pack("xy", tmp_path)
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


def test_packs_lie_where_the_design_says():
    assert sorted(path.parent.name for path in FOLDER.glob("*/pack.toml")) == sorted(set(codes()))
