"""Pruning the noisy specialized state: ε_g of each method to first order in the learning rate."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import minimize_scalar

from divprune_sym.ground.checks import BadInput, integer, number
from divprune_sym.pruning.after.rescaling import RESCALINGS
from divprune_sym.pruning.method import EdgeMethod, NodeMethod
from divprune_sym.pruning.user_method import as_loaded
from divprune_sym.specialized.state import specialized_state

if TYPE_CHECKING:
    from collections.abc import Callable

    from divprune_sym.pruning.after.rescaling import Rescaling


@dataclass(frozen=True)
class PrunedExcess:
    """ε_g = noiseless + η slope + O(η²) after pruning, label noise excluded.

    `error` bounds what the quadrature of an edge method's moments can add to either (0: closed form).
    """

    noiseless: float
    slope: float
    error: float


def pruned_excess(
    method: str | NodeMethod | EdgeMethod,
    keep: float,
    *,
    teachers: int,
    copies: int = 1,
    second_layer: float = 1.0,
    sigma: float = 1.0,
    train_both: bool = True,
    rescale: Rescaling = "none",
) -> PrunedExcess:
    """Prune the specialized fixed point of online SGD with label noise (K = ZM, T = 1, v_i = v*/Z), no reweighting.

    Of erf nodes: the expansion in the learning rate is derived for them alone.

    Copies of one teacher node are taken as equal, which they remain if they start so; for Z > 1 this fixed point is
    unstable at a rate proportional to η² (`dynamics.small_eta`), and the slope is that of the time before.

    Parameters
    ----------
    method : str, NodeMethod or EdgeMethod
        A name, FILE.py:CLASS (which is run), or the method; edges by masks that are independent given the weights.
    keep : int or float
        Nodes kept, or fraction of edges kept in (0, 1].
    teachers, copies : int
        M and Z.
    second_layer : float
        v*.
    sigma : float
        Standard deviation of the label noise.
    train_both : bool
        Both layers trained; False: the soft committee, v = v* = 1 frozen, Z = 1.
    rescale : {"none", "inverse-sqrt", "optimal"}
        For edge methods. The optimal factor moves with η, but at an optimum that changes ε_g at order η² only.

    Raises
    ------
    BadInput
        Another method; sizes, keep fraction or rescaling out of range; a soft committee with copies or v* ≠ 1.
    """
    M, Z = integer("teachers", teachers, 1), integer("copies", copies, 1)
    A, noise = number("second layer", second_layer), number("sigma", sigma, 0.0)
    if not train_both and (Z != 1 or A != 1.0):
        msg = f"train_both = False: a soft committee has copies = 1 and second layer 1, got {Z} and {A:g}"
        raise BadInput(msg)
    if rescale not in RESCALINGS:
        msg = f"rescale {rescale!r}: choose from {', '.join(RESCALINGS)}"
        raise BadInput(msg)
    sizes = (M, Z, A, noise)
    loaded = as_loaded(method)
    if isinstance(loaded, NodeMethod):
        pairs = loaded.limit(specialized_state(M, Z, A), integer("keep", keep, 0, M * Z)).law.pairs
        orders = _formulas(train_both)[0]
        return PrunedExcess(*_evaluated(orders, *sizes, *_probabilities(pairs, Z)), 0.0)
    if not isinstance(loaded, EdgeMethod):
        msg = f"method {loaded.name!r}: has no moments of single weights; take one such as magnitude-edge or dpp-edge"
        raise BadInput(msg)
    return _edge_excess(loaded, number("keep fraction", keep, 1e-12, 1.0), sizes, train_both, rescale)


def _edge_excess(
    method: EdgeMethod, p: float, sizes: tuple[float, ...], train_both: bool, rescale: Rescaling
) -> PrunedExcess:
    orders = _formulas(train_both)[1]
    square, both = (1.0, 1.0) if p == 1.0 else _moments(method, p)
    factor = {"none": 1.0, "inverse-sqrt": 1.0 / np.sqrt(p)}.get(rescale)
    if factor is None:
        factor = _best_factor(lambda x: orders[0](*sizes, square, both, x))
    value = _evaluated(orders, *sizes, square, both, factor)
    # the quadrature promises 1e-9 on `both`, which no formula has unless a teacher node has copies
    moved = _evaluated(orders, *sizes, square, both + 1e-9, factor)
    return PrunedExcess(*value, max(abs(x - y) for x, y in zip(value, moved, strict=True)))


def _moments(method: EdgeMethod, p: float) -> tuple[float, float]:
    """E[z²π] and E[z²π²]."""
    law = method.keep_law(p)
    return law.kept_square, law.product(1.0)


def _best_factor(error: Callable[[float], float]) -> float:
    # p ≥ 1e-12, so that 1/√p ≤ e¹⁴; copies and teachers overlap, so that the best factor is neither 0 nor infinite
    grid = np.linspace(-20.0, 20.0, 161)
    best = int(np.clip(np.argmin([error(np.exp(x)) for x in grid]), 1, len(grid) - 2))
    bracket = (grid[best - 1], grid[best + 1])
    found = minimize_scalar(lambda x: error(np.exp(x)), bounds=bracket, method="bounded", options={"xatol": 1e-9})
    return float(np.exp(found.x))


def _probabilities(pairs: np.ndarray[Any, np.dtype[np.float64]], copies: int) -> tuple[float, float, float]:
    """P(kept), P(two copies kept), P(two nodes of different groups kept); 0 where there are no such two."""
    K = len(pairs)
    same = float(pairs[0, 1]) if copies > 1 else 0.0
    return float(pairs[0, 0]), same, float(pairs[0, copies]) if copies < K else 0.0


def _evaluated(orders: tuple[Callable[..., float], ...], *values: float) -> tuple[float, float]:
    noiseless, slope = (float(order(*values)) for order in orders)
    return noiseless, slope


@cache
def _formulas(train_both: bool) -> tuple[tuple[Callable[..., float], ...], tuple[Callable[..., float], ...]]:
    """(noiseless, slope) for node and for edge methods, as functions of the sizes and of the method's own numbers."""
    import sympy as sp

    from divprune_sym.dynamics import small_eta as theory
    from divprune_sym.dynamics.symbols import SIGMA

    expansion = theory.both_layers() if train_both else theory.soft_committee(surplus=False)
    sizes = (theory.M, theory.Z, theory.A, SIGMA)
    node = (*sizes, theory.KEPT, theory.KEPT_SAME, theory.KEPT_OTHER)
    edge = (*sizes, theory.SQUARE, theory.BOTH, theory.FACTOR)

    def compiled(arguments: tuple[sp.Symbol, ...], orders: tuple[sp.Expr, ...]) -> tuple[Callable[..., float], ...]:
        return tuple(sp.lambdify(arguments, order.subs(theory.SPREAD, 0), "math", cse=True) for order in orders)

    return compiled(node, theory.node_pruned_error(expansion)), compiled(edge, theory.edge_pruned_error(expansion))
