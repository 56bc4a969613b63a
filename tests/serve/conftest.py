import pytest

pytest.importorskip("fastapi")

from serving import start, stop


@pytest.fixture(scope="module")
def address(tiny_run):
    """A server of the tiny run: transformers, passages, a model too small to be asked."""
    process, address = start(tiny_run)
    yield address
    stop(process)


@pytest.fixture(scope="module")
def llama_address():
    """A server of a packaged model: llama.cpp, the sample's passages."""
    pytest.importorskip("xllamacpp")
    process, address = start("kazakh-26m")
    yield address
    stop(process)
