"""Chat served to people: an OpenAI-compatible API and a page."""
