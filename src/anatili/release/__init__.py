"""Everything that is published with a model: cards, manifest, checksums."""
