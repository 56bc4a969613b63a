"""Each figure of docs/results.md that a check, a mark or a floor stands behind, against a system broken on purpose.

A figure means something if what is bad gets a bad one. Each case here is a system or an input that must fail: it is put
through the same function as the real one, and has to miss the floor that the real one keeps.
"""

import json
import re
import tomllib
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import own_sets
import pytest
from metrics import admitted, bench, conflation, extraction, lemma_share, passages, refusals, share

from anatili.document import Document, Kept, write_shard
from anatili.extraction.page import extract_page
from anatili.identify.gate import load_gate
from anatili.lang import load_pack
from anatili.lang.translation import load_translation
from anatili.recipe import Cut, Dedup, MarkSettings
from anatili.sample.crawl import good_pages, topic_url
from anatili.sample.topics import read_topics
from anatili.text import number_of, script_of

FLOORS = tomllib.loads((Path(__file__).parent / "floors.toml").read_text("utf-8"))
OWN = FLOORS["own"]
PACKS = {code: load_pack(code) for code in own_sets.LANGUAGES}
KAZAKH = PACKS["kk"]


# Identification


def test_who_calls_everything_kazakh_breaks_the_floor_of_the_others():
    assert share(own_sets.lines(), "kk", labeler=lambda line: "kk") == 1
    for floors in (FLOORS["identify"], OWN["identify"]):
        assert share(own_sets.lines("ru"), "kk", labeler=lambda line: "kk") > floors["called_kk"]


@pytest.mark.parametrize("length", [25, 60, 10_000])
def test_who_calls_everything_russian_finds_no_kazakh(length):
    floors = OWN["identify"]
    assert share(own_sets.lines(), "kk", length, lambda line: "ru") < min(floors["kk_recall_25"], floors["kk_recall"])


def test_who_knows_only_the_cyrillic_letters_finds_no_other_script():
    own = set("әғқңөұүһі")

    def labeler(line: str) -> str:
        return "kk" if own & set(line.lower()) else "und"

    assert share(own_sets.lines(), "kk", labeler=labeler) > 0.9
    for scheme in KAZAKH.config.transliteration:
        lines = [KAZAKH.transliterate(line, scheme) for line in own_sets.lines()]
        assert share(lines, "kk", labeler=labeler) < OWN["identify"]["other_scripts"]


def test_who_goes_by_the_script_calls_neighbors_kazakh():
    assert share(own_sets.lines("ru"), "kk", labeler=lambda line: "kk" if script_of(line) == "Cyrl" else "und") == 1


# Extraction


