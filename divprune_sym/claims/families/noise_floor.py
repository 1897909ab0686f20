"""What label noise leaves at small learning rates, exact in the numbers of nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sympy as sp

from divprune_sym.claims.claim import Claim, Verdict
from divprune_sym.claims.evidence import Proof
from divprune_sym.claims.steps import Step, is_zero, same
from divprune_sym.dynamics import small_eta
from divprune_sym.dynamics.small_eta import A, L, M, Z
from divprune_sym.dynamics.symbols import SIGMA

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sympy import Expr

PLACE, PROCESS = 30, 1

_SLOPE = sp.Symbol("epsilon_1", positive=True)
_ASSUMED = (
    "erf nodes, white inputs, orthonormal teacher; ε_g* = η ε_1 + O(η²), label noise excluded",
    "fixed point in the states that permutations of groups, copies and surplus nodes leave as they are; for K > M this "
    "invariant set can be unstable at a rate of order η²",
)


def _steps(expansion: Callable[[], small_eta.Expansion], floor: Expr) -> Callable[[], Iterator[Step]]:
    def run() -> Iterator[Step]:
        found = expansion()
        yield Step(
            f"F1'(x0) x1 + F2(x0) = 0 has one solution {', '.join(found.coefficients)} in the symmetric states (equal "
            "copies; exact elimination, sizes symbolic)",
            found.free == small_eta.SPREAD,
        )
        yield same("dε_g along x1 is ε_1", found.error, floor)
        yield same("and so is (σ²/4) Σ_i v_i² J2(i, i)", small_eta.noise_floor(found), floor)
        yield is_zero("dΦ/dα = −4η ε_g + noise for the squared distance Φ", small_eta.distance_identity(found))

    return run


def _first_order(expansion: Callable[[], small_eta.Expansion]) -> Callable[[], Expr]:
    return lambda: expansion().error


def claims() -> list[Claim]:
    """The claims of this family."""
    rows = (
        (
            "soft-committee",
            "A soft committee with L ≥ 1 surplus nodes has the noise floor σ²η(L + M/√3)/(2π), to first order in η.",
            small_eta.soft_committee,
            SIGMA**2 / (2 * sp.pi) * (L + M / sp.sqrt(3)),
            ("M ≥ 1, L ≥ 1 integers, K = M + L", "v = A = 1, second layer frozen"),
            "Goldt et al., NeurIPS 2019 (arXiv:1906.08632), asymptotic error of the soft committee",
        ),
        (
            "matched",
            "A soft committee with K = M has the noise floor σ²ηM/(2π√3), to first order in η.",
            lambda: small_eta.soft_committee(surplus=False),
            SIGMA**2 * M / (2 * sp.pi * sp.sqrt(3)),
            ("M ≥ 1 integer, K = M", "v = A = 1, second layer frozen"),
            "Goldt et al., NeurIPS 2019 (arXiv:1906.08632), asymptotic error of the soft committee, L = 0",
        ),
        (
            "both-layers",
            "With both layers trained, Z copies of each teacher node divide the noise floor by Z.",
            small_eta.both_layers,
            A**2 * SIGMA**2 * M / (2 * sp.sqrt(3) * sp.pi * Z),
            ("M ≥ 1, Z ≥ 1 integers, K = ZM", "A_n = A, v_i = A/Z to leading order, both layers trained"),
            "this project",
        ),
    )
    return [
        Claim(
            f"noise-floor.{name}",
            title,
            sp.Eq(_SLOPE, floor),
            (),
            source,
            (Proof(_steps(expansion, floor)),),
            Verdict.PROVED,
            {_SLOPE: _first_order(expansion)},
            (*_ASSUMED, *setting),
        )
        for name, title, expansion, floor, setting, source in rows
    ]
