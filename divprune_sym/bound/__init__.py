"""A user's pruning method beside the registered ones."""
