"""A user's pruning method beside the built-in ones."""
