"""Fixed points of the equations of motion by Newton's method, their stability, and the slow flow on noiseless zeros."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from divprune_sym.evaluation.error import generalization_error
from divprune_sym.ground.checks import BadInput, integer, number
from divprune_sym.ground.values import ByValue
from divprune_sym.notation import checked_state
from divprune_sym.solvers.jacobian import Flow, NoDerivative
from divprune_sym.solvers.problem import checked_problem

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from divprune_sym.notation import OrderParameters
    from divprune_sym.solvers.problem import Problem

# singular values below this share of the largest count as zero: far above rounding, and far below the slowest
# rates of label noise, which are η σ² of the largest
_RANK_CUTOFF = 1e-9
_HALVINGS = 30
# a student node belongs to a teacher node from this correlation of their fields on
_ALIGNED = 0.9
# the second layer of a group may miss A_n by this share, and the output of all other nodes be this share of |A|²
_MISS = 0.2
# entries that a permutation exchanges are equal to this relative accuracy on the plateau
_EQUAL = 1e-6


class NoFixedPoint(ArithmeticError):
    """Newton's method did not reach the wanted residual; the message gives the best one."""


@dataclass(frozen=True, eq=False)
class FixedPoint(ByValue):
    """A zero of the equations of motion.

    Attributes
    ----------
    state : OrderParameters
        Unchecked: Newton's method does not know about positive semi-definiteness; `feasible` does.
    residual : float
        Largest |dQ/dα|, |dR/dα|, |dv/dα| there, per unit of the larger learning rate.
    eigenvalues : (n,) complex
        Of the Jacobian in α, largest real part first; n counts Q above and on its diagonal, R, and v where it learns.
    null_dimension : int
        Number of singular values of the Jacobian that are zero to `1e-9` of the largest: the dimension of the family
        of zeros this one belongs to, where the family is a smooth manifold.
    name : str or None
        "specialized": every teacher node has nodes of its own (correlation of fields at least 0.9) whose second-layer
        weights add up to A_n within 20 %, and the other nodes put out at most 20 % of Σ A_n². "symmetric plateau":
        K, M ≥ 2 and all Q_ii, all Q_ik, all R_in ≠ 0 and all v_i are equal to 1e-6. None: neither.
    """

    state: OrderParameters
    residual: float
    eigenvalues: NDArray[np.complex128]
    null_dimension: int
    name: str | None
    problem: Problem = field(repr=False)

    @property
    def generalization_error(self) -> float:
        """ε_g, label noise excluded."""
        x = self.state
        functions = (self.problem.state.activation, self.problem.state.teacher_activation)
        return float(generalization_error(x.covariance, x.signed_weights, *functions, x.K))

    @property
    def escape_rate(self) -> float:
        """Rate in α of the fastest way out; 0 where no direction grows."""
        return max(float(self.eigenvalues[0].real), 0.0)

    @property
    def feasible(self) -> bool:
        """Whether overlaps of real weights can have these values (lowest eigenvalue ≥ −1e-9 of the largest)."""
        eigenvalues = np.linalg.eigvalsh(self.state.overlaps)
        return bool((eigenvalues.min(axis=1) >= -1e-9 * eigenvalues.max()).all())


def find_fixed_point(
    problem: Problem, guess: OrderParameters | None = None, *, tolerance: float = 1e-12, max_steps: int = 100
) -> FixedPoint:
    """Newton's method on the compiled right-hand side, with the Jacobian derived in SymPy.

    Where the Jacobian is singular, as on manifolds of zeros, each step is the shortest one that solves the linear
    equations (least squares); it is halved while it does not lower the residual.

    Parameters
    ----------
    problem : Problem
        Learning rates, noise, teacher and mask classes.
    guess : OrderParameters, optional
        Where to start; the problem's own state if left out.
    tolerance : float
        Largest |d/dα| allowed, per unit of the larger learning rate.
    max_steps : int

    Raises
    ------
    BadInput
        No layer learns, or the guess has other sizes than the problem's state.
    NoFixedPoint
        The residual stays above the tolerance.
    NoDerivative
        The activation has a kink, such as ReLU's.
    """
    checked_problem(problem)
    tolerance = number("tolerance", tolerance, 1e-15, 1.0)
    max_steps = integer("max_steps", max_steps, 1)
    rate = max(problem.eta, problem.eta_v)
    if rate == 0.0:
        msg = "eta = eta_v = 0: nothing learns, expected a positive learning rate"
        raise BadInput(msg)
    guess = problem.state if guess is None else checked_state(guess)
    if guess.R_classes.shape != problem.state.R_classes.shape:
        msg = f"guess: R has shape {guess.R_classes.shape}, the problem's {problem.state.R_classes.shape}"
        raise BadInput(msg)
    flow = Flow(problem)
    z = _newton(flow, flow.coordinates(guess), tolerance * rate, max_steps)
    residual = float(np.abs(flow.velocity(z)).max()) / rate
    if not residual <= tolerance:
        msg = (
            f"residual {residual:.3g} after at most {max_steps} Newton steps, wanted {tolerance:.3g}: try another guess"
        )
        raise NoFixedPoint(msg)
    jacobian = flow.jacobian(z)
    eigenvalues = np.linalg.eigvals(jacobian).astype(np.complex128)
    state = flow.state(z)
    return FixedPoint(
        state,
        residual,
        eigenvalues[np.argsort(-eigenvalues.real)],
        len(z) - int(np.linalg.matrix_rank(jacobian, rtol=_RANK_CUTOFF)),
        _name(state),
        problem,
    )


