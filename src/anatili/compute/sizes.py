"""Shapes for models of a given size, where there is no recipe yet: those of published models, with one vocabulary."""

from anatili.compute.shape import Shape
from anatili.problem import Problem

VOCABULARY = 65536
CONTEXT = 4096
BATCH = 512
TIED_BELOW = 2e9
"""Weights below which input and output embeddings are one matrix."""
LADDER = {
    "0.1": (12, 768, 12, 12, 2048),
    "0.3": (24, 1024, 16, 16, 2816),
    "1": (16, 2048, 32, 8, 8192),
    "3": (28, 3072, 24, 8, 8192),
    "8": (32, 4096, 32, 8, 14336),
    "13": (40, 5120, 40, 40, 13824),
    "33": (60, 6656, 52, 52, 17920),
    "70": (80, 8192, 64, 8, 28672),
    "405": (126, 16384, 128, 8, 53248),
}
"""Billions of weights -> layers, hidden size, heads, key heads and feed-forward size: of GPT-2 small and medium with
gated layers, of Llama 3.2 1B and 3B, 3 8B, 1 13B and 33B, 3 70B and 3.1 405B."""


def shape_for(size: str) -> Shape:
    """The shape of a model of `size` billion weights; `Problem` lists the sizes that are known."""
    if size not in LADDER:
        raise Problem(f"no size {size!r}; known, in billions of weights: {', '.join(LADDER)}")
    layers, hidden_size, heads, kv_heads, intermediate_size = LADDER[size]
    return Shape(
        layers=layers,
        hidden_size=hidden_size,
        heads=heads,
        kv_heads=kv_heads,
        head_size=hidden_size // heads,
        intermediate_size=intermediate_size,
        vocabulary=VOCABULARY,
        tied=float(size) * 1e9 < TIED_BELOW,
        origin=f"a published shape near {size} G weights",
    )
