"""A module for each lesson: the material drawn for a learner, the right answers, and the checks of the exercises."""