@pytest.mark.parametrize(
    ("kind", "extract"),
    [
        ("all that is written on the page", lambda page: re.sub(r"(?s)<(script|style).*?</\1>|<[^>]+>", " ", page)),
        ("nothing", lambda page: ""),
        ("the title alone", lambda page: re.search(r"(?is)<title>(.*?)</title>", page)[1]),
        ("the words in another order", lambda page: " ".join(sorted(extract_page(page.encode()).text.split()))),
        ("half of the article", lambda page: (text := extract_page(page.encode()).text)[: len(text) // 2]),
        ("the article three times", lambda page: extract_page(page.encode()).text * 3),
    ],
)
def test_bad_extraction_falls_below_the_floor(kind, extract):
    pairs = [(gold, extract(page.decode("utf-8"))) for _, page, gold in own_sets.pages() if b"utf-8" in page]
    assert len(pairs) == 3
    assert extraction(pairs)[2] < min(OWN["extract"]["f1"], FLOORS["extract"]["f1_careful"]), kind


def test_a_page_read_in_the_wrong_charset_falls_below_the_floor():
    ((page, gold),) = [(page, gold) for name, page, gold in own_sets.pages() if name == "old_charset_kk"]
    wrong = page.decode("cp1251", "replace").replace("windows-1251", "utf-8")
    assert extraction([(gold, extract_page(wrong.encode()).text)])[2] < OWN["extract"]["f1_each"]


# Gate


@pytest.fixture(scope="module")
def sample_pages():
    """(language, page) of some good pages of the sample, six a language."""
    seen: Counter[str] = Counter()
    found = []
    for page in good_pages():
        language = page.url.split("/")[3]
        seen[language] += 1
        if seen[language] <= 6:
            found.append((language, page))
    return found


def test_a_gate_that_is_always_open_or_shut_misses_its_floors(sample_pages):
    others = [(label, page) for label, page in sample_pages if label in ("ru", "en", "tr")]
    kazakh = [(label, page) for label, page in sample_pages if label == "kk"]
    gate = load_gate("kk")
    assert admitted(kazakh, gate.admits).total() == len(kazakh)
    assert admitted(others, gate.admits).total() == 0
    assert admitted(others, lambda payload, charset: "any").total() > FLOORS["refine"]["false_pass"] * len(others)
    assert admitted(kazakh, lambda payload, charset: "").total() < len(kazakh)


def test_a_gate_that_reads_utf8_only_misses_old_charsets(sample_pages):
    kazakh = [page for label, page in sample_pages if label == "kk"]
    old = [replace(p, payload=p.payload.decode().encode("kz1048", "replace"), charset="kz-1048") for p in kazakh]
    rows = [("kk", page) for page in old]

    def by_letters(payload: bytes, charset: object) -> str:
        return "Cyrl" if set("әғқңұү") & set(payload.decode("utf-8", "ignore")) else ""

    assert admitted(rows, load_gate("kk").admits).total() == len(rows)
    assert admitted(rows, by_letters).total() == 0


# The rules of `cut`


def test_rules_that_refuse_everything_miss_their_floor():
    texts = passages(own_sets.lines())
    for wrong in (Cut(min_words=500), Cut(max_symbols=0.0, min_stopwords=0.9), Cut(scripts=("Latn",))):
        reasons = refusals(texts, PACKS, {"kk": wrong})
        assert len(texts) - reasons[""] > max(OWN["refine"]["rejected_passages"], 0.05 * len(texts))


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("spam", "Қолжетімді бағамен арзан терезелер сатып алыңыз! " * 30),
        ("a list of links", "\n".join(f"https://habar.example/{n} жаңалық" for n in range(60))),
        ("words without sentences", " ".join(sorted({w for x in own_sets.lines() for w in x.split() if len(w) > 6}))),
        ("another language", "\n".join(own_sets.lines("ru"))),
        ("symbols", "\n".join("★ ☆ → ← ✓ " * 10 + line for line in own_sets.lines()[:10])),
        ("too short", own_sets.lines()[0]),
    ],
)
def test_what_is_no_good_text_is_refused(kind, text):
    assert refusals([text], PACKS, {"kk": Cut()})[""] == 0, kind


# Duplicates


def test_copies_are_found_and_texts_that_only_share_a_part_are_not(tmp_path):
    from anatili.refine.dedup import find_groups, sign_shard
    from anatili.refine.mark import mark_shard

    lines = list(own_sets.lines())
    whole, other = "\n".join(lines[:30]), "\n".join(lines[30:60])
    texts = {
        "whole": whole,
        "copy": whole.upper(),
        "near": whole.replace("бір", "екі", 1),
        "half": "\n".join(lines[15:45]),
        "other": other,
    }
    rows = [
        Document(f"{n:024}", text, "", "", "s", f"2026-01-0{n + 1}", "", "", "utf-8")
        for n, text in enumerate(texts.values())
    ]
    write_shard(tmp_path / "part-0.parquet", Document, rows)
    settings, shard, marks, languages = Dedup(), tmp_path / "part-0.parquet", tmp_path / "mark", ("kk",)
    mark_shard(shard, marks / shard.name, languages, MarkSettings(), tmp_path)
    sign_shard(shard, tmp_path / "signed.parquet", settings.bands * settings.rows, marks, languages)
    kept = find_groups([tmp_path / "signed.parquet"], settings, tmp_path / "hashes").kept
    assert dict(zip(texts, kept.tolist(), strict=True)) == {"whole": 0, "copy": 0, "near": 0, "half": 3, "other": 4}


# Morphology


@pytest.mark.parametrize(
    ("kind", "system"),
    [
        ("the word itself", lambda word: word),
        ("its first four letters", lambda word: word[:4]),
        ("nothing", lambda word: ""),
        ("its last letter taken off", lambda word: word[:-1]),
    ],
)
def test_bad_lemmas_and_stems_fall_below_the_floors(kind, system):
    gold = own_sets.lemmas()
    floors = (FLOORS["morphology"], OWN["morphology"])
    assert lemma_share(gold, system) < min(f["lemma"] for f in floors), kind
    both = [*gold, *((lemma, lemma) for _, lemma in gold)]
    assert conflation(both, system)[2] < min(f["conflation"] for f in floors), kind


