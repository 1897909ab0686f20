"""Claims as theorems for Coq: what is written, how it is proved there, and how coqc is run."""
