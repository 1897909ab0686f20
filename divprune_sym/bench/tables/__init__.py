"""One file for each table: a function under `@table` that yields cases; it is found by being here."""
