"""Labels and review by people: two work blind to each other, a third decides, and corrections become diffs."""
