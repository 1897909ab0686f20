"""What others would write or use for the same work: for comparison only, nothing in the library calls it."""
