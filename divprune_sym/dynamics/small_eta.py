"""The specialized state under label noise, to first order in the learning rate, exact and for all sizes at once.

With x = (Q, R, v) the equations of motion read ẋ = η F1(x) + η² F2(x), where F2 holds σ² v_i v_k J2(i, k) and the
squares of the noiseless error signal. A noiseless zero x0 has no error signal, so F1(x0) = 0, and the fixed point
x0 + η x1 + O(η²) solves F1'(x0) x1 + F2(x0) = 0. F1' is the tangent of the derived equations; permutation symmetry
leaves a handful of unknowns in x1 whatever M, L and Z are. (Inputs white, T = 1, one mask class, A_n = A.)

For K > M the noiseless zeros form manifolds, and two statements are separate:

- ε_g. The squared distance Φ = Σ_i |w_i − B_n(i)|²/N to the zero obeys, to first order,
  dΦ/dα = −4 η ε_g + η² σ² Σ_i v_i² J2(i, i): E[Δ Σ_i v_i g'(λ_i)(λ_i − λ_i*)] is E[Δ²] to that order, because
  Δ = Σ_i v_i g'(λ_i)(λ_i − λ_i*) is; `distance_identity` checks it on both families, sizes symbolic. At rest,
  ε_g = (η σ²/4) Σ_i v_i² J2(i, i) + O(η²), and this holds for every direction in which x1 is left free.
- Where on the manifold. ẋ = η² P F2(x0) + O(η³) along it, P the projection on the kernel of F1'(x0): a fixed point
  x0 + η x1 needs P F2(x0) = 0 (`solvers.fixed_points.slow_flow`); copies share A equally. One direction stays
  undecided at this order, how far nodes with the same zero are apart: F2 vanishes there. It is the free coefficient
  of an `Expansion`. Its value 0 (nodes that are equal and stay equal) is consistent to every order, but unstable at a
  rate proportional to η². Where the instability leads is open in closed form: copies settle at a distance of order √η
  (numerically), surplus nodes of a frozen soft committee (L ≥ 2) have the noiseless zeros g(λ) + g(−λ) = 0.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

import sympy as sp
from sympy import Expr
from sympy.polys.fields import FracElement
from sympy.polys.matrices import DomainMatrix

from divprune_sym.dynamics.equations import equations_of_motion, error_equations
from divprune_sym.dynamics.integrals import I2
from divprune_sym.dynamics.symbols import D_Q, D_R, D_V, ETA, ETA_V, FIELDS, SIGMA, C, S, a, b
from divprune_sym.dynamics.symmetric import Entry, Evaluator, Field, SymmetricState, one
from divprune_sym.dynamics.tangent import derivative, dot, tangent_of_motion
from divprune_sym.dynamics.update import UpdateRule
from divprune_sym.gaussian import ERF

if TYPE_CHECKING:
    from collections.abc import Sequence

M, L, Z, A = sp.symbols("M L Z A", positive=True)

# coefficients of η: Q within a node, between groups, of surplus nodes; R to the own teacher, to others; v
_q, _c, _s, _u, _r, _p, _w, _dv = sp.symbols("q c s u r p w dv", real=True)
SPREAD = sp.Symbol("delta", real=True)

# node pruning: P(kept), P(both kept) in one group and in two; edge pruning: E z²π, E z²π² and the rescaling factor
KEPT, KEPT_SAME, KEPT_OTHER = sp.symbols("kept kept_same kept_other", nonnegative=True)
SQUARE, BOTH, FACTOR = sp.symbols("m m_both gamma", positive=True)

_STUDENT, _COPY, _OTHER = Field("student", 1, 1), Field("student", 1, 2), Field("student", 2, 1)
_SURPLUS, _SURPLUS_TOO = Field("surplus", 1), Field("surplus", 2)
_TEACHER, _OTHER_TEACHER = Field("teacher", 1), Field("teacher", 2)


@dataclass(frozen=True)
class Expansion:
    """x0 + η x1: a noiseless zero and the first order of the fixed point that label noise makes of it.

    Parameters
    ----------
    state : SymmetricState
        x0 under the names C, s, v and x1 under C_dot, s_dot, v_dot.
    coefficients : dict of str to Expr
        x1: Q_ii − 1 = η q and so on, in units of σ² where σ is left out.
    free : Expr
        What x1 leaves undecided, a symbol in `coefficients`: half the squared distance, divided by η, of two nodes
        with the same zero.
    error : Expr
        Coefficient of η in ε_g (label noise excluded).
    """

    state: SymmetricState
    coefficients: dict[str, Expr]
    free: Expr
    error: Expr


@cache
def soft_committee(surplus: bool = True) -> Expansion:
    """v = A = 1 frozen, K = M + L: M nodes copy the teacher, and the weights of L ≥ 1 surplus nodes vanish with η.

    `surplus` False: K = M. It is no limit of L ≥ 1: one surplus node changes the overlaps of all others at order η.
    """
    unknowns = (_q, _c, _r, _p, *((_s, _u, _w) if surplus else ()))
    return _solved(_unsolved(False, L if surplus else sp.Integer(0)), unknowns)


@cache
def both_layers() -> Expansion:
    """Both layers trained, K = ZM: Z copies of every teacher node, v_i = A/Z. K = M is Z = 1."""
    return _solved(_unsolved(True), (_q, _c, _r, _p, _dv))


@cache
def both_layers_ansatz() -> Expansion:
    """The same zero with any x1: its coefficients are symbols, and errors are linear in them."""
    symbols = {str(x): x for x in (_q, _c, _r, _p, _dv)}
    return Expansion(_unsolved(True), symbols, SPREAD, sp.S.Zero)


def distance_identity(expansion: Expansion) -> Expr:
    """(1/η) dΦ/dα + 4 ε_g without the noise term, to first order in η, at the expansion's zero with any x1: it is 0.

    Φ = Σ_i Q_ii − 2 Σ_i R_in(i) + const is the squared distance of the student's weights to the zero.
    """
    second_layer = expansion.state.copies == Z
    state = _unsolved(second_layer, expansion.state.surplus)
    along = Evaluator(tangent_of_motion(ERF, UpdateRule(second_layer=second_layer)), state)
    drift = M * state.copies * along.rate(dot(D_Q), _STUDENT, _STUDENT, coefficient_of=ETA)
    drift -= 2 * M * state.copies * along.rate(dot(D_R), _STUDENT, _TEACHER, coefficient_of=ETA)
    if state.surplus != 0:
        drift += state.surplus * along.rate(dot(D_Q), _SURPLUS, _SURPLUS, coefficient_of=ETA)
    return sp.simplify(drift + 4 * _error_slope(state))


def noise_floor(expansion: Expansion) -> Expr:
    """(σ²/4) Σ_i v_i² J2(i, i) at the zero: what the distance identity gives for the coefficient of η in ε_g."""
    state = expansion.state
    at_zero = Evaluator(equations_of_motion(UpdateRule(second_layer=False)), state)
    noise = M * state.copies * at_zero.rate(D_Q, _STUDENT, _STUDENT, coefficient_of=ETA**2)
    if state.surplus != 0:
        noise += state.surplus * at_zero.rate(D_Q, _SURPLUS, _SURPLUS, coefficient_of=ETA**2)
    return sp.simplify(noise / 4)


def node_pruned_error(expansion: Expansion) -> tuple[Expr, Expr]:
    """ε_g after node pruning at zeroth and first order in η, averaged over the kept subset.

    In KEPT, KEPT_SAME, KEPT_OTHER: the probabilities that a node, two copies of one teacher node, and two nodes of
    different groups are kept, which must not change with η: by symmetry they do not while copies stay equal.
    """
    state = replace(expansion.state, arrays={**expansion.state.arrays, "kept": _kept})
    error = sp.Sum(S[a] * S[b] * _PAIRS[a, b] * I2(a, b), (a, 0, FIELDS - 1), (b, 0, FIELDS - 1)) / 2
    return _first_two_orders(error, state)


def edge_pruned_error(expansion: Expansion) -> tuple[Expr, Expr]:
    """ε_g after edge pruning and a common factor on the kept weights, at zeroth and first order in η.

    In SQUARE = E[z²π], BOTH = E[z²π²] and FACTOR; copies are equal (free coefficient 0). Two nodes with small
    correlation r keep E[xπ(x) yπ(y)] = r E[z²π]² + O(r²), by the first Hermite coefficient of zπ(z).
    """
    arrays = dict(expansion.state.arrays)
    for name, first_order in (("C", False), ("C_dot", True)):
        arrays[name] = _thinned(arrays[name], first_order)
    return _first_two_orders(_ERROR, replace(expansion.state, arrays=arrays))


# --- the ansatz ---------------------------------------------------------------------------------------

_PAIRS = sp.IndexedBase("kept", shape=(FIELDS, FIELDS), real=True)
_ERROR = error_equations().assignments[0].rhs


def _zero(x: Field, y: Field) -> Expr:
    """Covariance at the noiseless zero."""
    return sp.Integer(int("surplus" not in (x.kind, y.kind) and x.group == y.group))


def _moved(x: Field, y: Field) -> Expr:
    """The most general first order of a covariance that respects the permutations."""
    same = x.group == y.group
    apart = SPREAD * int(x != y)
    kinds = {x.kind, y.kind}
    if kinds == {"student"}:
        return _q - apart if same else _c
    if kinds == {"surplus"}:
        return _s - apart
    if kinds == {"student", "teacher"}:
        return _r if same else _p
    if "teacher" in kinds:
        return _w if "surplus" in kinds else sp.Integer(0)
    return _u


def _unsolved(second_layer: bool, surplus: Expr = sp.S.Zero) -> SymmetricState:
    """The zero, and the ansatz around it: ZM nodes that learn both layers, or M + L whose second layer is frozen."""
    amplitude = A / Z if second_layer else sp.Integer(1)
    target = A if second_layer else sp.Integer(1)

    def weight(x: Field) -> Expr:
        return -target if x.kind == "teacher" else amplitude

    def weight_moved(x: Field) -> Expr:
        return _dv if second_layer and x.kind == "student" else sp.Integer(0)

    arrays: dict[str, Entry] = {"mask": one, "fraction": one, "variance": one}
    arrays |= {"C": _zero, "X": _zero, "s": weight, "v": weight}
    arrays |= {"C_dot": _moved, "X_dot": _moved, "s_dot": weight_moved, "v_dot": weight_moved}
    return SymmetricState(arrays, groups=M, copies=Z if second_layer else sp.Integer(1), surplus=surplus)


def _solved(state: SymmetricState, unknowns: Sequence[sp.Symbol]) -> Expansion:
    """Solve F1'(x0) x1 + F2(x0) = 0 in the ansatz."""
    values = _linear_solution(_equations(state), unknowns)

    def filled(entry: Entry) -> Entry:
        return lambda *fields: sp.sympify(entry(*fields)).subs(values)

    moved = {name: filled(entry) for name, entry in state.arrays.items() if name.endswith("_dot")}
    solved = replace(state, arrays={**state.arrays, **moved})
    coefficients = {str(symbol): value for symbol, value in values.items()}
    return Expansion(solved, coefficients, SPREAD, lowest_terms(_error_slope(state).subs(values)))


