"""From a text back to the corpus: every copied stretch with its documents, and nothing else."""

import json
import random
import shutil
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from anatili import sample
from anatili.attribution import build
from anatili.attribution.build import build_index, parts_of
from anatili.attribution.find import Attribution, open_attribution
from anatili.attribution.grams import GRAM, GramFilter, filter_of, is_whole
from anatili.attribution.layout import word_spans
from anatili.attribution.memorized import measure
from anatili.document import Kept, read_shard, write_shard
from anatili.engine import Chunk
from anatili.pool import LocalPool
from anatili.problem import Problem
from anatili.run import Run

ROOT = Path(__file__).parents[2]


def kept(number: int, text: str, title: str = "") -> Kept:
    return Kept(
        f"{number:024d}", text, title, f"https://example.kz/{number}", "news", "2026-11-29", "CC-BY-4.0", "kk", "Cyrl"
    )


def make_run(root: Path, shards: Iterable[list[Kept]]) -> Run:
    """A run that stopped after `cut`, with this corpus."""
    run = Run(root)
    (root / "cut").mkdir(parents=True)
    shutil.copy(ROOT / "recipes" / "tiny.toml", root / "recipe.toml")
    for number, rows in enumerate(shards):
        write_shard(root / "cut" / f"part-{number:05d}.parquet", Kept, rows)
    run.finish("cut", {}, {}, started=time.time(), loose=())
    return run


def indexed(root: Path, shards: Iterable[list[Kept]]) -> Attribution:
    run = make_run(root, shards)
    build_index(run, LocalPool())
    return open_attribution(run)


@pytest.fixture
def small_parts(monkeypatch):
    """Every shard is a part of its own."""
    monkeypatch.setattr(build, "PART_BYTES", 1)


def test_a_copied_stretch_is_found_with_its_documents(tmp_path, small_parts):
    first = kept(1, "Бүгін Алматыда жаңа кітапхана ашылды. Оған қала тұрғындары жиналды.", "Кітапхана")
    second = kept(2, "Кеше «Алматыда жаңа кітапхана ашылды», — деп жазды газет тілшісі.")
    index = indexed(tmp_path / "run", [[first], [second]])
    assert len(index.parts) == 2

    text = "Менің естуімше, бүгін АЛМАТЫДА\nжаңа кітапхана ашылды — оған қала басшысы келді."
    traced = index.find(text, min_words=4)

    (stretch,) = traced.stretches
    assert text[stretch.start : stretch.end] == stretch.text == "бүгін АЛМАТЫДА\nжаңа кітапхана ашылды — оған қала"
    assert (stretch.words, stretch.count, traced.covered, traced.words) == (7, 1, 7, 11)
    (document,) = stretch.documents
    assert (document.url, document.license, document.id) == (first.url, first.license, first.id)


def test_stretches_come_rarest_first_and_count_all_occurrences(tmp_path, small_parts):
    common = "Қазақстан Республикасының Президенті бүгін мәлімдеді"
    rows = [[kept(n, f"{common} № {n} {common}.")] for n in range(3)]
    rare = "ақ боз үйдің ішінде отырған қария"
    index = indexed(tmp_path / "run", [*rows, [kept(9, rare)]])

    traced = index.find(f"{common}, ал {rare} күлді.", documents=2)

    assert [(stretch.text, stretch.count) for stretch in traced.stretches] == [(rare, 1), (common, 6)]
    assert [document.id for document in traced.stretches[1].documents] == [rows[0][0].id, rows[1][0].id]
    assert traced.covered == 11
    assert len(index.find(f"{common}, ал {rare}", limit=1).stretches) == 1


def test_a_stretch_does_not_go_on_in_the_next_document(tmp_path):
    index = indexed(tmp_path / "run", [[kept(1, "бір екі үш төрт бес"), kept(2, "алты жеті сегіз тоғыз он")]])
    texts = [stretch.text for stretch in index.find("бір екі үш төрт бес алты жеті сегіз тоғыз он").stretches]
    assert sorted(texts) == ["алты жеті сегіз тоғыз он", "бір екі үш төрт бес"]


def test_a_long_copy_is_one_stretch(tmp_path):
    words = [f"сөз{number}" for number in range(300)]
    index = indexed(tmp_path / "run", [[kept(1, " ".join(words)), kept(2, " ".join(words[:100] + words))]])
    traced = index.find(" ".join(["бұл", *words[20:250], "соңы"]))
    assert [(stretch.words, stretch.count) for stretch in traced.stretches] == [(230, 2)]
    assert len(traced.stretches[0].documents) == 2


def longest_by_scan(words: list[str], documents: list[list[str]], least: int) -> list[tuple[int, int, int]]:
    """(start, words, count) of each maximal stretch, by looking at every place of the corpus."""
    found, last = [], 0
    for start in range(len(words)):
        for end in range(len(words), start + least - 1, -1):
            count = sum(
                document[at : at + end - start] == words[start:end]
                for document in documents
                for at in range(len(document))
            )
            if count:
                if end > last:
                    found.append((start, end - start, count))
                    last = end
                break
    return found


