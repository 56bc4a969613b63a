"""The release of the tiny run: whole, honest, and each document accounted for."""

import hashlib
import json
import subprocess

import pyarrow.parquet as pq
import pytest

from anatili.release.model_card import size_label


@pytest.fixture(scope="module")
def documents(tiny_run):
    return [row for p in sorted((tiny_run / "release" / "documents").glob("*")) for row in pq.read_table(p).to_pylist()]


def test_the_manifest_names_every_document_with_all_there_is(tiny_run, documents):
    extracted = json.loads((tiny_run / "extract" / "record.json").read_text())["summary"]["documents"]
    assert len(documents) == len({row["id"] for row in documents}) == extracted
    for row in documents:
        assert row["url"].startswith("https://")
        assert (row["source"], row["license"]) == ("sample", "CC0-1.0")
        assert len(row["extracted_sha256"]) == 64
        assert {"language", "script", "words", "personal", "repeats"} <= json.loads(row["marks"]).keys()
        assert (row["use"] == "lost") == bool(row["reason"]) == (not row["corpus_sha256"])


def test_the_digest_is_of_the_text_that_trained(tiny_run, documents):
    digests = {row["id"]: row["corpus_sha256"] for row in documents if row["use"] == "training"}
    texts = [row for p in (tiny_run / "cut").glob("part-*.parquet") for row in pq.read_table(p).to_pylist()]
    assert len(texts) == len(digests)
    assert all(hashlib.sha256(row["text"].encode()).hexdigest() == digests[row["id"]] for row in texts)


def test_no_document_that_refused_or_copied_trains(documents):
    training = [row for row in documents if row["use"] == "training"]
    assert not [row for row in training if row["opt_out"] or row["duplicate_of"]]
    assert not [row for row in training if "/trap/opt-out/" in row["url"] or "/trap/exact/" in row["url"]]


def test_personal_data_is_in_no_text_of_the_corpus(tiny_run):
    texts = [
        t
        for p in (tiny_run / "cut").rglob("*.parquet")
        if "lost" not in p.parts
        for t in pq.read_table(p, columns=["text"])["text"].to_pylist()
    ]
    assert any("[iin]" in text and "[email]" in text and "[card]" in text for text in texts)
    assert not [text for text in texts if "900101300017" in text or "test.synaqov@" in text]


def test_the_checksums_hold(tiny_run):
    answer = subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=tiny_run / "release", check=False)
    assert answer.returncode == 0


def test_the_cards_carry_the_measured_numbers(tiny_run):
    card = (tiny_run / "release" / "README.md").read_text("utf-8")
    scores = json.loads((tiny_run / "evaluate" / "scores.json").read_text())
    for row in scores["scores"]:
        assert f"| {row['who']} | {row['bits_per_byte']:.3f} |" in card
    for row in scores["measures"]:
        assert f"| {row['measure']} | {row['language']} |" in card
    assert "trained from scratch" in card
    assert "a toy that shows the pipeline works" in card
    assert card.startswith("---\nlicense: apache-2.0\nlanguage:\n- kk\n")
    assert "$" not in card.replace("$$", "")
    data = (tiny_run / "release" / "DATA.md").read_text("utf-8")
    assert "| sample | CC0-1.0 | kk |" in data
    assert "| lost: opted out | 4 |" in data


def test_the_manifest_holds_no_times_so_that_equal_runs_are_equal(tiny_run):
    manifest = json.loads((tiny_run / "release" / "manifest.json").read_text("utf-8"))
    assert "provenance" not in json.dumps(manifest)
    assert set(manifest["stages"]) >= {"collect", "cut", "tokenizer", "pretrain", "tune", "evaluate"}


@pytest.mark.parametrize(("parameters", "word"), [(10**6, "toy"), (3 * 10**8, "small"), (10**10, "scores")])
def test_a_model_is_labelled_by_its_size(parameters, word):
    assert word in size_label(parameters)
