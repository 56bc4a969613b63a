"""Memory of one device in our own training loop, by use.

The dry run, the check before a training and the plan's row for the recipe as it stands all take it from here. Layouts
that other software runs are in `memory.py`.
"""

from dataclasses import dataclass, replace

from anatili.compute.shape import Shape
from anatili.recipe import Pretrain

LOGIT_BYTES = 256 * 2**20
"""Bytes of logits held at a time during training, in float32."""
GATHERED, SCATTERED = 4, 4
"""Bytes per weight that processes exchange: two gathers in bfloat16 a micro-batch, and each scatter in float32."""
WHOLE_WITHIN = 0.8
"""Share of a device's memory within which gradients are kept whole between micro-batches."""
MARGIN = 1.08
"""For what is not counted: rotary factors, positions of labels, norms."""
HIDDEN = {("single", 2): 32, ("single", 4): 32, ("sharded", 2): 22, ("sharded", 4): 32}
"""Bytes per token, layer and hidden value that transformers' layers keep for the backward pass, without keys, values
and the MLP. Under autocast the residual stream is float32 and every matrix casts its own input; sharded weights are
gathered in bfloat16, and so is what they compute."""


@dataclass(frozen=True)
class Training:
    """What decides how much memory a device needs."""

    shape: Shape
    context: int
    sequences: int
    """In memory at a time, on one device."""
    accumulates: bool
    """Whether a step has several micro-batches."""
    checkpointing: bool
    optimizer: str
    width: int
    """Bytes per value of the forward pass: 2 or 4."""
    processes: int = 1
    whole: bool = False
    """Whether each process keeps whole gradients between micro-batches and scatters them once a step."""

    @property
    def rank(self) -> int:
        """Of the adapters; 0: all weights are learned."""
        return self.shape.rank


