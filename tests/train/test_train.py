"""Packing, the loop's exact resume, and what bears loss."""

import json
import resource
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from anatili.document import Kept, write_shard  # noqa: E402
from anatili.problem import Problem  # noqa: E402
from anatili.recipe import Pretrain, Tokenizer, Tune  # noqa: E402
from anatili.sample.topics import read_topics  # noqa: E402
from anatili.stage import Quiet  # noqa: E402
from anatili.tokenizer import train as tokenizing  # noqa: E402
from anatili.train import data, devices, loop, schedule, sft_examples, tune  # noqa: E402
from anatili.train.corpus import write_tokens  # noqa: E402
from anatili.train.init import from_scratch as make_model  # noqa: E402
from anatili.train.loss import LossWrapper  # noqa: E402
from anatili.train.pretrain import clear, save_model  # noqa: E402

SETTINGS = Pretrain(layers=1, hidden_size=32, heads=2, intermediate_size=64, context=32)


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


def tokens_of(folder, tokenizer_folder) -> data.Counts:
    return write_tokens([folder / "part-0.parquet"], tokenizer_folder, folder / "tokens")


def mixture(folder, counts, **settings) -> data.Mixture:
    wanted = {"context": 32, "batch": 4, "tokens": 128 * 100, "max_epochs": 100, "mix": {"kk": 3, "en": 1}, **settings}
    return data.mix(folder / "tokens", counts, Pretrain(layers=1, hidden_size=32, heads=2, **wanted), 0)


def test_the_mix_is_kept_and_every_window_comes_once_a_pass(tmp_path, tokenizer_folder):
    from tokenizers import Tokenizer as Bpe

    rows = corpus(tmp_path)
    counts = tokens_of(tmp_path, tokenizer_folder)
    assert set(counts) == {"kk/s", "en/s"}
    mixed = mixture(tmp_path, counts)
    groups = [mixed.locate(n)[0] for n in range(10_400)]
    assert groups[:10_000].count("kk/s") == 7500
    places = [place for n in range(10_400) for group, place in [mixed.locate(n)] if group == "kk/s"]
    assert places == list(range(len(places)))  # no window left out, none twice, over the end of a block
    windows = data.windows_of(counts["en/s"]["tokens"], 32)
    firsts = [tuple(mixed.sequence(n)) for n in range(10_000) if groups[n] == "en/s"][:windows]
    assert len(set(firsts)) == windows
    kazakh = next(row for row in rows if row.language == "kk")
    flat = np.fromfile(tmp_path / "tokens" / "kk" / "s" / "000000.bin", np.uint32)
    (tmp_path / "part-0.parquet").unlink()  # a resumed run keeps what is whole
    assert tokens_of(tmp_path, tokenizer_folder) == counts
    bpe = Bpe.from_file(str(tokenizer_folder / "tokenizer.json"))
    assert flat[0] == 0
    assert bpe.decode(list(flat[1 : list(flat).index(1)])) == f"{kazakh.title}\n{kazakh.text}"


def test_each_sequence_begins_as_a_text_does_and_each_pass_has_every_token_in_another_order(tmp_path, tokenizer_folder):
    corpus(tmp_path)
    counts = tokens_of(tmp_path, tokenizer_folder)
    mixed = mixture(tmp_path, counts, mix={"kk": 1})
    flat = np.fromfile(tmp_path / "tokens" / "kk" / "s" / "000000.bin", np.uint32)
    windows = data.windows_of(len(flat), 32)
    passes = []
    for turn in range(2):
        rows = [mixed.sequence(turn * windows + n) for n in range(windows)]
        assert all(len(row) == 33 and row[0] == 0 for row in rows)
        inputs, labels, positions = (part for part in mixed.batch(turn, windows))
        assert (positions[inputs == 0] == 0).all()
        assert (labels[labels != data.IGNORED] != 0).all()
        # A sequence that starts within a document repeats no token: its begin token is its own.
        text = [token for row in rows for token in row[1 if row[1] != 0 else 0 :].tolist() if token > 1]
        passes.append(text)
        assert len(text) > 0.95 * (flat > 1).sum()
    assert passes[0] != passes[1]
    assert (np.bincount(passes[0], minlength=1000) - np.bincount(passes[1], minlength=1000)).__abs__().sum() < 200


