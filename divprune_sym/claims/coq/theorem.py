"""One claim as one file for coqc: definitions, the parts of its statement with proofs, and the theorem."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sympy as sp
from sympy.core.relational import Relational

from divprune_sym.claims.claim import Verdict
from divprune_sym.claims.coq import algebra, analysis, prelude
from divprune_sym.claims.coq.gallina import NotExpressible, name_of, proposition, term
from divprune_sym.claims.domain import Domain
from divprune_sym.claims.links import obligations

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sympy import Basic, Expr

    from divprune_sym.claims.claim import Claim


@dataclass(frozen=True)
class Theorem:
    """A claim for coqc.

    Attributes
    ----------
    id : str
    text : str
        The file.
    interval : bool
        Whether CoqInterval computes in its proof, with the kernel's own integers and floats.
    """

    id: str
    text: str
    interval: bool = False

    @property
    def file(self) -> str:
        """The file's name, which Coq wants to be an identifier."""
        return f"{name_of(self.id)}.v"


_WITHOUT_PROOF = {
    Verdict.REFUTED: "refuted: there is nothing to prove",
    Verdict.SUPPORTED: "supported by measurements, which are no proof",
}


def theorem(claim: Claim) -> Theorem:
    """The file of a claim.

    Raises
    ------
    NotExpressible
        The claim says, or its proof needs, what is not exported; the message says what.
    """
    if claim.expected in _WITHOUT_PROOF:
        raise NotExpressible(_WITHOUT_PROOF[claim.expected])
    foreign = list(_foreign(claim))
    strange = [x for x in foreign if not isinstance(x, (sp.asin, sp.Pow))]
    if strange:
        msg = f"only rational algebra, arc sines and roots are exported, and it has {str(strange[0])[:60]}"
        raise NotExpressible(msg)
    where = _whole_domain(claim)
    if foreign:
        return _with_arcs(claim, where)
    symbols = _symbols(where, claim)
    names, quantified = _names(where, symbols), _quantified(where, symbols)
    definitions, named = _definitions(claim, names)
    parts = [_part(n, *part, quantified, names) for n, part in enumerate(obligations(claim.explicit, where), 1)]
    assumed = "".join(f"  {proposition(r, names)} ->\n" for r in where.relations)
    statement = proposition(claim.statement, {**names, **named})
    unfolded = ", ".join(text.strip("()").split()[0] for text in named.values())
    variables = " ".join(name_of(x.name) for x in symbols)
    proved = [f"(part_{n} {variables})" for n in range(1, len(parts) + 1)]
    tries = " | ".join([*(f"apply {x}; side" for x in proved), "exfalso; side", *(f"rearranged {x}" for x in proved)])
    text = "\n".join(
        (
            _heading(claim),
            prelude.REALS,
            prelude.ALGEBRA,
            *definitions,
            "",
            *parts,
            f"Theorem claim : {f'forall {quantified},' if quantified else ''}\n{assumed}  {statement}.",
            "Proof.",
            f"  {f'unfold {unfolded}.' if unfolded else ''}",
            f"  cases; intros; first [ {tries} ].",
            "Qed.",
            "Print Assumptions claim.",
            "",
        )
    )
    return Theorem(claim.id, text)


def _with_arcs(claim: Claim, where: Domain) -> Theorem:
    """One inequality on a closed interval, by CoqInterval."""
    tactics = analysis.script(claim.explicit, where)
    symbols = _symbols(where, claim)
    names = _names(where, symbols)
    definitions, named = _definitions(claim, names)
    assumed = "".join(f"  {proposition(r, names)} ->\n" for r in where.relations)
    unfolded = ", ".join(text.strip("()").split()[0] for text in named.values())
    text = "\n".join(
        (
            _heading(claim),
            analysis.REALS,
            *definitions,
            "",
            f"Theorem claim : forall {_quantified(where, symbols)},\n{assumed}"
            f"  {proposition(claim.statement, {**names, **named})}.",
            "Proof.",
            f"  intros.{f' unfold {unfolded}.' if unfolded else ''}",
            *(f"  {line}" for line in tactics),
            "Qed.",
            "Print Assumptions claim.",
            "",
        )
    )
    return Theorem(claim.id, text, interval=True)


def _heading(claim: Claim) -> str:
    given = "".join(f"\n   Given: {_comment(x)}." for x in claim.assumptions)
    return f"(* {claim.id}: {_comment(claim.title)}\n   Source: {_comment(claim.source)}.{given}\n*)"


