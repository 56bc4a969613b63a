"""The folder that is published: what is in it, and what its signature proves."""

import json
import subprocess

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from anatili.cli import main
from anatili.pipeline.refine_files import refine_files
from anatili.problem import Problem
from anatili.release.assemble import assemble_corpus, assemble_model
from anatili.release.sign import fingerprint_of, sign
from anatili.release.verify import verify
from anatili.run import Run
from anatili.sample.topics import read_topics


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """Two private keys."""
    folder = tmp_path_factory.mktemp("keys")
    for name in ("own", "other"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    return folder


@pytest.fixture
def release(tmp_path, keys):
    """A small signed release."""
    source = tmp_path / "source"
    (source / "documents").mkdir(parents=True)
    (source / "record.json").write_text("{}")
    (source / "README.md").write_text("# m\n")
    (source / "documents" / "part-00000.parquet").write_bytes(b"rows")
    assert assemble_model(source, tmp_path / "m", keys / "own").signer == fingerprint_of(str(keys / "own.pub"))
    return tmp_path / "m"


def faults(folder, **options):
    return [(fault.kind, fault.file) for fault in verify(folder, **options).faults]


def test_an_untouched_release_is_good_and_says_who_signed(release, keys):
    verdict = verify(release, signer=str(keys / "own.pub"))
    assert (verdict.is_good, verdict.files) == (True, 2)
    assert verdict.signer == fingerprint_of(str(keys / "own.pub"))
    assert verify(release, signer=verdict.signer).is_good
    assert not (release / "record.json").exists()
    sums = subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=release, check=False)
    assert sums.returncode == 0


def test_a_changed_byte_a_missing_and_an_added_file_are_named(release):
    shard = release / "documents" / "part-00000.parquet"
    shard.write_bytes(b"rowz")
    (release / "README.md").unlink()
    (release / "documents" / ".hidden").write_text("x")
    expected = {"missing": "README.md", "changed": "documents/part-00000.parquet", "added": "documents/.hidden"}
    assert faults(release) == list(expected.items())


def test_a_file_replaced_by_a_link_is_noticed(release, tmp_path):
    (release / "README.md").unlink()
    (release / "README.md").symlink_to(tmp_path / "nowhere")
    (release / "more").symlink_to(tmp_path)
    assert faults(release) == [("unreadable", "README.md"), ("added", "more")]


def test_digests_that_somebody_wrote_again_are_not_signed(release, keys):
    (release / "README.md").write_text("# other\n")
    lines = subprocess.run(["sha256sum", "README.md"], cwd=release, capture_output=True, text=True, check=True).stdout
    sums = (release / "SHA256SUMS").read_text().splitlines(keepends=True)
    (release / "SHA256SUMS").write_text(lines + "".join(line for line in sums if "README" not in line))
    assert faults(release) == [("signature", "SHA256SUMS.sig")]
    sign(release, keys / "other")
    assert faults(release) == []
    assert faults(release, signer=str(keys / "own.pub")) == [("signer", "SHA256SUMS.sig")]


def test_a_signature_for_something_else_is_not_accepted(release, keys):
    (release / "SHA256SUMS.sig").unlink()
    subprocess.run(
        ["ssh-keygen", "-q", "-Y", "sign", "-f", keys / "own", "-n", "file", release / "SHA256SUMS"], check=True
    )
    assert faults(release) == [("signature", "SHA256SUMS.sig")]


def test_a_missing_signature_is_a_fault_unless_it_is_allowed(release, keys):
    (release / "SHA256SUMS.sig").unlink()
    assert faults(release) == [("unsigned", "SHA256SUMS")]
    assert faults(release, unsigned=True) == []
    assert faults(release, unsigned=True, signer=str(keys / "own.pub")) == [("unsigned", "SHA256SUMS")]


def test_the_command_says_it_and_ends_with_1(release):
    good = CliRunner().invoke(main, ["verify", str(release)])
    assert (good.exit_code, "2 files agree" in good.output) == (0, True)
    (release / "README.md").write_text("# M\n")
    bad = CliRunner().invoke(main, ["verify", str(release), "--json"])
    assert bad.exit_code == 1
    found = json.loads(bad.output)
    assert (found["good"], found["faults"][0]["kind"], found["faults"][0]["file"]) == (False, "changed", "README.md")


@pytest.mark.parametrize("text", ["", "no digest\n", f"{'0' * 64}  a\n{'0' * 64}  a\n"])
def test_a_broken_list_of_digests_is_refused(release, text):
    (release / "SHA256SUMS").write_text(text)
    if text:
        with pytest.raises(Problem, match=r"SHA256SUMS:\d: not a line of digests"):
            verify(release)
    else:
        assert ("signature", "SHA256SUMS.sig") in faults(release)


def test_a_folder_with_something_in_it_is_not_written_to(release, keys):
    with pytest.raises(Problem, match="is not empty"):
        assemble_model(release, release, None)
    with pytest.raises(Problem, match="no key"):
        sign(release, keys / "gone")
    with pytest.raises(Problem, match="cannot sign"):
        sign(release, release / "README.md")
    with pytest.raises(Problem, match="neither a file with a public key nor a fingerprint"):
        verify(release, signer="SHA256:x")


