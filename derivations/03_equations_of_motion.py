# %% [markdown]
# # 3. Equations of motion under any mask
#
# One step of online SGD changes one weight by
# $$w_{ij} \leftarrow w_{ij} - \frac{\eta}{\sqrt N} v_i\, g'(\lambda_i)\, \Delta\, m_{ij} x_j
# - \frac{\kappa}{N} w_{ij}, \qquad
# v_i \leftarrow v_i - \frac{\eta_v}{N} g(\lambda_i)\Delta - \frac{\kappa}{N} v_i .$$
# Inputs with the same mask pattern $(m_{1j} \dots m_{Kj})$ form a *mask class* $c$, a fraction $f_c$ of all inputs,
# with input variance $\omega_c$. The overlaps split into classes, $Q = \sum_c Q^c$ and so on, and close: their change
# in one step depends on the same overlaps only. Time is $\alpha = \text{steps}/N$.

# %%
import itertools

import numpy as np
import sympy as sp

from divprune_sym.dynamics import symbols as y
from divprune_sym.dynamics.equations import equations_of_motion
from divprune_sym.dynamics.integrals import I3, I4, I4_GH, I4_HH, J2
from divprune_sym.dynamics.update import UpdateRule
from divprune_sym.notation import OrderParameters
from divprune_sym.solvers.equations import Equations
from divprune_sym.solvers.modules import flat_parameters, problem_module

# %% [markdown]
# ## Where the update comes from
#
# It is gradient descent on $\tfrac12\Delta^2$: the derivative of the field $\lambda_i = w_i\cdot x/\sqrt N$ in one
# weight is $x_j/\sqrt N$. The mask multiplies the gradient.

# %%
N = sp.Symbol("N", positive=True)
w, x, rest, others, v = sp.symbols("w x rest others v", real=True)
g = sp.Function("g")
field = w * x / sp.sqrt(N) + rest
Delta = v * g(field) + others
slope = sp.Derivative(g(field), w).doit() * sp.sqrt(N) / x  # g'(λ)
assert sp.simplify(sp.diff(Delta**2 / 2, w) - v * slope * Delta * x / sp.sqrt(N)) == 0
assert sp.simplify(sp.diff(Delta**2 / 2, v) - g(field) * Delta) == 0

# %% [markdown]
# ## The change of the overlaps
#
# For one input $j$ of class $c$, with $\delta_i = v_i\, g'(\lambda_i)\, \Delta\, m_i^c$:

# %%
eta, kappa = y.ETA, y.DECAY
wi, wk, B, delta_i, delta_k = sp.symbols("w_i w_k B delta_i delta_k", real=True)


def updated(weight, delta):
    return weight - eta / sp.sqrt(N) * delta * x - kappa / N * weight


change_Q = sp.expand(updated(wi, delta_i) * updated(wk, delta_k) - wi * wk)
change_R = sp.expand(updated(wi, delta_i) * B - wi * B)

# %% [markdown]
# Summed over the inputs of the class and divided by $N$ the products become order parameters and *class fields*:
# $\sum_{j\in c} w_{ij}w_{kj} = N Q^c_{ik}$, $\sum w_{ij}B_{nj} = N R^c_{in}$, $\sum x_j w_{ij} = \sqrt N \lambda^c_i$,
# $\sum x_j B_{nj} = \sqrt N \rho^c_n$, and $\sum x_j^2 = N f_c \omega_c$ by the law of large numbers. The only term of
# second order that survives $N \to \infty$ is the one with $\eta^2 x_j^2$.

# %%
Qc, Rc, lam_i, lam_k, rho, f, omega = sp.symbols("Q^c R^c lambda_i^c lambda_k^c rho^c f omega", real=True)
sums = {
    wi * wk: N * Qc,
    wi * B: N * Rc,
    x * wi: sp.sqrt(N) * lam_i,
    x * wk: sp.sqrt(N) * lam_k,
    x * B: sp.sqrt(N) * rho,
    x**2: N * f * omega,
}


