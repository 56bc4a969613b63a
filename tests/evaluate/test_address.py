"""A model is found as likely behind a server's address as in this process."""

import json

import pytest
import serving
import small_models

pytest.importorskip("torch")
pytest.importorskip("fastapi")
xllamacpp = pytest.importorskip("xllamacpp")

from click.testing import CliRunner  # noqa: E402

from anatili.cli import main  # noqa: E402
from anatili.engine.llama import server_params  # noqa: E402
from anatili.gguf.file import export_gguf  # noqa: E402

NEAR = 0.001
"""Bits per byte that the figures may differ by."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("address")
    made = small_models.make_folder(place, "qwen3")
    export_gguf(made, place / "m.gguf", "f32")
    (place / "kk.txt").write_text("\n".join(small_models.texts("kk")[:6]), "utf-8")
    return made


@pytest.fixture(scope="module")
def figures(folder):
    return values(folder, folder.parent / "kk.txt")


def values(model, text) -> list[float]:
    """Bits per byte of a text and of its second halves, by the command."""
    done = CliRunner().invoke(
        main,
        [
            "evaluate",
            str(model),
            "--text",
            str(text),
            "--max-bytes",
            "3000",
            "--task",
            "bits-per-byte",
            "--task",
            "second-halves",
            "--json",
        ],
    )
    assert done.exit_code == 0, done.output
    rows = json.loads(done.stdout)["scores"]
    assert [row["measure"] for row in rows] == ["bits per byte", "bits per byte of second halves"]
    assert rows[0]["interval"][0] <= rows[0]["value"] <= rows[0]["interval"][1]
    assert (rows[0]["language"], rows[0]["chance"]) == ("kk", 8.0)
    return [row["value"] for row in rows]


def test_llama_cpp_in_this_process(folder, figures):
    assert values(folder.parent / "m.gguf", folder.parent / "kk.txt") == pytest.approx(figures, abs=NEAR)


def test_our_own_server(folder, figures):
    process, address = serving.start(folder.parent / "m.gguf", "--port", "0")
    try:
        assert values(address, folder.parent / "kk.txt") == pytest.approx(figures, abs=NEAR)
    finally:
        serving.stop(process)


def test_llama_cpp_s_server(folder, figures, monkeypatch):
    params = server_params(folder.parent / "m.gguf", (), 256, 1)
    params.api_keys = ["key"]
    server = xllamacpp.Server(params)
    monkeypatch.setenv("ANATILI_ENGINE_KEY", "key")
    assert values(f"{server.listening_address}/v1", folder.parent / "kk.txt") == pytest.approx(figures, abs=NEAR)
