"""Shared by all tests: the command as a user runs it, a run of the tiny recipe, and the real data where it is."""

import gc
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import forking
import pytest
from filelock import FileLock

pytest_plugins = ["object_stores"]  # its fixtures
ROOT = Path(__file__).parent.parent
DATA = Path(os.environ.get("ANATILI_DATA", ROOT.parent / "shared" / "data"))

# Two processes of tests share the processors: with a thread for each processor, theirs would wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
forking.do_not_wait_for_the_disk()
os.environ.setdefault("RAY_worker_niceness", "0")  # beside other processes of tests, its 15 would mean to stand still
os.environ["ANATILI_LANG"] = "en"  # on a machine in another language too, tests read English messages
# Loading TensorBoard takes a second, and its files would be among those that tests list; its own test switches it on.
os.environ.setdefault("ANATILI_TRACKERS", "none")
# Stand-ins for libraries that take long to load, and are hardly used: here and in the processes that tests start.
LAZY, WITHOUT = (str(Path(__file__).parent / name) for name in ("lazy", "without"))
sys.path.insert(0, LAZY)
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (LAZY, WITHOUT, os.environ.get("PYTHONPATH", ""))))
LONG = (
    "end_to_end",
    "pull",
    "seq2seq",
    "train",
    "browser",
    "clients",
    "launch",
    "rope",
    "wrong_calls",
    "real_data",
    "identity",
    "registry",
    "openai",
    "threads",
    "submission",
    "linear",
    "new_rows",
    "sft_examples",
    "tune",
)
"""Files that take long and that do not wait for the tiny run, or not at once."""

# The garbage of tests is small beside the half million objects of the modules that are loaded, which each look passes.
gc.set_threshold(20_000, 20, 20)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files in an order that keeps two processes busy: one makes the tiny run meanwhile, and short files end it."""
    need = {item.path for item in items if "tiny_run" in getattr(item, "fixturenames", ())}
    place = {f"test_{name}.py": place for place, name in enumerate(LONG)}
    first = next((item.path for item in items if item.path in need and item.path.name not in place), None)
    items.sort(key=lambda item: (item.path != first, place.get(item.path.name, len(place)), item.path not in need))


LOADS_TORCH = ("run", "chat", "evaluate", "tokenizer")
"""Commands whose processes are forked from one that has loaded torch, where nothing else is asked for."""


def run_anatili(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    options.setdefault("timeout", 3600)  # a guard against hanging: slow machines take long
    words, environment = [*map(str, arguments)], dict(options.get("env") or os.environ)
    is_plain = options.keys() <= {"env", "input", "timeout", "cwd"} and words[:1] and words[0] in LOADS_TORCH
    if is_plain and forking.serves(environment):
        folder = str(options.get("cwd") or Path.cwd())
        return forking.run(words, environment, folder, options.get("input", ""), options["timeout"])
    return subprocess.run(
        [sys.executable, "-m", "anatili", *words], capture_output=True, text=True, check=False, **options
    )


@pytest.fixture(scope="session")
def anatili() -> Callable[..., subprocess.CompletedProcess[str]]:
    return run_anatili


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real data; tests that need it say clearly when it is not there."""
    if not DATA.is_dir():
        pytest.skip(f"real data is not at {DATA}; set ANATILI_DATA to its folder")
    return DATA


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """The run of `recipes/tiny.toml`, once for all test processes."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if hasattr(request.config, "workerinput") else base
    with FileLock(shared / "tiny.lock"):  # who comes second finds a finished run, and running it again does nothing
        answer = run_anatili("run", ROOT / "recipes" / "tiny.toml", "--runs", shared / "runs")
    assert answer.returncode == 0, answer.stderr
    return shared / "runs" / "tiny"


def contents(run: Path) -> dict[str, str]:
    """Stage -> content digest of a finished run."""
    records = (json.loads(path.read_text("utf-8")) for path in run.glob("*/record.json"))
    return {record["stage"]: record["content"] for record in records}


@pytest.fixture(scope="session")
def sample_index() -> Path:
    """The folder of the sample's search index in the tests' own cache, made once; a cache that a test begins with can
    have it by a link."""
    from anatili.opening.sample_index import sample_run

    return sample_run(("kk", "ru", "en", "tr"), lambda line: None).root


@pytest.fixture(scope="session")
def address(tiny_run: Path) -> Iterator[str]:
    """A server of the tiny run: transformers, passages, a model too small to be asked."""
    serving = pytest.importorskip("serving")
    process, found = serving.start(tiny_run)
    yield found
    serving.stop(process)


@pytest.fixture(scope="session")
def six_directions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled model, described as taught to and from Kazakh, and as bad at it as an older one was: what is told of
    such directions, and of one that was not taught, has to be tried."""
    folder = tmp_path_factory.mktemp("packages") / "kazakh-26m"
    shutil.copytree(ROOT / "src" / "anatili" / "models" / folder.name, folder)
    said = json.loads((folder / "model.json").read_text("utf-8"))
    said["translation"] = [
        {"source": source, "target": target, "chrf": 9.0, "count": 80, "texts": "flores_dev"}
        for other in ("ru", "en", "tr")
        for source, target in (("kk", other), (other, "kk"))
    ]
    (folder / "model.json").write_text(json.dumps(said), "utf-8")
    return folder


@pytest.fixture(scope="session")
def llama_address(six_directions: Path) -> Iterator[str]:
    """A server of a packaged model: llama.cpp, the sample's passages."""
    pytest.importorskip("xllamacpp")
    serving = pytest.importorskip("serving")
    process, found = serving.start(str(six_directions))
    yield found
    serving.stop(process)
