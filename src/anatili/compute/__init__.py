"""What a model costs before it is trained: operations, memory, hours, energy, money, and what an export rule changes."""
