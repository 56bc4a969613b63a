"""Main text of a page by a small classifier of its blocks."""
