"""The time-stepping kernels as plain Python around any right-hand side: nothing is compiled."""

import numpy as np

from divprune_sym.solvers.problem import _stepping
from divprune_sym.solvers.tableaus import DORMAND_PRINCE, RK4


class Stepper:
    """dy/dt = f(y); `f` returns a list or an array."""

    def __init__(self, f):
        def rhs(y, dydt, p):
            dydt[:] = f(y)

        self.kernels = {"np": np, "jit": lambda kernel: kernel, "rhs": rhs}
        exec(_stepping(), self.kernels)  # our own text

    def adaptive(self, y0, times, rtol=1e-8, atol=None, max_steps=10_000):
        """(states, filled, status, steps, nfev, t)"""
        a, b, error, dense = DORMAND_PRINCE.arrays()
        y0, times = np.array(y0, float), np.array(times, float)
        with np.errstate(all="ignore"):
            return self.kernels["adaptive"](
                y0, times, rtol, atol or rtol, max_steps, DORMAND_PRINCE.order, a, b, error, dense, None
            )

    def fixed_step(self, y0, times, dt, tableau=RK4):
        """(states, filled, status, steps, nfev, t)"""
        a, b, _, _ = tableau.arrays()
        with np.errstate(all="ignore"):
            return self.kernels["fixed_step"](np.array(y0, float), np.array(times, float), dt, a, b, None)

    def one_step(self, y0, h, theta):
        """(dense output at θ, new state) of one Dormand–Prince step."""
        return self.adaptive(y0, [theta * h, h], rtol=1.0, max_steps=1)[0]
