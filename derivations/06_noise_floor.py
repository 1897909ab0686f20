# %% [markdown]
# # 6. The noise floor
#
# Labels carry noise, $y = \sum_n A_n g(\rho_n) + \sigma\zeta$, and online SGD never stops following it. How large is
# the generalization error that remains as $\alpha \to \infty$, for a small learning rate $\eta$? The soft committee
# ($v = A = 1$ frozen, $K = M + L$, orthonormal teacher) has the answer
#
# $$\varepsilon_g^* = \frac{\sigma^2\eta}{2\pi}\Bigl(L + \frac{M}{\sqrt3}\Bigr) + O(\eta^2).$$
#
# We derive it three times: by hand for one node, by an argument that fits on a page, and exactly for all $M$ and $L$.

# %%
import numpy as np
import sympy as sp

from divprune_sym import Problem, integrate, specialized_state
from divprune_sym.dynamics import small_eta
from divprune_sym.dynamics.small_eta import A, L, M, Z
from divprune_sym.dynamics.symbols import SIGMA
from divprune_sym.gaussian import ERF, integral
from divprune_sym.gaussian.term import covariance_symbol
from divprune_sym.notation import OrderParameters
from divprune_sym.pruning.registry import paper_methods
from divprune_sym.solvers import slow_flow
from divprune_sym.specialized import pruned_excess

# %% [markdown]
# ## One node learns from one node
#
# With $K = M = 1$ the equations are $\dot R = -\eta\,E[g'(\lambda)\Delta\rho]$ and
# $\dot Q = -2\eta\,E[g'(\lambda)\Delta\lambda] + \eta^2 E[g'(\lambda)^2\Delta^2]$, where
# $\Delta = g(\lambda) - g(\rho) - \sigma\zeta$. At $Q = R = 1$ the error signal is label noise alone, so the last
# term is $\eta^2\sigma^2 J_2(\lambda,\lambda)$, and everything else vanishes.

# %%
Q, R = sp.symbols("Q R", positive=True)


def filled(name, **fields):
    """A derived integral with its fields named λ or ρ."""
    value = {"λλ": Q, "λρ": R, "ρλ": R, "ρρ": sp.Integer(1)}
    entries = {covariance_symbol(a, b): value[fields[a] + fields[b]] for a in fields for b in fields}
    return integral(name, ERF).closed_form.subs(entries, simultaneous=True)


def drift(y):
    """E[g'(λ) Δ y]."""
    return filled("I3", i="λ", y=y, a="λ") - filled("I3", i="λ", y=y, a="ρ")


rates = sp.Matrix([-2 * drift("λ"), -drift("ρ")])
zero = {Q: 1, R: 1}
assert sp.simplify(rates.subs(zero)) == sp.zeros(2, 1)

noise = sp.Matrix([filled("J2", i="λ", k="λ").subs(zero), 0])
first_order = -rates.jacobian([Q, R]).subs(zero).solve(noise)
print("Q, R = 1 + η σ² ·", sp.simplify(first_order.T))

# ε_g = ½ (E g(λ)² − 2 E g(λ)g(ρ) + E g(ρ)²)
error = (filled("I2", a="λ", b="λ") - 2 * filled("I2", a="λ", b="ρ") + filled("I2", a="ρ", b="ρ")) / 2
slope = sum(sp.diff(error, x).subs(zero) * dx for x, dx in zip((Q, R), first_order, strict=True))
assert sp.simplify(slope - 1 / (2 * sp.pi * sp.sqrt(3))) == 0

# %% [markdown]
# ## The page
#
# Let $w^*$ be a zero of the noiseless error, reached by any number of nodes, and
# $\Phi = \sum_i |w_i - w_i^*|^2/N$ the squared distance to it. One step of SGD changes it, on average, by
#
# $$\frac{d\Phi}{d\alpha} = -2\eta\,E\Bigl[\Delta\sum_i v_i g'(\lambda_i)(\lambda_i - \lambda_i^*)\Bigr]
#   + \eta^2\sigma^2\sum_i v_i^2 J_2(i,i) + \dots$$
#
# Near the zero $\sum_i v_i g'(\lambda_i)(\lambda_i - \lambda_i^*)$ *is* the noiseless part of $\Delta$, to leading
# order; hence the first term is $-4\eta\,\varepsilon_g$. Where $\Phi$ rests,
#
# $$\varepsilon_g^* = \frac{\eta\sigma^2}{4}\sum_i v_i^2 J_2(i,i) + O(\eta^2),\qquad
#   J_2(i,i) = \frac{2}{\pi\sqrt{1 + 2Q_{ii}}}.$$
#
# A node that copies a teacher node ($Q_{ii} = 1$) pays $\sigma^2\eta/(2\pi\sqrt3)$, a surplus node ($Q_{ii} = 0$)
# pays $\sigma^2\eta/(2\pi)$: that is the formula. The identity $\dot\Phi/\eta = -4\varepsilon_g + \dots$ is checked
# here on the derived equations, with $M$, $L$ and the whole first order left as symbols.

