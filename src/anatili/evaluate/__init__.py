"""How good a model is, with intervals, chance and baselines."""
