"""The independent checker's third part: on which side of the imaginary axis the eigenvalues of a Jacobian lie.

Like `checker`, it shares ball evaluation with the prover, and nothing else.
"""

from __future__ import annotations

import hashlib
import json
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from flint import acb, acb_mat, arb

from divprune_sym.claims.balls import ball, exact, precision, taylor
from divprune_sym.claims.checker import CertificateRejected, bits_of, box_of

if TYPE_CHECKING:
    from collections.abc import Mapping


def check_spectrum(problem: Mapping[str, Any], certificate: Mapping[str, Any]) -> list[arb]:
    """Real parts that enclose those of all eigenvalues of the Jacobian J, everywhere in a box; none holds zero.

    Gershgorin's discs of V⁻¹ J V, for any regular V: each union of discs that meets no other disc holds as many
    eigenvalues as it has discs. So the numbers of discs to the right and to the left are those of eigenvalues.

    Raises
    ------
    CertificateRejected
        V may be singular, or a disc meets the imaginary axis.
    """
    if certificate["problem"] != digest(problem):
        msg = "the certificate is for another problem: its checksum differs"
        raise CertificateRejected(msg)
    size = len(problem["variables"])
    rows = certificate["vectors"]
    if not (len(problem["programs"]) == len(rows) == size and all(len(row) == size for row in rows)):
        msg = f"not {size} by {size} entries of vectors"
        raise CertificateRejected(msg)
    with precision(bits_of(certificate)):
        vectors = acb_mat([[acb(exact(Fraction(x)), exact(Fraction(y))) for x, y in row] for row in rows])
        try:
            similar = vectors.solve(acb_mat(jacobian(problem)) * vectors)
        except ZeroDivisionError:
            msg = "the vectors may be linearly dependent"
            raise CertificateRejected(msg) from None
        discs = [_disc(similar, n) for n in range(size)]
        for x in discs:
            if not (x > 0 or x < 0):
                msg = f"an eigenvalue may lie on the imaginary axis: its real part is in {x.str(6)}"
                raise CertificateRejected(msg)
        return discs


def digest(problem: Mapping[str, Any]) -> str:
    """The checksum of a problem, which certificates hold in its place."""
    return hashlib.sha256(json.dumps(problem, sort_keys=True).encode()).hexdigest()


def jacobian(problem: Mapping[str, Any]) -> list[list[arb]]:
    """The derivatives of all programs by all variables, each enclosed over the box."""
    box = dict(zip(problem["box"], map(ball, box_of(problem["box"].values(), len(problem["box"]))), strict=True))
    values = {x: box[unknown] for x, unknown in zip(problem["variables"], problem["unknowns"], strict=True)}
    return [
        [taylor(program, values, x, 1)[1] if x in _read_by(program) else arb(0) for x in problem["variables"]]
        for program in problem["programs"]
    ]


def _read_by(program: list[list[Any]]) -> set[str]:
    return {step[1] for step in program if step[0] == "var"}


def _disc(similar: acb_mat, n: int) -> arb:
    """The real parts of a disc of Gershgorin's."""
    radius = sum((abs(similar[n, m]).upper() for m in range(similar.ncols()) if m != n), arb(0))
    return similar[n, n].real + arb(0).union(radius).union(-radius)
