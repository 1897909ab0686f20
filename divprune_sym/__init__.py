"""divprune_sym: the statistical mechanics of neural-network pruning, derived, compiled and checked."""