def test_words_typed_without_their_letters_need_more_than_the_plain_rules():
    typed = str.maketrans(KAZAKH.config.keyboard)
    gold = [(form, lemma) for form, lemma in own_sets.lemmas() if form.translate(typed) != form]
    found = lemma_share(gold, lambda form: KAZAKH.morphology.lemma(form.translate(typed)))
    assert found < OWN["morphology"]["folded_lemma"]


# Search


def test_words_as_they_stand_find_too_few_sentences():
    known_item = bench("known_item")
    texts = [set(re.findall(r"\w+", line.lower())) for line in own_sets.lines()]
    mrr, recall = known_item.score("raw", known_item.raw_ranks(texts, own_sets.queries()))
    for floors in (FLOORS["known_item"], OWN["known_item"]):
        assert mrr < floors["mrr"]
        assert recall < floors["recall"]


def test_a_search_that_finds_nothing_or_the_right_one_last_scores_low():
    known_item = bench("known_item")
    assert known_item.score("nothing", [0] * 50) == (0, 0)
    mrr, recall = known_item.score("last of ten", [10] * 50)
    assert (round(mrr, 3), recall) == (0.1, 1.0)


@pytest.fixture(scope="module")
def search(tmp_path_factory):
    """An index of the sample's topics in Kazakh."""
    from anatili.search import index
    from anatili.search.searcher import Search

    folder = tmp_path_factory.mktemp("index")
    rows = [
        passage
        for topic in read_topics()
        for passage in index.passages(
            Kept(
                topic.slug,
                topic.pages["kk"].text,
                topic.pages["kk"].title,
                topic_url(topic, "kk"),
                "s",
                "",
                "CC0-1.0",
                "kk",
                "Cyrl",
            ),
            120,
        )
    ]
    write_shard(folder / "part-0.parquet", index.Passage, rows)
    index.build([folder / "part-0.parquet"], folder / "tantivy")
    return Search(folder, {"kk": KAZAKH})


def test_questions_in_nonsense_or_of_another_topic_do_not_find_their_page(search):
    topics = read_topics()
    right = wrong = 0
    for topic, other in zip(topics, [*topics[1:], topics[0]], strict=True):
        found = [hit.passage.url for hit in search.find(topic.pages["kk"].question, 5, "kk")]
        right += topic_url(topic, "kk") in found
        wrong += topic_url(other, "kk") in found
    assert right / len(topics) >= FLOORS["search"]["first_five"]
    assert wrong / len(topics) < 0.3 < FLOORS["search"]["first"]


@pytest.fixture
def questions(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent.parent / "bench"))
    return bench("questions")


def outcomes(questions, search) -> dict[str, dict[str, float]]:
    """Kind of question -> share of each outcome, for Kazakh questions as people type them."""
    table = questions.table(list(questions.from_file(questions.NATURAL, search, ("kk",))))
    return {kind: {name: cell[name] / cell["n"] for name in questions.COUNTED} for (kind, _), cell in table.items()}


def test_questions_as_people_type_them_are_answered_and_the_rest_is_declined(questions, search):
    shares = outcomes(questions, search)
    floors = FLOORS["questions"]
    assert shares["fact"]["first"] >= floors["first"]
    assert shares["fact"]["held"] >= floors["held"]
    assert shares["follow"]["first"] >= floors["further"]
    assert shares["absent"]["declined"] >= floors["declined"]
    assert shares["talk"]["cited"] <= floors["talk_cited"]


@pytest.mark.parametrize(("threshold", "first", "declined"), [(0.0, 0.7, 0.0), (1.1, 0.0, 1.0)])
def test_who_always_answers_declines_nothing_and_who_never_does_answers_nothing(
    questions, search, monkeypatch, threshold, first, declined
):
    from anatili.serve import assistant, decision

    weights = replace(decision.network(), threshold=threshold)
    monkeypatch.setattr(assistant, "network", lambda: weights)
    shares = outcomes(questions, search)
    assert shares["absent"]["declined"] == declined
    assert shares["fact"]["first"] >= first
    assert (shares["fact"]["first"] == 0) == (threshold > 1)


def test_a_quotation_of_something_else_holds_few_of_the_answers_words(questions):
    pages = [topic.pages["kk"] for topic in read_topics()]
    own = [questions.covered(page.text, page.answer, page.question, "kk") for page in pages]
    foreign = [questions.covered(other.text, page.answer, page.question, "kk") for page, other in pairwise(pages)]
    assert sum(own) / len(own) > 0.7
    assert sum(foreign) / len(foreign) < 0.35
    assert questions.covered("", pages[0].answer, pages[0].question, "kk") == 0