def _equations(state: SymmetricState) -> list[Expr]:
    """One balance for each kind of entry of Q, R and v."""
    second_layer = state.copies == Z
    along = Evaluator(tangent_of_motion(ERF, UpdateRule(second_layer=second_layer)), state)
    at_zero = Evaluator(equations_of_motion(UpdateRule(second_layer=second_layer)), state)
    pairs = [(_STUDENT, _STUDENT), (_STUDENT, _OTHER)]
    towards = [(_STUDENT, _TEACHER), (_STUDENT, _OTHER_TEACHER)]
    if second_layer:
        pairs.append((_STUDENT, _COPY))
    if state.surplus != 0:
        pairs += [(_STUDENT, _SURPLUS), (_SURPLUS, _SURPLUS), (_SURPLUS, _SURPLUS_TOO)]
        towards.append((_SURPLUS, _TEACHER))
    balances = [
        along.rate(dot(D_Q), x, y, coefficient_of=ETA) + at_zero.rate(D_Q, x, y, coefficient_of=ETA**2)
        for x, y in pairs
    ]
    balances += [along.rate(dot(D_R), x, n, coefficient_of=ETA) for x, n in towards]
    if second_layer:
        balances.append(along.rate(dot(D_V), _STUDENT, coefficient_of=ETA_V))
    return balances


