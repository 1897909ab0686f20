"""Right-hand side and Jacobian in independent coordinates: the upper triangle of Q, then R and, where it learns, v."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from divprune_sym.codegen.cache import cached_module
from divprune_sym.ground.values import ByValue
from divprune_sym.solvers.adaptive import prepared
from divprune_sym.solvers.modules import called, unpacked
from divprune_sym.solvers.problem import second_layer_moves

if TYPE_CHECKING:
    from types import ModuleType

    from numpy.typing import NDArray

    from divprune_sym.notation import OrderParameters
    from divprune_sym.solvers.equations import Equations
    from divprune_sym.solvers.problem import Problem

# the loop over directions is text: Numba cannot cache a function that takes functions
_GLUE = """

@entry
def directional(y, directions, out, p):
{unpacked}    K, M = {K}, {M}
    Q, R = y[:q].reshape((classes, K, K)), y[q:r].reshape((classes, K, M))
    for t in range(directions.shape[0]):
        x, dx = directions[t], out[t]
        Q_dot, R_dot = x[:q].reshape((classes, K, K)), x[q:r].reshape((classes, K, M))
        dQ_dot, dR_dot = dx[:q].reshape((classes, K, K)), dx[q:r].reshape((classes, K, M))
        {call}
"""
_IN_STATE = {"v": "y[r:]", "v_dot": "x[r:]", "dv_dot": "dx[r:]"}


@cache
def jacobian_module(equations: Equations, K: int, M: int) -> ModuleType:
    """`directional(y, directions, out, p)`: derivatives of the right-hand side along flat directions."""

    def generate() -> str:
        from divprune_sym.codegen.compiler import compile_system
        from divprune_sym.codegen.targets import SCALAR
        from divprune_sym.dynamics.tangent import tangent_of_motion

        rule, g, h = equations.derived()
        sizes: dict[str, int | str] = {"K": K, "M": M, "classes": "mask.shape[0]"}
        outputs = ("dQ_dot", "dR_dot", "dv_dot") if equations.second_layer else ("dQ_dot", "dR_dot")
        function = compile_system(tangent_of_motion(g, rule, h), g, sizes, outputs, SCALAR, h)
        glue = _GLUE.format(K=K, M=M, unpacked=unpacked(K, M), call=called(function, _IN_STATE))
        return SCALAR.preamble + function.source + glue

    return cached_module({**equations.recipe(), "K": K, "M": M, "tangent": True}, generate)


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

    def jacobian(self, z: NDArray[np.float64]) -> NDArray[np.float64]:
        """J[j, l] = ∂(dz_j/dα)/∂z_l, from the derivative derived in SymPy."""
        _, module, p = self._generated
        out = np.empty_like(self.embedding)
        module.directional(z @ self.embedding, self.embedding, out, p)
        return np.asarray(out[:, self._first].T)