def test_pairs_are_texts_both_ways_round(tmp_path, tokenizer_folder):
    from tokenizers import Tokenizer as Bpe

    corpus(tmp_path)
    (tmp_path / "kk-en.a.tsv").write_text("бір екі\tone two\n", "utf-8")
    bpe = Bpe.from_file(str(tokenizer_folder / "tokenizer.json"))
    counts = write_tokens(
        [tmp_path / "part-0.parquet"], tokenizer_folder, tmp_path / "tokens", [tmp_path / "kk-en.a.tsv"]
    )
    assert counts["pairs/a"]["documents"] == 2
    flat = np.fromfile(tmp_path / "tokens" / "pairs" / "a" / "000001.bin", np.uint32)
    texts = [bpe.decode([t for t in part if t > 1]) for part in np.split(flat, np.flatnonzero(flat == 0)[1:])]
    assert texts == ["бір екі\none two", "one two\nбір екі"]
    mixed = mixture(tmp_path, counts, mix={"kk": 3, "pairs": 1})
    assert mixed.weights == {"kk/s": 0.75, "pairs/a": 0.25}


def test_the_decay_draws_the_best_text_and_goes_on_where_it_was(tmp_path, tokenizer_folder):
    rows = corpus(tmp_path)
    better = [replace(row, source="best") if row.language == "kk" and i % 3 else row for i, row in enumerate(rows)]
    write_shard(tmp_path / "part-0.parquet", Kept, better)
    counts = tokens_of(tmp_path, tokenizer_folder)
    mixed = mixture(tmp_path, counts, anneal=["best"], decay=0.5)
    total = 400
    assert mixed.anneal_start == 200
    assert {mixed.locate(n)[0] for n in range(200, total)} == {
        "kk/best",
        "en/s",
    }  # en has no best text: it keeps its own
    assert "kk/s" in {mixed.locate(n)[0] for n in range(200)}
    places = [place for n in range(total) for group, place in [mixed.locate(n)] if group == "kk/best"]
    assert places == list(range(len(places)))
    with pytest.raises(Problem, match="anneal names nowhere"):
        mixture(tmp_path, counts, anneal=["nowhere"])


def test_no_source_is_gone_through_more_often_than_allowed(tmp_path, tokenizer_folder):
    corpus(tmp_path)
    counts = tokens_of(tmp_path, tokenizer_folder)
    windows = {group: data.windows_of(count["tokens"], 32) for group, count in counts.items()}
    tokens = 32 * 4 * (sum(windows.values()) // 4)
    settings = {"tokens": tokens, "max_epochs": 1.5, "mix": {"kk": 1, "en": 20}}
    epochs = data.epochs(mixture(tmp_path, counts, **settings), counts, tokens // 32)
    assert epochs["en/s"] == pytest.approx(1.5, abs=0.1)  # wanted far more; Kazakh took what was left over
    assert 0.4 < epochs["kk/s"] < 1.0
    nothing = data.epochs(mixture(tmp_path, counts, tokens=0), counts, 0)
    assert {str(share) for share in nothing.values()} == {"0.0"}
    with pytest.raises(Problem, match="more than the corpus gives"):
        mixture(tmp_path, counts, tokens=tokens * 2, max_epochs=1.5)


def test_attention_does_not_cross_documents_and_begin_tokens_bear_no_loss():
    ids = torch.tensor([[0, 5, 6, 7, 0, 8, 9, 5]])
    positions = torch.from_numpy(data.positions_of(ids.numpy(), 0))
    assert positions.tolist() == [[0, 1, 2, 3, 0, 1, 2, 3]]
    model = new_model().eval()
    both = model(input_ids=ids, position_ids=positions, use_cache=False).logits[0, 4:]
    alone = model(input_ids=ids[:, 4:], use_cache=False).logits[0]
    assert torch.allclose(both, alone, atol=1e-5)
    labels = torch.where(ids[:, 1:] == 0, data.IGNORED, ids[:, 1:])
    loss = LossWrapper(model, torch.float32)(ids[:, :-1], labels, positions[:, :-1])
    logits = model(input_ids=ids[:, :-1], position_ids=positions[:, :-1], use_cache=False).logits
    plain = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="sum")
    assert loss.item() == pytest.approx(plain.item(), rel=1e-5)


def test_head_and_loss_together_have_the_gradients_of_both_apart(monkeypatch):
    monkeypatch.setattr("anatili.train.loss.LOGIT_BYTES", 4 * 128 * 3)  # three tokens at a time
    one, two = new_model(), new_model()
    ids = torch.randint(3, 128, (2, 17), generator=torch.Generator().manual_seed(1))
    positions = torch.arange(16).expand(2, 16)
    LossWrapper(one, torch.float32)(ids[:, :-1], ids[:, 1:], positions).backward()
    logits = two(input_ids=ids[:, :-1], use_cache=False).logits
    torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="sum").backward()
    for name, parameter in one.named_parameters():
        other = dict(two.named_parameters())[name]
        assert torch.allclose(parameter.grad, other.grad, atol=1e-4), name