def _error_slope(state: SymmetricState) -> Expr:
    """dε_g along x1."""
    return _first_two_orders(_ERROR, state)[1]


def _first_two_orders(error: Expr, state: SymmetricState) -> tuple[Expr, Expr]:
    evaluator = Evaluator(error_equations(), state)
    slope = derivative(error, {C: dot(C), S: dot(S)}, ERF)
    return sp.expand(evaluator.value(error, {})), sp.expand(evaluator.value(slope, {}))


# --- pruning ------------------------------------------------------------------------------------------


def _kept(x: Field, y: Field) -> Expr:
    """P(x and y kept); teacher nodes always are."""
    if "teacher" in (x.kind, y.kind):
        return sp.Integer(1) if x.kind == y.kind else KEPT
    if x == y:
        return KEPT
    return KEPT_SAME if x.group == y.group else KEPT_OTHER


def _thinned(entry: Entry, first_order: bool) -> Entry:
    """Covariances of edge-pruned fields, or their first order, from those of the unpruned ones."""

    def thinned(x: Field, y: Field) -> Expr:
        value = sp.sympify(entry(x, y)).subs(SPREAD, 0) if first_order else entry(x, y)
        if x.kind == y.kind == "teacher":
            return value
        if "teacher" in (x.kind, y.kind):
            return FACTOR * SQUARE * value
        if x == y:
            return FACTOR**2 * SQUARE * value
        return FACTOR**2 * (BOTH if x.group == y.group else SQUARE**2) * value

    return thinned


