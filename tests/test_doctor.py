"""What this machine can do: found by metadata, quick, and with a command for what is missing."""

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from anatili import doctor
from anatili.cli import main
from anatili.machine import cores, memory, processor

LOADS = (
    "import sys; from anatili.cli import main\n"
    "try: main(['doctor', '--json'])\nexcept SystemExit: pass\n"
    "sys.exit(','.join(sorted({'torch', 'transformers', 'pyarrow', 'numpy', 'pydantic'} & set(sys.modules))) or 0)"
)


def test_it_loads_nothing_heavy_and_tells_everything():
    answer = subprocess.run([sys.executable, "-c", LOADS], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    report = json.loads(answer.stdout)
    assert report["cores"] >= 1
    assert report["ready"] is True
    assert next(ability["name"] for ability in report["abilities"]) == "core"
    assert {"kazakh-26m", "kazakh-270m"} <= {model["name"] for model in report["models"]}


def test_people_read_it_too():
    answer = CliRunner().invoke(main, ["doctor"])
    assert answer.exit_code == 0, answer.output
    assert "ok core" in answer.stdout
    assert "ready: anatili learn 1" in answer.stdout


def test_every_extra_has_a_purpose():
    from importlib import metadata

    extras = set(metadata.metadata("anatili").get_all("Provides-Extra"))
    assert extras - {"dev", "all"} == set(doctor.PURPOSES) - {""}


def test_what_is_missing_comes_with_its_command(monkeypatch):
    monkeypatch.setattr(doctor, "is_installed", lambda line: not line.startswith(("torch", "numpy")))
    core, train, *_ = doctor.examine().abilities
    assert core.missing == ("numpy",)
    assert core.command.endswith("-m pip install numpy")
    assert "torch" in train.missing
    assert "install" in train.command
    report = doctor.examine()
    assert not report.is_ready
    answer = CliRunner().invoke(main, ["doctor"])
    assert answer.exit_code == 1
    assert "packages are missing" in answer.stderr


def test_the_program_for_scans_comes_with_the_command_of_this_system(monkeypatch):
    there = {"dnf"}
    monkeypatch.setattr(doctor.shutil, "which", lambda name: name if name in there else None)
    assert doctor.scans().command.startswith("sudo dnf install tesseract")
    there.clear()
    assert doctor.scans().command.startswith("https://")
    there.add("tesseract")
    assert doctor.scans().missing == ()
    assert "tesseract" in [ability.name for ability in doctor.examine().abilities]


@pytest.mark.parametrize(
    ("memory_bytes", "disk", "says"),
    [(2 * 2**30, 2**40, "of memory is little"), (2**34, 2**28, "of disk is free"), (0, 0, "")],
)
def test_too_small_a_machine_is_told(memory_bytes, disk, says):
    lines = doctor.advice(memory_bytes, disk, doctor.Ability("core", "", (), ""))
    assert says in "".join(lines)
    assert bool(lines) == bool(says)


def test_models_that_were_pulled_are_listed_and_damaged_records_too(tmp_path, monkeypatch):
    monkeypatch.setenv("ANATILI_CACHE", str(tmp_path))
    (tmp_path / "pulled").mkdir()
    (tmp_path / "pulled" / "a--b.json").write_text('{"files": {"x": 5, "y": 6}}', "utf-8")
    (tmp_path / "pulled" / "c.json").write_text("{", "utf-8")
    assert doctor.pulled_models() == [doctor.Model("a/b", 11), doctor.Model("c", 0, "anatili pull c")]


def test_the_machine_says_what_it_has():
    assert cores() >= 1
    assert memory() >= 0
    assert processor()


@pytest.mark.parametrize(("line", "name"), [("torch<3,>=2.9", "torch"), ("lm-eval[api]", "lm-eval"), ("a", "a")])
def test_names_of_requirements(line, name):
    assert doctor.name_of(line) == name
