"""The time-stepping kernels as plain Python around any right-hand side: nothing is compiled."""

import math

import numpy as np

from divprune_sym.solvers.modules import _stepping
from divprune_sym.solvers.tableaus import METHODS, RK4

NAMES = {
    "np": np,
    "sqrt": np.sqrt,
    "fabs": math.fabs,
    "fma": lambda x, y, z: x * y + z,
    "above": lambda x, y, yes, no: yes if x > y else no,
    "jit": lambda kernel: kernel,
    "entry": lambda kernel: kernel,
    "call": lambda rhs, y, dydt, p: rhs(y, dydt, p),
}


class Stepper:
    """dy/dt = f(y); `f` returns a list or an array."""

    def __init__(self, f, method="dopri5"):
        def rhs(y, dydt, p):
            dydt[:] = f(y)

        self.rhs, self.kernels = rhs, dict(NAMES)
        self.method = METHODS[method]()
        exec(_stepping(), self.kernels)  # our own text

    def adaptive(self, y0, times, rtol=1e-8, atol=None, max_steps=10_000, pauses=()):
        """(states, filled, status, steps, nfev, t), with a pause after each number of trial steps in `pauses`."""
        y, times, m = np.array(y0, float), np.array(times, float), self.method
        slope, control, out = np.empty_like(y), np.full(9, np.nan), np.empty((len(times), len(y)))
        given = (rtol, atol or rtol, max_steps, m.order, m.a, m.errors, m.dense, None)
        with np.errstate(all="ignore"):
            for pause in (*pauses, np.inf):
                status = self.kernels["adaptive"](
                    self.rhs, y, slope, control, times, out, np.empty((0, 1, 1)), pause, *given
                )
        k = self.kernels
        filled, steps, nfev = (int(control[k[name]]) for name in ("FILLED", "STEPS", "NFEV"))
        return out, filled, status, steps, nfev, control[k["T"]]

    def fixed_step(self, y0, times, dt, tableau=RK4):
        """(states, filled, status, steps, nfev, t)"""
        a, b, _, _ = tableau.arrays()
        with np.errstate(all="ignore"):
            return self.kernels["fixed_step"](self.rhs, np.array(y0, float), np.array(times, float), dt, a, b, None)

    def step_of(self, y0, h, theta):
        """(state at θ of one step of length h, state at its end)."""
        m, k = self.method, self.kernels
        y, stages = np.array(y0, float), np.empty((len(m.a), len(y0)))
        point, inside, weights = np.empty_like(y), np.empty_like(y), np.empty(len(m.a))
        for stage in range(len(m.a)):
            k["combine"](y, h, m.a[stage], stages, stage, point)
            self.rhs(point, stages[stage], None)
        k["dense_weights"](theta, m.dense, weights)
        k["combine"](y, h, weights, stages, len(m.a), inside)
        k["combine"](y, h, m.a[m.errors.shape[1] - 1], stages, m.errors.shape[1] - 1, point)
        return inside, point

    def one_step(self, y0, h, theta):
        """(dense output at θ, new state) of one step."""
        return self.adaptive(y0, [theta * h, h], rtol=1.0, max_steps=1)[0]