def _foreign(claim: Claim) -> Iterator[Basic]:
    # derivatives of the statement; functions, and roots of symbols, once its names are written out
    yield from claim.statement.atoms(sp.Derivative, sp.Integral, sp.Limit, sp.Sum)
    for x in sp.preorder_traversal(claim.explicit):
        if (isinstance(x, sp.Pow) and x.free_symbols and not x.exp.is_Integer) or (
            isinstance(x, (sp.Function, sp.Integral, sp.Sum)) and not isinstance(x, sp.Piecewise)
        ):
            yield x


def _comment(text: str) -> str:
    return text.rstrip(".").replace("(*", "( *").replace("*)", "* )").replace('"', "'")


def _symbols(where: Domain, claim: Claim) -> list[sp.Symbol]:
    """Integers first."""
    found = sorted(where.symbols | claim.explicit.free_symbols, key=lambda x: (not where.is_integer(x), x.name))
    if len({name_of(x.name) for x in found}) < len(found):
        msg = f"two of its symbols have one name in Coq: {', '.join(x.name for x in found)}"
        raise NotExpressible(msg)
    return found


def _whole_domain(claim: Claim) -> Domain:
    """The domain with what SymPy knows of its symbols."""
    where = claim.over
    symbols = sorted(where.symbols | claim.explicit.free_symbols, key=str)
    integers = frozenset(x for x in symbols if where.is_integer(x))
    for x in symbols:
        if not any(_bounds_from_below(r, x) for r in where.relations) and x.is_nonnegative:
            where &= (sp.Gt if x.is_positive else sp.Ge)(x, 0, evaluate=False)
    return Domain(where.relations, where.integers | integers)


def _bounds_from_below(relation: Relational, x: sp.Symbol) -> bool:
    return not isinstance(relation, (sp.Eq, sp.Ne)) and relation.gts == x and bool(relation.lts.is_nonnegative)


def _names(where: Domain, symbols: Sequence[sp.Symbol]) -> dict[Expr, str]:
    return {x: f"(IZR {name_of(x.name)})" if where.is_integer(x) else name_of(x.name) for x in symbols}


def _quantified(where: Domain, symbols: Sequence[sp.Symbol]) -> str:
    integers = [x for x in symbols if where.is_integer(x)]
    groups = (("BinNums.Z", integers), ("R", [x for x in symbols if x not in integers]))
    return " ".join(f"({' '.join(name_of(x.name) for x in own)} : {sort})" for sort, own in groups if own)


def _part(n: int, part: Basic, where: Domain, quantified: str, names: Mapping[Expr, str]) -> str:
    """One relation of the statement, on its part of the domain."""
    if not isinstance(part, Relational):
        msg = f"{type(part).__name__} is no relation"
        raise NotExpressible(msg)
    given = algebra.hypotheses(where)
    tactics = algebra.script(part, where, names)
    assumed = "".join(f"  {proposition(r, names)} ->\n" for r in given)
    body = "\n".join(f"  {line}" for line in tactics)
    header = f"forall {quantified},\n{assumed}  " if quantified else ""
    return f"Lemma part_{n} : {header}{proposition(part, names)}.\nProof.\n  intros; orders.\n{body}\nQed.\n"


def _definitions(claim: Claim, names: Mapping[Expr, str]) -> tuple[list[str], dict[Expr, str]]:
    """What the names of the statement stand for, as functions of the symbols in them."""
    lines, named, used = [], {}, {name_of(x.name) for x in names if isinstance(x, sp.Symbol)}
    for name, meaning in claim.meanings.items():
        plain = name_of(name.name if isinstance(name, sp.Symbol) else "_".join(("e", str(name.args[0]))))
        word = next(x for x in (plain, *(f"{plain}_{n}" for n in range(2, 99))) if x not in used)
        used.add(word)
        symbols = [x for x in names if x in meaning.free_symbols]
        inside = {x: name_of(x.name) for x in symbols}
        given = f" ({' '.join(inside.values())} : R)" if symbols else ""
        lines += [f"(* {_comment(str(name))} *)", f"Definition {word}{given} : R :=\n  {term(meaning, inside)}."]
        named[name] = f"({word} {' '.join(names[x] for x in symbols)})" if symbols else word
    return lines, named