# --- exact linear algebra -----------------------------------------------------------------------------

_PI = sp.Symbol("pi_", positive=True)  # π is transcendental: to algebra it is a symbol like any other


def _field(*expressions: Expr) -> sp.Domain:
    """ℚ(√2, √3)(π, M, L, …) with the symbols of the expressions; √2 and √3 are all the roots of this subject."""
    symbols = set[sp.Symbol]({_PI}).union(*[expression.free_symbols for expression in expressions])
    roots = [root for root in (sp.sqrt(2), sp.sqrt(3)) if any(expression.has(root) for expression in expressions)]
    numbers = sp.QQ.algebraic_field(*roots) if roots else sp.QQ
    return numbers.frac_field(*sorted(symbols, key=str))


def _linear_solution(equations: Sequence[Expr], unknowns: Sequence[sp.Symbol]) -> dict[sp.Symbol, Expr]:
    """The solution of linear equations, driven by σ² and the free coefficient; some equations may repeat others.

    Raises
    ------
    ArithmeticError
        They have no solution or several.
    """
    # each drive is a right-hand side of its own: with fewer symbols in the field elimination is much faster
    drives = (SIGMA**2, SPREAD)
    plain = [sp.expand(sp.pi * equation) for equation in equations]
    columns = [[sp.expand(-equation).coeff(drive) for equation in plain] for drive in drives]
    matrix, _ = sp.linear_eq_to_matrix(plain, list(unknowns))
    rows = matrix.row_join(sp.Matrix(columns).T).subs(sp.pi, _PI).applyfunc(sp.expand)
    field = _field(*rows)
    exact = [[field.from_sympy(entry) for entry in rows.row(j)] for j in range(rows.rows)]
    reduced, pivots = DomainMatrix(exact, rows.shape, field).rref()
    if tuple(pivots) != tuple(range(len(unknowns))):
        msg = f"{len(equations)} equations have no unique solution: pivots {pivots} for {len(unknowns)} unknowns"
        raise ArithmeticError(msg)
    responses = [row[-len(drives) :] for row in reduced.to_list()]
    return {
        x: sp.Add(*[drive * _as_expression(y) for drive, y in zip(drives, responses[j], strict=True)])
        for j, x in enumerate(unknowns)
    }


def lowest_terms(expression: Expr) -> Expr:
    """Numerator and denominator without common factors, the denominator's leading coefficient 1."""
    rational = sp.expand(expression).subs(sp.pi, _PI)
    return _as_expression(_field(rational).from_sympy(rational))


def _as_expression(fraction: FracElement) -> Expr:
    leading = fraction.denom.LC
    numerator, denominator = (part.quo_ground(leading).as_expr() for part in (fraction.numer, fraction.denom))
    return (sp.factor_terms(sp.expand(numerator)) / sp.expand(denominator)).subs(_PI, sp.pi)
