"""Valid files and options, changed at random, through every command that reads a file or a formula."""
