"""`divprune-sym sample`: exact subsets from a k-DPP."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from divprune_sym.cli.app import app
from divprune_sym.cli.console import DONE, interruptibly, print_result, say, working
from divprune_sym.cli.guards import check_output
from divprune_sym.cli.kernel_file import kernel_matrix, kernel_size
from divprune_sym.cli.options import Json, Output, Whole
from divprune_sym.files import refuse_beyond_memory


@app.command(
    help_epilogue="""\
The probability of a subset S is proportional to det L_S; where size exceeds
the rank of L, it is the limit eps -> 0 of that for L + eps 1. Eigenvalues that
rounding cannot tell from zero are taken as zero, and the largest of them in
magnitude is reported as the shift; a kernel with an eigenvalue below
-N eps_mach lambda_max is refused. The file written holds an int64 array
(count, size), rows sorted.

Example:
  divprune-sym sample KERNEL.npy --size 10 --count 1000 --seed 1 -o OUT.npy"""
)
def sample(
    kernel: Annotated[Path, Parameter(name="KERNEL")],
    /,
    *,
    size: Whole,
    out: Output,
    count: Whole = 1,
    seed: Whole | None = None,
    as_json: Json = False,
) -> int:
    """Draw subsets of fixed size from a determinantal point process (a k-DPP), exactly.

    Parameters
    ----------
    kernel
        The kernel L: a symmetric positive semi-definite array (N, N).
    size
        Items in each subset, 0 to N.
    out
        The npy file to write.
    count
        Number of subsets.
    seed
        Seed; without it one is chosen, and printed so that the draw can be repeated.
    as_json
        Print size, count, seed, rank, shift and N as JSON.
    """
    import numpy as np

    from divprune_sym.checks import BadInput, integer
    from divprune_sym.dpp import LEnsemble
    from divprune_sym.files import written_aside

    count = integer("--count", count, 0)
    seed = int.from_bytes(os.urandom(4)) if seed is None else integer("--seed", seed, 0)
    check_output(out, kernel)
    if kernel.exists() and not kernel.is_file():
        msg = f"{kernel}: is no regular file"
        raise BadInput(msg)
    with kernel.open("rb") as file:
        N = kernel_size(kernel, file)
        size = integer(f"--size (N = {N})", size, 0, N)
        refuse_beyond_memory(f"{kernel}: N = {N}", 6 * 8 * N * N)
        refuse_beyond_memory(f"{count} subsets of {size} items", 3 * 8 * count * size)
        matrix = kernel_matrix(kernel, file)
    try:
        with working("decomposing the kernel"):
            L = interruptibly(lambda: LEnsemble.from_matrix(matrix))
    except BadInput as refused:
        msg = f"{kernel}: {refused}"
        raise BadInput(msg) from None
    if L.shift > 0:
        say(f"{kernel}: eigenvalues up to {L.shift:.3g} in magnitude are rounding, and were taken as 0")
    with working("drawing"):
        draws = interruptibly(lambda: L.sample_k(size, np.random.default_rng(seed), count))
    with written_aside(out) as target:
        np.save(target, draws.astype(np.int64, copy=False), allow_pickle=False)
    result = {"size": size, "count": count, "seed": seed, "N": N, "rank": L.rank, "shift": L.shift, "out": str(out)}
    print_result(result, as_json)
    return DONE
