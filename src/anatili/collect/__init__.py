"""Gather documents, with origin and licence, into shards of this run."""
