"""A method against every registered one: what can be certified in the time given, and what stays numerical."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any

from divprune_sym.certify import stored
from divprune_sym.certify.compare import claim_of, places
from divprune_sym.certify.formulas import RESCALED, NoFormula, subject_of
from divprune_sym.certify.setting import Setting
from divprune_sym.certify.words import regions_as_json
from divprune_sym.claims.claim import Bench, Claim, Verdict
from divprune_sym.claims.ledger import RECORDED, Record, chosen, examine
from divprune_sym.ground.work import within
from divprune_sym.pruning.registry import METHODS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from divprune_sym.bound.regions import Comparison
    from divprune_sym.certify.signs import Places
    from divprune_sym.pruning.registry import Method

_LATE = "not closed within the time given"


@dataclass(frozen=True)
class Outcome:
    """One comparison.

    Attributes
    ----------
    rival, about : str
    sentence : str or None
        What is certified; None where it is numerical.
    regions : list of dict
        Keep fractions with the better method, boundaries enclosed.
    why : str
        Why it is numerical.
    """

    rival: str
    about: str
    sentence: str | None = None
    regions: tuple[dict[str, Any], ...] = ()
    why: str = ""

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        found = {"rival": self.rival, "about": self.about, "status": "certified" if self.sentence else "numerical"}
        return found | (
            {"sentence": self.sentence, "regions": list(self.regions)} if self.sentence else {"why": self.why}
        )


def certify(
    method: Method,
    asked: Comparison,
    folder: Path,
    seconds: float,
    progress: Callable[[float], None] = lambda fraction: None,
    *,
    rivals: Sequence[str] | None = None,
    known: frozenset[str] = frozenset(),
) -> list[Outcome]:
    """Compare a method with registered ones, and keep what is certified in a folder as it is found.

    Parameters
    ----------
    method : Method
    asked : Comparison
        M, Z, and what follows pruning.
    folder : Path
        Takes certified.json and the folder certificates.
    seconds : float
        For all comparisons together; what is not closed by then is numerical.
    progress : callable
        Takes the fraction done.
    rivals : sequence of str, optional
        All other registered methods, if not given.
    known : set of str
        For which M nothing need be done: "every M", say.
    """
    if rivals is None:
        rivals = [name for name in METHODS.usable() if name != method.name]
    try:
        setting = _setting(method, asked)
    except NoFormula as error:
        return [Outcome(name, f"M = {asked.M}", why=str(error)) for name in rivals]
    until = monotonic() + seconds
    found, outcomes = stored.Regions(setting), list[Outcome]()
    for n, rival in enumerate(rivals):
        for about in _abouts(setting, rival, outcomes, asked.reweight):
            if about in known:
                continue
            folder.mkdir(parents=True, exist_ok=True)
            outcomes.append(_one(found, rival, about, folder, until))
            found.numerical = [(x.rival, x.about, x.why) for x in outcomes if not x.sentence]
            stored.write(found, [x.sentence for x in outcomes if x.sentence], folder)
        progress((n + 1) / len(rivals))
    return outcomes


def _setting(method: Method, asked: Comparison) -> Setting:
    if str(asked.activation) != "erf":
        msg = f"errors are certified for erf nodes, not for {asked.activation}"
        raise NoFormula(msg)
    if asked.rescale not in RESCALED:
        msg = f"--rescale {asked.rescale}: the best factor has no formula"
        raise NoFormula(msg)
    return Setting(stored.written_and_read(subject_of(method)), asked.M, asked.Z, asked.rescale)


def _abouts(setting: Setting, rival: str, outcomes: list[Outcome], reweight: bool) -> list[str]:
    try:
        abouts = setting.abouts(rival)
        if reweight and setting.of_nodes(rival):
            msg = "errors of reweighted nodes are not certified"
            raise NoFormula(msg)
    except NoFormula as error:
        outcomes.append(Outcome(rival, setting.here, why=str(error)))
        return []
    return abouts


def _one(found: stored.Regions, rival: str, about: str, folder: Path, until: float) -> Outcome:
    """One comparison: places, the claim that they are right, and its evidence."""
    left = until - monotonic()
    try:
        derived = within(left, lambda: _derived(found.setting, rival, about)) if left > 0 else None
    except NoFormula as error:
        return Outcome(rival, about, why=str(error))
    if derived is None:
        return Outcome(rival, about, why=_LATE)
    there, claim = derived
    certificates = folder / stored.CERTIFICATES
    record = examine(claim, Bench(False, RECORDED, certificates, until))
    if record.verdict not in (Verdict.CERTIFIED, Verdict.PROVED):
        for path in certificates.glob(f"{claim.id}-*.json"):
            path.unlink()
        return Outcome(rival, about, why=_LATE if monotonic() > until else record.reason)
    found.certified.append(there)
    return Outcome(rival, about, claim.title, tuple(regions_as_json(found.setting, there)))


def _derived(setting: Setting, rival: str, about: str) -> tuple[Places, Claim]:
    there = places(setting, rival, about)
    return there, claim_of(setting, there)


def verified(
    files: Sequence[Path], only: Sequence[str], quick: bool, fresh: Path | None, progress: Callable[[float], None]
) -> list[Record]:
    """The records of certified.json files: claims built anew, recorded certificates checked, or others found.

    Parameters
    ----------
    files : sequence of Path
    only : sequence of str
        Names of claims; all of them if there is none.
    quick : bool
        Check what lies in the folder certificates beside each file.
    fresh : Path, optional
        Takes certificates that are found anew.
    progress : callable
        Takes the fraction done.

    Raises
    ------
    BadInput
        A file that is no such file, or a name that no claim has.
    """
    claims = {claim.id: (claim, path) for path in files for claim in stored.read(path).claims()}
    named = chosen([claim for claim, _ in claims.values()], only)
    records = []
    for n, claim in enumerate(named):
        beside = claims[claim.id][1].parent / stored.CERTIFICATES
        records.append(examine(claim, Bench(quick, beside, fresh)))
        progress((n + 1) / len(named))
    return records
