"""A GGUF file is read as its own library reads it."""

import numpy as np
import pytest

gguf = pytest.importorskip("gguf")

from anatili.gguf.reader import open_gguf  # noqa: E402


@pytest.fixture
def file(tmp_path):
    """Each kind of field, and two tensors."""
    writer = gguf.GGUFWriter(tmp_path / "m.gguf", "llama")
    writer.add_token_list(["<unk>", "қала", "ң" * 300, ""])
    writer.add_token_scores([0.0, -1.5, 2.0, 3.0])
    writer.add_array("numbers", [3, 1, 2])
    writer.add_array("yes or no", [True, False])
    writer.add_array("lists", [[1, 2], [3]])
    writer.add_bool("yes", True)
    writer.add_float32("half", 0.5)
    writer.add_uint64("large", 2**40)
    writer.add_tensor("a", np.arange(6, dtype=np.float32).reshape(2, 3))
    writer.add_tensor("b", np.arange(64, dtype=np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return tmp_path / "m.gguf"


def test_fields_and_tensors_are_those_of_the_library(file):
    ours, theirs = open_gguf(file), gguf.GGUFReader(file)
    assert {name: field.contents() for name, field in ours.fields.items()} == {
        name: field.contents() for name, field in theirs.fields.items()
    }
    for name, field in theirs.fields.items():
        own = ours.fields[name]
        assert [part.tolist() for part in own.parts] == [part.tolist() for part in field.parts], name
        assert [part.dtype for part in own.parts] == [part.dtype for part in field.parts], name
        assert (own.data, own.types, own.offset) == (field.data, field.types, field.offset), name
    assert ours.fields["tokenizer.ggml.tokens"].contents() == ["<unk>", "қала", "ң" * 300, ""]
    assert [(t.name, t.tensor_type, t.data.tolist()) for t in ours.tensors] == [
        (t.name, t.tensor_type, t.data.tolist()) for t in theirs.tensors
    ]
    assert not isinstance(ours.data, np.memmap), "each piece that is cut out of one costs many times as much"


def test_a_file_that_ends_in_its_vocabulary_is_refused(file, tmp_path):
    whole = file.read_bytes()
    for word in ("қала".encode(), b"tokenizer.ggml.scores"):
        (tmp_path / "short.gguf").write_bytes(whole[: whole.index(word) + len(word) + (20 if word.isascii() else -1)])
        with pytest.raises(ValueError, match="ends in its metadata"):
            open_gguf(tmp_path / "short.gguf")


def test_what_is_no_gguf_is_refused(tmp_path):
    (tmp_path / "m.gguf").write_bytes(b"GGML" + bytes(100))
    with pytest.raises(ValueError, match="magic"):
        open_gguf(tmp_path / "m.gguf")
