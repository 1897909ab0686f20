"""The ledger: every claim, its evidence examined, and the verdict that follows."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

from divprune_sym.claims.arithmetic import impossible
from divprune_sym.claims.claim import Bench, Claim, Finding, Kind, verdict
from divprune_sym.claims.evidence import (
    Boundary,
    BoundaryOfMinimum,
    Certified,
    Measured,
    Missing,
    Numbers,
    Proof,
    UniqueZero,
    Witness,
)
from divprune_sym.claims.links import NotEntailed, entail
from divprune_sym.claims.maps import places
from divprune_sym.claims.rest import Rests, Signs
from divprune_sym.claims.rules import Follows
from divprune_sym.claims.typeset import latex, mathml
from divprune_sym.ground import plugins
from divprune_sym.ground.checks import BadInput
from divprune_sym.ground.user_files import executed, users_code
from divprune_sym.ground.work import each_done_in_processes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from types import ModuleType

    from divprune_sym.claims.links import Fact

# a class of another name, derived from one of these or not, may show what it likes: it counts for nothing
_KINDS = (
    Boundary,
    BoundaryOfMinimum,
    Certified,
    Follows,
    Measured,
    Missing,
    Numbers,
    Proof,
    Rests,
    Signs,
    UniqueZero,
    Witness,
)
RECORDED = Path(__file__).with_name("recorded")


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


@cache
def families() -> dict[str, ModuleType]:
    """The files of `claims/families` by name, in the order of the ledger."""
    package = import_module(f"{__package__}.families")
    found = [import_module(f"{package.__name__}.{file.name}") for file in iter_modules(package.__path__)]
    return {module.__name__.rpartition(".")[2]: module for module in sorted(found, key=lambda module: module.PLACE)}


def groups() -> list[list[str]]:
    """The families that go through one process, one after the other."""
    numbers = sorted({module.PROCESS for module in families().values()})
    return [[name for name, module in families().items() if number == module.PROCESS] for number in numbers]


def all_claims(files: Sequence[Path] = ()) -> list[Claim]:
    """Ours, those of installed packages, and those of Python files, which are run.

    Raises
    ------
    BadInput
        A file that cannot be used, or two claims of one name.
    """
    found = [claim for family in families() for claim in _of_family(family)]
    for claims in plugins.each_usable(plugins.CLAIMS, _offered).values():
        found += claims
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
    return tuple(families()[name].claims())


def _of_file(path: Path) -> list[Claim]:
    module = executed(path)
    with users_code(str(path)):
        return _checked(getattr(module, "CLAIMS", None), f"{path}: CLAIMS")


def _offered(found: Any, where: str) -> list[Claim]:
    return _checked(found() if callable(found) else found, where)


def _checked(found: Any, where: str) -> list[Claim]:
    if not isinstance(found, (list, tuple)) or not all(type(claim) is Claim for claim in found):
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
        "domain": claim.place,
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
    if type(evidence) not in _KINDS:
        return Finding(Kind.NONE, False, f"{type(evidence).__name__} is no known kind of evidence: it shows nothing")
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
        if impossible(claim.over):
            return "link stated, not checked: no point has all relations of the domain"
        entail([fact for finding in findings for fact in finding.facts], claim.explicit, claim.over)
    except NotEntailed as error:
        return f"link stated, not checked: {error}"
    except Exception as error:  # a link that breaks is not there; the other claims go on
        return f"link stated, not checked: {type(error).__name__}: {error}"
    return None


# --- many at once -------------------------------------------------------------------------------------


def _examine_named(files: Sequence[Path], bench: Bench, name: str) -> Record:
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
    if jobs > 1 and not (only or files or plugins.offered(plugins.CLAIMS)):
        # the other processes build the claims: this one does without
        of_family: dict[str, list[Record]] = {}
        together = groups()
        for n, (_, records) in enumerate(each_done_in_processes(partial(_examine_families, bench), together, jobs)):
            of_family |= records
            progress((n + 1) / len(together))
        return [record for family in families() for record in of_family[family]]
    claims = chosen(all_claims(files), only)
    if jobs == 1 or len(claims) == 1:
        return [_reported(examine(claim, bench), progress, (n + 1) / len(claims)) for n, claim in enumerate(claims)]
    by_name: dict[str, Record] = {}
    for name, record in each_done_in_processes(
        partial(_examine_named, tuple(files), bench), (x.id for x in claims), jobs
    ):
        by_name[name] = _reported(record, progress, (len(by_name) + 1) / len(claims))
    return [by_name[claim.id] for claim in claims]


def _reported(record: Record, progress: Callable[[float], None], fraction: float) -> Record:
    progress(fraction)
    return record


def _examine_families(bench: Bench, names: Sequence[str]) -> dict[str, list[Record]]:
    return {name: [examine(claim, bench) for claim in _of_family(name)] for name in names}