def rate(change):
    """d/dα as N → ∞: the sum over j is N times the change of the overlap, and N steps make one unit of α."""
    total = sp.Integer(0)
    for powers, coefficient in sp.Poly(change, wi, wk, B, x).terms():
        total += coefficient * sums[sp.Mul(*[z**power for z, power in zip((wi, wk, B, x), powers, strict=True)])]
    return sp.expand(sp.limit(sp.expand(total), N, sp.oo))


rate_Q, rate_R = rate(change_Q), rate(change_R)
print("dQ^c =", rate_Q)
print("dR^c =", rate_R)
assert rate_R == sp.expand(-eta * delta_i * rho - kappa * Rc)
assert (
    sp.expand(
        rate_Q
        - (-eta * delta_i * lam_k - eta * delta_k * lam_i + eta**2 * f * omega * delta_i * delta_k - 2 * kappa * Qc)
    )
    == 0
)

# %% [markdown]
# ## Averages
#
# What is left is to average over the input and the noise: the drifts $E[g'(\lambda_i) \Delta\, u^c_b]$ and the spread
# $E[g'(\lambda_i) g'(\lambda_k) \Delta^2]$. The noise is independent of the input, with $E\zeta = 0$ and
# $E\zeta^2 = 1$: it drops out of the drifts and adds $\sigma^2 J_2$ to the spread. The class field $u^c_b$ is Gaussian
# with covariances $\operatorname{Cov}(u^c_b, u_a) = \omega_c X^c_{ba}$, where $X^c = \begin{pmatrix} Q^c & R^c \\
# R^{c\top} & T^c\end{pmatrix}$, so that $I_3$ applies to it.
#
# The library does the same steps for symbolic K, M and any number of classes:

# %%
system = equations_of_motion()
derived = {str(assignment.lhs): assignment.rhs for assignment in system.assignments}
for lhs, rhs in derived.items():
    print(f"{lhs} = {rhs}")

a, b, c, i, k, n = y.a, y.b, y.c, y.i, y.k, y.n
everywhere = [(a, 0, y.FIELDS - 1), (b, 0, y.FIELDS - 1)]
drift = sp.Sum(y.S[a] * I3(i, c, b, a), everywhere[0])
spread = sp.Sum(y.S[a] * y.S[b] * I4(i, k, a, b), *everywhere) + y.SIGMA**2 * J2(i, k)
assert sp.expand(derived["drift[c, i, b]"] - drift) == 0
assert sp.expand(derived["spread[i, k]"] - spread) == 0

# %% [markdown]
# With these averages in the place of $\delta_i \lambda^c_k$ and the others, the rates found above by hand are the
# library's equations.

# %%
strength = {node: y.V[node] * y.MASK[c, node] for node in (i, k)}
averaged = {
    delta_i * lam_k: strength[i] * y.DRIFT[c, i, k],
    delta_k * lam_i: strength[k] * y.DRIFT[c, k, i],
    delta_i * delta_k: strength[i] * strength[k] * y.SPREAD[i, k],
    delta_i * rho: strength[i] * y.DRIFT[c, i, y.K + n],
}


def average(expression, values):
    return sp.expand(sum(term.subs(averaged).subs(values) for term in sp.Add.make_args(expression)))


of_class = {f: y.FRACTION[c], omega: y.VARIANCE[c]}
assert sp.expand(average(rate_Q, of_class | {Qc: y.X[c, i, k]}) - derived["dQ[c, i, k]"]) == 0
assert sp.expand(average(rate_R, of_class | {Rc: y.X[c, i, y.K + n]}) - derived["dR[c, i, n]"]) == 0

# %% [markdown]
# Summed over the classes with every bit $m = 1$ and $\omega = 1$, $\sum_c f_c = 1$ and $\sum_c X^c = C$: the system of
# Goldt et al. (NeurIPS 2019). A masked node, $m_i^c = 0$, keeps only the decay:

# %%
masked = derived["dR[c, i, n]"].subs(y.MASK[c, i], 0)
assert masked == -kappa * y.X[c, i, y.K + n]

# %% [markdown]
# ## Mini-batches
#
# With b inputs in one update, the gradient is a mean over them, and $\alpha$ counts updates. Linear terms keep their
# expectation. In the product of two means $\frac1{b^2}\sum_{\mu\nu}$, b of the $b^2$ pairs are one input with itself
# and bring $\sum_j x_j^2 = N f_c\omega_c$; the others bring $\sum_j x^\mu_j x^\nu_j$, which for independent inputs is
# of order $\sqrt N$ only and vanishes in the rate. So the term in $\eta^2$ is divided by b, and nothing else changes.

