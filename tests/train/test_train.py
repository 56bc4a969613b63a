"""Packing, the loop's exact resume, and what bears loss."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from anatili.document import Kept, write_shard  # noqa: E402
from anatili.problem import Problem  # noqa: E402
from anatili.recipe import Pretrain, Tokenizer, Tune  # noqa: E402
from anatili.sample.topics import read_topics  # noqa: E402
from anatili.stage import Quiet  # noqa: E402
from anatili.tokenizer import train as tokenizing  # noqa: E402
from anatili.train import data, loop, tune  # noqa: E402
from anatili.train.pretrain import make_model, save_model  # noqa: E402

SETTINGS = Pretrain(layers=1, width=32, heads=2, feed_forward=64, context=32)


@pytest.fixture(scope="module")
def tokenizer_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokenizer")
    texts = (page.text for topic in read_topics() for page in topic.pages.values())
    tokenizing.save(tokenizing.train(texts, Tokenizer(vocabulary=1000)), folder, 64)
    return folder


def corpus(folder):
    rows = [
        Kept(f"{t.slug}-{c}", p.text, p.title, "", "s", "", "CC0-1.0", c, "Cyrl")
        for t in read_topics()[:10]
        for c, p in t.pages.items()
        if c in ("kk", "en")
    ]
    write_shard(folder / "part-0.parquet", Kept, rows)
    return rows


def test_the_mix_is_kept_and_every_window_comes_once_a_pass(tmp_path, tokenizer_folder):
    from tokenizers import Tokenizer as Bpe

    bpe = Bpe.from_file(str(tokenizer_folder / "tokenizer.json"))
    rows = corpus(tmp_path)
    counts = data.write_tokens([tmp_path / "part-0.parquet"], bpe, 1, tmp_path / "tokens")
    assert set(counts) == {"kk", "en"}
    mixture = data.Mixture(tmp_path / "tokens", 31, data.shares({"kk": 3, "en": 1}, counts), 0)
    languages = [mixture._language(n)[0] for n in range(4000)]
    assert languages.count("kk") == 3000
    places = [place for n in range(2500) for code, place in [mixture._language(n)] if code == "kk"]
    assert places == list(range(len(places)))  # no window left out, none twice
    windows = (counts["en"] - 1) // 31
    firsts = [tuple(mixture.sequence(n)) for n in range(5000) if mixture._language(n)[0] == "en"][:windows]
    assert len(set(firsts)) == windows
    kazakh = next(row for row in rows if row.language == "kk")
    flat = np.fromfile(tmp_path / "tokens" / "kk.bin", np.uint32)
    (tmp_path / "part-0.parquet").unlink()  # a resumed run keeps what is whole
    assert data.write_tokens([tmp_path / "part-0.parquet"], bpe, 1, tmp_path / "tokens") == counts
    assert bpe.decode(list(flat[: list(flat).index(1)])) == f"{kazakh.title}\n{kazakh.text}"


def test_a_language_without_text_is_told():
    with pytest.raises(Problem, match="mix names zz"):
        data.shares({"zz": 1.0}, {"kk": 5})
    with pytest.raises(Problem, match="no tokens"):
        data.shares({}, {})


def plan(steps: int) -> loop.Plan:
    def batch(step: int):
        tokens = torch.randint(3, 100, (4, 17), generator=torch.Generator().manual_seed(step))
        return tokens[:, :-1], tokens[:, 1:]

    return loop.Plan(
        steps=steps, batch=batch, learning_rate=1e-2, warmup=0.1, decay=0.3, weight_decay=0.1, precision="auto"
    )


def new_model():
    torch.manual_seed(0)
    return make_model(SETTINGS, 128, 0, 1)


def state(model) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in model.named_parameters()}


def test_a_broken_off_training_goes_on_to_the_same_weights(tmp_path, monkeypatch):
    whole = new_model()
    rows = loop.train(whole, plan(12), tmp_path / "a", Quiet()) if (tmp_path / "a").mkdir() is None else None
    (tmp_path / "b").mkdir()
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    calls = []

    def break_off(step: int):
        calls.append(step)
        if len(calls) == 8:
            raise KeyboardInterrupt
        return plan(12).batch(step)

    broken = plan(12)
    object.__setattr__(broken, "batch", break_off)
    with pytest.raises(KeyboardInterrupt):
        loop.train(new_model(), broken, tmp_path / "b", Quiet())
    resumed = new_model()
    again = loop.train(resumed, plan(12), tmp_path / "b", Quiet())
    assert [row["loss"] for row in again] == [row["loss"] for row in rows]
    for name, value in state(whole).items():
        assert torch.equal(value, state(resumed)[name]), name


def test_the_rate_rises_stays_and_falls():
    rates = [loop.rate_at(step, plan(100)) for step in range(100)]
    assert rates[0] == pytest.approx(1e-3)
    assert rates[50] == 1e-2
    assert rates[99] < 2e-3
    assert rates[10:70] == [1e-2] * 60


def test_training_lowers_the_loss(tmp_path):
    fixed = plan(60)
    object.__setattr__(fixed, "batch", lambda step: plan(1).batch(0))
    rows = loop.train(new_model(), fixed, tmp_path, Quiet())
    assert rows[-1]["loss"] < rows[0]["loss"] / 2


def test_a_loss_that_is_no_number_stops_the_run(tmp_path):
    model = new_model()
    next(model.parameters()).data.fill_(float("nan"))
    with pytest.raises(Problem, match="lower learning_rate"):
        loop.train(model, plan(3), tmp_path, Quiet())


def test_the_saved_folder_is_read_by_transformers_with_the_same_answers(tmp_path, tokenizer_folder):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = new_model().eval()
    save_model(model, tokenizer_folder, tmp_path)
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path).eval()
    ids = torch.tensor([[3, 4, 5, 6]])
    assert torch.equal(model(input_ids=ids).logits, loaded(input_ids=ids).logits)
    assert AutoTokenizer.from_pretrained(tmp_path).bos_token == tokenizing.BEGIN


def test_only_the_assistants_words_bear_loss_and_the_template_agrees(tmp_path, tokenizer_folder):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder)
    messages = [
        {"role": "user", "content": "Абай кім?"},
        {"role": "assistant", "content": "Абай – ақын."},
        {"role": "user", "content": "Қашан туды?"},
        {"role": "assistant", "content": "1845 жылы."},
    ]
    ids, labels = tune.encode(messages, tokenizer, 1000)
    template = tokenizer.apply_chat_template(messages, tokenize=False)
    assert tokenizer.encode(template, add_special_tokens=False) == [*ids, tokenizer.eos_token_id]
    spoken = tokenizer.decode([label for label in labels if label != loop.IGNORED])
    assert spoken == "Абай – ақын.<|end|>1845 жылы.<|end|>"
    assert all(label in (loop.IGNORED, follower) for label, follower in zip(labels, ids[1:], strict=False))


@pytest.mark.parametrize(
    "line",
    ["no json", "{}", '{"messages": []}', '{"messages": [{"role": "user", "content": "x"}]}',
     '{"messages": [{"role": "robot", "content": "x"}, {"role": "assistant", "content": "x"}]}'],
)  # fmt: skip
def test_wrong_instructions_are_told_with_their_line(tmp_path, line):
    good = json.dumps({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]})
    (tmp_path / "i.jsonl").write_text(f"{good}\n{line}\n", "utf-8")
    with pytest.raises(Problem, match=r"i.jsonl:2: no conversation"):
        tune.read(Tune(instructions="i.jsonl"), tmp_path)


def test_the_tokenizer_gives_back_every_text(tokenizer_folder):
    from tokenizers import Tokenizer as Bpe

    bpe = Bpe.from_file(str(tokenizer_folder / "tokenizer.json"))
    for text in ("Қазақ тілі – әдемі тіл!\n\n 1991 жыл,  ₸500", "Türkçe ğüşiöç", "قازاق ٴتىلى", "日本語 🐎", " a  b "):
        assert bpe.decode(bpe.encode(text, add_special_tokens=False).ids, skip_special_tokens=False) == text


def test_too_little_text_for_a_tokenizer_is_told():
    with pytest.raises(Problem, match="too small for a tokenizer"):
        tokenizing.train(iter(["аб"]), Tokenizer(vocabulary=600))
