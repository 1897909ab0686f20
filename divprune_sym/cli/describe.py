"""`divprune-sym describe`: what a kernel of a determinantal point process can do."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from divprune_sym.cli.app import app
from divprune_sym.cli.console import DONE, print_json
from divprune_sym.cli.kernel_file import kernel_ensemble
from divprune_sym.cli.options import Json


@app.command(
    help_epilogue="""\
Warns of kernels that are legal and say nothing: a multiple of the identity,
on which a k-DPP is uniform sampling (an RBF kernel on very many features is
one), and a constant, to which all items are alike.

Example:
  divprune-sym describe KERNEL.npy"""
)
def describe(kernel: Annotated[Path, Parameter(name="KERNEL")], /, *, as_json: Json = False) -> int:
    """Say what a kernel can do: rank, condition, expected size, and which sizes are beyond it.

    Parameters
    ----------
    kernel
        The kernel L: a symmetric positive semi-definite array (N, N).
    as_json
        Print the numbers and the warnings as JSON.
    """
    from divprune_sym.dpp import describe as found_by

    found = found_by(kernel_ensemble(kernel, lambda N: None))
    if as_json:
        print_json(found.as_json())
    else:
        print(found)
    return DONE
