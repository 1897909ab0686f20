"""The ledger: every claim, its evidence examined, and the verdict that follows."""

from __future__ import annotations

import signal
import time
import warnings
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from divprune_sym.claims.claim import Bench, Claim, Finding, Kind, verdict
from divprune_sym.claims.links import NotEntailed, entail
from divprune_sym.claims.maps import places
from divprune_sym.claims.typeset import latex, mathml
from divprune_sym.ground.checks import BadInput
from divprune_sym.pruning.user_method import executed, users_code

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from importlib.metadata import EntryPoint

    from divprune_sym.claims.links import Fact

FAMILIES = (
    "integrals",
    "dynamics",
    "noise_floor",
    "nodes",
    "edges",
    "edge_against_node",
    "optimal_factor",
    "magnitude_against_dpp",
    "reweighting",
    "label_noise",
    "retraining",
    "real_data",
)
# Families that share derivations go through one process, one after the other; the longest group is first
TOGETHER = (
    ("noise_floor",),
    ("nodes", "edge_against_node", "optimal_factor"),
    ("edges", "magnitude_against_dpp"),
    ("integrals", "dynamics"),
    ("reweighting", "label_noise"),
    ("retraining", "real_data"),
)
GROUP = "divprune_sym.claims"
_T = TypeVar("_T")
RECORDED = Path(__file__).with_name("recorded")


class PluginWarning(UserWarning):
    """An installed package offers claims that cannot be used."""


@dataclass(frozen=True)
class Record:
    """What examining one claim gave, in plain values.

    Attributes
    ----------
    id, title, source : str
    verdict, expected : str
    seconds : float
    claim : dict
        The rest, as claims.json holds it.
    typeset : dict of str to str
        MathML of the statement ("statement"), of the definitions ("where") and of what each finding shows.
    """

    id: str
    title: str
    source: str
    verdict: str
    expected: str
    seconds: float
    claim: dict[str, Any]
    typeset: dict[str, str]

    @property
    def as_expected(self) -> bool:
        """Whether the verdict is the one the ledger expects."""
        return self.verdict == self.expected

    @property
    def reason(self) -> str:
        """Why the verdict is no better: what did not hold, or the link that was not checked."""
        failed = [x["summary"] for x in self.claim["evidence"] if not x["holds"]]
        return "; ".join(failed) or self.claim.get("unlinked", "")

    def as_json(self) -> dict[str, Any]:
        """One entry of claims.json."""
        return {"id": self.id, "title": self.title, **self.claim, "verdict": self.verdict, "expected": self.expected}


