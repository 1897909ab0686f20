"""Right-hand side and Jacobian in independent coordinates: the upper triangle of Q, then R and, where it learns, v."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from divprune_sym.codegen.cache import cached_module
from divprune_sym.solvers.api import prepared, second_layer_moves
from divprune_sym.solvers.problem import unpacked

if TYPE_CHECKING:
    from types import ModuleType

    from numpy.typing import NDArray

    from divprune_sym.notation import OrderParameters
    from divprune_sym.solvers.api import Problem

# the loop over directions is text: Numba cannot cache a function that takes functions
_GLUE = """

@jit
def directional(y, directions, out, p):
{unpacked}    K, M = {K}, {M}
    Q, R = y[:q].reshape((classes, K, K)), y[q:r].reshape((classes, K, M))
    for t in range(directions.shape[0]):
        x, dx = directions[t], out[t]
        Q_dot, R_dot = x[:q].reshape((classes, K, K)), x[q:r].reshape((classes, K, M))
        dQ_dot, dR_dot = dx[:q].reshape((classes, K, K)), dx[q:r].reshape((classes, K, M))
        {call}
"""
_INPUTS = "mask, fraction, variance, eta"
_BOTH_LAYERS = (
    f"(Q, R, T, y[r:], A, {_INPUTS}, eta_v, sigma, weight_decay, Q_dot, R_dot, x[r:], dQ_dot, dR_dot, dx[r:])"
)
_FIRST_LAYER = f"(Q, R, T, v, A, {_INPUTS}, sigma, weight_decay, Q_dot, R_dot, dQ_dot, dR_dot)"


@cache
def jacobian_module(activation: str, K: int, M: int, second_layer: bool) -> ModuleType:
    """`directional(y, directions, out, p)`: derivatives of the right-hand side along flat directions."""
    recipe: dict[str, Any] = {"tangent": activation, "K": K, "M": M, "second_layer": second_layer}

    def generate() -> str:
        from divprune_sym.codegen.compiler import compile_system
        from divprune_sym.codegen.targets import SCALAR
        from divprune_sym.dynamics.tangent import tangent_of_motion
        from divprune_sym.gaussian import ACTIVATIONS

        g = ACTIVATIONS[activation]
        sizes: dict[str, int | str] = {"K": K, "M": M, "classes": "mask.shape[0]"}
        outputs = ("dQ_dot", "dR_dot", "dv_dot") if second_layer else ("dQ_dot", "dR_dot")
        function = compile_system(tangent_of_motion(g, second_layer), g, sizes, outputs, SCALAR)
        call = function.name + (_BOTH_LAYERS if second_layer else _FIRST_LAYER)
        return SCALAR.preamble + function.source + _GLUE.format(K=K, M=M, unpacked=unpacked(K, M), call=call)

    return cached_module(recipe, generate)


@dataclass(frozen=True)
class Flow:
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
        classes, K, M = self.problem.state.R_classes.shape
        rows = []
        for c in range(classes):
            for i in range(K):
                for k in range(i, K):
                    Q = np.zeros((classes, K, K))
                    Q[c, i, k] = Q[c, k, i] = 1.0
                    rows.append(Q.ravel())
        rest = classes * K * M + (K if self.learns_v else 0)
        top = np.pad(np.array(rows), ((0, 0), (0, rest)))
        return np.concatenate([top, np.pad(np.eye(rest), ((0, 0), (classes * K * K, 0)))])

    @cached_property
    def _first(self) -> NDArray[np.int64]:
        """Position in the flat state where each coordinate is read."""
        return np.asarray(np.argmax(self.embedding, axis=1))

    @cached_property
    def _generated(self) -> tuple[ModuleType, ModuleType, tuple[Any, ...]]:
        x = self.problem.state
        module, _, p = prepared(self.problem)
        return module, jacobian_module(self.problem.activation, x.K, x.M, self.learns_v), p

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

    def jacobian(self, z: NDArray[np.float64]) -> NDArray[np.float64]:
        """J[j, l] = ∂(dz_j/dα)/∂z_l, from the derivative derived in SymPy."""
        _, module, p = self._generated
        out = np.empty_like(self.embedding)
        module.directional(z @ self.embedding, self.embedding, out, p)
        return np.asarray(out[:, self._first].T)