def slow_flow(problem: Problem) -> OrderParameters:
    """How label noise drags a noiseless zero along the family of zeros it belongs to, at leading order in η.

    With ẋ = η F1(x) + η² F2(x) and F1 = 0 at the problem's state: ẋ = η² P F2 + O(η³), P the projection on the kernel
    of F1' along its range (η_v/η fixed). Zeros where it vanishes are selected; see `dynamics.small_eta`.
    Where the kernel is larger than the tangent space of the zeros (copies of a node can part without changing the
    student to first order), deviations of order √η add to it later: the condition P F2 = 0 is then necessary for a
    fixed point x0 + η x1, and whether it is reached is open.

    Returns
    -------
    OrderParameters
        Holding dQ/dα, dR/dα and dv/dα in the place of Q, R and v.

    Raises
    ------
    BadInput
        The problem's state is no noiseless zero.
    ArithmeticError
        The kernel and the range of F1' meet: to this order nothing can be said.
    """
    full, half = checked_problem(problem), replace(problem, eta=problem.eta / 2, eta_v=problem.eta_v / 2)
    flow = Flow(full)
    z = flow.coordinates(problem.state)
    residual = np.abs(Flow(replace(problem, sigma=0.0)).velocity(z)).max()
    if residual > 1e-12 * max(problem.eta, problem.eta_v):
        msg = f"state: no noiseless zero, an order parameter moves at a rate of {residual:.3g} without noise"
        raise BadInput(msg)
    # J = η F1' + η² F2', so that this is η F1'
    drift = 4 * Flow(half).jacobian(z) - flow.jacobian(z)
    left, singular, right = np.linalg.svd(drift)
    null = singular <= _RANK_CUTOFF * singular[0]
    out, into = left[:, null], right[null].T
    meeting = out.T @ into
    if np.linalg.cond(meeting) > 1 / _RANK_CUTOFF:
        msg = f"the zero eigenvalue of F1' is defective ({int(null.sum())} null directions): no slow flow at order η²"
        raise ArithmeticError(msg)
    moved = flow.state(into @ np.linalg.solve(meeting, out.T @ flow.velocity(z)))
    return moved if flow.learns_v else moved.with_(v=np.zeros_like(moved.v))


def _newton(flow: Flow, z: NDArray[np.float64], wanted: float, max_steps: int) -> NDArray[np.float64]:
    """Damped Newton steps until the residual is at most `wanted` or falls no further."""
    velocity = flow.velocity(z)
    for step_number in range(max_steps):
        size = np.abs(velocity).max()
        if size <= 0.01 * wanted:  # one more step costs little, and eigenvalues of small η deserve it
            break
        try:
            jacobian = flow.jacobian(z)
        except NoDerivative:
            if step_number == 0:
                raise
            break  # steps led to where there is none: the residual says how far they came
        step = np.linalg.lstsq(jacobian, -velocity, rcond=_RANK_CUTOFF)[0]
        for halving in range(_HALVINGS):
            trial = z + 0.5**halving * step
            moved = flow.velocity(trial)
            if np.abs(moved).max() < size:  # false for NaN
                break
        else:
            break
        z, velocity = trial, moved
    return z


def _name(x: OrderParameters) -> str | None:
    if _is_symmetric(x):
        return "symmetric plateau"
    return "specialized" if _is_specialized(x) else None


def _is_symmetric(x: OrderParameters) -> bool:
    if x.K < 2 or x.M < 2 or np.abs(x.R).max() < _EQUAL:
        return False
    apart = x.Q[~np.eye(x.K, dtype=bool)]
    scale = max(np.abs(x.Q).max(), np.abs(x.R).max())
    return all(np.ptp(entries) <= _EQUAL * scale for entries in (np.diag(x.Q), apart, x.R)) and bool(
        np.ptp(x.v) <= _EQUAL * np.abs(x.v).max()
    )


def _is_specialized(x: OrderParameters) -> bool:
    C = x.covariance
    length = np.sqrt(np.maximum(np.diag(C), 1e-300))
    correlation = (C / np.outer(length, length))[: x.K, x.K :]
    own = np.abs(correlation) >= _ALIGNED
    # −w with −v is the same node, since g is odd
    outgoing = (own * np.sign(correlation) * x.v[:, None]).sum(axis=0)
    idle = ~own.any(axis=1)
    output = (x.v**2 * np.diag(C)[: x.K])[idle].sum()
    return bool((np.abs(outgoing - x.A) <= _MISS * np.abs(x.A)).all() and output <= _MISS * np.sum(x.A**2))
