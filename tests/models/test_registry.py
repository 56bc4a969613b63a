"""The registry: every fact has its source, the table fits a terminal, memory is reckoned from what is known."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import run_anatili
from rich.text import Text

from anatili import models
from anatili.cli.models import COLUMNS, columns_within, laid_out
from anatili.models import registry
from anatili.problem import Problem

ROWS = registry.rows()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_fact_of_a_row_has_a_source(row):
    if row.format == "bundled":
        assert row.name in models.names()
        return
    said = {fact for source in row.sources for fact in source.of}
    told = {fact for fact in registry.FACTS if getattr(row, fact)}
    assert told - said == set(), "facts without a source"
    assert said <= type(row).model_fields.keys(), "sources of what is not there"
    assert row.license
    assert row.about.endswith(".")
    assert all(score.note and score.source.startswith("https://") for score in row.published)
    assert row.can_be_pulled == bool(row.repository) != bool(row.address)
    assert row.file.endswith(".gguf") == (row.format == "gguf")


def test_names_are_not_given_twice_and_each_kind_is_there():
    names = [row.name for row in ROWS]
    assert len(names) == len(set(names))
    assert {row.kind for row in ROWS} == set(registry.KINDS)
    assert set(models.names()) <= set(names)


@pytest.mark.parametrize("row", [row for row in ROWS if "NC" in row.license.split("-")], ids=lambda row: row.name)
def test_a_license_that_forbids_commerce_is_marked(row):
    assert not row.commercial


def test_a_source_that_is_missing_is_seen():
    row = registry.Row(name="x", kind="chat", about="X.", license="MIT", parameters=5)
    said = {fact for source in row.sources for fact in source.of}
    assert {fact for fact in registry.FACTS if getattr(row, fact)} - said == {"license", "parameters"}
    with pytest.raises(ValueError, match="memory_needed"):
        registry.Row.model_validate({"name": "x", "kind": "chat", "about": "X.", "memory_needed": 5})


def test_memory_is_reckoned_from_size_or_weights():
    row = registry.Row(
        name="x", kind="chat", about="X.", format="gguf", quantization="Q4_K_M", parameters=8_030_000_000
    )
    assert row.size == pytest.approx(4.92e9, rel=0.005), "as llama.cpp tells it of Llama 3.1 8B"
    assert row.is_size_reckoned
    assert row.memory == int(row.size * registry.ROOM) + registry.BESIDE
    folder = registry.Row(name="x", kind="chat", about="X.", format="safetensors", parameters=1_000_000_000)
    assert folder.memory > 4_000_000_000, "folders run in float32"
    assert registry.Row(name="x", kind="speech", about="X.").memory == 0


@pytest.mark.parametrize("name", models.names())
def test_the_memory_that_was_reckoned_holds(name):
    """Measured on the models that come along; the process of Python, llama.cpp and a question in it."""
    pytest.importorskip("xllamacpp")
    if not Path("/proc/self/status").exists():
        pytest.skip("the peak of a process's memory is read from /proc")
    from anatili import weights
    from anatili.opening import find_model

    base = models.describe(models.HERE / name)["base"]
    if base and not weights.is_installed(base):
        pytest.skip(f"{name} stands on {base}: make assistant")
    find_model(name)  # what is put together once takes more while that lasts
    code = (
        "import re, sys\nfrom anatili.engine import Sampling, open_engine, say\n"
        "from anatili.opening import find_model\nengine = open_engine(find_model(sys.argv[1]))\n"
        "say(engine, [{'role': 'user', 'content': 'Абай кім? ' * 180}], Sampling(max_tokens=8))\n"
        # Not getrusage: its peak also counts what the parent held when it forked.
        "print(1024 * int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1]))"
    )
    done = subprocess.run([sys.executable, "-c", code, name], capture_output=True, text=True, check=True, timeout=600)
    most, reckoned = int(done.stdout.split()[-1]), registry.known(name).memory
    print(f"{name}: {most / 1e6:.0f} MB at most, reckoned {reckoned / 1e6:.0f} MB")
    assert most <= reckoned


def test_the_table_fits_a_terminal_of_100_columns(tmp_path):
    env = os.environ | {"COLUMNS": "100", "ANATILI_CACHE": str(tmp_path)}
    done = run_anatili("models", env=env)
    assert done.returncode == 0, done.stderr
    assert max(map(len, done.stdout.splitlines())) <= 100
    for row in ROWS:
        (line,) = [line for line in done.stdout.splitlines() if line.startswith(row.name + " ")]
        assert (" NC" in line) == (not row.commercial)
        assert bool(re.search(r" G ", line)) == bool(row.gated)
        assert line.endswith("yes" if row.format == "bundled" else line.rstrip()[-3:])


def test_a_narrow_terminal_gets_fewer_columns_and_no_broken_rows():
    for width in (60, 72, 80):
        shown = columns_within(width)
        assert {"name", "size", "memory", "here"} <= set(shown)
        assert len(laid_out((Text("x" * cells) for cells, _ in COLUMNS.values()), shown).plain) <= width
    assert columns_within(100) == COLUMNS


def test_all_that_is_known_of_one_is_told_with_its_sources():
    done = run_anatili("models", "Kazllm-8B")
    assert done.returncode == 0, done.stderr
    row = registry.known("kazllm-8b")
    for said in (
        row.about,
        row.gated,
        "not for commercial use",
        *(one.url for one in row.sources),
        *(one.source for one in row.published),
    ):
        assert said in done.stdout
    told = json.loads(run_anatili("models", "kazllm-8b", "--json").stdout)
    assert told["memory"] == row.memory
    assert told["here"] is False
    assert len(json.loads(run_anatili("models", "--json").stdout)) == len(ROWS)


def test_a_name_that_is_unknown_gets_the_nearest():
    with pytest.raises(Problem, match="near: bge-m3"):
        registry.known("bge-m4")


def test_a_record_that_no_longer_holds_is_not_taken_for_a_model(tmp_path, monkeypatch):
    monkeypatch.setenv("ANATILI_CACHE", str(tmp_path / "cache"))
    (tmp_path / "x.gguf").write_bytes(b"GGUF")
    kept = registry.Pulled("a/b", "a/b", "0" * 40, str(tmp_path), {"x.gguf": 4}, "x.gguf")
    registry.write_pulled(kept)
    assert registry.pulled("a/b") == kept
    assert registry.folder_of("a/b") == tmp_path
    assert registry.pulled("a/c") is None
    (tmp_path / "x.gguf").write_bytes(b"GGU")
    assert registry.pulled("a/b") is None
    (tmp_path / "x.gguf").unlink()
    assert registry.folder_of("a/b") is None
    registry.record_of("a/b").write_text("{}")
    with pytest.raises(Problem, match="is damaged"):
        registry.pulled("a/b")
