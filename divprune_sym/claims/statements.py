"""Statements that are no relations between numbers, and means that statements speak of."""

from __future__ import annotations

from typing import Any

import sympy as sp
from sympy.logic.boolalg import BooleanFunction


def is_true(statement: Any) -> bool:
    """Whether SymPy has decided that a statement is true; a relation that it left standing is not."""
    return bool(statement == sp.true)


def is_false(statement: Any) -> bool:
    """Whether SymPy has decided that a statement is false."""
    return bool(statement == sp.false)


class Name(sp.Function):  # type: ignore[misc]
    """A name applied to arguments, which stands for what a claim says under `where`."""


class _Statement(BooleanFunction):  # type: ignore[misc]
    """A statement about expressions that SymPy leaves as it is."""

    @classmethod
    def eval(cls, *arguments: sp.Basic) -> None:
        """Never decided by SymPy."""


class UsesOnly(_Statement):
    """UsesOnly(equation, names): its right side has no arrays and symbols but these."""

    def _latex(self, printer: Any) -> str:
        return str(printer.doprint(self.args[0]))

    def _mathml_presentation(self, printer: Any) -> Any:
        return printer._print(self.args[0])


class ExactlyOneZero(_Statement):
    """Expressions have exactly one common zero: ExactlyOneZero(expressions, unknowns, ends of their intervals)."""

    def _latex(self, printer: Any) -> str:
        expressions, unknowns, _ = self.args
        return rf"\exists!\, {printer.doprint(unknowns)}: F_1 = \dots = F_{{{len(expressions)}}} = 0"


class AtRest(_Statement):
    """AtRest(motion, state, unknowns, ends of their intervals): exactly one of these states is at rest."""

    def _latex(self, printer: Any) -> str:
        motion, _, unknowns, _ = map(printer.doprint, self.args)
        return rf"\exists!\, {unknowns}: {motion} = 0"

    def _mathml_presentation(self, printer: Any) -> Any:
        return printer._print(sp.Eq(self.args[0], 0, evaluate=False))


class Spectrum(_Statement):
    """Spectrum(motion, state, n): its Jacobian there has n eigenvalues of positive real part, all others' is negative.

    In independent coordinates: Q above and on its diagonal, R and v. None has real part 0.
    """

    def _latex(self, printer: Any) -> str:
        motion, _, right = map(printer.doprint, self.args)
        return rf"\#\{{\mathrm{{Re}}\,\mathrm{{eig}}\,\partial {motion} > 0\}} = {right},\ \text{{all others}} < 0"

    def _mathml_presentation(self, printer: Any) -> Any:
        motion, _, right = self.args
        return printer._print(sp.Eq(sp.Function("unstable")(motion), right, evaluate=False))


class TurnsOnce(_Statement):
    """TurnsOnce(f, x, a, b): f is negative below and positive above one place of [a, b], for a < x < b."""

    def _latex(self, printer: Any) -> str:
        f, x, low, high = map(printer.doprint, self.args)
        return rf"\exists\, {x}^* \in [{low}, {high}]:\ ({x} - {x}^*)\,({f}) > 0 \text{{ for }} {x} \ne {x}^*"


class OneInterval(_Statement):
    """OneInterval(f, x, a, b): f is positive inside one interval of (a, b), and negative outside its closure."""

    def _latex(self, printer: Any) -> str:
        f, x, low, high = map(printer.doprint, self.args)
        return (
            rf"\exists\, {low} < {x}_- < {x}_+ < {high}:\ {f} > 0 \text{{ for }} {x}_- < {x} < {x}_+,\ "
            rf"< 0 \text{{ outside }} [{x}_-, {x}_+]"
        )


class Motion(sp.Function):  # type: ignore[misc]
    """Motion(K, M, η = η_v, σ, κ): d/dα of the order parameters of online SGD, T = 1, A_n = 1, no masks."""

    nargs = 5

    def _latex(self, printer: Any) -> str:
        K, M, eta, sigma, decay = map(printer.doprint, self.args)
        setting = rf"K={K}, M={M}, \eta={eta}, \sigma={sigma}, \kappa={decay}"
        return rf"\frac{{d}}{{d\alpha}}\left(Q, R, v\right)_{{{setting}}}"


class Mean(sp.Function):  # type: ignore[misc]
    """E[…] over jointly Gaussian fields u_a of mean 0 and covariance C_ab, positive definite."""

    nargs = 1

    def _latex(self, printer: Any) -> str:
        return rf"\mathrm{{E}}\left[{printer.doprint(self.args[0])}\right]"


# random variables under a mean: fields u, u_1, …, of which u ~ N(0, Q_11); a signal Y; ζ ~ N(0, 1), independent of all
FIELD, SIGNAL, ZETA = sp.symbols("u Y zeta", real=True)
FIELD_SQUARE = sp.Symbol("Q_11", positive=True)


def is_random(x: sp.Basic) -> bool:
    """Whether a symbol is a random variable, by its name."""
    return str(x).split("_")[0] in ("u", "Y", "zeta")
