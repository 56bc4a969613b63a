"""Trimming and extending a base vocabulary: what must stay as it was, and what must become better."""

import json

import pytest
import small_models
from click.testing import CliRunner

from anatili.cli import main
from anatili.lang import load_pack
from anatili.problem import Problem
from anatili.recipe import Tokenizer
from anatili.tokenizer.adapt import adapt, letters_of, starting_rows
from anatili.tokenizer.extend import extend
from anatili.tokenizer.trim import as_tokenizer, keep, trim
from anatili.tokenizer.vocabulary import read_vocabulary
from anatili.weights import read_rows

MAKERS = {"byte level": small_models.byte_level, "sentencepiece": small_models.sentencepiece}


@pytest.fixture(scope="module", params=MAKERS)
def base(request, tmp_path_factory):
    """A vocabulary that has seen little Kazakh: learned from English, Turkish and Russian."""
    folder = tmp_path_factory.mktemp("base")
    if request.param == "byte level":
        found = small_models.tokenizing.train(iter(small_models.texts("en", "tr", "ru")), Tokenizer(vocabulary=1500))
        small_models.tokenizing.save(found, folder, 256)
    else:
        small_models.sentencepiece(folder, 1500, ("en", "tr", "ru"))
    return read_vocabulary(folder)


def cutter(vocabulary):
    """A function of a text: its tokens."""
    tokenizer = as_tokenizer(vocabulary)
    return lambda text: tokenizer.encode(text, add_special_tokens=False).tokens


def test_new_tokens_shorten_kazakh_and_leave_the_other_languages_alone(base):
    grown = extend(base, small_models.texts("kk"), 400, {"Cyrl"})
    assert grown.tokens[: len(base.tokens)] == base.tokens
    assert len(grown.tokens) == len(base.tokens) + 400
    cut, cut_before = cutter(grown), cutter(base)
    for text in small_models.texts("en", "tr"):
        assert cut(text) == cut_before(text)
    before = sum(len(cut_before(text)) for text in small_models.texts("kk"))
    after = sum(len(cut(text)) for text in small_models.texts("kk"))
    assert after < 0.75 * before
    tokenizer = as_tokenizer(grown)
    for text in small_models.texts("kk", "ru")[:20]:
        assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False).ids) == text


def test_every_new_token_can_be_reached(base):
    grown = extend(base, small_models.texts("kk"), 200, {"Cyrl"})
    tokenizer = as_tokenizer(grown)
    reached = set()
    for text in small_models.texts("kk"):
        reached.update(tokenizer.encode(text, add_special_tokens=False).tokens)
    new = set(grown.tokens[len(base.tokens) :])
    assert len(new & reached) > 0.8 * len(new)  # some are only steps on the way to longer ones
    for token in new:
        assert tokenizer.encode(grown.text(token), add_special_tokens=False).tokens == [token]


def test_a_vocabulary_smaller_than_asked_is_told(tmp_path):
    (tmp_path / "kk.txt").write_text("Қазақ тілі бай тіл.\r\n" * 20, "utf-8")
    arguments = ["tokenizer", "train", "--text", str(tmp_path / "kk.txt"), "--vocabulary", "9000"]
    answer = CliRunner().invoke(main, [*arguments, "-o", str(tmp_path / "out")])
    assert answer.exit_code == 0, answer.output
    assert "fewer than 9,000: no other pair comes twice" in answer.stderr


def test_too_little_text_to_learn_from_is_told(base):
    with pytest.raises(Problem, match="use more text"):
        extend(base, ["сәлем"], 50, {"Cyrl"})


def test_text_whose_tokens_all_stay_is_tokenized_as_before(base):
    small = trim(base, small_models.texts("en", "ru"), scripts={"Cyrl"}, letters=set(), first=0)
    assert len(small.tokens) < len(base.tokens)
    cut, cut_before = cutter(small), cutter(base)
    for text in small_models.texts("en", "ru"):
        assert cut(text) == cut_before(text)
    tokenizer = as_tokenizer(small)
    for text in ["Türkiye'nin başkenti Ankara'dır", "中文 😀", "ұ\u0301ə"]:  # and nothing is lost of what went
        assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False).ids) == text