def test_a_language_without_text_is_told(tmp_path):
    counts = {"kk/s": {"tokens": 500, "bytes": 5, "documents": 1}}
    with pytest.raises(Problem, match="mix names zz"):
        mixture(tmp_path, counts, mix={"zz": 1.0})
    with pytest.raises(Problem, match="no tokens"):
        mixture(tmp_path, {}, mix={})


def plan(steps: int) -> schedule.TrainingPlan:
    def batch(step: int):
        tokens = torch.randint(3, 100, (4, 17), generator=torch.Generator().manual_seed(step))
        return tokens[:, :-1], tokens[:, 1:], torch.arange(16).expand(4, 16)

    return schedule.TrainingPlan(
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


def test_a_full_disk_at_a_checkpoint_is_told_and_costs_nothing(tmp_path, monkeypatch):
    """A limit on file size, set while it trains, stands in for a full disk: the same error path."""
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fills_up(step: int):
        if step == 5:
            resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
        return plan(12).batch(step)

    filling = plan(12)
    object.__setattr__(filling, "batch", fills_up)
    try:
        with pytest.raises(Problem, match=r"no space left to write .*checkpoint\.safetensors"):
            loop.train(new_model(), filling, tmp_path, Quiet())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint.safetensors", "log.jsonl"]
    resumed, whole = new_model(), new_model()
    loop.train(resumed, plan(12), tmp_path, Quiet())
    (tmp_path / "whole").mkdir()
    loop.train(whole, plan(12), tmp_path / "whole", Quiet())
    assert all(torch.equal(value, state(resumed)[name]) for name, value in state(whole).items())


def looked_at(means):
    """A check that says these means in turn, and after them the first weight's mean."""
    given = iter(means)
    return lambda wrapped, device: {"mean": next(given)}


@pytest.mark.parametrize(
    ("means", "chosen"),
    [((3.0, 2.0, 1.5, 1.6), "last"), ((3.0, 1.0, 2.0, 1.5), "best"), ((3.0, 2.5, 2.0, 1.5), "average")],
)
def test_the_model_ends_in_its_best_state(tmp_path, means, chosen):
    wanted = replace(plan(12), check=looked_at(means), check_every=4, average=0.25)
    states = {}

    def noted(step: int):
        states[step] = state(model)
        return plan(12).batch(step)

    model = new_model()
    rows = loop.train(model, replace(wanted, batch=noted), tmp_path, Quiet())
    assert [row["held_out"]["mean"] for row in rows if "held_out" in row] == list(means[:3])
    assert rows[-1]["state"] == chosen
    plain = new_model()
    (tmp_path / "plain").mkdir()
    loop.train(plain, plan(12), tmp_path / "plain", Quiet())
    last, ended = state(plain), state(model)
    mean = {name: (states[10][name] + states[11][name] + value) / 3 for name, value in last.items()}
    expected = {"last": last, "best": states[8], "average": mean}[chosen]
    for name, value in expected.items():
        assert torch.allclose(ended[name], value, atol=1e-6), name
    assert not all(
        torch.allclose(ended[name], other[name], atol=1e-6)
        for name in ended
        for other in ({"last": mean}.get(chosen, last),)
    )


def test_a_training_with_average_and_best_resumes_to_the_same_weights(tmp_path, monkeypatch):
    def check(wrapped, device):
        return {"mean": float(next(wrapped.parameters()).detach().double().mean())}

    wanted = replace(plan(12), check=check, check_every=3, average=0.5)
    whole, resumed = new_model(), new_model()
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    rows = loop.train(whole, wanted, tmp_path / "a", Quiet())
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)

    def break_off(step: int):
        if step == 9:
            raise KeyboardInterrupt
        return plan(12).batch(step)

    with pytest.raises(KeyboardInterrupt):
        loop.train(new_model(), replace(wanted, batch=break_off), tmp_path / "b", Quiet())
    again = loop.train(resumed, wanted, tmp_path / "b", Quiet())
    assert [row.get("held_out") for row in again] == [row.get("held_out") for row in rows]
    assert all(torch.equal(value, state(resumed)[name]) for name, value in state(whole).items())


