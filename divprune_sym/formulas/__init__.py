"""A user's own formulas: read from text by a small closed grammar, and held against their definitions."""
