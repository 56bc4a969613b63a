"""Direct translation between any two languages of the packs, without a pivot language."""