def test_the_same_is_found_as_by_looking_at_every_place(tmp_path, small_parts):
    draw = random.Random(3)
    documents = [[draw.choice("абвг") for _ in range(draw.randrange(0, 30))] for _ in range(12)]
    rows = [kept(number, " ".join(words)) for number, words in enumerate(documents)]
    index = indexed(tmp_path / "run", [rows[:5], rows[5:6], rows[6:]])
    for _ in range(40):
        words = [draw.choice("абвгд") for _ in range(draw.randrange(0, 14))]
        traced = index.find(" ".join(words), min_words=3, limit=100)
        found = sorted((stretch.start // 2, stretch.words, stretch.count) for stretch in traced.stretches)
        assert found == longest_by_scan(words, documents, 3)


def test_a_build_resumes_and_follows_the_corpus(tmp_path, small_parts):
    run = make_run(tmp_path / "run", [[kept(1, "бір екі үш төрт бес")], [kept(2, "алты жеті сегіз тоғыз он")]])
    with pytest.raises(Problem, match="trace build"):
        open_attribution(run)
    record = build_index(run, LocalPool())
    assert (record.summary["documents"], record.summary["words"], record.summary["parts"]) == (2, 10, 2)

    folder = run.folder("attribution")
    (folder / "record.json").unlink()
    (folder / "part-00001" / "documents.jsonl").unlink()
    whole = (folder / "part-00000" / "suffixes.bin").stat().st_mtime_ns
    assert build_index(run, LocalPool()).content == record.content
    assert (folder / "part-00000" / "suffixes.bin").stat().st_mtime_ns == whole

    opened = open_attribution(run)
    assert opened.is_current()
    write_shard(run.folder("cut") / "part-00001.parquet", Kept, [kept(3, "он бір он екі он үш")])
    run.finish("cut", {}, {}, started=time.time(), loose=())
    assert not opened.is_current()
    with pytest.raises(Problem, match="earlier corpus"):
        open_attribution(run)
    older = json.loads((folder / "record.json").read_text("utf-8"))
    older["identity"]["version"] = 1
    (folder / "record.json").write_text(json.dumps(older), "utf-8")
    with pytest.raises(Problem, match="older version"):
        open_attribution(run)
    build_index(run, LocalPool())
    assert not open_attribution(run).find("алты жеті сегіз тоғыз он").stretches
    assert open_attribution(run).find("он бір он екі он үш").stretches


def test_the_same_is_found_with_the_filter(tmp_path, small_parts):
    """Stretches of at least as many words as the filter looks at, where most texts share some words."""
    draw = random.Random(5)
    documents = [[draw.choice("абв") for _ in range(draw.randrange(0, 40))] for _ in range(12)]
    rows = [kept(number, " ".join(words)) for number, words in enumerate(documents)]
    index = indexed(tmp_path / "run", [rows[:5], rows[5:6], rows[6:]])
    for least in (5, 6, 8):
        for _ in range(12):
            words = [draw.choice("абвг") for _ in range(draw.randrange(0, 24))]
            words += draw.choice(documents)[3:20]
            traced = index.find(" ".join(words), min_words=least, limit=100)
            found = sorted((stretch.start // 2, stretch.words, stretch.count) for stretch in traced.stretches)
            assert found == longest_by_scan(words, documents, least)


def test_parts_are_neighboring_shards_up_to_a_size(tmp_path):
    shards = []
    for number in range(4):
        shards.append(tmp_path / f"part-{number:05d}.parquet")
        write_shard(shards[-1], Kept, [kept(number, "сөз " * 1000)])
    assert list(parts_of(shards, 20_000)) == [shards[:2], shards[2:]]
    assert list(parts_of(shards, 1)) == [[shard] for shard in shards]
    assert list(parts_of(shards, 1 << 20)) == [shards]


def test_the_card_says_how_much_the_model_knows_by_heart_or_that_nobody_measured_it(tiny_run, tmp_path):
    """The tiny model writes texts, the index finds what is copied, and the card of the next release has the figures."""
    from anatili.cli import main
    from anatili.release.facts import memorized, read_facts
    from anatili.release.localization import words_of
    from anatili.release.model_card import memorized_text

    run = Run(tmp_path / "tiny")
    run.root.mkdir()
    shutil.copy(tiny_run / "recipe.toml", run.root)
    for stage in ("cut", "pairs", "tune"):
        (run.root / stage).symlink_to(tiny_run / stage)
    facts = read_facts(tiny_run / "release")
    assert memorized_text(facts, words_of("en")).endswith("training text: not measured.")
    build_index(run, LocalPool())
    asked = ["trace", "memory", str(run.root), "--texts", "4", "--tokens", "24", "--min-words", "2", "--json"]
    done = CliRunner().invoke(main, asked, catch_exceptions=False)
    told = json.loads(done.stdout)
    assert (told["texts"], told["least_words"], told["covered"] <= told["words"]) == (4, 2, True)
    records = {name: run.record(name) for name in ("cut", "tune")}
    kept = memorized(run.root, records)
    assert kept == told
    said = memorized_text(replace(facts, memorized=kept), words_of("en"))
    assert f"{100 * told['share']:.2f} % stand word for word" in said
    assert f"in stretches of at least 2 words (95 % interval {100 * told['interval'][0]:.2f} – " in said
    other = replace(records["tune"], content="another model")
    assert memorized(run.root, records | {"tune": other}) is None

    question = sample.conversations()[0]["messages"][0]["content"]  # SFT examples are in the index, with their kind
    (found, *_) = open_attribution(run).find(question, min_words=2).stretches
    assert "SFT example: question" in {document.source for document in found.documents}
    (run.root / "tune").unlink()
    shutil.copytree(tiny_run / "tune", run.root / "tune")
    (run.root / "tune" / "more").write_text("x")
    run.finish("tune", {}, {}, started=time.time(), loose=())
    assert len(open_attribution(run).parts) == 1, "of another model than this one's"


class Parrot:
    """A model that writes what it is told to."""

    def __init__(self, texts: list[str]) -> None:
        self.texts = iter(texts)

    def generate(self, prompt, sampling):
        assert prompt == ""
        yield Chunk(next(self.texts))


def test_what_is_copied_is_counted_by_words(tmp_path):
    sentence = "Бүгін Алматыда жаңа кітапхана ашылды, оған қала тұрғындары жиналды"
    index = indexed(tmp_path / "run", [[kept(1, f"{sentence} деп жазды газет.")]])
    texts = [sentence, f"Кеше {sentence}.", "мүлде басқа сөздер ғана тұр", ""]
    found = measure(index, Parrot(texts), texts=4, words=8)
    assert (found["covered"], found["words"], found["texts_with_one"], found["longest"]) == (18, 24, 2, 9)
    assert found["share"] == 0.75
    assert found["interval"][0] < 0.75 < found["interval"][1]
    nothing = measure(index, Parrot(texts[2:]), texts=2, words=8)
    assert (nothing["share"], nothing["interval"][0]) == (0, 0)
    assert nothing["interval"][1] > 0.5, "one text says little"
    with pytest.raises(Problem, match="wrote no words"):
        measure(index, Parrot(["", ""]), texts=2)


def test_the_filter_lets_every_run_through_and_few_others(tmp_path):
    draw = np.random.default_rng(1)
    numbers = draw.integers(1, 30_000, 40_000).astype(np.uint32)
    numbers[::200] = 0
    filter_of(numbers).tofile(tmp_path / "grams.bin")
    grams = GramFilter(tmp_path / "grams.bin")
    assert (grams.may_begin(numbers)[: len(numbers) - GRAM + 1] == is_whole(numbers)).all()
    others = draw.integers(1, 30_000, 40_000).astype(np.uint32)
    assert grams.may_begin(others).mean() < 0.05
    assert not GramFilter(tmp_path / "grams.bin").may_begin(others[: GRAM - 1]).any()


def test_every_one_of_200_planted_stretches_of_20_tokens_is_found(tiny_run, tmp_path):
    """Each is cut out of a document at a random token and set between words that the corpus does not have."""
    from anatili.train.corpus import open_tokenizer

    run = Run(tmp_path / "tiny")
    run.root.mkdir()
    shutil.copy(tiny_run / "recipe.toml", run.root)
    (run.root / "cut").symlink_to(tiny_run / "cut")
    build_index(run, LocalPool())
    index = open_attribution(run)
    tokenizer, _, _ = open_tokenizer(tiny_run / "tokenizer")
    rows = [row for shard in sorted((tiny_run / "cut").glob("part-*.parquet")) for row in read_shard(shard, Kept)]
    draw, planted = random.Random(1), 0
    while planted < 200:
        row = draw.choice(rows)
        encoded = tokenizer.encode(row.text, add_special_tokens=False)
        start = draw.randrange(max(1, len(encoded.ids) - 20))
        begin, end = encoded.offsets[start][0], encoded.offsets[start : start + 20][-1][1]
        copied = row.text[begin:end]
        words = [word for word, _, _ in word_spans(copied)][1:-1]  # the tokens may begin and end inside a word
        if len(encoded.ids) < 20 or len(words) < 3:
            continue
        planted += 1
        traced = index.find(f"Zyxwv qponm {copied} Lkjih gfedc", min_words=3, limit=100, documents=100)
        holding = [s for s in traced.stretches if " ".join(words) in " ".join(w for w, _, _ in word_spans(s.text))]
        assert holding, copied
        assert any(row.id == document.id for stretch in holding for document in stretch.documents), copied
    assert index.find("Zyxwv qponm lkjih gfedc bazyx wvuts rqpon").stretches == ()
