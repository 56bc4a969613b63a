"""A small folder of one's own is read whole where questions are read; a large one, and the texts of a run, are not."""

import pytest

from anatili.documents.collection import Collection
from anatili.documents.reader import Readers
from anatili.lang import load_pack
from anatili.search.searcher import Search
from anatili.serve import passages_found as module
from anatili.serve.decision import CANDIDATES
from anatili.serve.passages_found import passages_found
from anatili.serve.question import read_question

PACKS = {code: load_pack(code) for code in ("kk", "ru", "en", "tr")}
GYM = "The coach is Yerlan Saduakassov. He has trained boxers since 2009 and speaks three languages."
KEYS = "Get the locker key from the person on duty. A lost key costs 2,000 tenge and is replaced the next day."


@pytest.fixture
def search_over(tmp_path):
    opened = []

    def over(*texts: str) -> Search:
        folder = tmp_path / "documents"
        folder.mkdir()
        for number, text in enumerate(texts):
            (folder / f"{number}.txt").write_text(text, "utf-8")
        collection = Collection([str(folder)], PACKS, tmp_path / "index", Readers(list(PACKS), 1))
        opened.append(collection)
        collection.start()
        collection.wait()
        return collection.search

    yield over
    for collection in opened:
        collection.close()
        collection.readers.close()


def found(search: Search, text: str) -> list[str]:
    return [hit.passage.text for hit in passages_found(read_question(text, "en", PACKS), search)]


def test_a_small_folder_is_read_whole_the_passages_with_its_words_first(search_over, monkeypatch):
    search = search_over(GYM, KEYS, "Жаттықтырушы — Ерлан Сәдуақасов, ол боксшыларды 2009 жылдан бері үйретеді.")
    monkeypatch.setattr(module, "uses_embeddings", lambda: True)
    assert found(search, "Who replaces a lost key?") == [KEYS, GYM]
    assert sorted(found(search, "Is parking free?")) == sorted([GYM, KEYS])
    monkeypatch.setattr(module, "uses_embeddings", lambda: False)
    assert found(search, "Who replaces a lost key?") == [KEYS]


def test_of_a_large_folder_and_of_a_run_only_what_has_the_words_is_found(search_over, sample_index, monkeypatch):
    monkeypatch.setattr(module, "uses_embeddings", lambda: True)
    rooms = [f"Room {number} has a white table, a lamp and a window to the yard." for number in range(CANDIDATES)]
    assert found(search_over(KEYS, *rooms), "Who replaces a lost key?") == [KEYS]
    question = read_question("Xyzzyplugh?", "en", PACKS)
    assert passages_found(question, Search(sample_index / "index", PACKS)) == []