def training_of(settings: Pretrain, shape: Shape, processes: int) -> Training:
    """The training that [pretrain] asks for; `precision = "auto"` counts as bfloat16."""
    own = -(-settings.batch // processes)
    sequences = min(own, settings.micro_batch or own)
    return Training(
        shape=replace(shape, rank=settings.rank if settings.method == "lora" else 0),
        context=settings.context,
        sequences=sequences,
        accumulates=sequences < own,
        checkpointing=settings.checkpointing,
        optimizer=settings.optimizer,
        width=4 if settings.precision == "float32" else 2,
        processes=processes,
    )


def with_whole_gradients(training: Training, memory: float) -> Training:
    """The same with gradients that are kept whole between micro-batches, if they fit well into `memory` bytes of each
    device: then they are scattered once a step, not after each micro-batch."""
    whole = replace(training, whole=True)
    useful = training.accumulates and training.processes > 1
    return whole if useful and sum(needs(whole).values()) <= WHOLE_WITHIN * memory else training


def moved(training: Training, micro_batches: int) -> float:
    """Bytes per weight and micro-batch that processes exchange, for six operations; with adapters there is nothing to
    scatter, and there are four operations."""
    if training.rank:
        return 6 / 4 * GATHERED
    return GATHERED + SCATTERED / (micro_batches if training.whole else 1)


def needs(training: Training) -> dict[str, int]:
    """Bytes on one device by use, at the fullest moment of a step: at the loss, when the backward pass begins, or when
    it ends."""
    shape, processes, width = training.shape, training.processes, training.width
    total = round(shape.total)
    learned = shape.adapters if training.rank else total
    frozen = total if training.rank else 0
    state = {
        "weights": (4 * learned + width * frozen) // processes,
        "moments": moments(training, learned) // processes,
    }
    gradients = 4 * learned // processes
    whole = 4 * learned if training.whole else gradients
    gathered = gathered_bytes(training) if processes > 1 else 0
    before = whole if training.accumulates else 0
    moments_of_a_step = (
        {"gradients": before, "activations": kept(training), "logits": loss_bytes(training)},
        {"gradients": before + head_gradient(training), "activations": kept(training) + remade(training), "logits": 0},
        {"gradients": whole + head_gradient(training) // 2, "activations": one_layer(training), "logits": 0},
    )
    fullest = max(moments_of_a_step, key=lambda uses: sum(uses.values())) | ({"gathered": gathered} if gathered else {})
    return state | {use: round(MARGIN * size) if use != "gradients" else size for use, size in fullest.items()}


def layout_that_fits(settings: Pretrain, shape: Shape, devices: int, memory: float) -> str:
    """In words, what lets a training fit into `memory` bytes of each device: a smaller micro-batch, checkpointing, or
    more devices, in this order; empty if nothing does. Weights are sharded over all devices (FSDP): no other layout is
    run."""
    small = settings.model_copy(update={"micro_batch": 1})
    smallest = small.model_copy(update={"checkpointing": True})
    names = ("as the recipe is", "with micro_batch = 1", "with micro_batch = 1 and checkpointing = true")
    for number in [devices, *(2**power for power in range(13) if 2**power > devices)]:
        if settings.batch % number:
            continue
        for name, changed in zip(names, (settings, small, smallest), strict=True):
            if sum(needs(training_of(changed, shape, number)).values()) <= memory:
                return f"it fits on {number} devices {name}"
    return ""


def moments(training: Training, learned: int) -> int:
    """Bytes of the optimizer's moments: two a weight for AdamW; Muon keeps one for the matrices of the layers."""
    if training.optimizer == "adamw" or training.rank:
        return 8 * learned
    return 8 * learned - 4 * training.shape.layers * training.shape.layer


def one_layer(training: Training) -> int:
    """Bytes that one layer keeps for the backward pass."""
    shape, width = training.shape, training.width
    tokens = training.sequences * training.context
    hidden = HIDDEN["sharded" if training.processes > 1 else "single", width]
    values = hidden * shape.hidden_size + width * (2 * shape.query_size + 4 * shape.intermediate_size)
    normed = (4 + width) * (shape.query_size + shape.kv_size) if shape.qk_norm else 0
    mask = width * training.sequences * training.context**2
    copies = width * shape.layer if training.processes == 1 and width == 2 and not training.rank else 0
    return tokens * (values + normed) + mask + copies


def kept(training: Training) -> int:
    """Bytes that all layers, the mask and the last norm keep for the backward pass."""
    shape = training.shape
    tokens = training.sequences * training.context
    ends = tokens * 12 * shape.hidden_size + training.sequences * training.context**2
    if training.checkpointing:
        stream = 2 if training.processes > 1 and training.width == 2 else 4
        return shape.layers * tokens * stream * shape.hidden_size + ends
    return shape.layers * one_layer(training) + ends


def remade(training: Training) -> int:
    """Bytes of the layer that checkpointing computes again in the backward pass."""
    return one_layer(training) if training.checkpointing else 0


def head_gradient(training: Training) -> int:
    """Bytes of the gradient of head and embedding while it is made."""
    return 0 if training.rank else 8 * training.shape.embedding


def loss_bytes(training: Training) -> int:
    """Bytes of head and loss, computed for some tokens at a time (train/loss.py): logits, probabilities, a copy of
    bfloat16 logits in float32 (on a CPU), the head's gradient and its part from those tokens, and three copies of their
    hidden states."""
    shape, width = training.shape, training.width
    tokens = training.sequences * training.context
    chunk = max(1, min(tokens, LOGIT_BYTES // (4 * shape.vocabulary)))
    logits = chunk * shape.vocabulary * (10 if width == 2 else 8)
    head = shape.embedding * (width if width == 2 else 0)
    if not training.rank:
        head += shape.embedding * (4 + width)
    return logits + head + width * (tokens + 2 * chunk) * shape.hidden_size


def gathered_bytes(training: Training) -> int:
    """Bytes of weights that are gathered at a time, and of gradients on their way."""
    shape, width = training.shape, training.width
    return round(width * (3 * shape.layer + (1 if shape.tied else 2) * shape.embedding) + 4 * shape.layer)
