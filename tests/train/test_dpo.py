"""Preferences: the better answer becomes likelier than the worse one, in all weights or in an adapter alone."""

import json

import pytest
import small_models

torch = pytest.importorskip("torch")

from anatili.problem import Problem  # noqa: E402
from anatili.recipe import Tune  # noqa: E402
from anatili.stage import Quiet  # noqa: E402
from anatili.train import dpo, init  # noqa: E402

SETTINGS = Tune(preferences="p.jsonl", batch=4, preference_rate=1e-3)
PREFERENCES = [
    {
        "messages": [{"role": "user", "content": f"{number} неше?"}],
        "chosen": "Қазақша жауап беремін.",
        "rejected": "Отвечаю по-русски.",
        "language": "kk",
    }
    for number in range(24)
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return small_models.make_folder(tmp_path_factory.mktemp("model"), "qwen3")


def margin(model, tokenizer) -> float:
    """How much likelier the better answer is than the worse one to an unseen request, in nats."""
    said = []
    for answer in ("chosen", "rejected"):
        ask = [{"role": "user", "content": "1000 неше?"}]
        ids = tokenizer.apply_chat_template(
            [*ask, {"role": "assistant", "content": PREFERENCES[0][answer]}], return_tensors="pt", return_dict=True
        )["input_ids"]
        first = len(tokenizer.apply_chat_template(ask, add_generation_prompt=True)["input_ids"])
        with torch.no_grad():
            chances = model(input_ids=ids).logits.log_softmax(-1)[0, first - 1 : -1]
        said.append(chances.gather(1, ids[0, first:, None]).sum().item())
    return said[0] - said[1]


@pytest.mark.parametrize("adapter", [False, True])
def test_what_is_preferred_becomes_likelier(folder, adapter, capsys):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = init.open_model(folder)
    torch.manual_seed(1)
    learner = init.add_adapter(model, 4, torch.float32) if adapter else model
    untouched = model.get_input_embeddings().weight.detach().clone()
    before = margin(model.eval(), tokenizer)
    summary = dpo.train_dpo(learner, tokenizer, PREFERENCES, SETTINGS, 128, torch.float32, Quiet())
    assert margin(model.eval(), tokenizer) > before + 1
    assert summary["preferences"] == 24
    assert summary["preference_steps"] == 6
    assert summary["last_margin"] > summary["first_margin"]
    assert torch.equal(model.get_input_embeddings().weight, untouched) == adapter
    if adapter:
        assert set(learner.peft_config) == {"default"}  # the copy that was the measure is gone
    assert capsys.readouterr() == ("", "")


def test_it_ends_in_the_same_weights_again(folder):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    ends = []
    for _ in range(2):
        model = init.open_model(folder)
        dpo.train_dpo(model, tokenizer, PREFERENCES, SETTINGS, 128, torch.float32, Quiet())
        ends.append(model.state_dict())
    assert all(torch.equal(value, ends[1][name]) for name, value in ends[0].items())


@pytest.mark.parametrize(
    "wrong",
    [
        "no json",
        "{}",
        '{"messages": [], "chosen": "a", "rejected": "b"}',
        '{"messages": [{"role": "assistant", "content": "x"}], "chosen": "a", "rejected": "b"}',
        '{"messages": [{"role": "user", "content": "x"}], "chosen": "a", "rejected": "a"}',
        '{"messages": [{"role": "user", "content": "x"}], "chosen": ["a"], "rejected": "b"}',
    ],
)
def test_a_wrong_line_is_told(tmp_path, wrong):
    (tmp_path / "p.jsonl").write_text(f"{json.dumps(PREFERENCES[0])}\n{wrong}\n", "utf-8")
    with pytest.raises(Problem, match=r"p\.jsonl:2: not a preference"):
        dpo.read_preferences(tmp_path / "p.jsonl")


def test_what_cannot_be_learned_is_told_before_training(monkeypatch):
    with pytest.raises(Problem, match="in one process"):
        dpo.check(SETTINGS, 2)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(Problem, match=r"pip install -e .*\[prefer\]"):
        dpo.check(SETTINGS, 1)
    dpo.check(Tune(), 2)
