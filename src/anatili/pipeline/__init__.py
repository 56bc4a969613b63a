"""From a recipe, or from files alone, to what the stages make: whole runs, by one call."""
