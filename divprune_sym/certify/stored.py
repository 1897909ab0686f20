"""Certified regions on disk: certified.json says what was compared and where, certificates/ holds the evidence.

The file has the method's overlaps as formulas and the places of boundaries: enough to build every claim again. Whoever
verifies it derives errors and claims anew, and believes no sign, sentence or verdict that the file could hold.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import sympy as sp

from divprune_sym.certify.compare import claim_of
from divprune_sym.certify.formulas import RESCALED, NoFormula, Subject, subject_of
from divprune_sym.certify.setting import CHARTS, Setting
from divprune_sym.certify.signs import Cut, Places, Signs, Stretch
from divprune_sym.claims.errors import p
from divprune_sym.formulas.expressions import Vocabulary, parse
from divprune_sym.ground.checks import BadInput, integer
from divprune_sym.ground.files import written_aside
from divprune_sym.ground.stored import fitted, parsed
from divprune_sym.pruning.registry import METHODS
from divprune_sym.specialized.formula import SpecializedOverlaps

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sympy import Expr

    from divprune_sym.claims.claim import Claim

FORMAT = 1
NAME, CERTIFICATES = "certified.json", "certificates"
_ANY = "any"
_LARGEST = 10_000_000  # bytes
_MOST_NODES = 10_000
_CLOSE = sp.Float("1e-20", 30)

_SIGNS = {"stretches": [[str]], "cuts": [[str]], "zeros": [int]}
_PLACES = {
    "rival": str,
    "about": str,
    "chart": str,
    "signs": [[_SIGNS]],
    "points": [[str]],
    "equal": bool,
    "sentence": str,
}
SCHEMA = {
    "format": int,
    "method": str,
    "overlaps": {str: {x.name: str for x in fields(SpecializedOverlaps)}},
    "M": int,
    "Z": int,
    "rescale": str,
    "certified": [_PLACES],
    "numerical": [{"rival": str, "about": str, "why": str}],
}


@dataclass
class Regions:
    """What has been certified of one method.

    Parameters
    ----------
    setting : Setting
    certified : list of Places
    numerical : list of (str, str, str)
        Rival, M, and why it is not certified.
    """

    setting: Setting
    certified: list[Places] = field(default_factory=list)
    numerical: list[tuple[str, str, str]] = field(default_factory=list)

    def claims(self) -> list[Claim]:
        """A claim for each comparison, with the evidence that can show it."""
        return [claim_of(self.setting, found) for found in self.certified]


# --- overlaps as texts --------------------------------------------------------------------------------


def as_texts(subject: Subject) -> dict[str, dict[str, str]]:
    """The overlaps, spelled so that `from_texts` reads them."""
    return {
        _ANY if share is None else str(share): {name: str(x) for name, x in vars(overlaps).items()}
        for share, overlaps in subject.overlaps.items()
    }


def from_texts(name: str, texts: dict[str, dict[str, str]]) -> Subject:
    """The method that overlaps spell; texts are parsed by a grammar of our own and never executed.

    Raises
    ------
    BadInput
        No formulas in p.
    """
    overlaps: dict[Fraction | None, SpecializedOverlaps] = {}
    for share, formulas in texts.items():
        keep = None if share == _ANY else _share(share, f"overlaps: {share}")
        symbols = {"p": p} if keep is None else {}
        overlaps[keep] = SpecializedOverlaps(
            **{x: parse(text, Vocabulary(f"overlaps: {share}: {x}", symbols)) for x, text in formulas.items()}
        )
    if not overlaps or (None in overlaps and len(overlaps) > 1):
        msg = f"overlaps: of {', '.join(texts) or 'nothing'}, expected of {_ANY} alone, or of keep fractions"
        raise BadInput(msg)
    return Subject(name, overlaps)


def written_and_read(subject: Subject) -> Subject:
    """The method as a file can hold it, with exact numbers.

    Raises
    ------
    NoFormula
        Its formulas have a part that has no text.
    """
    try:
        again = from_texts(subject.name, as_texts(subject))
    except BadInput as error:
        msg = f"{subject.name} cannot be written down: {error}"
        raise NoFormula(msg) from None
    for share, overlaps in subject.overlaps.items():
        for name, x in vars(overlaps).items():
            if not _agree(x, getattr(again.overlaps[share], name)):
                msg = f"{subject.name}: {name} cannot be written down exactly"
                raise NoFormula(msg)
    return again


def _agree(first: Expr, second: Expr) -> bool:
    gaps = (sp.N((first - second).subs(p, sp.Rational(n, 7)), 30) for n in (1, 3, 6))
    scale = _CLOSE if not first.has(sp.Float) else sp.Float("1e-13")
    return bool(first == second or all(abs(gap) < scale for gap in gaps))


# --- the file -----------------------------------------------------------------------------------------


def write(found: Regions, sentences: Sequence[str], folder: Path) -> None:
    """certified.json, in place of one that is there."""
    setting = found.setting
    whole = {
        "format": FORMAT,
        "method": setting.subject.name,
        "overlaps": as_texts(setting.subject),
        "M": setting.M,
        "Z": setting.Z,
        "rescale": setting.rescale,
        "certified": [
            _as_json(places) | {"sentence": said} for places, said in zip(found.certified, sentences, strict=True)
        ],
        "numerical": [dict(zip(("rival", "about", "why"), x, strict=True)) for x in found.numerical],
    }
    with written_aside(folder / NAME) as file:
        file.write((json.dumps(whole, indent=1, ensure_ascii=False) + "\n").encode())


def _as_json(places: Places) -> dict[str, Any]:
    return {
        "rival": places.rival,
        "about": places.about,
        "chart": places.chart,
        "signs": [[_signs_as_json(signs) for signs in row] for row in places.signs],
        "points": [[str(share), str(sign)] for share, sign in places.points],
        "equal": places.equal,
    }


def _signs_as_json(signs: Signs) -> dict[str, Any]:
    rows = {
        name: [[str(x.low), str(x.high), str(x.sign)] for x in found]
        for name, found in (("stretches", signs.stretches), ("cuts", signs.cuts))
    }
    return {**rows, "zeros": list(signs.zeros)}


def read(path: Path) -> Regions:
    """What a certified.json says has been compared.

    Raises
    ------
    BadInput
        The file is something else, or damaged; one line that says where.
    """
    if not path.is_file():
        msg = f"{path}: No such file"
        raise BadInput(msg)
    if path.stat().st_size > _LARGEST:
        msg = f"{path}: {path.stat().st_size} bytes, at most {_LARGEST} are read"
        raise BadInput(msg)
    try:
        return _regions(fitted(parsed(path.read_bytes()), SCHEMA))
    except (BadInput, NoFormula) as error:
        msg = f"{path}: {error}"
        raise BadInput(msg) from None


def _regions(whole: dict[str, Any]) -> Regions:
    if whole["format"] != FORMAT:
        msg = f"format {whole['format']}, expected {FORMAT}"
        raise BadInput(msg)
    if whole["rescale"] not in RESCALED:
        msg = f"rescale {whole['rescale'][:40]!r}: choose from {', '.join(RESCALED)}"
        raise BadInput(msg)
    subject = from_texts(whole["method"], whole["overlaps"])
    if subject.name in METHODS and as_texts(subject) != as_texts(written_and_read(subject_of(METHODS[subject.name]))):
        msg = f"overlaps: not those of {subject.name}"
        raise BadInput(msg)
    M, Z = (integer(name, whole[name], 1, _MOST_NODES) for name in ("M", "Z"))
    setting = Setting(subject, M, Z, whole["rescale"])
    certified = [_places(setting, entry) for entry in whole["certified"]]
    return Regions(setting, certified, [(x["rival"], x["about"], x["why"]) for x in whole["numerical"]])


def _places(setting: Setting, entry: dict[str, Any]) -> Places:
    rival, about, chart = entry["rival"], entry["about"], entry["chart"]
    if rival not in METHODS:
        msg = f"rival {rival[:40]!r}: no registered method"
        raise BadInput(msg)
    if about not in setting.abouts(rival) or chart not in CHARTS:
        msg = f"{rival}: {about[:40]!r} in {chart[:40]!r}: no such comparison"
        raise BadInput(msg)
    signs = tuple(tuple(map(_signs, row)) for row in entry["signs"])
    points = tuple(_point(rival, row) for row in entry["points"])
    if points and {share for share, _ in points} != set(setting.shares(rival, about) or ()):
        msg = f"{rival}: points at other keep fractions than both can keep"
        raise BadInput(msg)
    if sum(map(bool, (signs, points, entry["equal"]))) != 1:
        msg = f"{rival}: expected either signs, or points, or equal errors"
        raise BadInput(msg)
    rows = setting.pieces(rival, about, chart) if signs else []
    if [len(row) for row in rows] != [len(row) for row in signs]:
        msg = f"{rival}: signs of {len(signs)} rows, expected {len(rows)}"
        raise BadInput(msg)
    return Places(rival, about, chart, signs, points, entry["equal"])


def _point(rival: str, row: Sequence[str]) -> tuple[Fraction, int]:
    if len(row) != 2:
        msg = f"{rival}: points: {row!r:.60}, expected a keep fraction and a sign"
        raise BadInput(msg)
    return _share(row[0], rival), _sign(row[1], (-1, 0, 1), rival)


def _signs(entry: dict[str, Any]) -> Signs:
    stretches, cuts = (
        tuple(kind(*_interval(row), _sign(row[2], (-1, 1), name)) for row in entry[name])
        for kind, name in ((Stretch, "stretches"), (Cut, "cuts"))
    )
    zeros = entry["zeros"]
    if len(stretches) != len(cuts) + 1 or len(zeros) != 2 or not all(0 <= x <= 10 for x in zeros):
        msg = f"{len(stretches)} stretches, {len(cuts)} cuts and zeros {zeros!r:.40} do not go together"
        raise BadInput(msg)
    return Signs(stretches, cuts, tuple(zeros))  # type: ignore[arg-type]


def _interval(row: Sequence[str]) -> tuple[Fraction, Fraction]:
    if len(row) != 3:
        msg = f"{row!r:.60}: expected two ends and a sign"
        raise BadInput(msg)
    low, high = _fraction(row[0]), _fraction(row[1])
    if not low < high:
        msg = f"{row!r:.60}: the first end must be below the second"
        raise BadInput(msg)
    return low, high


def _share(text: str, what: str) -> Fraction:
    share = _fraction(text)
    if not 0 < share < 1:
        msg = f"{what}: keep fraction {text[:40]}, must lie in (0, 1)"
        raise BadInput(msg)
    return share


def _sign(text: str, allowed: Sequence[int], what: str) -> int:
    if text not in map(str, allowed):
        msg = f"{what}: sign {text[:40]!r}, expected {', '.join(map(str, allowed))}"
        raise BadInput(msg)
    return int(text)


def _fraction(text: str) -> Fraction:
    plain, slash, below = text.partition("/")
    if len(text) > 100 or not plain.isdecimal() or (slash and not (below.isdecimal() and int(below))):
        msg = f"{text[:40]!r}: expected a fraction such as 1/4"
        raise BadInput(msg)
    return Fraction(int(plain), int(below or 1))
