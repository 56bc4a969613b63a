"""How much of a crawl is in which language, who carries it, and how that changes."""
