"""A commons of language data: people's corrections, translations and texts, with their consent and their votes."""
