"""One closed form on every target: NumPy, compiled, CUDA, balls and mpmath within the bounds of their arithmetic."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import mpmath as mp
import numpy as np
import sympy as sp
from hypothesis import Phase, given, note, settings

from divprune_sym.ground.checks import BadInput
from divprune_sym.testing.covariance import Conditioning, covariance_values, covariances
from divprune_sym.testing.names import name_of
from divprune_sym.testing.rounding import FLOAT64, Arithmetic, exact, multiprecision, rounding_bound

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    Values = Mapping[str, float]
    Target = Callable[[Values], float]

# vectorized functions of NumPy may be off by four units in the last place
_NUMPY = Arithmetic(FLOAT64.unit, FLOAT64.smallest, FLOAT64.largest, library=8)
_MPMATH_BITS = 100
# of the exact value that balls and mpmath are held against
_DIGITS = 60


def assert_targets_agree(
    expression: sp.Expr,
    *,
    extra: Mapping[str, Callable[..., float]] | None = None,
    conditioning: Conditioning | None = None,
    at: Values | None = None,
    max_examples: int = 50,
) -> tuple[str, ...]:
    """Assert that every target gives the value of a closed form within the rounding error of its arithmetic.

    Covariances are drawn by Hypothesis; each target is held against 60 correct digits. The tolerance is the running
    error bound of the expression at that covariance, so it is tight where nothing cancels and wide where much does;
    where it is infinite (a radicand that may round below zero, say) nothing is promised and nothing compared.

    Parameters
    ----------
    expression : sympy.Expr
        A closed form in symbols C_ab, covariances of fields named by one letter each: sums, products, integer and
        half-integer powers, asin, atan, erf, exp.
    extra : mapping of str to callable, optional
        Implementations of your own, each taking the symbols as keywords: ``{"mine": lambda C_aa, C_ab, C_bb: …}``.
    conditioning : Conditioning, optional
        Of the covariances; every kind if left out.
    at : mapping of str to float, optional
        Compare at these values only.
    max_examples : int
        Covariances drawn.

    Returns
    -------
    tuple of str
        The targets that were compared: "numpy", "mpmath"; "compiled" where the library generates code for every
        function in it (of those above, all but atan and erf); "balls" where python-flint is installed; "cuda"
        where there is a GPU or Numba's CUDA simulator is on (NUMBA_ENABLE_CUDASIM=1); and the extra ones.

    Raises
    ------
    AssertionError
        A target is further off than its bound. The message ends with a line that repeats the comparison.
    BadInput
        A symbol is no covariance, or `at` leaves one out.
    TypeError
        The expression has a function without an error bound.
    """
    expression = sp.sympify(expression)
    targets = _targets(expression, extra or {})
    if at is not None:
        missing = sorted(symbol.name for symbol in expression.free_symbols if symbol.name not in at)
        if missing:
            msg = f"at: no value for {', '.join(missing)}"
            raise BadInput(msg)
        _compare(expression, targets, extra or {}, at)
        return tuple(targets)
    fields = _fields(expression)

    @settings(settings(), max_examples=max_examples, phases=[Phase.generate, Phase.shrink], deadline=None)
    @given(covariances(len(fields), conditioning=conditioning))
    def on_covariances(C: NDArray[np.float64]) -> None:
        values = covariance_values(C, fields)
        used = {symbol.name: values[symbol.name] for symbol in expression.free_symbols}
        note(f"covariance of {', '.join(fields)}: {C.tolist()}")
        _compare(expression, targets, extra or {}, used)

    on_covariances()
    return tuple(targets)


def _fields(expression: sp.Expr) -> list[str]:
    names = sorted({letter for symbol in expression.free_symbols for letter in _letters(symbol.name)})
    if not names:
        msg = f"{expression}: has no covariance C_ab in it, expected a closed form in covariances"
        raise BadInput(msg)
    return names


def _letters(name: str) -> str:
    head, _, letters = name.partition("_")
    if head != "C" or len(letters) != 2:
        msg = (
            f"symbol {name}: expected a covariance C_ab of two fields named by one letter each, or give the values at="
        )
        raise BadInput(msg)
    return letters


def _targets(expression: sp.Expr, extra: Mapping[str, Callable[..., float]]) -> dict[str, tuple[Target, Arithmetic]]:
    """Each target as a function of the values by name, and the arithmetic that it computes in."""
    from divprune_sym.codegen import CannotPrint, scalar_kernel

    names = sorted(symbol.name for symbol in expression.free_symbols)
    targets: dict[str, tuple[Target, Arithmetic]] = {
        "numpy": (_numpy(expression, names), _NUMPY),
        "mpmath": (_mpmath(expression, names), multiprecision(_MPMATH_BITS)),
    }
    with suppress(CannotPrint):
        kernel, order = scalar_kernel(expression)
        targets["compiled"] = (lambda values: kernel(*[values[name] for name in order]), FLOAT64)
    if find_spec("flint") is not None:
        targets["balls"] = (_balls(expression), FLOAT64)
    if _cuda_is_there():
        targets["cuda"] = (_cuda(expression, names), FLOAT64)
    for name, function in extra.items():
        targets[name] = (lambda values, f=function: f(**values), FLOAT64)  # type: ignore[misc]
    return targets


def _numpy(expression: sp.Expr, names: Sequence[str]) -> Target:
    function = sp.lambdify([_symbol(expression, name) for name in names], expression, modules=["numpy", "scipy"])

    def value(values: Values) -> float:
        # eight copies: the vectorized loops of NumPy are those that are used in practice
        with np.errstate(all="ignore"):
            copies = np.broadcast_to(function(*[np.full(8, values[name]) for name in names]), (8,))
        return float(copies[0])

    return value


def _mpmath(expression: sp.Expr, names: Sequence[str]) -> Target:
    function = sp.lambdify([_symbol(expression, name) for name in names], expression, modules="mpmath")

    def value(values: Values) -> Any:
        with mp.workprec(_MPMATH_BITS):
            found = function(*[mp.mpf(values[name]) for name in names])
            return mp.re(found) if mp.im(found) == 0 else mp.nan

    return value


def _symbol(expression: sp.Expr, name: str) -> sp.Symbol:
    return next(symbol for symbol in expression.free_symbols if symbol.name == name)


def _balls(expression: sp.Expr) -> Target:
    """The middle of the ball, if the ball holds the exact value; it may be as wide as float64 is wrong."""
    from flint import arb

    from divprune_sym.claims.balls import precision, value
    from divprune_sym.claims.programs import program_of

    program = program_of(expression)

    def middle(values: Values) -> float:
        with precision():
            ball = value(program, {name: arb(number) for name, number in values.items()})
            truth = arb(mp.nstr(exact(expression, values, _DIGITS), _DIGITS))
            return float(ball.mid()) if ball.overlaps(truth * arb(1, 1e-50)) else float("nan")

    return middle


def _cuda_is_there() -> bool:
    try:
        config, cuda = (import_module(name) for name in ("numba.core.config", "numba.cuda"))
    except ImportError:
        return False
    return bool(config.ENABLE_CUDASIM or cuda.is_available())


def _cuda(expression: sp.Expr, names: Sequence[str]) -> Target:
    function = sp.lambdify([_symbol(expression, name) for name in names], expression, modules="math", cse=True)
    cuda = import_module("numba.cuda")
    device = cuda.jit(device=True)(function)
    arguments = ", ".join(f"x[{n}]" for n in range(len(names)))
    written: dict[str, Any] = {"device": device}
    # our own text: the number of arguments is all that varies
    exec(f"def kernel(x, out):\n    out[0] = device({arguments})\n", written)
    kernel = cuda.jit(written["kernel"])

    def value(values: Values) -> float:
        out = np.empty(1)
        kernel[1, 1](np.array([values[name] for name in names]), out)
        return float(out[0])

    return value


def _compare(
    expression: sp.Expr,
    targets: Mapping[str, tuple[Target, Arithmetic]],
    extra: Mapping[str, Callable[..., float]],
    values: Values,
) -> None:
    truth = None
    for name, (target, arithmetic) in targets.items():
        bound = rounding_bound(expression, values, arithmetic)
        if not mp.isfinite(bound):
            continue
        truth = exact(expression, values, _DIGITS) if truth is None else truth
        found = target(values)
        with mp.workdps(_DIGITS):
            error = abs(mp.mpf(found) - truth)
        if not error <= bound:
            own = f", extra={{{name!r}: {name_of(extra[name], 'function')}}}" if name in extra else ""
            call = f'assert_targets_agree(sympify("{sp.srepr(expression)}"){own}, at={dict(values)!r})'
            msg = (
                f"{name} gives {mp.nstr(mp.mpf(found), 17)}, the value is {mp.nstr(truth, 20)}: "
                f"error {mp.nstr(error, 3)}, rounding bound {mp.nstr(bound, 3)}\nreproduce: {call}"
            )
            raise AssertionError(msg)
