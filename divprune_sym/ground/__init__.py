"""What every room stands on: checks at the door, files, lazy names, threads and processes."""