# %%
soft, both = small_eta.soft_committee(), small_eta.both_layers()
assert small_eta.distance_identity(soft) == 0
assert small_eta.distance_identity(both) == 0

# %% [markdown]
# ## The fixed point itself
#
# Permuting teacher nodes with their copies, or surplus nodes, changes nothing, so the first order
# $x_1 = dx/d\eta$ of all overlaps has a handful of unknowns: $Q_{ii} = 1 + \eta q$, $Q_{ik} = \eta c$,
# surplus nodes $Q_{ss} = \eta s$, $Q_{is} = \eta u$, $R_{ii} = 1 + \eta r$, $R_{in} = \eta p$, $R_{sn} = \eta w$.
# They solve $F_1'(x_0)\,x_1 + F_2(x_0) = 0$, a linear system whose coefficients are polynomials in $M$ and $L$.

# %%
for name, value in soft.coefficients.items():
    print(f"{name} = {value}")
assert sp.simplify(soft.error - SIGMA**2 / (2 * sp.pi) * (L + M / sp.sqrt(3))) == 0
assert sp.simplify(soft.error - small_eta.noise_floor(soft)) == 0

# %% [markdown]
# ## Both layers trained
#
# The second layer makes no noise of its own: its steps are of size $1/N$, so its fluctuations vanish as $N \to \infty$
# and $\dot v$ has no $\eta^2$ term. With $Z$ copies of each teacher node and $v_i = A/Z$ the floor is that of $K = M$,
# divided by $Z$: overparametrization by copies lowers it.

# %%
print("ε_g* / η =", both.error)
assert sp.simplify(both.error - A**2 * SIGMA**2 * M / (2 * sp.sqrt(3) * sp.pi * Z)) == 0

# %% [markdown]
# ## Which zero, when there are many
#
# With $K > M$ the noiseless zeros form families: two copies can share the weight $A$ in any proportion. Along the
# family $F_1 = 0$, and label noise moves the state at rate $\eta^2 P F_2$, where $P$ projects on the kernel of $F_1'$.
# The zeros with $P F_2 = 0$ are selected: here, equal shares.

# %%


def shared(first):
    """Two copies of one teacher node with second-layer weights `first` and 1 − first."""
    return OrderParameters.unpruned(np.ones((2, 2)), np.ones((2, 1)), [[1.0]], [first, 1.0 - first], [1.0])


for first in (0.2, 0.4, 0.5, 0.6):
    velocity = slow_flow(Problem(shared(first), eta=0.1, eta_v=0.1, sigma=0.3)).v[0]
    print(f"v₁ = {first}: dv₁/dα = {velocity:+.2e}")
    assert abs(velocity) < 1e-12 if first == 0.5 else velocity * (0.5 - first) > 0

# %% [markdown]
# One direction is undecided at this order: how far copies are apart. Equal copies stay equal, but a small difference
# grows, at a rate proportional to $\eta^2$. The floor does not depend on it.
#
# ## The integrated equations
#
# ... agree: what is left after the first order falls like $\eta^2$.

# %%
remainders = []
for eta in (0.02, 0.05):
    problem = Problem(specialized_state(1, 2, 1.0), eta=eta, eta_v=eta, sigma=0.3)
    measured = integrate(problem, [1e5], rtol=1e-10, atol=1e-13).generalization_error[-1]
    predicted = eta * float(both.error.subs({M: 1, Z: 2, A: 1, SIGMA: 0.3}))
    remainders.append(measured - predicted)
    print(f"η = {eta}: ε_g = {measured:.4e}, first order {predicted:.4e}")
order = np.log(remainders[1] / remainders[0]) / np.log(0.05 / 0.02)
print(f"observed order of the remainder: {order:.2f}")
assert abs(order - 2) < 0.5

# %% [markdown]
# ## After pruning
#
# The same first order gives the error after each pruning method: two teacher nodes, both layers trained, half of the
# network kept, $\varepsilon_g = \varepsilon_0 + \eta\,\varepsilon_1$. Here the slopes are negative: noise lets every
# node lean towards the other's teacher node too ($R_{in} = \eta p$, $p > 0$), and covers some of what is pruned.

# %%
assert both.coefficients["p"].subs({M: 2, Z: 1, SIGMA: 1}) > 0
ended = {}
for eta in (0.02, 0.05):
    problem = Problem(specialized_state(2, 1, 1.0), eta=eta, eta_v=eta, sigma=0.3)
    ended[eta] = integrate(problem, [3e5], rtol=1e-10, atol=1e-13).state()

for name, method in paper_methods().items():
    keep = 1 if method.unit == "node" else 0.5
    excess = pruned_excess(method, keep, teachers=2, sigma=0.3)
    print(f"{name:16s} ε₀ = {excess.noiseless:.4f}   ε₁ = {excess.slope:+.4f}")
    small, large = (
        method.limit(state, keep).generalization_error() - excess.noiseless - eta * excess.slope
        for eta, state in ended.items()
    )
    assert abs(np.log(large / small) / np.log(0.05 / 0.02) - 2) < 0.5
