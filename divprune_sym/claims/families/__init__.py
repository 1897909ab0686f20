"""The ledger's claims, one file a family; each has a function `claims`."""