# Language models


class Broken:
    """A model with the face of `Likelihood` that does not know anything."""

    begin = 0

    def __init__(self, bits_of) -> None:
        self.bits_of = bits_of

    def ids(self, text):
        return list(text.encode())

    def bits(self, texts, tell=lambda count: None):
        return np.array([float(self.bits_of(text)) for text in texts])


def uniform(text: str) -> float:
    return 8.0 * len(text.encode())


def test_a_model_that_guesses_takes_eight_bits_a_byte():
    from anatili.evaluate.measure import Setup, measure
    from anatili.evaluate.task_file import load_task
    from anatili.evaluate.text_sets import TextSet

    sets = [TextSet("kk", "own", own_sets.lines())]
    (row,) = measure(load_task("bits-per-byte"), Broken(uniform), Setup(sets=sets))
    assert row["value"] == row["chance"] == 8.0
    assert row["interval"] == [8.0, 8.0]
    for name in ("tiny", "kazakh-26m", "kazakh-270m"):
        assert row["value"] > FLOORS[name]["kk_bits_per_byte"]


def test_bytes_are_counted_of_the_text_not_of_what_the_model_reads():
    """Bits per letter or per token would make the same guess look twice as good."""
    from anatili.evaluate.measure import Setup, bits_row
    from anatili.evaluate.text_sets import TextSet

    texts = TextSet("kk", "own", own_sets.lines())
    assert texts.bytes == sum(len(line.encode()) for line in own_sets.lines()) > 1.7 * sum(map(len, own_sets.lines()))
    assert bits_row(Broken(lambda text: 8 * len(text)), texts, Setup())["value"] == pytest.approx(4.4, abs=0.3)


def score_pairs(model, pairs):
    from anatili.evaluate.pairs import pair_figures, pair_records

    return pair_figures(pair_records(model, pairs, [str(number) for number in range(len(pairs))]))


def test_a_random_model_is_right_in_half_of_the_pairs_and_an_ignorant_one_in_none():
    from anatili.evaluate.pairs import pairs_of

    pairs = pairs_of(KAZAKH)
    half = score_pairs(Broken(lambda text: number_of(text) % 1000), pairs)
    assert half["right"] == pytest.approx(0.5, abs=0.04)
    assert half["interval"][1] < 0.6
    assert score_pairs(Broken(lambda text: 1.0), pairs)["right"] == 0, (
        "who finds both as likely has not found the right"
    )
    wrong = {pair.wrong for pair in pairs}
    assert score_pairs(Broken(lambda text: 0 if text in wrong else 1), pairs)["right"] == 0


def test_the_shorter_sentence_is_not_simply_the_right_one():
    from anatili.evaluate.pairs import pairs_of

    assert score_pairs(Broken(len), pairs_of(KAZAKH))["right"] < 0.5


def test_an_untrained_model_is_near_chance_on_second_halves_and_grammar(tmp_path):
    pytest.importorskip("torch")
    import small_models

    from anatili.engine import open_engine
    from anatili.evaluate.likelihood import Likelihood
    from anatili.evaluate.measure import Setup, bits_row, halves_row
    from anatili.evaluate.text_sets import TextSet

    model = Likelihood(open_engine(small_models.make_folder(tmp_path, "qwen3")))
    texts = TextSet("kk", "own", own_sets.lines()[:10])
    assert halves_row(model, texts, Setup())["value"] > 1.5 * FLOORS["kazakh-26m"]["kk_bits_per_byte"]
    assert bits_row(model, texts, Setup())["value"] > 1.5 * FLOORS["kazakh-26m"]["kk_bits_per_byte"]


@pytest.mark.parametrize(("answer", "right"), [("kk", 1.0), ("ru", 0.0), ("", 0.0)])
def test_answers_in_another_language_are_not_counted(answer, right):
    from anatili.engine import Chunk
    from anatili.evaluate.answers import answer_rows
    from anatili.evaluate.task_file import load_task

    class Engine:
        slots, name, context, parameters = 1, "broken", 1024, 1

        def generate(self, prompt, sampling):
            yield Chunk(own_sets.lines(answer)[0] if answer else "", finish="stop")

    questions = [{"question": topic.pages["kk"].question} for topic in read_topics()[:4]]
    assert answer_rows(load_task("answer-language"), Engine(), questions, "kk")["value"] == right


