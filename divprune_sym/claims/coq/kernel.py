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
# the kernel's own integers and floats, in which CoqInterval computes
_PRIMITIVE = {
    "FloatAxioms": (
        "Prim2SF_SF2Prim Prim2SF_valid SF2Prim_Prim2SF abs_spec add_spec classify_spec compare_spec "
        "div_spec eqb_spec frshiftexp_spec ldshiftexp_spec ltb_spec mul_spec next_down_spec next_up_spec "
        "normfr_mantissa_spec of_uint63_spec opp_spec sqrt_spec sub_spec"
    ),
    "PrimFloat": (
        "abs add classify compare div eqb float frshiftexp ldshiftexp ltb mul next_down next_up "
        "normfr_mantissa of_uint63 opp sqrt sub"
    ),
    "PrimInt63": ("add eqb int land leb lor lsl lsr ltb sub"),
    "Uint63": ("add_spec eqb_correct eqb_refl land_spec leb_spec lor_spec lsl_spec lsr_spec ltb_spec of_to_Z sub_spec"),
}
_COMPUTED = frozenset(f"{module}.{word}" for module, words in _PRIMITIVE.items() for word in words.split())
_AXIOM = re.compile(r"^([A-Za-z_][\w.']*)\s*(?::|$)", re.MULTILINE)
_LIMIT = 300.0
PACKAGES = "coq libcoq-interval"


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
        msg = f"--kernel coq: there is no coqc; on Debian: apt-get install {PACKAGES}"
        raise BadInput(msg)
    done = subprocess.run([found, "--version"], capture_output=True, text=True, check=False)
    if done.returncode:
        msg = f"--kernel coq: {found} --version: {_last(done)}"
        raise BadInput(msg)
    return found


def _last(done: subprocess.CompletedProcess[str]) -> str:
    """The last line of what a program said."""
    said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    return said[-1].strip() if said else f"exit status {done.returncode}"


def accepted(path: Path, interval: bool = False) -> Accepted:
    """Have coqc check a file.

    Parameters
    ----------
    path : Path
    interval : bool
        Whether the kernel's own integers and floats may take part.

    Raises
    ------
    Refused
        coqc fails, or the theorem stands on an axiom that is not allowed.
    """
    start = time.perf_counter()
    command = ["coqc", "-q", "-no-glob", path.name]
    try:
        done = subprocess.run(command, cwd=path.parent, capture_output=True, text=True, timeout=_LIMIT, check=False)
    except subprocess.TimeoutExpired:
        msg = f"{path.name}: coqc was stopped after {_LIMIT:g} s"
        raise Refused(msg) from None
    if done.returncode:
        missing = f"; on Debian: apt-get install {PACKAGES}" if "physical path" in done.stderr else ""
        msg = f"{path.name}: coqc: {_last(done)}{missing}"
        raise Refused(msg)
    axioms = axioms_of(done.stdout)
    foreign = [x for x in axioms if x not in _REALS and not (interval and x in _COMPUTED)]
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
