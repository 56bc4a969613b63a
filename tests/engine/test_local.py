"""The engine on a small untrained model: what must hold whatever the model says."""

import json

import pytest

torch = pytest.importorskip("torch")

from anatili.engine import Sampling, open_engine  # noqa: E402
from anatili.engine.local import TransformersEngine, choose  # noqa: E402
from anatili.problem import Problem  # noqa: E402
from anatili.recipe import Pretrain, Tokenizer  # noqa: E402
from anatili.sample.topics import read_topics  # noqa: E402
from anatili.tokenizer import train as tokenizing  # noqa: E402
from anatili.train.init import from_scratch as make_model  # noqa: E402
from anatili.train.pretrain import save_model  # noqa: E402

ASK = [{"role": "user", "content": "Сәлем!"}]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("модель")
    tokenizer = tokenizing.train((t.pages["kk"].text for t in read_topics()), Tokenizer(vocabulary=600))
    tokenizing.save(tokenizer, place, 64)
    torch.manual_seed(3)
    settings = Pretrain(layers=1, hidden_size=32, heads=2, intermediate_size=64, context=64)
    save_model(make_model(settings, tokenizer.get_vocab_size(), 0, 1), place, place / "m")
    return place / "m"


def say(engine: TransformersEngine, **options) -> str:
    return "".join(chunk.text for chunk in engine.generate(ASK, Sampling(**options)))


def test_the_same_seed_says_the_same_and_another_something_else(folder):
    engine = open_engine(folder)
    assert say(engine, seed=1, max_tokens=20) == say(engine, seed=1, max_tokens=20)
    assert len({say(engine, seed=seed, max_tokens=20) for seed in range(4)}) > 1


@pytest.mark.parametrize("temperature", [0, 1.5])
def test_an_answer_keeps_a_form(folder, temperature):
    engine = open_engine(folder)
    form = {
        "type": "object",
        "required": ["қала", "n"],
        "additionalProperties": False,
        "properties": {"қала": {"enum": ["Алматы", "Семей"]}, "n": {"type": "integer", "minimum": 0, "maximum": 9}},
    }
    for seed in range(3):
        chunks = list(engine.generate(ASK, Sampling(max_tokens=50, temperature=temperature, seed=seed, schema=form)))
        said = json.loads("".join(chunk.text for chunk in chunks))
        assert said["қала"] in ("Алматы", "Семей")
        assert said["n"] in range(10)
        assert chunks[-1].finish == "stop"
    with pytest.raises(Problem, match="this JSON Schema cannot be used"):
        say(engine, schema={"type": "no such type"})


def test_any_object_begins_as_one(folder):
    assert say(open_engine(folder), schema={}, max_tokens=10).startswith("{")


def test_an_end_token_is_counted(folder):
    """lm-eval leaves the last token that is generated out: where none is counted, it leaves one of the prompt out."""
    engine = open_engine(folder)
    first, _ = next(engine.steps(engine.prompt(ASK), [], Sampling(temperature=0)))
    engine.tokenizer.eos_token = engine.tokenizer.convert_ids_to_tokens(first)
    (chunk,) = engine.generate(ASK, Sampling(temperature=0))
    assert (chunk.text, chunk.finish, chunk.tokens) == ("", "stop", 1)


def test_an_answer_never_outgrows_the_model(folder):
    engine = open_engine(folder)
    engine.tokenizer.eos_token = None  # it may not end early
    chunks = list(engine.generate(ASK, Sampling(max_tokens=10_000, temperature=0)))
    room = engine.context - len(engine.prompt(ASK))
    assert len(chunks) == room + 1
    assert (chunks[-1].finish, chunks[-1].tokens) == ("length", room)
    with pytest.raises(Problem, match="too long for this model"):
        list(engine.generate([{"role": "user", "content": "сөз " * 200}], Sampling()))


def test_cached_steps_say_what_whole_passes_say(folder):
    engine = open_engine(folder)
    ids = engine.prompt(ASK)
    for _ in range(10):
        logits = engine.model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -1]
        ids.append(int(logits.argmax()))
    whole = engine.tokenizer.decode(ids[-10:], skip_special_tokens=True)
    assert say(engine, max_tokens=10, temperature=0, repetition_penalty=1.0).startswith(whole.rstrip("\ufffd")[:5])


def test_a_base_model_without_a_template_goes_on_with_the_text(folder):
    engine = open_engine(folder)
    engine.tokenizer.chat_template = None
    assert engine.tokenizer.decode(engine.prompt(ASK)) == "Сәлем!\n"


@pytest.mark.parametrize(
    ("options", "allowed"), [({"temperature": 0}, {2}), ({"top_p": 0.5}, {2}), ({"top_p": 1.0}, {0, 1, 2})]
)
def test_sampling_takes_what_it_may(options, allowed):
    chooser = torch.Generator().manual_seed(0)
    taken = {choose(torch.tensor([0.0, 1.0, 2.5]), [], Sampling(**options), chooser, torch) for _ in range(300)}
    assert taken == allowed if len(allowed) > 1 else taken <= allowed


def test_what_was_said_is_made_less_likely():
    logits = torch.tensor([1.0, 1.1])
    assert choose(logits.clone(), [1], Sampling(temperature=0, repetition_penalty=2.0), torch.Generator(), torch) == 0


def test_a_folder_without_a_model_is_told(tmp_path):
    with pytest.raises(Problem, match="no model in"):
        open_engine(tmp_path)


def test_pickled_weights_are_not_read(folder, tmp_path):
    for path in folder.iterdir():
        if path.name != "model.safetensors":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    torch.save({}, tmp_path / "pytorch_model.bin")
    with pytest.raises(Problem, match=r"pickle.*refused"):
        open_engine(tmp_path)
