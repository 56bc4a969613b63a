"""Training on several processes: nothing is held whole, and any number of processes goes on from a checkpoint."""

import json

import pytest

torch = pytest.importorskip("torch")

import training  # noqa: E402

from anatili.recipe import Tokenizer  # noqa: E402
from anatili.sample.topics import read_topics  # noqa: E402
from anatili.stage import Quiet  # noqa: E402
from anatili.tokenizer import train as tokenizing  # noqa: E402
from anatili.train import init, loop  # noqa: E402
from anatili.train.pretrain import save_model  # noqa: E402

STEPS = 9


def losses(folder) -> list[float]:
    return [json.loads(line)["loss"] for line in (folder / "log.jsonl").read_text("utf-8").splitlines()]


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    """The folder of a training in one process that nothing stops."""
    folder = tmp_path_factory.mktemp("one")
    torch.manual_seed(1)
    loop.train(init.from_scratch(training.settings(), 128, 0, 1), training.plan(STEPS), folder, Quiet())
    return folder


def test_killed_trainings_go_on_in_other_numbers_of_processes(one, tmp_path):
    for number, stop in ((1, 3), (2, 6), (4, -1)):
        codes = training.together(number, training.train_and_stop, tmp_path, STEPS, stop)
        assert all(code != 0 for code in codes) if stop > 0 else codes == [0] * number
        kinds = {path.name.split("-")[0] for path in tmp_path.glob("checkpoint*")}
        assert kinds == ({"checkpoint.safetensors"} if number == 1 else {"checkpoint"}), "the other kind is removed"
    assert losses(tmp_path) == pytest.approx(losses(one), abs=1e-3)
    assert training.together(1, training.train_and_stop, tmp_path, STEPS + 2, -1) == [0], "from four back to one"
    assert len(losses(tmp_path)) == STEPS + 2


def test_the_same_number_of_processes_goes_on_to_the_same_losses(tmp_path):
    for name in ("whole", "broken"):
        (tmp_path / name).mkdir()
    assert training.together(2, training.train_whole_and_broken, tmp_path, 4, 2) == [0, 0]
    assert len(losses(tmp_path / "whole")) == 4
    assert losses(tmp_path / "broken") == losses(tmp_path / "whole")


def test_no_process_builds_the_whole_model(tmp_path):
    folder = tmp_path / "tokenizer"
    folder.mkdir()
    texts = (page.text for topic in read_topics() for page in topic.pages.values())
    tokenizing.save(tokenizing.train(texts, Tokenizer(vocabulary=600)), folder, 64)
    shapes = ("llama", "qwen3")
    for shape in shapes:
        torch.manual_seed(5)
        save_model(init.from_scratch(training.settings(shape), 128, 0, 1), folder, tmp_path / shape)
    assert training.together(2, training.compare_starts, tmp_path) == [0, 0]
    for shape in shapes:
        before, after = (init.open_model(tmp_path / name) for name in (shape, f"{shape}-again"))
        for name, value in before.named_parameters():
            assert torch.equal(value, dict(after.named_parameters())[name]), name
