"""Collect documents, with origin and license, into shards of a run."""
