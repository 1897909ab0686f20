"""One step of online SGD, the update rule that the equations of motion come from.

For one input coordinate j of class c and a mini-batch of b inputs x^μ with label noise ζ^μ,

    w_ij ← w_ij − (η/√N) v_i ⟨g'(λ_i) Δ x_j⟩ m_ij − (κ/N) w_ij,      v_i ← v_i − (η_v/N) ⟨g(λ_i) Δ⟩ − (κ/N) v_i,

with ⟨·⟩ the mean over the batch, and Δ = Σ_a s_a g(u_a) − σζ for each of its inputs.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp
from sympy import Expr

from divprune_sym.dynamics.symbols import DECAY, ETA, ETA_V, MASK, SIGMA, V, c, i, k


@dataclass(frozen=True)
class UpdateRule:
    """What of the update takes place. Letters are symbols or numbers; 0 takes their part out.

    Parameters
    ----------
    first_layer, second_layer : bool
        Which layers are trained. The other one is frozen: it does not decay either.
    sigma, weight_decay : Expr
        σ and κ.
    batch_size : Expr
        b, the inputs averaged over in one update; it stays fixed as N → ∞. Time α counts updates/N.
    two_activations : bool
        The nodes of the teacher have another activation, h, than those of the student, g.
    small_eta : bool
        The limit of a small learning rate: rates to first order in η, at fixed η_v/η. The term in η² is left out,
        and with it the integrals J2 and I4, the label noise and the batch size.

    Raises
    ------
    ValueError
        No layer is trained.
    """

    first_layer: bool = True
    second_layer: bool = True
    sigma: Expr = SIGMA
    weight_decay: Expr = DECAY
    batch_size: Expr = sp.S.One
    two_activations: bool = False
    small_eta: bool = False

    def __post_init__(self) -> None:
        if not (self.first_layer or self.second_layer):
            msg = "first_layer = second_layer = False: no layer is trained"
            raise ValueError(msg)


SGD = UpdateRule()

N = sp.Symbol("N", positive=True)
ZETA = sp.Symbol("zeta", real=True)
WEIGHT = {node: sp.Symbol(f"w_{node}j", real=True) for node in (i, k)}
TAUGHT = sp.Symbol("B_nj", real=True)

# ⟨g'(λ_i) Δ x_j⟩ and ⟨g(λ_i) Δ⟩
MEAN_SLOPE = {node: sp.Symbol(f"mean_gprime_{node}_Delta_x_j", real=True) for node in (i, k)}
MEAN_VALUE = {node: sp.Symbol(f"mean_g_{node}_Delta", real=True) for node in (i, k)}


@dataclass(frozen=True)
class Sample:
    """One input of a batch, as symbols: x_j, Δ, g'(λ_i) and g(λ_i)."""

    x: Expr
    delta: Expr
    slope: dict[Expr, Expr]
    value: dict[Expr, Expr]

    @classmethod
    def named(cls, mark: str) -> Sample:
        """Its symbols end in a mark."""
        slope = {node: sp.Symbol(f"gprime_{node}{mark}", real=True) for node in (i, k)}
        value = {node: sp.Symbol(f"g_{node}{mark}", real=True) for node in (i, k)}
        x, delta = sp.symbols(f"x_j{mark} Delta{mark}", real=True)
        return cls(x, delta, slope, value)

    @property
    def terms(self) -> list[Expr]:
        """What the batch means are means of: the values of MEAN_SLOPE, then those of MEAN_VALUE."""
        slopes = [slope * self.delta * self.x for slope in self.slope.values()]
        return [*slopes, *(value * self.delta for value in self.value.values())]


ONE, OTHER = Sample.named(""), Sample.named("'")


def first_layer_update(node: Expr, rule: UpdateRule = SGD) -> Expr:
    """w_ij(next) − w_ij."""
    return -ETA / sp.sqrt(N) * V[node] * MEAN_SLOPE[node] * MASK[c, node] - rule.weight_decay / N * WEIGHT[node]


def second_layer_update(node: Expr, rule: UpdateRule = SGD) -> Expr:
    """v_i(next) − v_i."""
    return -ETA_V / N * MEAN_VALUE[node] - rule.weight_decay / N * V[node]


def in_samples(expression: Expr, batch_size: Expr) -> Expr:
    """A polynomial in batch means, in symbols of at most two samples with the same expectation.

    The b samples are exchangeable: a mean has the expectation of one sample's term, and a product of two means that
    of (1/b) · the two terms of one sample + (1 − 1/b) · those of two different samples.
    """
    means = [*MEAN_SLOPE.values(), *MEAN_VALUE.values()]
    total = sp.Integer(0)
    for powers, coefficient in sp.Poly(sp.expand(expression), *means).terms():
        factors = [j for j, power in enumerate(powers) for _ in range(power)]
        if len(factors) > 2:
            msg = f"more than two batch means in one product: {expression}"
            raise ValueError(msg)
        product = sp.Mul(*[ONE.terms[j] for j in factors])
        if len(factors) == 2:
            first, second = factors
            product = product / batch_size + (1 - 1 / batch_size) * ONE.terms[first] * OTHER.terms[second]
        total += coefficient * product
    return sp.expand(total)