def test_a_run_without_a_corpus_is_told_how_to_get_one(tmp_path):
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "recipe.toml").write_text('name = "half"\nlanguage = "kk"\n', "utf-8")
    answer = CliRunner().invoke(main, ["release", str(tmp_path / "half"), "--corpus", "-o", str(tmp_path / "out")])
    assert answer.exit_code == 1
    assert "half has no corpus yet; finish it with: anatili run RECIPE --until cut" in answer.output
    answer = CliRunner().invoke(main, ["licenses", str(tmp_path / "half")])
    assert "half has no corpus yet; finish it with: anatili run RECIPE --until cut" in answer.output


@pytest.fixture(scope="module")
def refined(tmp_path_factory):
    """A run of `anatili refine`: a corpus of four documents and no model."""
    folder = tmp_path_factory.mktemp("refined")
    pages = [topic.pages["kk"].text for topic in read_topics()[:4]]
    (folder / "texts").mkdir()
    (folder / "texts" / "a.txt").write_text("\n\n".join(" ".join(page.split()) for page in pages), "utf-8")
    refine_files([folder / "texts"], "kk", folder / "own", license="CC0-1.0")
    return folder / "own"


def test_the_licenses_of_a_corpus_are_counted_before_anything_is_released(refined):
    answer = CliRunner().invoke(main, ["licenses", str(refined), "--json"])
    assert answer.exit_code == 0, answer.output
    found = json.loads(answer.output)
    assert (found["documents"], found["licenses"][0]["license"]) == (4, "CC0-1.0")


def test_a_corpus_alone_is_released_with_its_list_and_its_cards(refined, tmp_path, keys):
    assemble_corpus(Run(refined), tmp_path / "out", keys / "own", [])
    assert verify(tmp_path / "out").is_good
    card, kazakh = ((tmp_path / "out" / name).read_text("utf-8") for name in ("README.md", "README.kk.md"))
    assert all(words in card for words in ("# The corpus own", "no model was trained", "license: cc0-1.0"))
    assert "chosen license" not in card
    assert "# own корпусы" in kazakh
    facts = json.loads((tmp_path / "out" / "facts.json").read_text("utf-8"))
    assert (facts["uses"]["training"], facts["parameters"], facts["license"]) == (4, 0, "")
    manifest = (tmp_path / "out" / "manifest.json").read_text("utf-8")
    assert set(json.loads(manifest)["stages"]) == {"collect", "extract", "mark", "dedup", "cut"}
    assert str(refined.parent) not in manifest
    croissant = json.loads((tmp_path / "out" / "croissant.json").read_text("utf-8"))
    assert {"documents", "corpus/train"} <= {part["@id"] for part in croissant["recordSet"]}
    assert "license: CC0-1.0" in (tmp_path / "out" / "CITATION.cff").read_text("utf-8")
    assert rows_of(tmp_path / "out" / "corpus" / "train") == 4 == rows_of(tmp_path / "out" / "documents")


def rows_of(folder):
    return sum(pq.ParquetFile(path).metadata.num_rows for path in folder.glob("*.parquet"))


def test_a_corpus_that_does_not_fit_what_it_was_made_from_is_not_released(refined, tmp_path):
    record = refined / "dedup" / "record.json"
    before = record.read_text("utf-8")
    try:
        record.write_text(json.dumps(json.loads(before) | {"content": "another"}), "utf-8")
        with pytest.raises(Problem, match=r"cut in .* was made from another dedup; build it again"):
            assemble_corpus(Run(refined), tmp_path / "out", None, [])
    finally:
        record.write_text(before, "utf-8")
    with pytest.raises(Problem, match=r"under GPL-3\.0-only; the licenses are CC0-1\.0"):
        assemble_corpus(Run(refined), tmp_path / "out", None, ["GPL-3.0-only"])


def test_the_corpus_is_released_with_the_texts_of_chosen_licenses(tiny_run, tmp_path, keys):
    run = Run(tiny_run)
    assemble_corpus(run, tmp_path / "corpus", keys / "own", ["public-domain"])
    assert verify(tmp_path / "corpus").is_good
    assert {"README.md", "README.kk.md", "croissant.json", "documents", "corpus"} <= {
        path.name for path in (tmp_path / "corpus").iterdir()
    }
    with pytest.raises(Problem, match=r"no training document is under GPL-3\.0-only"):
        assemble_corpus(run, tmp_path / "gpl", None, ["GPL-3.0-only"])
    datasets = pytest.importorskip("datasets")
    loaded = datasets.load_dataset(str(tmp_path / "corpus"), "corpus", cache_dir=str(tmp_path / "cache"))
    summary = json.loads((tiny_run / "cut" / "record.json").read_text())["summary"]["documents"]
    kept = sum(count for key, count in summary.items() if key.startswith("kept"))
    assert (loaded["train"].num_rows, set(loaded)) == (kept, {"train", "held_out"})
    assert loaded["train"][0]["license"] == "CC0-1.0"
