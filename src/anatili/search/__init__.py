"""Make the corpus searchable and answer from it, with citations."""
