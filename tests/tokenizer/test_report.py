"""The report counts what a reader can count by hand, for every form of tokenizer."""

import base64
import json

import pytest
import small_models
from click.testing import CliRunner

from anatili.cli import main
from anatili.document import Kept, write_shard
from anatili.problem import Problem
from anatili.tokenizer import report
from anatili.tokenizer.peers import open_tokenizer
from anatili.tokenizer.train import fertility, train_on_files


def bytes_only(path):
    """tiktoken's form with nothing but single bytes."""
    lines = [f"{base64.b64encode(bytes([byte])).decode()} {byte}" for byte in range(256)]
    path.write_text("\n".join(lines))
    return path


def texts(tmp_path):
    (tmp_path / "kk.txt").write_text("Қазақ тілі бай.\nБұл мәтін.\n", "utf-8")
    (tmp_path / "en.txt").write_text("The language is rich.\nThis is text.\n", "utf-8")
    return [report.read_text(tmp_path / "kk.txt", "kk"), report.read_text(tmp_path / "en.txt", "en")]


def test_bytes_are_counted_as_bytes(tmp_path):
    pytest.importorskip("tiktoken")
    rows = report.report([open_tokenizer(bytes_only(tmp_path / "b.tiktoken"))], texts(tmp_path), "en")
    kazakh, english = rows
    lines = ["Қазақ тілі бай.", "Бұл мәтін."]
    size = sum(len(line.encode()) for line in lines)
    assert kazakh.tokens_per_word == round(size / 5, 3)
    assert kazakh.bytes_per_token == 1
    assert kazakh.exact == 1
    assert kazakh.one_token_words == 0
    assert kazakh.parity == round(size / 34, 3)
    assert (english.parity, english.script, kazakh.script) == (1, "Latn", "Cyrl")


def test_a_run_counts_words_as_the_report_does(tmp_path):
    """Numbers and lone signs stand between spaces too: a run that left them out said more tokens for each word."""
    text = "2024 жылы – 15 адам келді."
    (tmp_path / "numbers.txt").write_text(text + "\n", "utf-8")
    folder = tmp_path / "own"
    train_on_files([tmp_path / "numbers.txt"], 512, folder)
    opened = open_tokenizer(folder)
    (row,) = report.report([opened], [report.read_text(tmp_path / "numbers.txt", "kk")], "en")
    write_shard(tmp_path / "part-0.parquet", Kept, [Kept("1", text, "", "", "s", "", "CC0-1.0", "kk", "Cyrl")])
    from tokenizers import Tokenizer

    measured = fertility(Tokenizer.from_file(str(folder / "tokenizer.json")), [tmp_path / "part-0.parquet"])
    assert measured == {"kk": row.tokens_per_word}


def test_our_own_the_folders_and_a_gguf_file_count_alike(tmp_path):
    pytest.importorskip("gguf")
    from anatili.gguf.file import export_gguf

    for shape in ("qwen3", "gemma3"):
        folder = small_models.make_folder(tmp_path / shape, shape)
        export_gguf(folder, tmp_path / f"{shape}.gguf", "f16")
        places = [folder, folder / "tokenizer.json", tmp_path / f"{shape}.gguf"]
        rows = report.report([open_tokenizer(place) for place in places], texts(tmp_path), "en")
        counts = {(row.text, row.tokens_per_word, row.exact) for row in rows}
        assert len(counts) == 2, counts
        assert all(row.exact == 1 for row in rows)


def test_tekken_uses_only_its_first_pieces(tmp_path):
    pytest.importorskip("tiktoken")
    vocabulary = [{"rank": n, "token_bytes": base64.b64encode(bytes([n])).decode()} for n in range(256)]
    vocabulary += [{"rank": 256, "token_bytes": base64.b64encode(b"th").decode()}] * 3
    config = {"pattern": r"\S+|\s+", "default_vocab_size": 258, "default_num_special_tokens": 1}
    (tmp_path / "tekken.json").write_text(json.dumps({"config": config, "vocab": vocabulary}))
    opened = open_tokenizer(tmp_path / "tekken.json")
    assert opened.encode("the") == [256, ord("e")]


def test_sentencepiece_is_read_by_itself_and_from_a_folder(tmp_path):
    sentencepiece = pytest.importorskip("sentencepiece")
    (tmp_path / "text.txt").write_text("\n".join(small_models.texts("kk")), "utf-8")
    sentencepiece.SentencePieceTrainer.train(
        input=str(tmp_path / "text.txt"),
        model_prefix=str(tmp_path / "tokenizer"),
        vocab_size=900,
        minloglevel=2,
        byte_fallback=True,
    )
    rows = report.report(
        [open_tokenizer(tmp_path / "tokenizer.model"), open_tokenizer(tmp_path)], texts(tmp_path), "en"
    )
    assert {row.size for row in rows} == {900}
    assert len({row.tokens_per_word for row in rows if row.language == "kk"}) == 1
    assert all(row.exact == 1 for row in rows)
    (tmp_path / "tokenizer.model").write_bytes((tmp_path / "tokenizer.model").read_bytes()[:500])
    with pytest.raises(Problem, match="damaged or not a SentencePiece"):
        open_tokenizer(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\x00\x01binary", "neither JSON, nor GGUF"),
        (b"{}", "not a tokenizer in a known format"),
        (b'{"model": 1', "not a tokenizer in a known format"),
    ],
)
def test_a_file_that_is_no_tokenizer_is_told(tmp_path, content, message):
    (tmp_path / "x.bin").write_bytes(content)
    with pytest.raises(Problem, match=message):
        open_tokenizer(tmp_path / "x.bin")
    with pytest.raises(Problem, match=r"no tokenizer .*nowhere"):
        open_tokenizer(tmp_path / "nowhere")


def test_texts_that_cannot_be_read_are_told(tmp_path):
    (tmp_path / "empty.txt").write_text(" \n\n")
    (tmp_path / "wrong.txt").write_bytes("Привет".encode("cp1251"))
    with pytest.raises(Problem, match="has no text"):
        report.read_text(tmp_path / "empty.txt")
    with pytest.raises(Problem, match="is not UTF-8"):
        report.read_text(tmp_path / "wrong.txt")
    with pytest.raises(Problem, match="no file"):
        report.read_text(tmp_path / "nowhere.txt")


def test_the_plot_is_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    pytest.importorskip("tiktoken")
    opened = [
        open_tokenizer(bytes_only(tmp_path / "b.tiktoken")),
        open_tokenizer(small_models.byte_level(tmp_path / "t")),
    ]
    report.draw(tmp_path / "r.png", report.report(opened, texts(tmp_path), "en"))
    assert (tmp_path / "r.png").stat().st_size > 5_000


def test_a_bundled_model_is_called_by_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kk.txt").write_text("Қазақ тілі бай.\n", "utf-8")
    answer = CliRunner().invoke(main, ["tokenizer", "report", "kazakh-26m", "--text", "kk.txt", "--json"])
    assert [row["tokenizer"] for row in json.loads(answer.stdout)] == ["kazakh-26m"]
