"""Translation models pulled by their names in the registry, small ones in place of the real: then they translate."""

import json
import os
import subprocess
from pathlib import Path

import hub as local
import pytest
import seq2seq
from conftest import run_anatili

from anatili.train import converted

pytest.importorskip("ctranslate2")
ROWS = {
    "tilmash": "issai/tilmash",
    "nllb-600m": "skywood/nllb-200-distilled-600M-ct2-int8",
    "madlad-3b": "Nextcloud-AI/madlad400-3b-mt-ct2-int8",
    "kazrush-kk-ru": "deepvk/kazRush-kk-ru",
}
SHAPES = {"tilmash": "nllb", "nllb-600m": "nllb", "madlad-3b": "madlad", "kazrush-kk-ru": "pair"}
CONVERTED = ("nllb-600m", "madlad-3b")
TEXT = "Абай кім?\n\n\t2024\n"


def read(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    found = {}
    for name, shape in SHAPES.items():
        place = tmp_path_factory.mktemp(name)
        folder = seq2seq.make(place / "model", shape)
        if name in CONVERTED:
            converted.convert(folder, place / "converted")
            folder = place / "converted"
        found[ROWS[name]] = local.Repository(read(folder) | {"pytorch_model.bin": b"\x80\x02."})
    return found


@pytest.fixture(scope="module")
def home(folders, tmp_path_factory):
    place = tmp_path_factory.mktemp("home")
    keep = {name: said for name, said in os.environ.items() if not name.startswith(("HF_", "HUGGING"))}
    with local.serving() as hub:
        hub.repositories = folders
        yield keep | {"HF_ENDPOINT": hub.address, "HF_HOME": str(place / "hf"), "ANATILI_CACHE": str(place / "cache")}


@pytest.mark.parametrize("name", SHAPES)
def test_a_translation_model_is_pulled_and_translates(home, name, tmp_path):
    pulled = run_anatili("pull", name, "--yes", env=home, stdin=subprocess.DEVNULL)
    assert pulled.returncode == 0, pulled.stderr
    (tmp_path / "a.txt").write_text(TEXT, "utf-8")
    for turn in range(2):
        done = run_anatili("translate", name, tmp_path / "a.txt", "--source", "kk", "--target", "ru", env=home)
        assert done.returncode == 0, done.stderr
        assert done.stdout.endswith("\n\n\t2024\n")
        assert "kk-ru: it was not measured" in done.stderr
        assert (f"converting {name} to 8 bits" in done.stderr) == (turn == 0 and name not in CONVERTED)
    rows = json.loads(run_anatili("directions", name, "--json", env=home).stdout)["directions"]
    pairs = {(row["source"], row["target"]) for row in rows}
    assert {("kk", "ru")} < pairs if name != "kazrush-kk-ru" else pairs == {("kk", "ru")}
    if name == "kazrush-kk-ru":
        done = run_anatili("translate", name, tmp_path / "a.txt", "--source", "ru", "--target", "kk", env=home)
        assert "was not taught to translate from ru to kk; it translates kk-ru" in done.stderr
