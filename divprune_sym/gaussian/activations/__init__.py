"""Activations, one file each, known by being here: `gelu.py` would hold `Activation("gelu", ...)`."""
