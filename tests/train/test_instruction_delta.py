"""The instruction delta: laid on an untouched base it is the sibling; what is no sibling is refused."""

import shutil

import pytest
import small_models

torch = pytest.importorskip("torch")
from safetensors.torch import load_file, save_file  # noqa: E402

from anatili.problem import Problem  # noqa: E402
from anatili.train import init  # noqa: E402
from anatili.train.instruction_delta import add_delta  # noqa: E402


@pytest.fixture(scope="module")
def siblings(tmp_path_factory):
    place = tmp_path_factory.mktemp("siblings")
    base = small_models.make_folder(place, "gemma3")
    instruct = place / "instruct"
    shutil.copytree(base, instruct)
    tensors = load_file(base / "model.safetensors")
    torch.manual_seed(5)
    changed = {name: value + 0.01 * torch.randn_like(value) for name, value in tensors.items()}
    save_file(changed, instruct / "model.safetensors", metadata={"format": "pt"})
    return base, instruct


def test_laid_on_the_base_it_is_the_sibling(siblings):
    base, instruct = siblings
    model, sibling = init.open_model(base), init.open_model(instruct)
    chosen = [[number] for number in range(40, 140)] + [[3, 9]]
    init.fit_embeddings(model, chosen)
    before = model.get_input_embeddings().weight.data.clone()
    add_delta(model, base, instruct, chosen, 1.0)
    for name, value in model.named_parameters():
        wanted = dict(sibling.named_parameters())[name].data
        if "embed" in name:
            wanted = torch.stack([wanted[row].mean(0) for row in chosen])
            assert not torch.equal(value, before)
        assert torch.allclose(value, wanted, atol=1e-5), name


def test_half_of_it_lies_between(siblings):
    base, instruct = siblings
    model, old, new = init.open_model(base), init.open_model(base), init.open_model(instruct)
    add_delta(model, base, instruct, [[n] for n in range(len(model.get_input_embeddings().weight))], 0.5)
    for value, one, other in zip(model.parameters(), old.parameters(), new.parameters(), strict=True):
        assert torch.allclose(value, (one + other) / 2, atol=1e-5)


def test_what_is_no_sibling_is_refused(siblings, tmp_path):
    base, instruct = siblings
    tensors = load_file(instruct / "model.safetensors")
    name = next(name for name in tensors if "q_proj" in name)
    for wrong, words in (
        ({k: v for k, v in tensors.items() if k != name}, "only one of them has"),
        (tensors | {name: tensors[name][:2].contiguous()}, "another shape"),
    ):
        shutil.copytree(instruct, tmp_path / "wrong", dirs_exist_ok=True)
        save_file(wrong, tmp_path / "wrong" / "model.safetensors", metadata={"format": "pt"})
        with pytest.raises(Problem, match=words):
            add_delta(init.open_model(base), base, tmp_path / "wrong", [[0]], 1.0)
