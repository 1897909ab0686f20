"""Letters that an encoding lacks are spelled, not refused."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = """
import sys
from divprune_sym.cli.console import spell_what_cannot_be_encoded
spell_what_cannot_be_encoded()
print("ε_g → 0 for η ≤ ½, Σ² – ö")
"""
EXPECTED = {
    "ascii": "epsilon_g -> 0 for eta <= 1/2, Sigma^2 - \\xf6",
    "latin-1": "epsilon_g -> 0 for eta <= ½, Sigma² - ö",
    "utf-8": "ε_g → 0 for η ≤ ½, Σ² – ö",
}


@pytest.mark.parametrize("encoding", EXPECTED)
def test_letters_that_the_encoding_lacks(encoding):
    environment = os.environ | {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, check=True)
    assert done.stdout.decode(encoding).strip() == EXPECTED[encoding]
