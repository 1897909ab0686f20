"""The moments of DPP edge pruning as a SymPy function that ball arithmetic knows."""

from __future__ import annotations

from typing import Any

import sympy as sp
from sympy import Expr


class KeptMoment(sp.Function):  # type: ignore[misc]
    """K_nk(s) = E[z^(2n)/(1 + s z²)^k], z ~ N(0, 1), s ≥ 0.

    DPP edges keep z with probability sz²/(1 + sz²). Every K is positive and decreasing in s, and so is the size of
    each of its derivatives, dK_nk/ds = −k K_(n+1)(k+1): over an interval they lie between their values at its ends.
    """

    nargs = 3

    @classmethod
    def eval(cls, n: Expr, k: Expr, s: Expr) -> Expr | None:
        """The moments of the normal law at s = 0."""
        return sp.factorial2(2 * n - 1) if s.is_zero else None

    def _eval_is_positive(self) -> bool | None:
        return True if self.args[2].is_nonnegative else None

    def fdiff(self, argindex: int = 3) -> Expr:
        """The derivative in s."""
        n, k, s = self.args
        if argindex != 3:
            raise sp.ArgumentIndexError(self, argindex)
        return -k * KeptMoment(n + 1, k + 1, s)

    def _latex(self, printer: object, exp: str | None = None) -> str:
        n, k, s = self.args
        body = f"K_{{{n}{k}}}({sp.latex(s)})"
        return body if exp is None else f"{body}^{{{exp}}}"

    def _mathml_presentation(self, printer: Any) -> Any:
        n, k, s = self.args
        whole = printer.dom.createElement("mrow")
        whole.appendChild(printer._print(sp.Symbol(f"K_{n}{k}")))
        for text in ("(", s, ")"):
            if text is s:
                whole.appendChild(printer._print(s))
                continue
            fence = printer.dom.createElement("mo")
            fence.appendChild(printer.dom.createTextNode(text))
            whole.appendChild(fence)
        return whole

    @property
    def closed(self) -> Expr:
        """The same with erfc, for whole numbers n and k.

        1/(1 + sz²) has the mean b √(π/2) exp(b²/2) erfc(b/√2) with b = 1/√s; z²/(1 + sz²) = (1 − 1/(1 + sz²))/s
        lowers n, and d/ds gives 1/(1 + sz²)^(k+1) = (1 + (s/k) d/ds) 1/(1 + sz²)^k.
        """
        n, k, s = self.args
        x = sp.Dummy(positive=True)
        return _closed(int(n), int(k), x).subs(x, s)

    @property
    def integrand(self) -> Expr:
        """Of what it is the mean over z."""
        n, k, s = self.args
        z = sp.Symbol("z", real=True)
        return z ** (2 * n) / (1 + s * z**2) ** k


def _closed(n: int, k: int, s: sp.Symbol) -> Expr:
    if k == 0:
        return sp.factorial2(2 * n - 1)
    if n > 0:
        return (_closed(n - 1, k - 1, s) - _closed(n - 1, k, s)) / s
    if k == 1:
        return sp.sqrt(sp.pi / (2 * s)) * sp.exp(1 / (2 * s)) * sp.erfc(1 / sp.sqrt(2 * s))
    lower = _closed(0, k - 1, s)
    return lower + s / (k - 1) * sp.diff(lower, s)


def without_moments(expression: sp.Basic) -> sp.Basic:
    """An expression with every moment in its closed form."""
    return expression.replace(lambda x: isinstance(x, KeptMoment), lambda x: x.closed)
