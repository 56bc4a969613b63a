"""Gather documents, with origin and license, into shards of this run."""
