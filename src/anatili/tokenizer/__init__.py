"""Tokenizers that need few tokens per word in the language."""
