from pathlib import Path

import numpy as np

from anatili.document import Document, read_shard, write_shard
from anatili.pool import LocalPool
from anatili.recipe import Dedup, MarkSettings, Recipe
from anatili.refine import boilerplate
from anatili.refine.dedup import Signature, find_groups, run, sign_shard
from anatili.refine.mark import mark_shard
from anatili.sample.topics import read_topics
from anatili.stage import Quiet, Task

SETTINGS = Dedup()
TEXTS = [topic.pages["kk"].text for topic in read_topics()]


def document(name: str, text: str, time: str = "2026-01-01") -> Document:
    return Document(name, text, "", "", "s", time, "", "", "")


def sign(source: Path, target: Path, count: int) -> None:
    """Mark the shard, then sign it."""
    mark_shard(source, source.parent / "mark" / source.name, ("kk", "ru"), MarkSettings(), source.parent)
    sign_shard(source, target, count, source.parent / "mark", ("kk", "ru"))


def kept(tmp_path: Path, *shards: list[Document]) -> dict[str, str]:
    """Id -> id of the copy that is kept."""
    signed = []
    for number, rows in enumerate(shards):
        write_shard(tmp_path / f"{number}.parquet", Document, rows)
        signed.append(tmp_path / f"signed-{number}.parquet")
        sign(tmp_path / f"{number}.parquet", signed[-1], SETTINGS.bands * SETTINGS.rows)
    groups = find_groups(signed, SETTINGS, tmp_path / "hashes")
    ids = [name.decode() for name in groups.ids]
    return {name: ids[number] for name, number in zip(ids, groups.kept, strict=True)}


def test_exact_and_near_copies_meet_across_shards(tmp_path):
    near = TEXTS[1] + " Бұл мақала басқа сайттан алынды."
    found = kept(
        tmp_path,
        [document("a", TEXTS[0]), document("b", TEXTS[1])],
        [document("c", TEXTS[0].upper(), "2026-02-01"), document("d", near, "2026-02-01"), document("e", TEXTS[2])],
    )
    assert found == {"a": "a", "b": "b", "c": "a", "d": "b", "e": "e"}


def test_copies_with_look_alike_letters_are_found(tmp_path):
    """Latin letters in place of Cyrillic ones: a reader sees the same text."""
    rows = [
        document("a", TEXTS[0]),
        document("b", TEXTS[0].replace("е", "e"), "2026-02-01"),
        document("c", TEXTS[0].replace("а", "a"), "2026-02-01"),
    ]
    assert kept(tmp_path, rows) == {"a": "a", "b": "a", "c": "a"}


def test_the_first_fetched_copy_is_kept_whatever_the_order(tmp_path):
    rows = [
        document("late", TEXTS[0], "2026-03-01"),
        document("early", TEXTS[0], "2025-01-01"),
        document("undated", TEXTS[0], ""),
    ]
    for name, order in (("x", rows), ("y", rows[::-1])):
        (tmp_path / name).mkdir()
        assert set(kept(tmp_path / name, order).values()) == {"early"}


def test_different_topics_are_not_taken_for_copies(tmp_path):
    found = kept(tmp_path, [document(str(n), text) for n, text in enumerate(TEXTS)])
    assert all(name == copy for name, copy in found.items())


def test_the_end_of_a_chain_of_edits_is_not_dropped_for_its_beginning(tmp_path):
    """Each version is close to the one before it; the last has little in common with the first."""
    words, other = TEXTS[0].split()[:200], TEXTS[1].split()[:200]
    versions = [document(f"v{n:02}", " ".join(other[: n * 8] + words[n * 8 :])) for n in range(20)]
    found = kept(tmp_path, versions[::-1])
    copies = sorted(set(found.values()))
    assert copies[0] == "v00"
    assert 4 <= len(copies) <= 12
    assert all(found[name] == name for name in copies)
    sets = {d.id: {tuple(d.text.split()[n : n + 5]) for n in range(196)} for d in versions}
    shares = [len(sets[a] & sets[b]) / len(sets[a] | sets[b]) for a, b in found.items()]
    assert min(shares) > 0.55, "min_likeness is .7, by an estimate from 112 hashes"


def test_texts_of_a_few_words_and_none(tmp_path):
    found = kept(
        tmp_path, [document("a", "бір екі"), document("b", "бір екі"), document("c", "!!!"), document("d", "")]
    )
    assert found["b"] == "a"
    assert found["d"] == "c"


def test_lines_that_a_host_repeats_are_found(tmp_path):
    def on(host: str, number: int, *lines: str) -> Document:
        return Document(f"{host}{number}", "\n".join(lines), "", f"https://{host}/{number}", "s", "", "", "", "")

    rows = [on("a.kz", n, "Барлық құқықтар қорғалған", f"{n} мақаланың мәтіні осында", "Қысқа") for n in range(10)]
    rows += [on("b.kz", n, "Барлық құқықтар қорғалған", f"{n} мақаланың мәтіні осында") for n in range(9)]
    write_shard(tmp_path / "part-1.parquet", Document, rows[:12])
    write_shard(tmp_path / "part-2.parquet", Document, rows[12:])
    task = Task(None, None, tmp_path, {}, tmp_path, LocalPool(1), Quiet())
    every = [np.ones(12, bool), np.ones(7, bool)]
    repeated = boilerplate.find(task, sorted(tmp_path.glob("part-*")), 10, every)
    assert [boilerplate.lines_of(row, repeated) for row in rows] == [(0,)] * 10 + [()] * 9


def test_copies_of_one_page_do_not_make_its_lines_boilerplate(tmp_path):
    lines = "\n".join(TEXTS[0].split(". "))
    rows = [Document(f"{n:024d}", lines, "", "https://a.kz/1", "s", f"2026-01-{n + 10}", "", "", "") for n in range(15)]
    (tmp_path / "extract").mkdir()
    write_shard(tmp_path / "extract" / "part-1.parquet", Document, rows)
    mark_shard(
        tmp_path / "extract" / "part-1.parquet", tmp_path / "mark" / "part-1.parquet", ("kk",), MarkSettings(), tmp_path
    )
    inputs = {"extract": tmp_path / "extract", "mark": tmp_path / "mark"}
    task = Task(Recipe(name="a", language="kk"), SETTINGS, tmp_path, inputs, tmp_path / "out", LocalPool(1), Quiet())
    assert run(task) == {"documents": {"boilerplate lines": 0, "exact": 14, "unique": 1}}
    assert not (tmp_path / "out" / ".hashes").exists()


def test_signatures_are_the_same_in_every_process(tmp_path):
    """The digest guards against a rensa that hashes in another way: then `version` of the stage must rise."""
    write_shard(tmp_path / "a.parquet", Document, [document("a", "бір екі үш төрт бес алты жеті")])
    sign(tmp_path / "a.parquet", tmp_path / "s.parquet", 8)
    (signature,) = read_shard(tmp_path / "s.parquet", Signature)
    assert signature.hashes.hex() == EXPECTED


EXPECTED = "3955f6c9819b20da152dec05521e153398fca9958368c1eefc00815bd1a898c4"
