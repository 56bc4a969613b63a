"""From a raw web crawl to an assistant in your own language."""

__version__ = "0.1.0"
