"""Moments of kept weights, over pairs of nodes."""
