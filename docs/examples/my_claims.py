"""Claims of one's own: a certified inequality, a refuted one, and one with a symbolic proof."""

import sympy as sp

from divprune_sym.claims import Certified, Claim, Inequality, Proof, Verdict, Witness, same
from divprune_sym.claims.errors import p, random_edge, u

x = sp.Symbol("x", positive=True)
# I2 of two fields of variance 1, and its first order in their covariance x
exact, linear = 2 / sp.pi * sp.asin(x / 2), x / sp.pi


def slope():
    yield same("d/dx (2/π) arcsin(x/2) at x = 0 is 1/π", sp.diff(exact, x).subs(x, 0), 1 / sp.pi)
    yield same("and x/π is 0 there, as it must be", linear.subs(x, 0), exact.subs(x, 0))


CLAIMS = [
    Claim(
        id="my.i2-above-linear",
        title="I2 of two fields of variance 1 lies above its first order in their covariance.",
        statement=sp.Gt(exact, linear),
        domain=["0 < x < 1"],
        source="my notebook",
        # both sides and their first derivatives agree at x = 0; SymPy confirms the zero of order 3
        evidence=[Certified(Inequality(exact - linear, {x: (0, 1)}, sign=1, zeros={x: (3, 0)}))],
        expected=Verdict.CERTIFIED,
    ),
    Claim(
        id="my.half-is-half",
        title="Keeping half of the edges at random leaves at most half of the error.",
        statement=sp.Le(random_edge(), sp.Rational(1, 2)),
        domain=["p = 1/2", "0 <= u <= 1"],
        source="a guess",
        evidence=[Witness({p: sp.Rational(1, 2), u: 1})],
        expected=Verdict.REFUTED,
    ),
    Claim(
        id="my.slope",
        title="The first order of I2 in the covariance is x/π.",
        statement=sp.Eq(sp.diff(exact, x).subs(x, 0), 1 / sp.pi, evaluate=False),
        domain=[],
        source="my notebook",
        evidence=[Proof(slope)],
        expected=Verdict.PROVED,
    ),
]
