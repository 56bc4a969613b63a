"""How much text there is in tokens, what repeating it is worth, and where more money stops helping.

Losses are of English text with each paper's tokenizer: compare them with one another, never with a measured loss.
"""

import math
from dataclasses import dataclass
from functools import cache

E, A, B, ALPHA = math.exp(0.6254804), math.exp(6.255414), math.exp(7.3049974), 0.3526596
"""Loss = E + A / parameters^ALPHA + B / tokens^ALPHA (github.com/huggingface/datablations README, for arXiv
2305.16264)."""
REPEATED, EXCESS = 15.387756, 5.309743
"""How fast repeated tokens, and parameters beyond what the tokens warrant, lose their worth (the same source)."""
FERTILITY = 1.6
"""Tokens per word that are assumed if nothing is known about the tokenizer."""
FERTILITY_SOURCE = "a vocabulary learned on the language; this project's own has 1.58, that of Llama 3.1 4.7 for Kazakh"
MANY_EPOCHS = 4
"""Up to here repeated text is worth nearly as much as new text (arXiv 2305.16264)."""
SMALLEST, LARGEST, PER_DECADE = 6.0, 12.0, 50


@dataclass(frozen=True)
class BestModel:
    """The best model for a budget and a text."""

    parameters: float
    epochs: float
    loss: float


def worth(unique: float, epochs: float) -> float:
    """How many new tokens `epochs` passes over `unique` tokens are worth (Muennighoff et al., 2023, equation 5)."""
    return unique * (1 + REPEATED * (1 - math.exp(-max(0.0, epochs - 1) / REPEATED)))


def most_worth(unique: float) -> float:
    """What endless passes over `unique` tokens are worth."""
    return unique * (1 + REPEATED)


def predicted_loss(parameters: float, unique: float, epochs: float = 1.0) -> float:
    """Nats per token of a model of this size after `epochs` passes over `unique` tokens.

    Parameters beyond those that the unique tokens warrant count for less and less, as repeated tokens do.
    """
    balance = (A / B) ** (1 / (2 * ALPHA))  # both exponents are equal in this fit
    base = min(parameters, unique * balance**2)
    useful = base * (1 + EXCESS * (1 - math.exp(-(parameters / base - 1) / EXCESS)))
    return float(E + A / useful**ALPHA + B / worth(unique, epochs) ** ALPHA)


def best_model(flops: float, unique: float) -> BestModel:
    """The size and number of epochs with the lowest loss for a budget of 6 x parameters x tokens operations."""
    steps = range(round(SMALLEST * PER_DECADE), round(LARGEST * PER_DECADE) + 1)
    models = (_trained(10 ** (step / PER_DECADE), flops, unique) for step in steps)
    return min(models, key=lambda model: model.loss)


def _trained(parameters: float, flops: float, unique: float) -> BestModel:
    tokens = flops / 6 / parameters
    loss = predicted_loss(parameters, min(unique, tokens), max(1.0, tokens / unique))
    return BestModel(parameters, tokens / unique, loss)


@cache
def ceiling(unique: float) -> float:
    """The budget in operations beyond which ten times the money lowers the loss by less than 0.01."""
    budget = 1e17
    while best_model(budget, unique).loss - best_model(10 * budget, unique).loss >= 0.01 and budget < 1e28:
        budget *= 10**0.25
    return budget