def test_frequent_tokens_stay_if_they_are_spelled_with_letters_of_the_languages(base):
    everything = len(base.tokens)
    turkish = letters_of(["tr"])
    without = trim(base, [], scripts={"Cyrl"}, letters=set(), first=everything)
    gone = {text for token in set(base.tokens) - set(without.tokens) if (text := base.text(token)) is not None}
    assert any(set(text.lower()) & set("ışğ") for text in gone)
    assert all(any(c.isalpha() and not c.isascii() for c in text) for text in gone)
    assert all("a" <= c <= "z" or not c.isalpha() or c.lower()[0] in turkish for text in gone for c in text.lower())
    with_turkish = trim(base, [], scripts={"Cyrl"}, letters=turkish, first=everything)
    assert {base.text(token) for token in with_turkish.tokens} >= gone
    assert len(trim(base, [], scripts={"Cyrl"}, letters=turkish, first=0).tokens) < len(with_turkish.tokens)


def test_unused_special_tokens_go_and_used_ones_stay(tmp_path):
    small = trim(read_vocabulary(small_models.sentencepiece(tmp_path)), [], scripts={"Cyrl"}, letters=set(), first=0)
    assert not [token for token in small.tokens if "unused" in token]
    assert {"<bos>", "<eos>", "<start_of_turn>", "<0x0A>"} <= set(small.tokens)
    assert small.added.keys() >= {"<bos>"}
    ids = [small.ids[token["content"]] for token in json.loads(small.dump())["added_tokens"]]
    assert ids == sorted(ids)


def test_rows_say_where_each_embedding_comes_from(base):
    kept = keep(base, set(base.tokens[:400]) | set(base.tokens[450:]))
    grown = extend(kept, small_models.texts("kk"), 50, {"Cyrl"})
    rows = starting_rows(base, grown, len(kept.tokens))
    assert rows[:400] == [[number] for number in range(400)]
    assert rows[400] == [450]
    for token, row in zip(grown.tokens[len(kept.tokens) :], rows[len(kept.tokens) :], strict=True):
        assert as_tokenizer(base).decode(row) == grown.text(token)


def test_fitting_writes_a_tokenizer_that_transformers_loads(tmp_path):
    transformers = pytest.importorskip("transformers")
    base = small_models.sentencepiece(tmp_path / "base")
    out = tmp_path / "out"
    out.mkdir()
    settings = Tokenizer(base="base", added=100, trim_first=300, min_count=5)
    size = adapt(settings, base, {"kk": small_models.texts("kk"), "en": small_models.texts("en")}, load_pack("kk"), out)
    loaded = transformers.AutoTokenizer.from_pretrained(out)
    assert len(loaded) == size == len(read_rows(out / "rows.npz"))
    said = loaded.apply_chat_template(
        [{"role": "user", "content": "Сәлем"}], tokenize=False, add_generation_prompt=True
    )
    assert said.startswith("<bos><start_of_turn>user\nСәлем<eos>")
    assert loaded.decode(loaded.encode("Қазақ тілі", add_special_tokens=False)) == "Қазақ тілі"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{}", "is not a tokenizer.json"),
        ("not json", "is not a tokenizer.json"),
        ('{"model": {"type": "Unigram"}, "added_tokens": []}', "is Unigram; only BPE"),
    ],
)
def test_a_file_that_is_no_bpe_is_told(tmp_path, content, message):
    (tmp_path / "tokenizer.json").write_text(content, "utf-8")
    with pytest.raises(Problem, match=message):
        read_vocabulary(tmp_path)
    with pytest.raises(Problem, match="no tokenizer"):
        read_vocabulary(tmp_path / "nowhere")
