"""Positions of a context that is longer than the base's: the base of RoPE's frequencies, and their scaling."""

from typing import TYPE_CHECKING

from anatili.problem import Problem
from anatili.recipe import Pretrain

if TYPE_CHECKING:
    from transformers import PretrainedConfig


def set_positions(config: "PretrainedConfig", settings: Pretrain) -> None:
    """Give the config of a base the positions that [pretrain] asks for; `Problem` where a base cannot have them."""
    known, context = config.max_position_embeddings, settings.context
    if context <= known and not (settings.rope_theta or settings.rope_scaling):
        return
    rope = dict(config.rope_parameters or {})
    if "full_attention" in rope:
        raise Problem("[pretrain] rope_theta and rope_scaling do not go with a base that has two kinds of attention")
    if not (settings.rope_theta or settings.rope_scaling):
        raise Problem(
            f"[pretrain] context = {context:,}, but the base was made for {known:,} tokens: set rope_theta (a larger "
            'base of the frequencies) or rope_scaling = "yarn", or lower context'
        )
    theta = settings.rope_theta or rope["rope_theta"]
    if not settings.rope_scaling:
        config.rope_parameters = rope | {"rope_theta": theta}
    elif context <= known:
        raise Problem(f"[pretrain] rope_scaling needs a context above the {known:,} tokens of the base")
    else:
        scaled = {"rope_type": settings.rope_scaling, "rope_theta": theta, "factor": context / known}
        original = {"original_max_position_embeddings": known} if settings.rope_scaling == "yarn" else {}
        config.rope_parameters = scaled | original
    config.max_position_embeddings = max(known, context)
