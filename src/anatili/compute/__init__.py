"""What a model costs before training: operations, memory, hours, energy, money, and what an export rule changes."""
