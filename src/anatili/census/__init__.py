"""How much of a crawl is in each language, on which hosts, and how this changes."""
