"""Taking documents out of a run: what is affected, the log, and the rebuilding that reaches the weights."""
