"""The course: lessons that are carried out with the real tool on the bundled sample, and marked by what was done.

`lessons/` holds the texts, one folder a lesson, all languages side by side. `exercises/` has a module for each lesson:
the material that is drawn for a learner, the right answers, and the checks.
"""
