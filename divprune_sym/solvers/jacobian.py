"""Right-hand side and Jacobian in independent coordinates: the upper triangle of Q, then R and, where it learns, v."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from divprune_sym.ground.values import ByValue
from divprune_sym.solvers.adaptive import prepared
from divprune_sym.solvers.coordinates import embedding, places
from divprune_sym.solvers.derivatives import in_packs, jacobian_module
from divprune_sym.solvers.problem import second_layer_moves

if TYPE_CHECKING:
    from types import ModuleType

    from numpy.typing import NDArray

    from divprune_sym.notation import OrderParameters
    from divprune_sym.solvers.problem import Problem


class NoDerivative(ArithmeticError):
    """The compiled derivative of the right-hand side has no value: the activation has a kink."""


@dataclass(frozen=True, eq=False)
class Flow(ByValue):
    """The vector field of a problem on independent coordinates z (n,).

    Parameters
    ----------
    problem : Problem
        Supplies the parameters; its state only gives sizes, mask classes and what does not move.
    """

    problem: Problem

    @property
    def learns_v(self) -> bool:
        """Whether v is among the coordinates."""
        return second_layer_moves(self.problem)

    @cached_property
    def embedding(self) -> NDArray[np.float64]:
        """(n, n_flat): row j is the direction of coordinate j among all entries of Q, R and v."""
        return embedding(*self.problem.state.R_classes.shape, self.learns_v)

    @property
    def _places(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        return places(*self.problem.state.R_classes.shape, self.learns_v)

    @property
    def _first(self) -> NDArray[np.int64]:
        """Position in the flat state where each coordinate is read."""
        return self._places[0]

    @cached_property
    def _generated(self) -> tuple[ModuleType, ModuleType, tuple[Any, ...]]:
        x = self.problem.state
        module, _, p = prepared(self.problem)
        return module, jacobian_module(self.problem.equations, x.K, x.M), p

    def coordinates(self, state: OrderParameters) -> NDArray[np.float64]:
        """z of a state."""
        flat = [state.Q_classes.ravel(), state.R_classes.ravel(), *([state.v] if self.learns_v else [])]
        return np.asarray(np.concatenate(flat)[self._first])

    def state(self, z: NDArray[np.float64]) -> OrderParameters:
        """The state at z, unchecked."""
        x = self.problem.state
        classes, K, M = x.R_classes.shape
        q, r = classes * K * K, classes * K * (K + M)
        y = z @ self.embedding
        moved = {"v": y[r:]} if self.learns_v else {}
        return x.with_(Q_classes=y[:q].reshape(classes, K, K), R_classes=y[q:r].reshape(classes, K, M), **moved)

    def velocity(self, z: NDArray[np.float64]) -> NDArray[np.float64]:
        """dz/dα."""
        module, _, p = self._generated
        y = z @ self.embedding
        dydt = np.empty_like(y)
        module.rhs(y, dydt, p)
        return np.asarray(dydt[self._first])

    @cached_property
    def _directions(self) -> NDArray[np.float64]:
        """(packs, n_flat, WIDTH): the rows of the embedding, side by side."""
        return in_packs(self.embedding)

    def jacobian(self, z: NDArray[np.float64]) -> NDArray[np.float64]:
        """J[j, l] = ∂(dz_j/dα)/∂z_l, from the derivative derived in SymPy.

        Raises
        ------
        NoDerivative
            The activation has a kink: its closed forms divide 0 by 0 where fields coincide.
        """
        return np.asarray(self._along(z, self._directions)[: len(z)].T)

    def product(self, z: NDArray[np.float64], direction: NDArray[np.float64]) -> NDArray[np.float64]:
        """J x (n,): how dz/dα changes along a direction."""
        return np.asarray(self._along(z, in_packs(direction[None] @ self.embedding))[0])

    def _refuse_kinks(self, derivatives: NDArray[np.float64]) -> None:
        """Closed forms of a kinked g have √(C_aa C_bb − C_ab²), whose slope is 0/0 for a field and itself."""
        if np.isfinite(derivatives).all():
            return
        msg = (
            f"no derivative of the equations of {self.problem.state.activation} nodes: slopes of a kinked activation "
            "divide 0 by 0 where fields coincide; integrate() needs none, or take a smooth activation"
        )
        raise NoDerivative(msg)

    def _along(self, z: NDArray[np.float64], directions: NDArray[np.float64]) -> NDArray[np.float64]:
        _, module, p = self._generated
        out = np.empty_like(directions)
        module.directional(z @ self.embedding, directions, out, p)
        self._refuse_kinks(out)
        return np.ascontiguousarray(out.swapaxes(1, 2).reshape(-1, out.shape[1])[:, self._first])

    def transposed_product(self, z: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Jᵀ w (n,): how Σ_j w_j dz_j/dα changes with each coordinate, by one sweep backwards."""
        x = self.problem.state
        module = jacobian_module(self.problem.equations, x.K, x.M, transposed=True)
        flat = np.zeros((1, self.embedding.shape[1]))
        flat[0, self._first] = weights
        given = in_packs(flat)
        out = np.zeros_like(given)
        module.directional(z @ self.embedding, given, out, self._generated[2])
        self._refuse_kinks(out)
        return np.asarray(self.embedding @ out[0, :, 0])
