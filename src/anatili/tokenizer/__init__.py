"""Cut text into tokens that are fair to the language."""
