"""A context longer than the base's takes settings of its own, which go into the model."""

import pytest
import small_models
import training

torch = pytest.importorskip("torch")

from anatili.problem import Problem  # noqa: E402
from anatili.recipe import Pretrain  # noqa: E402
from anatili.train import devices, init  # noqa: E402


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return small_models.make_folder(tmp_path_factory.mktemp("base"), "llama")


def test_a_longer_context_needs_a_setting(base):
    known = init.open_model(base).config.max_position_embeddings
    with pytest.raises(Problem, match=f"the base was made for {known:,} tokens: set rope_theta"):
        init.open_model(base, settings=Pretrain(context=2 * known))
    with pytest.raises(Problem, match="rope_scaling needs a context above"):
        init.open_model(base, settings=Pretrain(context=known, rope_scaling="yarn"))
    with pytest.raises(Problem, match="rope_scaling is for a base"):
        init.from_scratch(Pretrain(rope_scaling="yarn"), 600, 0, 1)


@pytest.mark.parametrize("settings", [{"rope_theta": 1e6}, {"rope_scaling": "yarn"}, {"rope_scaling": "linear"}])
def test_positions_are_those_that_are_asked_for(base, tmp_path, settings):
    before = init.open_model(base)
    known = before.config.max_position_embeddings
    model = init.open_model(base, settings=Pretrain(context=4 * known, **settings))
    rope = model.config.rope_parameters
    assert model.config.max_position_embeddings == 4 * known
    assert rope["rope_theta"] == settings.get("rope_theta", before.config.rope_parameters["rope_theta"])
    assert rope["rope_type"] == settings.get("rope_scaling", "default")
    assert rope.get("factor", 4) == 4
    old, new = (m.model.rotary_emb.inv_freq for m in (before, model))
    assert new[-1] < old[-1], "the slowest turn reaches further"
    positions = torch.arange(8)[None]
    assert model(input_ids=positions, position_ids=3 * known + positions).logits.isfinite().all()


def test_a_model_from_scratch_takes_the_base_of_the_frequencies():
    model = init.from_scratch(Pretrain(context=16_384, rope_theta=5e5), 600, 0, 1)
    assert model.config.rope_parameters["rope_theta"] == 5e5
    assert model.config.max_position_embeddings == 16_384
    assert init.from_scratch(Pretrain(), 600, 0, 1).config.rope_parameters["rope_theta"] == 10_000


def test_a_device_that_is_not_there_is_told(monkeypatch):
    monkeypatch.setenv("ANATILI_DEVICE", "cpu")
    assert devices.pick_device() == torch.device("cpu")
    monkeypatch.setenv("ANATILI_DEVICE", "abacus")
    with pytest.raises(Problem, match="no such device; there are auto, cpu, ascend"):
        devices.pick_device()
    monkeypatch.setenv("ANATILI_DEVICE", "ascend")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(Problem, match="pip install torch-npu"):
        devices.pick_device()
    assert not devices.has_flex_attention(torch.device("cpu"))


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
def test_flex_attention_keeps_documents_apart_as_the_mask_does():
    """Only forward and not compiled: torch has no backward pass of it on a CPU, and no accelerator is here."""
    inputs, _, positions = training.batch(1)
    hidden = {}
    for kind in ("sdpa", "flex_attention"):
        torch.manual_seed(1)
        model = init.from_scratch(training.settings(), 128, 0, 1).eval()
        model.set_attn_implementation(kind)
        with torch.compiler.set_stance("force_eager"), torch.no_grad():
            hidden[kind] = model.model(input_ids=inputs, position_ids=positions, use_cache=False)[0]
    assert torch.allclose(hidden["sdpa"], hidden["flex_attention"], atol=1e-5)
