"""`divprune-sym sample`: exact subsets from a DPP or a k-DPP."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from divprune_sym.cli.app import app
from divprune_sym.cli.console import DONE, print_result
from divprune_sym.cli.guards import check_output
from divprune_sym.cli.kernel_file import kernel_ensemble
from divprune_sym.cli.options import Json, Output, Whole
from divprune_sym.ground.files import refuse_beyond_memory
from divprune_sym.show.progress import working


@app.command(
    sort_key=80,
    help_epilogue="""\
The probability of a subset S is proportional to det L_S; where size exceeds
the rank of L, it is the limit eps -> 0 of that for L + eps 1. Eigenvalues that
rounding cannot tell from zero are taken as zero, and the largest of them in
magnitude is reported as the shift; a kernel with an eigenvalue below
-N eps_mach lambda_max is refused. With --size the file written holds an int64
array (count, size), rows sorted. Without it sizes vary, as the scale of L has
it, and the file holds a bool array (count, N): which items are in the subset.

Examples:
  divprune-sym sample KERNEL.npy --size 10 --count 1000 --seed 1 -o OUT.npy
  divprune-sym sample KERNEL.npy --expected-size 10 --count 1000 -o OUT.npy""",
)
def sample(
    kernel: Annotated[Path, Parameter(name="KERNEL")],
    /,
    *,
    size: Whole | None = None,
    expected_size: float | None = None,
    out: Output,
    count: Whole = 1,
    seed: Whole | None = None,
    as_json: Json = False,
) -> int:
    """Draw subsets from a determinantal point process, exactly: of fixed size (a k-DPP), or of any.

    Parameters
    ----------
    kernel
        The kernel L: a symmetric positive semi-definite array (N, N).
    size
        Items in each subset, 0 to N.
    expected_size
        Without --size: scale L so that subsets have this size on average.
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

    from divprune_sym.ground.checks import BadInput, integer
    from divprune_sym.ground.files import written_aside

    count = integer("--count", count, 0)
    seed = int.from_bytes(os.urandom(4)) if seed is None else integer("--seed", seed, 0)
    if size is not None and expected_size is not None:
        msg = "--size and --expected-size: give one of them; subsets of a fixed size do not depend on the scale of L"
        raise BadInput(msg)
    check_output(out, kernel, (".npy",))

    def check_size(N: int) -> None:
        if size is not None:
            integer(f"--size (N = {N})", size, 0, N)
        items = N if size is None else size
        refuse_beyond_memory(f"{count} subsets of {items} items", 3 * (1 if size is None else 8) * count * items)

    L = kernel_ensemble(kernel, check_size)
    if expected_size is not None:
        L = L.with_expected_size(expected_size)
    rng = np.random.default_rng(seed)
    with working("drawing"):
        draws = L.sample_masks(rng, count) if size is None else L.sample_k(size, rng, count)
    with written_aside(out) as target:
        np.save(target, draws, allow_pickle=False)
    sizes = {"size": size} if size is not None else {"expected_size": L.expected_size()}
    result = sizes | {"count": count, "seed": seed, "N": L.N, "rank": L.rank, "shift": L.shift, "out": str(out)}
    print_result(result, as_json)
    return DONE
