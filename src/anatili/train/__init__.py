"""Train a model from scratch and teach it to answer."""
