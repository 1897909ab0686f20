"""A question about two errors turned into certificates, for every Z and M of a domain."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from divprune_sym.bound.regions import Comparison
from divprune_sym.certify.formulas import NoFormula, subject_of
from divprune_sym.certify.run import Outcome, certify
from divprune_sym.pruning.registry import METHODS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from divprune_sym.explore.domain import Domain
    from divprune_sym.explore.question import PrunedError, Question

FOLDER = "certified"


def certified(
    question: Question,
    domain: Domain,
    folder: Path,
    seconds: float,
    progress: Callable[[float], None] = lambda fraction: None,
) -> list[Outcome]:
    """Which of the two errors is smaller, for each Z and M, as M → ∞ and for every M.

    Parameters
    ----------
    question : Question
        Between two errors, one of which has a formula.
    domain : Domain
        Its M and Z; keep fractions are all that both methods can keep.
    folder : Path
        Takes a folder for each M and Z, as `certify` writes it, as soon as something is certified.
    seconds : float
        For all of it together.
    progress : callable
        Takes the fraction done.
    """
    students = [(M, Z) for M, Z in domain.students() if M * Z > 1]
    try:
        own, other = _two_errors(question)
    except NoFormula as error:
        return [Outcome("", str(domain), why=str(error))]
    until, outcomes = monotonic() + seconds, list[Outcome]()
    settled: dict[int, set[str]] = {}
    for n, (M, Z) in enumerate(students):
        # own is of edges: it has a formula
        asked = Comparison(M, Z, 1.0, own.rescale, other.reweight, question.activation)
        known = settled.setdefault(Z, set())
        place = folder / FOLDER / f"M{M}-Z{Z}"
        found = certify(
            own.method, asked, place, until - monotonic(), rivals=[other.method.name], known=frozenset(known)
        )
        known |= {x.about for x in found}
        outcomes += found
        progress((n + 1) / len(students))
    return outcomes


def _two_errors(question: Question) -> tuple[PrunedError, PrunedError]:
    """The one with a formula, and the registered one.

    Raises
    ------
    NoFormula
        There are no two such errors.
    """
    sides = [side.terms for side in (question.left, question.right)]
    if not all(len(terms) == 1 and terms[0][0] == 1 and terms[0][1] is not None for terms in sides):
        msg = "comparisons of two errors are certified, not sums or multiples"
        raise NoFormula(msg)
    first, second = (error for terms in sides for _, error in terms if error is not None)
    if not (first.of_nodes or second.of_nodes) and first.rescale != second.rescale:
        msg = "two errors of edges are certified if they are rescaled alike"
        raise NoFormula(msg)
    refusal = NoFormula("neither method is a registered one")
    for own, other in ((first, second), (second, first)):
        if other.method.name not in METHODS or METHODS[other.method.name] != other.method:
            continue
        try:
            subject_of(own.method)
        except NoFormula as error:
            refusal = error
        else:
            return own, other
    raise refusal
