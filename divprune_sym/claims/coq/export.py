"""Claims written as files for coqc, and what its kernel says of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from divprune_sym.claims.coq import kernel
from divprune_sym.claims.coq.gallina import NotExpressible
from divprune_sym.claims.coq.theorem import theorem
from divprune_sym.ground.files import written_aside

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from divprune_sym.claims.claim import Claim


@dataclass(frozen=True)
class Outcome:
    """What became of one claim.

    Attributes
    ----------
    id : str
    file : Path, optional
        Its file; None if it is not exported.
    says : str
        Why it is not exported, why coqc refuses it, or on how many axioms it stands.
    refused : bool
        Whether coqc does not accept it.
    """

    id: str
    file: Path | None
    says: str = ""
    refused: bool = False

    def as_json(self, checked: bool) -> dict[str, Any]:
        """What --json prints."""
        accepted = checked and self.file is not None and not self.refused
        file = None if self.file is None else str(self.file)
        return {"id": self.id, "file": file, "accepted": accepted if checked else None, "says": self.says}


def exported(
    claims: Iterable[Claim], folder: Path, check: bool, done: Callable[[Outcome], None] = lambda outcome: None
) -> list[Outcome]:
    """Write every claim that can be, and have coqc check it if asked.

    Parameters
    ----------
    claims : iterable of Claim
    folder : Path
        Made if it is not there.
    check : bool
    done : callable, optional
        Called with every outcome.
    """
    folder.mkdir(parents=True, exist_ok=True)
    outcomes = []
    for claim in claims:
        outcomes.append(_exported(claim, folder, check))
        done(outcomes[-1])
    return outcomes


def _exported(claim: Claim, folder: Path, check: bool) -> Outcome:
    try:
        found = theorem(claim)
    except NotExpressible as error:
        return Outcome(claim.id, None, str(error))
    path = folder / found.file
    with written_aside(path) as file:
        file.write(found.text.encode())
    if not check:
        return Outcome(claim.id, path)
    try:
        accepted = kernel.accepted(path, found.interval)
    except kernel.Refused as error:
        return Outcome(claim.id, path, str(error), refused=True)
    return Outcome(claim.id, path, f"accepted in {accepted.seconds:.1f} s, on {len(accepted.axioms)} axioms")
