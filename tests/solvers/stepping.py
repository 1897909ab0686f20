"""The time-stepping kernels as plain Python around any right-hand side: nothing is compiled."""

import numpy as np

from divprune_sym.codegen.native import Native
from divprune_sym.codegen.simd import WIDTH
from divprune_sym.solvers import _implicit_kernels, _kernels
from divprune_sym.solvers.tableaus import METHODS, RK4
from tests.codegen.sources import as_python

COMPILED = vars(_kernels) | vars(_implicit_kernels)
# where there is no generated derivative, and there are no parameters
NO_DIRECTIONS, NOTHING = np.empty((0, 0, WIDTH)), np.empty(0)


def as_plain(**names):
    """All kernels as Python functions; `sqrt` and divisions of NumPy's numbers do not raise."""
    names = {"sqrt": np.sqrt, **names}
    return {name: as_python(x, **names) if isinstance(x, Native) else x for name, x in COMPILED.items()}


PLAIN = as_plain()


class Run:
    """One integration, explicit and implicit by turns, as `solvers.run.Run` has it."""

    def __init__(self, stepper, y0, times, rtol, atol, max_steps, patience, cap=0):
        k, n = stepper.kernels, len(y0)
        self.stepper, self.k = stepper, k
        self.y, self.times = np.array(y0, float), np.array(times, float)
        self.slope, self.control, self.start = np.empty(n), np.full(k["CONTROL"], np.nan), np.empty((4, n))
        self.memory = np.zeros((k["JACOBIAN"] + n, n))
        self.out, self.trace = np.empty((len(times), n)), np.empty((cap, 1 + stepper.method.dense.shape[1], n + 2))
        self.options, self.patience = (rtol, atol, max_steps), patience
        self.implicit = stepper.method.stiff == "always"
        self.switches = []

    def advance(self, pause):
        m, places = self.stepper.method, np.arange(len(self.y))
        while True:
            before = 0 if np.isnan(self.control[0]) else int(self.control[self.k["STEPS"]])
            where = (self.times, self.out, self.trace[before:], pause, *self.options)
            if self.implicit:
                calm = np.inf if m.stiff == "always" else 20
                status = self.k["implicit"](
                    self.stepper.rhs, 0, NO_DIRECTIONS, places, places,
                    self.y, self.slope, self.control, self.memory, self.start, *where, calm, NOTHING,
                )  # fmt: skip
            else:
                status = self.k["adaptive"](
                    self.stepper.rhs, self.y, self.slope, self.control, self.start,
                    *where, self.patience, m.order, m.a, m.errors, m.dense, NOTHING,
                )  # fmt: skip
            if status not in (self.k["STIFF"], self.k["CALM"]):
                return status
            self.implicit = status == self.k["STIFF"]
            self.switches.append(self.control[self.k["T"]])

    def result(self, status):
        """(states, filled, status, steps, nfev, t)"""
        filled, steps, nfev = (int(self.control[self.k[name]]) for name in ("FILLED", "STEPS", "NFEV"))
        return self.out, filled, status, steps, nfev, self.control[self.k["T"]]


class Stepper:
    """dy/dt = f(y); `f` returns a list or an array."""

    def __init__(self, f, method="dopri5"):
        def rhs(y, dydt, p):
            dydt[:] = f(y)

        self.rhs, self.kernels = rhs, PLAIN
        self.method = METHODS[method]()

    def adaptive(self, y0, times, rtol=1e-8, atol=None, max_steps=10_000, pauses=(), patience=np.inf):
        """A `Run` to the end, with a pause after each number of trial steps in `pauses`."""
        run = Run(self, y0, times, rtol, atol or rtol, max_steps, patience)
        with np.errstate(all="ignore"):
            for pause in (*pauses, np.inf):
                status = run.advance(pause)
        return run.result(status)

    def run(self, y0, times, rtol=1e-8, cap=0, patience=0.0, max_steps=10_000):
        """The same, and the `Run` itself, with the polynomials of the first `cap` steps."""
        run = Run(self, y0, times, rtol, rtol, max_steps, patience, cap)
        with np.errstate(all="ignore"):
            status = run.advance(np.inf)
        return run, run.result(status)

    def fixed_step(self, y0, times, dt, tableau=RK4):
        """(states, filled, status, steps, nfev, t)"""
        a, b, _, _ = tableau.arrays()
        control, out = np.zeros(self.kernels["CONTROL"]), np.zeros((len(times), len(y0)))
        with np.errstate(all="ignore"):
            status = self.kernels["fixed_step"](
                self.rhs, np.array(y0, float), control, np.array(times, float), out, dt, a, b, NOTHING
            )
        filled, steps, nfev = (int(control[self.kernels[name]]) for name in ("FILLED", "STEPS", "NFEV"))
        return out, filled, status, steps, nfev, control[self.kernels["T"]]

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
