"""The integrals derived anew, each checked against Gauss–Hermite quadrature of its definition."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import erf

from divprune_sym.dynamics.equations import equations_of_motion
from divprune_sym.gaussian import ERF, INTEGRALS, Derivation, G, U, integral
from divprune_sym.gaussian.term import covariance_symbol

if TYPE_CHECKING:
    from numpy.typing import NDArray

# nodes per dimension: the integrands are analytic, and the worst, in four dimensions, is good to 1e-8
_NODES = {2: 80, 3: 60, 4: 30}


@dataclass(frozen=True)
class Rederived:
    """One integral: its closed form, the rules used, and its distance from quadrature at one covariance."""

    name: str
    closed_form: str
    rules: tuple[str, ...]
    seconds: float
    discrepancy: float


def rederive(rng: np.random.Generator) -> list[Rederived]:
    """Derive J2, I2, I3 and I4 for erf, and evaluate each at a random covariance both ways."""
    rows = []
    for name, factors in INTEGRALS.items():
        start = time.perf_counter()
        derived = integral(name, ERF)
        seconds = time.perf_counter() - start
        rules = tuple(dict.fromkeys(step.rule for step in derived.steps))
        gap = abs(_closed_form_gap(derived, factors, rng))
        rows.append(Rederived(name, str(derived.closed_form), rules, seconds, gap))
    return rows


def equations_as_text() -> list[str]:
    """The equations of motion as derived from the SGD update, one line each."""
    shown = {"drift", "spread", "pull", "dQ", "dR", "dv"}
    return [f"{x.lhs} = {x.rhs}" for x in equations_of_motion().assignments if str(x.lhs.base) in shown]


def _closed_form_gap(derived: Derivation, factors: tuple[G | U, ...], rng: np.random.Generator) -> float:
    fields = derived.term.covariance.fields
    size = len(fields)
    root = 0.5 * rng.standard_normal((size, size + 1))
    C = root @ root.T
    entries = {covariance_symbol(a, b): C[i, j] for i, a in enumerate(fields) for j, b in enumerate(fields)}
    exact = float(derived.closed_form.subs(entries))
    return exact - _quadrature(factors, fields, C)


def _quadrature(factors: tuple[G | U, ...], fields: tuple[str, ...], C: NDArray[np.float64]) -> float:
    """E[∏ factors] on a tensor grid in whitened coordinates."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES[len(fields)])
    weights = weights / weights.sum()
    lower = np.linalg.cholesky(C)
    grid = np.array(list(product(nodes, repeat=len(fields)))).T
    mass = np.array([prod(w) for w in product(weights, repeat=len(fields))])
    u = dict(zip(fields, lower @ grid, strict=True))
    values = mass
    for factor in factors:
        values = values * _value(factor, u[factor.field])
    return float(values.sum())


def _value(factor: G | U, u: NDArray[np.float64]) -> NDArray[np.float64]:
    if isinstance(factor, U):
        return u
    if factor.order == 0:
        return np.asarray(erf(u / np.sqrt(2)))
    return np.asarray(np.sqrt(2 / np.pi) * np.exp(-u * u / 2))
