"""Indices and arrays of the theory as SymPy objects (the letters: docs/notation.md)."""

from __future__ import annotations

import sympy as sp

K, M, CLASSES = sp.symbols("K M classes", integer=True, positive=True)
FIELDS = K + M

# i, k, l, m: student nodes; n, p: teacher nodes; a, b: fields u = (λ, ρ), students first; c: mask classes
i, k = sp.Idx("i", K), sp.Idx("k", K)
l, m = sp.Idx("l", K), sp.Idx("m", K)  # noqa: E741
n, p = sp.Idx("n", M), sp.Idx("p", M)
a, b = sp.Idx("a", FIELDS), sp.Idx("b", FIELDS)
c = sp.Idx("c", CLASSES)
# t: directions in the space of states, for derivatives along them
t = sp.Idx("t", sp.Symbol("directions", integer=True, positive=True))
INDEX_ORDER = (t, c, i, k, l, m, n, p, a, b)

ETA, ETA_V, SIGMA, DECAY = sp.symbols("eta eta_v sigma weight_decay", nonnegative=True)
BATCH = sp.Symbol("batch_size", positive=True)


def _array(name: str, *shape: sp.Expr) -> sp.IndexedBase:
    return sp.IndexedBase(name, shape=shape, real=True)


# the state: overlaps per mask class, second layers, and the classes themselves
Q, R, T = _array("Q", CLASSES, K, K), _array("R", CLASSES, K, M), _array("T", CLASSES, M, M)
V, TEACHER = _array("v", K), _array("A", M)
MASK, FRACTION, VARIANCE = (
    _array("mask", CLASSES, K),
    _array("fraction", CLASSES),
    _array("variance", CLASSES),
)

# X[c, a, b]: overlap of rows a and b carried by class c;  C[a, b] = Cov(u_a, u_b);  s = (v, −A)
X, C, S = _array("X", CLASSES, FIELDS, FIELDS), _array("C", FIELDS, FIELDS), _array("s", FIELDS)

# drift[c, i, b] = E[g'_i Δ u^c_b];  spread[i, k] = E[g'_i g'_k Δ²];  pull[i] = E[g_i Δ]
DRIFT, SPREAD, PULL = _array("drift", CLASSES, K, FIELDS), _array("spread", K, K), _array("pull", K)

D_Q, D_R, D_V = _array("dQ", CLASSES, K, K), _array("dR", CLASSES, K, M), _array("dv", K)
MOMENTS = _array("moments", FIELDS, FIELDS)
ERROR = sp.Symbol("generalization_error", real=True)

# a direction in the space of states, for derivatives along it
Q_DOT, R_DOT, V_DOT = _array("Q_dot", CLASSES, K, K), _array("R_dot", CLASSES, K, M), _array("v_dot", K)

# generated functions take what they need of these, in this order
ARGUMENT_ORDER = (
    *(Q, R, T, V, TEACHER, MASK, FRACTION, VARIANCE, C, S),
    *(ETA, ETA_V, SIGMA, DECAY, BATCH),
    *(Q_DOT, R_DOT, V_DOT),
)
