"""What messages tell people to install: true where they run, and never a name that anybody could take."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from zipfile import ZipFile

import pytest

from anatili.problem import ROOT, install, is_checkout, not_installed

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
SOURCES = [
    path
    for part in ("src", "docs", "recipes")
    for path in (ROOT / part).rglob("*.*")
    if path.suffix in (".py", ".md", ".toml", ".js", ".html")
]


def text_of(path):
    return path.read_text("utf-8")


def test_no_message_names_a_package_that_is_not_on_the_index():
    for path in [*SOURCES, ROOT / "README.md"]:
        assert not re.search(r"pip install [^\n]*['\" ]anatili\b", path.read_text("utf-8")), path
    named = {
        name for path in SOURCES for name in re.findall(r"""\bnot_installed\([^\n]*['"](\w+)['"]\)""", text_of(path))
    }
    assert named <= set(PROJECT["optional-dependencies"])
    assert {"files", "serve", "train"} <= named


def test_messages_about_missing_packages_name_doctor_too():
    assert "anatili doctor" in not_installed("plots need matplotlib", "eval")
    bare = [path for path in SOURCES if re.search(r"needs? [^\n]*: \{install\(", text_of(path))]
    assert bare == [], "use problem.not_installed"


def test_in_a_checkout_the_checkout_is_installed(tmp_path, monkeypatch):
    assert is_checkout()
    monkeypatch.chdir(tmp_path)
    assert install("files").endswith(f"-m pip install -e '{ROOT}[files]'")
    monkeypatch.chdir(ROOT)
    assert install("files").endswith("-m pip install -e '.[files]'")
    assert subprocess.run([*shlex.split(install("files"))[:3], "--version"], check=False).returncode == 0


@pytest.mark.parametrize("extra", sorted(PROJECT["optional-dependencies"]))
def test_elsewhere_the_packages_themselves_are_named(tmp_path, extra):
    shutil.copytree(
        ROOT / "src" / "anatili",
        tmp_path / "anatili",
        ignore=lambda folder, names: [
            name
            for name in names
            if Path(folder).name == "anatili" and name not in ("__init__.py", "problem.py", "urls.py")
        ],
    )
    answer = subprocess.run(
        [sys.executable, "-c", f"from anatili.problem import install; print(install({extra!r}))"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
    )
    packages = shlex.split(answer.stdout)[4:]
    known = {re.match(r"[\w.-]+", one)[0] for some in PROJECT["optional-dependencies"].values() for one in some}
    assert packages
    assert {re.match(r"[\w.-]+", one)[0] for one in packages} <= known - {"anatili"}


def test_the_wheel_runs_a_bundled_recipe_elsewhere(tmp_path):
    pytest.importorskip("hatchling", reason="building a wheel without a network needs hatchling: pip install '.[dev]'")
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "--wheel-dir", tmp_path]
    subprocess.run([*build, ROOT], check=True)
    (wheel,) = tmp_path.glob("anatili-*.whl")
    with ZipFile(wheel) as packed:
        packed.extractall(tmp_path / "site")
    assert (tmp_path / "site" / "anatili" / "py.typed").is_file()

    def installed(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "anatili", *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        )

    answer = installed("run", "tiny", "--until", "extract")
    assert answer.returncode == 0, answer.stderr
    assert (tmp_path / "runs" / "tiny" / "extract" / "record.json").is_file()
    assert not (tmp_path / "runs" / "tiny" / "mark").exists()
    assert "no recipe teeny; bundled: commoncrawl-kk, tiny" in installed("run", "teeny").stderr
