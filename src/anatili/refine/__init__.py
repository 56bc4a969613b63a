"""From pages to a corpus: extract, mark, dedup, cut, pairs."""
