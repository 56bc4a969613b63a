"""Index the corpus and find passages in it that answer a question."""
