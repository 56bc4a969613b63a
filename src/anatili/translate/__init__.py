"""Translation between any two languages of the packs, directly: never through a third."""
