"""coqc on exported files: whether the kernel accepts them, in what time, and on which axioms they stand."""

from __future__ import annotations

import re
import subprocess
import time
from dataclasses import dataclass
from shutil import which
from typing import TYPE_CHECKING

from divprune_sym.ground.checks import BadInput

if TYPE_CHECKING:
    from pathlib import Path

_REALS = (
    "ClassicalDedekindReals.sig_not_dec",
    "ClassicalDedekindReals.sig_forall_dec",
    "FunctionalExtensionality.functional_extensionality_dep",
    "Classical_Prop.classic",
)
_AXIOM = re.compile(r"^([A-Za-z_][\w.']*)\s*(?::|$)", re.MULTILINE)
_LIMIT = 300.0


@dataclass(frozen=True)
class Accepted:
    """What coqc said of a file that it accepts.

    Attributes
    ----------
    seconds : float
    axioms : tuple of str
        Those that the theorem stands on.
    """

    seconds: float
    axioms: tuple[str, ...]


class Refused(ArithmeticError):
    """coqc does not accept a file, or it stands on more than is allowed; the message is one line."""


def coqc() -> str:
    """Where coqc is.

    Raises
    ------
    BadInput
        It is not installed.
    """
    found = which("coqc")
    if found is None:
        msg = "--kernel coq: there is no coqc; on Debian: apt-get install coq"
        raise BadInput(msg)
    return found


def accepted(path: Path) -> Accepted:
    """Have coqc check a file.

    Parameters
    ----------
    path : Path

    Raises
    ------
    Refused
        coqc fails, or the theorem stands on an axiom that is not allowed.
    """
    start = time.perf_counter()
    command = [coqc(), "-q", "-no-glob", path.name]
    try:
        done = subprocess.run(command, cwd=path.parent, capture_output=True, text=True, timeout=_LIMIT, check=False)
    except subprocess.TimeoutExpired:
        msg = f"{path.name}: coqc was stopped after {_LIMIT:g} s"
        raise Refused(msg) from None
    if done.returncode:
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        msg = f"{path.name}: coqc: {said[-1].strip() if said else f'exit status {done.returncode}'}"
        raise Refused(msg)
    axioms = axioms_of(done.stdout)
    foreign = [x for x in axioms if x not in _REALS]
    if foreign:
        msg = f"{path.name}: it stands on {foreign[0]}, which is no axiom of the real numbers"
        raise Refused(msg)
    return Accepted(time.perf_counter() - start, axioms)


def axioms_of(printed: str) -> tuple[str, ...]:
    """The names in what `Print Assumptions` prints.

    Raises
    ------
    Refused
        It printed nothing that can be read.
    """
    if "Closed under the global context" in printed:
        return ()
    _, found, rest = printed.partition("Axioms:\n")
    names = tuple(_AXIOM.findall(rest))
    if not found or not names:
        msg = "coqc printed no assumptions"
        raise Refused(msg)
    return names