def all_claims(files: Sequence[Path] = ()) -> list[Claim]:
    """Ours, those of installed packages, and those of Python files, which are run.

    Raises
    ------
    BadInput
        A file that cannot be used, or two claims of one name.
    """
    found = [claim for family in FAMILIES for claim in _of_family(family)]
    for point in entry_points(group=GROUP):
        found += _of_plugin(point)
    for path in files:
        found += _of_file(path)
    names = [claim.id for claim in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        msg = f"claim {twice[0]}: two claims have this name"
        raise BadInput(msg)
    return found


@cache
def _of_family(name: str) -> tuple[Claim, ...]:
    return tuple(import_module(f"{__package__}.families.{name}").claims())


def _of_file(path: Path) -> list[Claim]:
    module = executed(path)
    with users_code(str(path)):
        return _checked(getattr(module, "CLAIMS", None), f"{path}: CLAIMS")


def _of_plugin(point: EntryPoint) -> list[Claim]:
    try:
        found = point.load()
        return _checked(found() if callable(found) else found, point.value)
    except Exception as error:  # whatever a plug-in raises is its own failure, not ours
        message = f"claims {point.name!r} of {point.value} cannot be used: {type(error).__name__}: {error}"
        warnings.warn(message, PluginWarning, stacklevel=3)
        return []


def _checked(found: Any, where: str) -> list[Claim]:
    if not isinstance(found, (list, tuple)) or not all(isinstance(claim, Claim) for claim in found):
        msg = f"{where}: expected a list of Claim objects, found {type(found).__name__}"
        raise BadInput(msg)
    return list(found)


def chosen(claims: Iterable[Claim], only: Sequence[str]) -> list[Claim]:
    """The claims named; all of them if none is.

    Raises
    ------
    BadInput
        A name that no claim has.
    """
    by_name = {claim.id: claim for claim in claims}
    for name in only:
        if name not in by_name:
            msg = f"--only {name}: no such claim; there are {', '.join(by_name)}"
            raise BadInput(msg)
    return [by_name[name] for name in only] if only else list(by_name.values())


def examine(claim: Claim, bench: Bench) -> Record:
    """Examine all evidence of a claim."""
    start = time.perf_counter()
    findings = _findings(claim, bench)
    unlinked = _unlinked(claim, findings)
    found = verdict(findings, unlinked)
    body: dict[str, Any] = {
        "statement": latex(claim.statement),
        "domain": str(claim.over),
        "assumptions": list(claim.assumptions),
        "where": [f"{latex(name)} = {latex(meaning)}" for name, meaning in claim.meanings.items()],
        "source": claim.source,
        "evidence": [finding.as_json() for finding in findings],
    }
    if unlinked is not None:
        body["unlinked"] = unlinked
    if claim.region is not None:
        body["map"] = places(claim.region, findings)
    typeset = {"statement": mathml(claim.statement)}
    typeset |= {f"where {n}": mathml(name, meaning) for n, (name, meaning) in enumerate(claim.meanings.items())}
    typeset |= {f"shows {n}": mathml(x.shows) for n, x in enumerate(findings) if x.shows is not None}
    seconds = time.perf_counter() - start
    return Record(claim.id, claim.title, claim.source, str(found), str(claim.expected), seconds, body, typeset)


def _findings(claim: Claim, bench: Bench) -> list[Finding]:
    """What each piece of evidence came to; later ones may use what earlier ones show."""
    found: list[Finding] = []
    for evidence in claim.evidence:
        known = [fact for finding in found for fact in finding.facts]
        found.append(_examined(evidence, claim, bench, known))
    return found


def _examined(evidence: Any, claim: Claim, bench: Bench, known: Sequence[Fact]) -> Finding:
    try:
        finding: Finding = evidence.examine(claim, bench, known)
    except Exception as error:  # evidence that breaks shows nothing; the other claims go on
        return Finding(Kind.NONE, False, f"{type(evidence).__name__} broke: {type(error).__name__}: {error}")
    return finding


def _unlinked(claim: Claim, findings: Sequence[Finding]) -> str | None:
    """The first link from what was shown to the statement that is missing; None if there is none, or nothing holds."""
    if not all(x.holds for x in findings) or any(x.kind in (Kind.WITNESS, Kind.NONE) for x in findings):
        return None
    try:
        entail([fact for finding in findings for fact in finding.facts], claim.explicit, claim.over)
    except NotEntailed as error:
        return f"link stated, not checked: {error}"
    return None


# --- many at once -------------------------------------------------------------------------------------


def _examine_named(name: str, files: Sequence[Path], bench: Bench) -> Record:
    """In a process of its own: claims hold functions, so they are built again rather than sent."""
    return examine(_named(files)[name], bench)


@cache
def _named(files: Sequence[Path]) -> dict[str, Claim]:
    return {claim.id: claim for claim in all_claims(files)}


def verify(
    bench: Bench,
    only: Sequence[str] = (),
    jobs: int = 1,
    files: Sequence[Path] = (),
    progress: Callable[[float], None] = lambda fraction: None,
) -> list[Record]:
    """Examine claims, in `jobs` processes, and return the records in the order of the ledger.

    Parameters
    ----------
    bench : Bench
    only : sequence of str
        Names of claims; all if there is none.
    jobs : int
    files : sequence of Path
        Python files with further claims, which are run.
    progress : callable, optional
        Called with the share of the claims that are done.

    Raises
    ------
    BadInput
        A name that no claim has, or a file that cannot be used.
    """
    if jobs > 1 and not (only or files or entry_points(group=GROUP)):
        # the other processes build the claims: this one does without
        with _pool(min(jobs, len(TOGETHER))) as pool:
            found = _each_done([pool.submit(_examine_families, names, bench) for names in TOGETHER], progress)
        of_family = {name: records for group in found for name, records in group.items()}
        return [record for family in FAMILIES for record in of_family[family]]
    claims = chosen(all_claims(files), only)
    if jobs == 1 or len(claims) == 1:
        return [_reported(examine(claim, bench), progress, (n + 1) / len(claims)) for n, claim in enumerate(claims)]
    with _pool(min(jobs, len(claims))) as pool:
        return _each_done([pool.submit(_examine_named, x.id, tuple(files), bench) for x in claims], progress)


def _reported(record: Record, progress: Callable[[float], None], fraction: float) -> Record:
    progress(fraction)
    return record


def _examine_families(names: Sequence[str], bench: Bench) -> dict[str, list[Record]]:
    return {name: [examine(claim, bench) for claim in _of_family(name)] for name in names}


@contextmanager
def _pool(jobs: int) -> Iterator[ProcessPoolExecutor]:
    """Fresh interpreters: threads of this one are no concern of theirs."""
    # an interrupt from the terminal reaches all of them: theirs end at once, without a word
    quiet = (signal.SIGINT, signal.SIG_DFL)
    with ProcessPoolExecutor(jobs, get_context("spawn"), signal.signal, quiet) as pool:
        try:
            yield pool
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _each_done(waiting: Sequence[Future[_T]], progress: Callable[[float], None]) -> list[_T]:
    for n, _ in enumerate(as_completed(waiting)):
        progress((n + 1) / len(waiting))
    return [future.result() for future in waiting]