def test_a_tokenizer_of_bytes_is_above_the_floor_and_one_that_loses_letters_is_told():
    from anatili.tokenizer.report import ParallelText, report

    text = ParallelText("kk", "own", own_sets.lines())
    by_bytes = SimpleNamespace(
        name="bytes", size=256, encode=lambda line: list(line.encode()), decode=lambda ids: bytes(ids).decode()
    )
    lossy = SimpleNamespace(
        name="lossy", size=256, encode=lambda line: list(line.lower().encode()), decode=lambda ids: bytes(ids).decode()
    )
    one, other = report([by_bytes, lossy], [text], "en")
    for floors in (FLOORS["kazakh-26m"], FLOORS["kazakh-270m"]):
        assert one.tokens_per_word > floors["tokens_per_word"]
    assert (one.exact, other.exact) == (1, 0)


@pytest.mark.parametrize("tensor", ["model.layers.0.mlp.down_proj.weight", "model.layers.1.self_attn.k_proj.weight"])
def test_a_file_with_a_damaged_tensor_does_not_pass_the_parity_check(tmp_path, tensor):
    pytest.importorskip("torch")
    pytest.importorskip("xllamacpp")
    import small_models
    from safetensors.torch import load_file, save_file

    from anatili.gguf.file import export_gguf
    from anatili.problem import Problem
    from anatili.train.parity import compare

    folder = small_models.make_folder(tmp_path, "qwen3")
    tensors = load_file(folder / "model.safetensors")
    whole = {name: value.clone() for name, value in tensors.items()}
    tensors[tensor] = -tensors[tensor]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    export_gguf(folder, tmp_path / "m.gguf", "f16")
    save_file(whole, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(Problem, match="does not say what"):
        compare(folder, tmp_path / "m.gguf", "f16")


# Translation


def test_bad_translations_score_low():
    pytest.importorskip("sacrebleu")
    from sacrebleu.metrics import BLEU, CHRF

    references, source = list(own_sets.lines("en")), list(own_sets.lines()[:40])
    systems = {
        "the source": source,
        "another sentence": [*references[1:], references[0]],
        "nothing": [""] * 40,
        "one sentence for all": [references[0]] * 40,
        "Russian": list(own_sets.lines("ru")),
    }
    for name, system in systems.items():
        # BLEU alone would not do: one sentence for all gets 4.6 here, more than some models get in earnest.
        assert CHRF(word_order=2).corpus_score(system, [references]).score < 20, name
        assert BLEU().corpus_score(system, [references]).score < 5, name
    assert CHRF(word_order=2).corpus_score(references, [references]).score == 100


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("He came home and his mother was glad.", {"masculine"}),
        ("She said that her book was lost.", {"feminine"}),
        ("He told her everything.", {"masculine", "feminine"}),
        ("They came home, and the others were glad.", set()),
        ("The theory here is sheer history.", set()),
    ],
)
def test_a_gender_that_is_put_in_is_seen_and_none_where_there_is_none(text, found):
    from anatili.translate.checks import genders

    assert genders(text, load_translation(PACKS["en"].folder)) == found


# Training and the command line


def test_losses_that_differ_are_not_taken_for_the_same():
    losses = [6.1, 5.9, 5.7]
    assert losses == pytest.approx([6.101, 5.899, 5.7], abs=0.002)
    assert losses != pytest.approx([6.1, 5.9, 5.704], abs=0.002)
    assert losses != pytest.approx([6.1, 5.9], abs=0.002)


def test_help_that_loads_something_heavy_is_found_out():
    import subprocess
    import sys

    from test_policy import LOADS_NOTHING_HEAVY

    done = subprocess.run(
        [sys.executable, "-c", "import numpy\n" + LOADS_NOTHING_HEAVY], capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "numpy" in done.stderr


def test_every_floor_is_held_by_a_test():
    """A floor that no test reads guards nothing."""
    tests = "\n".join(path.read_text("utf-8") for path in Path(__file__).parent.rglob("test_*.py"))

    def leaves(table, *names):
        for name, value in table.items():
            if isinstance(value, dict):
                yield from leaves(value, *names, name)
            else:
                yield name

    unread = {leaf for leaf in leaves(FLOORS) if not re.search(rf"[\"']{leaf}[\"']", tests)}
    assert unread == set(), json.dumps(sorted(unread))
