"""The ledger's claims, one file a family, found by being here.

Each has a function `claims`, its PLACE in the ledger, and the number of the PROCESS that it goes through where there
are several: families that share derivations have one number, and the lower numbers, of those that take longest, start
first.
"""
