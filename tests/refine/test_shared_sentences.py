from pathlib import Path

import numpy as np

from anatili.document import Document, Duplicate, Kept, Mark, Shared, read_counts, read_shard, write_shard
from anatili.pool import LocalPool
from anatili.recipe import Cut, Dedup, MarkSettings, Recipe
from anatili.refine import shared_sentences
from anatili.refine.cut import cut_shard, own_lines
from anatili.refine.dedup import run
from anatili.refine.mark import mark_shard
from anatili.sample.topics import read_topics
from anatili.stage import Quiet, Task

TEXTS = [topic.pages["kk"].text for topic in read_topics()][:12]
NOTICE = "Осы беттегі материалдарды көшірген кезде сілтеме жасау міндетті болып табылады."
RECIPE = Recipe.model_validate({"name": "x", "language": "kk", "dedup": {"shared_documents": 5}})


def documents(count: int) -> list[Document]:
    """Texts of different hosts; each of the first six has the notice, once in capitals and once with Latin letters."""
    notices = [NOTICE, NOTICE.upper(), NOTICE.replace("а", "a"), NOTICE, NOTICE, NOTICE][:count]
    bodies = [f"{text}\n{notice}" for text, notice in zip(TEXTS, notices, strict=False)]
    bodies += TEXTS[len(notices) :]
    return [
        Document(f"{n:024d}", body, "", f"https://{n}.kz/", "s", "2026", "", "", "") for n, body in enumerate(bodies)
    ]


def carry_out(folder: Path, rows: list[Document], recipe: Recipe = RECIPE, shards: int = 2) -> Path:
    """The folder of `dedup` over these documents."""
    for number in range(shards):
        shard = folder / "extract" / f"part-{number}.parquet"
        write_shard(shard, Document, rows[number::shards])
        mark_shard(shard, folder / "mark" / shard.name, ("kk",), MarkSettings(), folder)
    inputs = {name: folder / name for name in ("extract", "mark")}
    task = Task(recipe, recipe.dedup, folder, inputs, folder / "dedup", LocalPool(), Quiet())
    run(task)
    return folder / "dedup"


def test_a_sentence_of_many_documents_is_found_and_cut_out(tmp_path):
    rows = documents(6)
    dedup = carry_out(tmp_path, rows)
    found = {
        id_: row
        for path in (dedup / "shared").iterdir()
        for id_, row in shared_sentences.read_shared(dedup, path.name).items()
    }
    assert sorted(found) == [row.id for row in rows[:6]]
    for row in rows[:6]:
        (start, end), share = found[row.id].spans, found[row.id].share
        assert row.text[start:end] == row.text.splitlines()[-1]
        assert 0 < share < 0.5
    assert not list(dedup.glob(".sentences*"))
    source = tmp_path / "extract" / "part-0.parquet"

    def cut(**settings) -> tuple[list[str], dict[str, int]]:
        target = tmp_path / "cut" / source.name
        limits = Cut(held_out=0.0, min_words=5, min_order=-100, max_unended=1.0, **settings)
        cut_shard(source, target, tmp_path / "mark", dedup, ("kk",), limits, tmp_path)
        return [row.text for row in read_shard(target, Kept)], read_counts(target)

    texts, counts = cut()
    assert counts["kept: kk"] == len(rows[::2])
    assert not any("көшірген" in text.lower() for text in texts)
    assert [text.split()[0] for text in texts] == [row.text.split()[0] for row in rows[::2]]
    assert cut(max_shared=0.0)[1]["lost: shared sentences"] == 3


def test_fewer_documents_than_asked_for_and_copies_do_not_count(tmp_path):
    rows = documents(4)
    copy = Document("copy", rows[0].text, "", "https://copy.kz/", "s", "2027", "", "", "")
    dedup = carry_out(tmp_path, [*rows, copy])
    assert [shared_sentences.read_shared(dedup, f"part-{n}.parquet") for n in (0, 1)] == [{}, {}]


def test_nothing_is_written_if_it_is_off(tmp_path):
    recipe = RECIPE.model_copy(update={"dedup": Dedup()})
    dedup = carry_out(tmp_path, documents(6), recipe)
    assert not (dedup / "shared").exists()
    assert shared_sentences.read_shared(dedup, "part-0.parquet") == {}


def test_parts_find_what_one_count_finds(tmp_path, monkeypatch):
    chooser = np.random.default_rng(7)
    files, kept = [], []
    for number in range(5):
        digests = np.sort(chooser.integers(-(2**63), 2**63 - 1, 400) // 2**56 * 2**56)
        table = np.stack([digests, chooser.integers(0, 50, 400)])
        np.save(tmp_path / f"{number}.npy", table)
        files.append(tmp_path / f"{number}.npy")
        kept.append(chooser.random(50) < 0.8)
    whole = np.concatenate(list(shared_sentences.counted(files, 3, kept)))
    monkeypatch.setattr(shared_sentences, "AT_ONCE", 37)
    parts = list(shared_sentences.counted(files, 3, kept))
    assert len(parts) > 50
    assert np.concatenate(parts).tolist() == whole.tolist()
    assert 0 < len(whole) < 256


def test_sentences_are_cut_out_of_their_lines():
    body = "Бірінші сөйлем. Екінші сөйлем. Үшінші.\nБүкіл жол.\nСоңғы жол."
    spans = tuple(
        n for part in ("Екінші сөйлем.", "Бүкіл жол.") for n in (body.find(part), body.find(part) + len(part))
    )
    row = Shared("1", spans, 0.5)
    mark = Mark("1", 9, "kk", "Cyrl", 1, 1, 0, 0, ("", "", ""), 9, 0, 0, 0, 0, 0, 0, 0, 0, "", -1, 0)
    unique = Duplicate("1", "", "", 0.0)
    assert own_lines(body, mark, unique, trim=False, shared=row) == "Бірінші сөйлем. Үшінші.\nСоңғы жол."
    assert own_lines(body, mark, unique, trim=False) == body