# %%
b_, cross = sp.symbols("b cross", positive=True)
delta_i2, delta_k2 = sp.symbols("delta_i' delta_k'", real=True)  # of a second input
same, apart = N * f * omega * delta_i * delta_k, sp.sqrt(N) * cross * delta_i * delta_k2
second_order = eta**2 / N * (same / b_ + (1 - 1 / b_) * apart)  # summed over the class: N times the change of Q^c
assert sp.limit(second_order, N, sp.oo) == eta**2 * f * omega * delta_i * delta_k / b_

batches = {str(x.lhs): x.rhs for x in equations_of_motion(UpdateRule(batch_size=y.BATCH)).assignments}
assert {lhs for lhs in derived if batches[lhs] != derived[lhs]} == {"dQ[c, i, k]"}
learning = derived["dQ[c, i, k]"].coeff(eta, 2)
assert sp.expand(batches["dQ[c, i, k]"] - derived["dQ[c, i, k]"] - eta**2 * learning * (1 / y.BATCH - 1)) == 0

# %% [markdown]
# ## A teacher with other nodes
#
# If the teacher's nodes have the activation h, $\Delta = \sum_l v_l g(\lambda_l) - \sum_n A_n h(\rho_n) - \sigma\zeta$,
# and every sum over fields splits in two, $\Delta^2$ in three. The rates themselves do not change. With h = g the sums
# come together again: below, term by term for K = 2 and M = 1.

# %%
two = {str(x.lhs): x.rhs for x in equations_of_motion(UpdateRule(two_activations=True)).assignments}
assert all(two[lhs] == derived[lhs] for lhs in ("dQ[c, i, k]", "dR[c, i, n]", "dv[i]"))
print("spread[i, k] =", two["spread[i, k]"])


def written_out(expression):
    """The sums of an average term by term, with h = g."""
    total = sp.Integer(0)
    for part in expression.atoms(sp.Sum):
        indices = [limit[0] for limit in part.limits]
        ranges = [range(int(limit[2].subs({y.K: 2, y.M: 1})) + 1) for limit in part.limits]
        for at in itertools.product(*ranges):
            term = part.function.subs(dict(zip(indices, at, strict=True))).subs({y.K: 2, y.M: 1})
            total += expression.coeff(part) * term
    return sp.expand(total.replace(I4_GH, I4).replace(I4_HH, I4))


assert written_out(two["spread[i, k]"]) == written_out(derived["spread[i, k]"]) != 0

# %% [markdown]
# ## A case known by hand: the perfect student with label noise
#
# K = M = 1, w = B, v = A = 1, T = 1. There $\Delta = -\sigma\zeta$, so all drifts vanish and
# $dQ/d\alpha = \eta^2 \sigma^2 J_2$ with $J_2 = \tfrac2\pi\,((1+1)^2 - 1)^{-1/2} = \tfrac{2}{\pi\sqrt3}$: noise
# inflates the student. The generated code agrees to rounding.

# %%
perfect = OrderParameters.unpruned([[1.0]], [[1.0]], [[1.0]], [1.0], [1.0])
learning_rate, noise = 0.3, 0.5
parameters = flat_parameters(perfect, [learning_rate, 0.2, noise, 0.0])
overlaps = np.array([1.0, 1.0, 1.0])  # Q, R, v
rates = np.empty(3)
problem_module(Equations(), 1, 1).rhs(overlaps, rates, parameters)
by_hand = learning_rate**2 * noise**2 * 2 / (np.pi * np.sqrt(3))
print("dQ, dR, dv =", rates, " by hand:", by_hand)
assert np.abs(rates - [by_hand, 0.0, 0.0]).max() < 16 * np.finfo(float).eps

# %% [markdown]
# `tests/dynamics` compares the same equations with the mean change in one step of a network with 1200 inputs, under
# masks, decay, noise and unequal variances, and `tests/solvers` whole trajectories with an independent integrator.
