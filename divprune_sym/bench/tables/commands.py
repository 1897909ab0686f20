"""Commands as whole processes: what a user waits for, imports and compilation included."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from divprune_sym.bench.model import Case, Contestant, Goal, Speed, at_most, table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BARE, NUMPY = "bare python", "import numpy"
OURS = (sys.executable, "-m", "divprune_sym")


@table(
    measures="wall time of a whole process; integrate with no code kept (cold), another size's, or its own (warm)",
    goal="--help 0.3 s; derive of an integral 2 s; all equations 15 s; integrate 6 s cold and 0.7 s warm",
    peers={BARE: "python -c pass", NUMPY: "python -c 'import numpy'"},
)
def commands(quick: bool) -> Iterator[Case]:
    """Each command in a process of its own, by turns with a bare interpreter."""
    with TemporaryDirectory(prefix="divprune_sym_bench_") as name:
        folder = Path(name)
        yield _case("--help", at_most(0.3), ["--help"])
        yield _case("derive I2", at_most(2.0), ["derive", "I2"])
        yield _case("derive I4 --steps", at_most(2.0), ["derive", "I4", "--steps"])
        yield _case("derive equations", at_most(15.0), ["derive", "equations"])
        yield _case("derive equations --format latex", at_most(15.0), ["derive", "equations", "--format", "latex"])
        used, other = folder / "cache_3_1", _integrate(folder, 3, 1)
        for K, M in [(4, 2)] if quick else [(2, 2), (4, 2), (20, 10)]:
            integrate, cache = _integrate(folder, K, M), folder / f"cache_{K}_{M}"
            starts = {
                "cold": (6.0, lambda cache=cache: shutil.rmtree(cache, ignore_errors=True)),
                "new size": (6.0, lambda cache=cache: _as_left_by(other, used, cache)),
                "warm": (0.7, None),
            }
            for label, (seconds, before) in starts.items():
                yield _case(f"integrate K={K} M={M}, {label}", at_most(seconds), integrate, cache, before)


def _case(
    label: str,
    goal: Goal,
    arguments: list[str],
    cache: Path | None = None,
    before: Callable[[], None] | None = None,
) -> Case:
    ours = Contestant("divprune-sym", lambda: _process([*OURS, *arguments], cache), goal=goal, before=before)
    floors = [
        Contestant(BARE, lambda: _process([sys.executable, "-c", "pass"])),
        Contestant(NUMPY, lambda: _process([sys.executable, "-c", "import numpy"])),
    ]
    return Case(label, [ours, *floors], [Speed(ours.name, NUMPY)])


def _as_left_by(command: list[str], used: Path, cache: Path) -> None:
    """Make the cache what another command leaves in one of its own."""
    if not used.exists():
        _process([*OURS, *command], used)
    shutil.rmtree(cache, ignore_errors=True)
    shutil.copytree(used, cache)


def _process(command: list[str], cache: Path | None = None) -> None:
    environment = os.environ | ({"DIVPRUNE_SYM_CACHE": str(cache)} if cache else {})
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)


def _integrate(folder: Path, K: int, M: int) -> list[str]:
    problem = _write_problem(folder / f"problem_{K}_{M}.json", K, M)
    return ["integrate", str(problem), "-o", str(folder / "out.npz")]


def _write_problem(path: Path, K: int, M: int) -> Path:
    """A student of independent nodes that has learned nothing yet."""
    Q = [[0.2 if i == k else 0.0 for k in range(K)] for i in range(K)]
    R = [[0.01 * ((i + n) % 3) for n in range(M)] for i in range(K)]
    T = [[float(n == m) for m in range(M)] for n in range(M)]
    problem = {"eta": 0.2, "eta_v": 0.2, "sigma": 0.01, "alphas": [1.0, 10.0], "v": [0.5] * K, "A": [1.0] * M}
    path.write_text(json.dumps(problem | {"Q": Q, "R": R, "T": T}), encoding="utf-8")
    return path