def test_what_training_leaves_goes_as_a_whole_and_the_checkpoint_last(tmp_path, monkeypatch):
    for name in (
        "tokens/kk/000000.bin",
        "held-out/counts.json",
        "checkpoint.safetensors",
        "checkpoint-3/0",
        "rows/log",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x", "utf-8")

    def stop_in_the_middle(folder, **_):
        if Path(folder).exists():
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", stop_in_the_middle)
        with pytest.raises(KeyboardInterrupt):
            clear(tmp_path)
    assert not (tmp_path / "tokens").exists(), "half of it would be taken for all of it"
    assert (tmp_path / "checkpoint.safetensors").exists()
    clear(tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_curves_of_many_languages_are_drawn(tmp_path):
    from anatili.train.curves import save_curves

    rows = [{"tokens": n, "loss": 3 - n / 10, "rate": 1e-3} for n in range(10)]
    save_curves(tmp_path / "plain.png", rows)
    for row in rows[::3]:
        row["held_out"] = dict.fromkeys(("kk", "ru", "en", "tr", "pairs", "tt", "mean"), 1.5 - row["tokens"] / 100)
    save_curves(tmp_path / "looked.png", rows)
    assert (tmp_path / "looked.png").stat().st_size > (tmp_path / "plain.png").stat().st_size > 10_000


def test_held_out_bits_are_those_of_the_model_alone(tmp_path, tokenizer_folder):
    from tokenizers import Tokenizer as Bpe

    from anatili.train import held_out

    rows = corpus(tmp_path)
    bpe = Bpe.from_file(str(tokenizer_folder / "tokenizer.json"))
    settings = Pretrain(context=64, check_tokens=100_000, check_every=1, mix={"kk": 3, "en": 1})
    held_out_check = held_out.make_check(tokens_of(tmp_path, tokenizer_folder), 0, tmp_path / "tokens", settings)
    torch.manual_seed(0)
    model = make_model(SETTINGS, bpe.get_vocab_size(), 0, 1)
    bits = held_out_check(LossWrapper(model, torch.float32), torch.device("cpu"))
    assert set(bits) == {"kk", "en", "mean"}
    assert bits["mean"] == pytest.approx((3 * bits["kk"] + bits["en"]) / 4, abs=1e-4)
    # A model that knows nothing gives each token the same probability.
    size = sum(len(f"{row.title}\n{row.text}".encode()) for row in rows if row.language == "kk")
    count = sum(len(bpe.encode(f"{row.title}\n{row.text}").ids) + 1 for row in rows if row.language == "kk")
    assert bits["kk"] == pytest.approx(count * np.log2(bpe.get_vocab_size()) / size, rel=0.03)
    with pytest.raises(Problem, match="needs held-out documents"):
        held_out.make_check(write_tokens([], tokenizer_folder, tmp_path / "none"), 0, tmp_path / "none", settings)


def test_the_rate_rises_stays_and_falls():
    rates = [schedule.rate_at(step, plan(100)) for step in range(100)]
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
    with pytest.raises(Problem, match="Lower learning_rate"):
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
    spoken = tokenizer.decode([label for label in labels if label != data.IGNORED])
    assert spoken == "Абай – ақын.<|end|>1845 жылы.<|end|>"
    assert all(label in (loop.IGNORED, follower) for label, follower in zip(labels, ids[1:], strict=False))


@pytest.mark.parametrize(
    "line",
    [
        "no json",
        "{}",
        '{"messages": []}',
        '{"messages": [{"role": "user", "content": "x"}]}',
        '{"messages": [{"role": "robot", "content": "x"}, {"role": "assistant", "content": "x"}]}',
    ],
)
def test_wrong_instructions_are_told_with_their_line(tmp_path, line):
    good = json.dumps({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]})
    (tmp_path / "i.jsonl").write_text(f"{good}\n{line}\n", "utf-8")
    with pytest.raises(Problem, match=r"i.jsonl:2: not a conversation"):
        sft_examples.instructions(Tune(instructions="i.jsonl"), tmp_path)


def test_the_tokenizer_gives_back_every_text(tokenizer_folder):
    from tokenizers import Tokenizer as Bpe

    bpe = Bpe.from_file(str(tokenizer_folder / "tokenizer.json"))
    for text in ("Қазақ тілі – әдемі тіл!\n\n 1991 жыл,  ₸500", "Türkçe ğüşiöç", "قازاق ٴتىلى", "日本語 🐎", " a  b "):
        assert bpe.decode(bpe.encode(text, add_special_tokens=False).ids, skip_special_tokens=False) == text


def test_too_little_text_for_a_tokenizer_is_told():
    with pytest.raises(Problem, match="too small for a tokenizer"):
        tokenizing.train(iter(["аб"]), Tokenizer(vocabulary=600))


def test_a_part_of_a_batch_without_labels_costs_nothing():
    model = new_model()
    ids = torch.randint(3, 128, (1, 16), generator=torch.Generator().manual_seed(1))
    loss = LossWrapper(model, torch.float32)(ids, torch.full_like(ids, data.IGNORED), torch.arange(16)[None])
    loss.backward()
    assert loss.item() == 0
    assert all(p.grad is None or not p.grad.any() for p in model.parameters())


def test_a_resumed_training_goes_on_in_the_type_it_began_in(tmp_path, monkeypatch):
    monkeypatch.setattr(devices, "fastest", lambda kind: "bfloat16")
    assert devices.settle_precision("auto", tmp_path) == "bfloat16"
    monkeypatch.setattr(devices, "fastest", lambda kind: "float32")
    assert devices.settle_precision("auto", tmp_path) == "bfloat16"
    assert devices.settle_precision("float32", tmp_path) == "float32"
    (tmp_path / "new").mkdir()
    assert devices.settle_precision("auto", tmp_path / "new") == "float32"


@pytest.mark.parametrize(
    ("seconds", "chosen"), [((1.0, 0.5), "bfloat16"), ((1.0, 0.95), "float32"), ((1, 2), "float32")]
)
def test_the_faster_type_is_taken(monkeypatch, seconds, chosen):
    clock = [0.0]

    def multiply(left, right):
        clock[0] += seconds[left.dtype == torch.bfloat16]

    monkeypatch.setattr(torch.Tensor, "__matmul__", multiply)
    monkeypatch.setattr(devices.time, "perf_counter", lambda: clock[0])
    assert devices.fastest.__wrapped__("cpu") == chosen
    assert devices.fastest.__wrapped__("cuda") == "bfloat16"


def test_the_energy_counter_may_begin_anew(tmp_path, monkeypatch):
    from anatili.train import throughput

    counter, full = tmp_path / "energy_uj", tmp_path / "max_energy_range_uj"
    monkeypatch.setattr(throughput, "COUNTER", counter)
    monkeypatch.setattr(throughput, "FULL", full)
    assert throughput.Power(torch.device("cpu")).joules() == 0  # not readable here
    counter.write_text("90000000")
    full.write_text("100000000")
    power = throughput.Power(torch.device("cpu"))
    for now, used in ((95, 5.0), (3, 13.0), (4, 14.0)):
        counter.write_text(str(now * 1_000_000))
        assert power.joules() == used


def test_a_half_written_line_of_a_log_is_no_trouble():
    from anatili.train.launch import note

    assert note('{"loss": 1.5}') == "loss 1.500"
    assert note('{"loss": 1.') == ""
