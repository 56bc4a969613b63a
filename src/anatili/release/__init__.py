"""Everything that goes out with a model: cards, manifest, checksums."""
