"""Evidence about states at rest: that one exists, and on which side the eigenvalues of the Jacobian there lie."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from divprune_sym.claims.balls import BITS, precision
from divprune_sym.claims.checker import CertificateRejected
from divprune_sym.claims.claim import Finding, Kind
from divprune_sym.claims.domain import Domain, between
from divprune_sym.claims.evidence import confirmed
from divprune_sym.claims.links import Fact
from divprune_sym.claims.prover import enclose_zero
from divprune_sym.claims.root_checker import check_unique_zero
from divprune_sym.claims.spectrum_checker import check_spectrum, digest, jacobian

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from divprune_sym.claims.claim import Bench, Claim
    from divprune_sym.claims.motion import SymmetricRest


@dataclass(frozen=True)
class Rests:
    """Exactly one state of a box is at rest.

    Parameters
    ----------
    rest : SymmetricRest
    part : str
    """

    rest: SymmetricRest
    part: str

    def examine(self, claim: Claim, bench: Bench, known: Sequence[Fact] = ()) -> Finding:
        """Check the recorded certificate, or find one and check that."""
        if not self.rest.plain:
            return Finding(Kind.CERTIFICATE, False, f"{type(self.rest).__name__} is no SymmetricRest of a Setting")
        problem = self.rest.as_problem()

        def confirm(certificate: Mapping[str, Any]) -> str:
            size = check_unique_zero(problem, certificate)
            ends = [f"{x} = {float((low + high) / 2):.9g}" for x, (low, high) in self.rest.box.items()]
            width = max(float(high - low) for low, high in self.rest.box.values())
            return f"exactly one zero of {size} equations, to {width:.1g}: {', '.join(ends)}"

        found = confirmed(f"{claim.id}-{self.part}.json", bench, lambda: enclose_zero(self.rest), confirm)
        return replace(found, facts=(Fact(self.rest.at_rest),) if found.holds else ())


@dataclass(frozen=True)
class Signs:
    """How many eigenvalues of the Jacobian have positive real part, everywhere in the box, and that none has 0.

    Parameters
    ----------
    rest : SymmetricRest
    right : int
        The number stated.
    part : str
    """

    rest: SymmetricRest
    right: int
    part: str

    def examine(self, claim: Claim, bench: Bench, known: Sequence[Fact] = ()) -> Finding:
        """Check the recorded certificate, or find one and check that."""
        if not self.rest.plain:
            return Finding(Kind.CERTIFICATE, False, f"{type(self.rest).__name__} is no SymmetricRest of a Setting")
        problem = self.rest.as_spectrum_problem()

        def confirm(certificate: Mapping[str, Any]) -> str:
            discs = sorted(check_spectrum(problem, certificate), key=lambda x: -float(x))
            right = sum(bool(x > 0) for x in discs)
            if right != self.right:
                msg = f"{right} eigenvalues have positive real part, not {self.right}"
                raise CertificateRejected(msg)
            shown = ", ".join(x.str(6) for x in discs[: right + 1])
            return f"{right} of {len(discs)} eigenvalues have positive real part; the largest real parts: {shown}"

        found = confirmed(f"{claim.id}-{self.part}.json", bench, lambda: enclose_spectrum(problem), confirm)
        return replace(found, facts=(self.fact,) if found.holds else ())

    @property
    def fact(self) -> Fact:
        """The number, on the box."""
        inside = [r for x, (low, high) in self.rest.box.items() for r in between(low, x, high, (True, True))]
        return Fact(self.rest.spectrum(self.right), Domain(tuple(inside)))


def enclose_spectrum(problem: Mapping[str, Any]) -> dict[str, Any]:
    """A certificate of the signs: eigenvectors of the Jacobian at the middle of the box, to twelve places."""
    with precision():
        middle = np.array([[float(x.mid()) for x in row] for row in jacobian(problem)])
    vectors = np.linalg.eig(middle)[1]
    rows = [[[f"{x.real:.12f}", f"{x.imag:.12f}"] for x in row] for row in vectors]
    return {"problem": digest(problem), "bits": BITS, "vectors": rows}
