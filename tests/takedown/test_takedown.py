"""A document is taken out of the corpus, the index, the training and the weights, and does not come back."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

pytest.importorskip("torch")

from starlette.testclient import TestClient

from anatili.cli import main
from anatili.document import Kept, Lost, read_shard
from anatili.lang import load_pack
from anatili.opening.corpus import read_corpus
from anatili.pipeline.run_recipe import run_recipe
from anatili.pool import open_pool
from anatili.release.build import entries_of
from anatili.run import Run
from anatili.sample.topics import read_topics
from anatili.search.index import Passage
from anatili.search.searcher import Search
from anatili.serve.api import create_app
from anatili.serve.assistant import Assistant
from anatili.stage import carry_out, recipe_of
from anatili.takedown.cost import cost_of, mixture_of
from anatili.takedown_log import read_takedowns
from anatili.text import number_of
from anatili.tokenizer.train import learned_from
from anatili.train.corpus import open_group, text_of

RECIPE = """
name = "small"
language = "kk"
beside = ["en"]
[[collect.sources]]
name = "s"
path = "pages*.jsonl"
kind = "jsonl"
[cut]
min_words = 5
min_confidence = 0.5
held_out = 0.1
[tokenizer]
vocabulary = 600
source_weights = { s = 0.3 }
[pretrain]
layers = 1
hidden_size = 32
heads = 2
intermediate_size = 32
context = 64
tokens = 10_000
batch = 4
precision = "float32"
keep_checkpoints = 4
[tune]
instructions = "lessons.jsonl"
epochs = 1
"""
ELSEWHERE = "https://elsewhere.example/lesson"
HOSTS = {"kk": "mura.example", "en": "blog.example"}


def write(folder: Path) -> Path:
    """A recipe with pages of two hosts, a lesson about each page, and one about a page elsewhere."""
    pages, lessons = [], []
    for topic in read_topics()[:32]:
        for language, host in HOSTS.items():
            page = topic.pages[language]
            url = f"https://{host}/{topic.slug}"
            pages.append({"text": page.text, "title": page.title, "url": url, "date": "2026-01-01"})
            messages = [{"role": "user", "content": page.title}, {"role": "assistant", "content": page.title}]
            lessons.append({"messages": messages, "language": language, "source": url})
    lessons.append({**lessons[0], "source": ELSEWHERE})
    for name, rows in (("pages.jsonl", pages), ("lessons.jsonl", lessons)):
        (folder / name).write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    path = folder / "small.toml"
    path.write_text(RECIPE, "utf-8")
    return path


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Run:
    folder = tmp_path_factory.mktemp("takedown")
    return run_recipe(write(folder), folder / "runs", until="tune")


@pytest.fixture
def run(built, tmp_path) -> Run:
    shutil.copytree(built.root.parent.parent, tmp_path, dirs_exist_ok=True)
    (tmp_path / "runs" / "small" / ".recipe-folder").write_text(str(tmp_path), "utf-8")
    return Run(tmp_path / "runs" / "small")


def recipe_file(run: Run) -> Path:
    return run.root.parent.parent / "small.toml"


def invoke(run: Run, *arguments: str):
    result = CliRunner().invoke(main, [arguments[0], str(run.root), *arguments[1:], "--json"], catch_exceptions=False)
    return result, [json.loads(line) for line in result.output.splitlines() if line.startswith("{")]


def rows(run: Run, pattern: str, kind: type = Kept) -> list:
    return [row for shard in sorted(run.root.glob(pattern)) for row in read_shard(shard, kind)]


def lost(run: Run) -> dict[str, str]:
    return {row.url: f"{row.reason}: {row.detail}" for row in rows(run, "cut/lost/part-*.parquet", Lost)}


def late_document(run: Run) -> Kept:
    """A document that is seen late, and that the vocabulary was not learned from."""
    recipe, _ = recipe_of(run)
    shards = sorted(run.folder("cut").glob("part-*.parquet"))
    learned = {row.id for row in learned_from(shards, recipe.tokenizer, recipe.language)}
    others = [row for row in rows(run, "cut/part-*.parquet") if row.id not in learned]
    return max(others, key=lambda row: (cost_of(run, recipe, [row])["first_seen"] or 0, row.id))


def keys_in_training(run: Run) -> set[int]:
    counts, mixture, _ = mixture_of(run, recipe_of(run)[0])
    return {int(key) for group in counts for key in open_group(mixture.folder, group).keys.view("int64")}


def weights(run: Run) -> bytes:
    return (run.folder("pretrain") / "model" / "model.safetensors").read_bytes()


def test_a_document_leaves_the_corpus_the_index_a_running_server_and_the_weights(run):
    document, before = late_document(run), weights(run)
    lessons = run.record("tune").summary["conversations"]
    packs = {code: load_pack(code) for code in HOSTS}

    class Silent:
        name, slots, context, parameters = "none", 1, 0, 0

    app = create_app(Assistant(Silent(), packs, Search(run.folder("index"), packs)))
    with TestClient(app, base_url="http://localhost") as server:

        def found() -> set[str]:
            hits = server.get("/search", params={"q": document.title}).json()["passages"]
            return {hit["url"] for hit in hits}

        assert document.url in found()
        asked, (shown,) = invoke(run, "takedown", "--url", document.url, "--reason", "letter of the owner")
        assert asked.exit_code == 1
        assert "add --yes" in asked.output
        assert not read_takedowns(run.root)
        result, told = invoke(run, "takedown", "--url", document.url, "--reason", "letter of the owner", "--yes")
        assert result.exit_code == 0, result.output
        assert document.url not in found()  # the server still has the old index open
    affected, training = shown["affected"], shown["affected"]["training"]
    assert affected["documents"] == {"named": 1, "near_copies": 0, "in_training": 1, "held_out": 0, "not_in_corpus": 0}
    assert affected["vocabulary"]["taken_down"] == 0
    assert (affected["sft_examples"], affected["shards"]) == (1, 1)
    assert affected["passages"] >= 1
    assert 0 < training["goes_on_from"] <= training["first_seen"] < training["steps"]
    assert training["goes_on_from"] == max(n for n in training["kept_checkpoints"] if n <= training["first_seen"])
    outcomes = {row["stage"]: row for row in told if "stage" in row}
    assert outcomes["pretrain"]["summary"]["went_on_from_step"] == training["goes_on_from"]
    assert outcomes["tune"]["summary"]["conversations"] == lessons - 1

    assert document.id not in {row.id for part in ("", "held-out/") for row in rows(run, f"cut/{part}part-*.parquet")}
    assert lost(run)[document.url] == "taken down: letter of the owner"
    assert document.id not in {row.document for row in rows(run, "index/part-*.parquet", Passage)}
    assert number_of(text_of(document)) not in keys_in_training(run)
    assert weights(run) != before
    replayed, record = weights(run), run.record("pretrain")
    shutil.rmtree(run.root / "checkpoints")
    run_recipe(recipe_file(run), run.root.parent, redo=["pretrain"], until="pretrain")
    assert "went_on_from_step" not in run.record("pretrain").summary
    assert weights(run) == replayed
    assert run.record("pretrain").content == record.content


def built_at(run: Run) -> dict[str, int]:
    """Stage -> when its record was written."""
    return {path.parent.name: path.stat().st_mtime_ns for path in run.root.glob("*/record.json")}


def test_an_address_that_nothing_has_is_kept_out_of_later_crawls_and_changes_nothing(run):
    before = built_at(run)
    url = "https://mura.example/mistyped"
    result, told = invoke(run, "takedown", "--url", url, "--reason", "letter", "--yes")
    assert result.exit_code == 0, result.output
    assert not told[0]["affected"]["to_be_built_again"]
    assert [row for row in told if "stage" in row] == []
    assert built_at(run) == before
    assert read_takedowns(run.root).reason(url=url) == "letter"
    assert {outcome.what for outcome in outcomes_of(run)} == {"kept"}


def test_a_page_that_only_an_example_names_costs_the_tuning_and_no_corpus(run):
    before, lessons = built_at(run), run.record("tune").summary["conversations"]
    shown = CliRunner(env={"ANATILI_LANG": "en"}).invoke(
        main, ["takedown", str(run.root), "--url", ELSEWHERE, "--reason", "letter", "--yes"]
    )
    assert "examples for tuning name it" in shown.output
    after = built_at(run)
    assert {name for name in before if before[name] != after[name]} == {"tune"}
    assert run.record("tune").summary["conversations"] == lessons - 1
    assert {outcome.what for outcome in outcomes_of(run)} == {"kept"}


def outcomes_of(run: Run) -> list:
    """What carrying out the recipe again comes to."""
    recipe, base = recipe_of(run)
    return list(carry_out(recipe, run, open_pool(1), base=base, until="tune"))


def test_the_list_of_withdrawn_lines_of_a_commons_is_a_list_of_addresses(run):
    withdrawn = f"commons:{'4f2a' * 8}"
    pages = recipe_file(run).parent / "pages-given.jsonl"
    row = {"text": read_topics()[40].pages["kk"].text, "title": "given", "url": withdrawn, "date": "2026-02-01"}
    pages.write_text(json.dumps(row, ensure_ascii=False) + "\n", "utf-8")
    run_recipe(recipe_file(run), run.root.parent, redo=["collect.."], until="cut")
    (run.root / "withdrawn.txt").write_text(f"{withdrawn}\n", "utf-8")
    arguments = ("--file", str(run.root / "withdrawn.txt"), "--reason", "withdrawn by its author", "--yes", "--later")
    result, told = invoke(run, "takedown", *arguments)
    assert result.exit_code == 0, result.output
    assert told[0]["affected"]["documents"]["named"] == 1
    run_recipe(recipe_file(run), run.root.parent, redo=["cut"], until="cut")
    assert lost(run)[withdrawn] == "taken down: withdrawn by its author"


def near_copy(text: str) -> str:
    """The text with a sentence more at its end."""
    return text + " Бұл мәтін басқа сайтта қайта жарияланды."


def test_a_later_crawl_does_not_bring_back_address_text_or_near_copy(run):
    page, second, other = [row for row in rows(run, "cut/part-*.parquet") if row.language == "kk"][:3]
    invoke(run, "takedown", "--id", page.id, "--id", second.id, "--reason", "personal data", "--yes", "--later")
    new = [
        {"text": other.text[::-1], "title": "same address, other text", "url": page.url.replace("https", "http") + "/"},
        {"text": page.text, "title": "same text", "url": "https://copy.example/1"},
        {"text": near_copy(second.text), "title": "near copy", "url": "https://copy.example/2"},
        {"text": near_copy(other.text), "title": "something else", "url": "https://copy.example/3"},
    ]
    lines = "".join(json.dumps({**row, "date": "2026-02-01"}, ensure_ascii=False) + "\n" for row in new)
    (recipe_file(run).parent / "pages-later.jsonl").write_text(lines, "utf-8")
    run_recipe(recipe_file(run), run.root.parent, redo=["collect.."], until="cut")
    corpus = {row.url for part in ("", "held-out/") for row in rows(run, f"cut/{part}part-*.parquet")}
    assert not corpus & {page.url, second.url, *(row["url"] for row in new[:3])}
    assert other.url in corpus
    reasons = lost(run)
    assert reasons["https://copy.example/1"] == "taken down: personal data"
    assert reasons["https://copy.example/2"].startswith(
        f"taken down: personal data (near copy of {second.id}, likeness 0."
    )
    assert reasons["https://copy.example/3"].startswith("duplicate: ")
    assert page.url not in reasons  # its address is not even collected
    collected = {row.url: row.detail for row in rows(run, "collect/lost-*.parquet", Lost)}
    assert collected[page.url] == "personal data"


def test_a_host_and_many_documents_leave_at_once(run):
    recipe, _ = recipe_of(run)
    before = rows(run, "cut/part-*.parquet")
    many = run.root / "many.txt"
    kazakh = [row for row in before if row.language == "kk"]
    many.write_text("\ufeff# ids\n" + "".join(f"{row.id}\n" for row in kazakh[: len(kazakh) // 2]), "utf-8")
    for arguments, gone in (
        (("--file", str(many), "--reason", "many"), {row.url for row in kazakh[: len(kazakh) // 2]}),
        (("--host", "BLOG.example", "--reason", "host"), {row.url for row in before if row.language == "en"}),
    ):
        result, told = invoke(run, "takedown", *arguments, "--yes", "--later")
        assert result.exit_code == 0, result.output
        assert told[0]["affected"]["documents"]["in_training"] == len(gone)
        reason = arguments[-1]
        packs = {code: load_pack(code) for code in HOSTS}
        search = Search(run.folder("index"), packs)
        titles = [row.title for row in before if row.url in gone][:5]
        assert not {hit.passage.url for title in titles for hit in search.find(title, 20)} & gone
        assert not {row.url for row in read_corpus(run.root)} & gone
        run_recipe(recipe_file(run), run.root.parent, redo=["cut"], until="cut")
        assert not {row.url for part in ("", "held-out/") for row in rows(run, f"cut/{part}part-*.parquet")} & gone
        assert {lost(run)[url] for url in gone} == {f"taken down: {reason}"}
        inputs = {name: run.folder(name) for name in ("cut", "mark", "dedup")}
        listed = [row for part in run.folder("extract").glob("part-*") for row in entries_of(part, inputs)]
        assert {row.reason for row in listed if row.url in gone} == {"taken down"}, (
            "what an owner wrote is not published"
        )
    assert cost_of(run, recipe, kazakh[:1])["steps"]
    again, _ = invoke(run, "takedown", "--host", "blog.example", "--reason", "again", "--yes")
    assert "was taken down before" in again.output


def test_the_log_cannot_be_changed_without_notice(run):
    urls = [row.url for row in rows(run, "cut/part-*.parquet")[:2]]
    for url in urls:
        invoke(run, "takedown", "--url", url, "--reason", "letter", "--yes", "--later")
    log = run.root / "takedowns.jsonl"
    first, second = log.read_text("utf-8").splitlines()
    assert "letter" in first
    for damaged in (second, first.replace("letter", "latter") + "\n" + second, first[:-5] + "\n" + second):
        log.write_text(damaged + "\n", "utf-8")
        result = CliRunner().invoke(main, ["why", str(run.root), urls[0]])
        assert result.exit_code == 1
        assert "restore the file from a copy" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--url", "https://mura.example/x"), "needs a reason"),
        (("--reason", "r"), "nothing is named"),
        (("--url", "example.kz/page", "--reason", "r"), "is not an address"),
        (("--id", "0" * 24, "--reason", "r"), "is not the id of a document"),
        (("--file", "/dev/null", "--reason", "r"), "nothing is named there"),
    ],
)
def test_what_is_wrong_with_a_takedown_is_told(built, arguments, message):
    result, _ = invoke(built, "takedown", *arguments)
    assert result.exit_code == 1
    assert message in result.output
    assert not (built.root / "takedowns.jsonl").exists()


def test_a_model_of_before_is_taken_down_from_too_and_the_cost_is_drawn(run):
    plot = run.root / "cost.png"
    result, _ = invoke(run, "takedown", "--plot", str(plot))
    assert result.exit_code == 0, result.output
    assert plot.stat().st_size > 10_000
    shutil.rmtree(run.root / "pretrain" / "order")
    page = rows(run, "cut/part-*.parquet")[0]
    _, (told,) = invoke(run, "takedown", "--url", page.url, "--reason", "letter")
    assert told["affected"]["training"]["share_again"] == 1
    assert told["affected"]["training"]["sequences"] is None
