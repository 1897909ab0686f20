"""Pruned errors of the noiseless specialized state, as the derivations give them, in one normalization.

e = 6 ε_g/(M v*²): M teacher nodes of weight v*, each copied by Z student nodes, u = 1/Z. e = 1 when nothing is kept.
Nodes: k of K = MZ are kept. Edges: a fraction p of every node's.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import sympy as sp
from sympy import Expr

from divprune_sym.claims.special import KeptMoment
from divprune_sym.claims.statements import Name
from divprune_sym.specialized.formula import M as M_
from divprune_sym.specialized.formula import SpecializedOverlaps, specialized_error
from divprune_sym.specialized.formula import V as V_
from divprune_sym.specialized.formula import Z as Z_

M, Z, k = sp.symbols("M Z k", integer=True, positive=True)
p, u, s, t = sp.symbols("p u s t", positive=True)
gamma = sp.Symbol("gamma", positive=True)
_m, _q = sp.symbols("m q", positive=True)


class PrunedError(Name):
    """e of a method, named by its first argument, at the other arguments."""

    def _latex(self, printer: Any) -> str:
        name, *arguments = self.args
        return rf"e_{{\mathrm{{{_words(name)}}}}}\left({', '.join(printer.doprint(x) for x in arguments)}\right)"

    def _mathml_presentation(self, printer: Any) -> Any:
        name, *arguments = self.args
        dom = printer.dom
        whole, index = dom.createElement("mrow"), dom.createElement("msub")
        for parent, tag, text in ((index, "mi", "e"), (index, "mtext", _words(name))):
            child = dom.createElement(tag)
            child.appendChild(dom.createTextNode(text))
            parent.appendChild(child)
        whole.appendChild(index)
        fenced = dom.createElement("mrow")
        for n, argument in enumerate(arguments):
            _operator(dom, fenced, "," if n else "(")
            fenced.appendChild(printer._print(argument))
        _operator(dom, fenced, ")")
        whole.appendChild(fenced)
        return whole


def _operator(dom: Any, parent: Any, text: str) -> None:
    child = dom.createElement("mo")
    child.appendChild(dom.createTextNode(text))
    parent.appendChild(child)


def _words(name: Expr) -> str:
    return str(name).replace("-", " ").replace("dpp", "DPP")


def e(method: str, *arguments: Any) -> Expr:
    """The symbol e_method(arguments)."""
    return PrunedError(sp.Symbol(method), *arguments)


# --- edges --------------------------------------------------------------------------------------------


@cache
def edge_error(square: Expr, both: Expr, factor: Expr = sp.S.One) -> Expr:
    """e after edge pruning, in u: square = E[z²π], both = E[z²π²], kept weights times a factor.

    From `specialized_error`, which derives it from I2 for any M and Z.
    """
    return _any_edge_error().subs({_m: square, _q: both, gamma: factor}, simultaneous=True)


@cache
def _any_edge_error() -> Expr:
    zero = sp.Integer(0)
    whole = specialized_error(SpecializedOverlaps(_m, _q, zero, _m, zero), gamma)
    return sp.expand(sp.expand(6 * whole / (M_ * V_**2)).subs(Z_, 1 / u))


def random_edge(factor: Expr = sp.S.One) -> Expr:
    """e of random edges, in p and u."""
    return edge_error(p, p**2, factor)


def dpp_keep() -> Expr:
    """The keep fraction p of DPP edges, in s: π = sz²/(1 + sz²)."""
    return s * KeptMoment(1, 1, s)


def dpp_edge() -> Expr:
    """e of DPP edges, in s and u."""
    return edge_error(s * KeptMoment(2, 1, s), s**2 * KeptMoment(3, 2, s))


def magnitude_square(at: Expr, keep: Expr) -> Expr:
    """E[z²; |z| > t] = p + 2t n(t), where p = P(|z| > t)."""
    return keep + 2 * at * sp.exp(-(at**2) / 2) / sp.sqrt(2 * sp.pi)


def magnitude_edge(square: Expr) -> Expr:
    """e of magnitude edges, a function of E[z²; |z| > t] alone: copies have the same mask."""
    return edge_error(square, square)


# --- nodes --------------------------------------------------------------------------------------------


def random_node(kept: Expr = k, groups: Expr = M, copies: Expr = Z) -> Expr:
    """e of random nodes."""
    return (
        1
        - 2 * kept / (groups * copies)
        + kept / (groups * copies**2) * (1 + (kept - 1) * (copies - 1) / (groups * copies - 1))
    )


def dpp_node_few(kept: Expr = k, groups: Expr = M, copies: Expr = Z) -> Expr:
    """e of DPP nodes, k ≤ M: k groups keep one node each."""
    return 1 - kept / groups + kept / groups * (1 - 1 / copies) ** 2


def dpp_node_one_group(kept: Expr = k, copies: Expr = Z) -> Expr:
    """e of DPP nodes, M = 1: all nodes are copies, and any k of them leave the same error."""
    return (1 - kept / copies) ** 2


def dpp_node(kept: Expr = k, groups: Expr = M, copies: Expr = Z) -> Expr:
    """e of DPP nodes for every M, Z and k."""
    return sp.Piecewise(
        (dpp_node_few(kept, groups, copies), kept <= groups),
        (dpp_node_one_group(kept, copies), sp.Eq(groups, 1)),
        (dpp_node_many(kept, groups, copies), True),
    )


def dpp_node_many(kept: Expr = k, groups: Expr = M, copies: Expr = Z) -> Expr:
    """e of DPP nodes, k > M: one node of every group, and k − M others uniformly; Z ≥ 2, not M = 1 with Z = 2."""
    mean = (kept - groups) / groups
    pairs = mean * (kept - groups - 1) * (copies - 2) / (groups * (copies - 1) - 1)
    # E(1 − (1 + h)/Z)² with E h = mean, E h(h − 1) = pairs
    return (1 - 1 / copies) ** 2 - 2 * (1 - 1 / copies) * mean / copies + (pairs + mean) / copies**2
