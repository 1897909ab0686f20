# %% [markdown]
# # 10. The best that a law on nodes can do
#
# In the noiseless specialized state a subset that keeps $k_n$ copies of teacher node $n$ leaves
# $$e = \frac{6\,\varepsilon_g}{M v^{*2}} = \frac1M \sum_n \Big(1 - \frac{k_n}{Z}\Big)^2, \qquad \sum_n k_n = k.$$
# Its linear part is fixed by $k$. With $b = \lfloor k/M \rfloor$ the integers $k_n$ satisfy
# $(k_n - b)(k_n - b - 1) \ge 0$, with equality for $b$ and $b + 1$: the squares are least where $r = k - bM$ groups
# keep $b + 1$ copies and the others $b$.
# A law on subsets leaves the mean over its subsets, and so no less:
# $$e_\text{least} = \frac{(M - r)(Z - b)^2 + r(Z - b - 1)^2}{M Z^2}.$$

# %%
from itertools import product

import sympy as sp

from divprune_sym.pruning import METHODS
from divprune_sym.specialized import specialized_state

M, Z = sp.symbols("M Z", positive=True)
b, r = sp.symbols("b r", nonnegative=True)


def least(k, groups, copies):
    """e of balanced groups."""
    full, more = divmod(k, groups)
    gaps = [copies - full] * (groups - more) + [copies - full - 1] * more
    return sp.Rational(sum(gap**2 for gap in gaps), groups * copies**2)


for groups, copies in ((2, 3), (3, 2), (3, 3), (2, 5)):
    for k in range(groups * copies + 1):
        of_counts = [
            sp.Rational(sum((copies - n) ** 2 for n in counts), groups * copies**2)
            for counts in product(range(copies + 1), repeat=groups)
            if sum(counts) == k
        ]
        assert min(of_counts) == least(k, groups, copies)

# %% [markdown]
# ## The DPP
#
# For $k \ge M$ it takes one node of each group and draws the other $k - M$ uniformly from what is left
# ([5](05_dpp_node_law.py)): $k_n - 1$ is hypergeometric, with mean $\mu = k/M - 1$ and variance
# $\mu\,(Z - 1 - \mu)\,(M - 1)/(M(Z - 1) - 1)$. Balanced counts have the least variance that this mean allows,
# $f(1 - f)$ with $f = r/M$. The difference, in $h = b - 1$, $g = Z - b - 1$ and $s = M - r$:
# $$e_\text{DPP} - e_\text{least} = \frac{M(M - 1)\,hg + h\,s(s - 1) + g\,r(r - 1)}{M Z^2\,(M(Z - 1) - 1)}.$$

# %%
mean = b + r / M - 1
spread = mean * (Z - 1 - mean) * (M - 1) / (M * (Z - 1) - 1)
fraction = r / M
h, g, s = b - 1, Z - b - 1, M - r
excess = (M * (M - 1) * h * g + h * s * (s - 1) + g * r * (r - 1)) / (M * (M * (Z - 1) - 1))
assert sp.cancel(sp.together(spread - fraction * (1 - fraction) - excess)) == 0

# %% [markdown]
# For integers each summand is $\ge 0$. All are 0 for $k = M$ and $M + 1$ ($h = 0$, $r \le 1$), for $k = MZ - 1$
# ($g = 0$, $s = 1$), and for $Z = 2$ ($h = g = 0$); otherwise one is positive. So the DPP is the best law there, and
# only there.

# %%
for groups, copies in ((2, 2), (2, 3), (3, 3), (2, 4), (3, 4)):
    state = specialized_state(groups, copies, 1.0)
    for k in range(1, groups * copies + 1):
        e = 6 / groups * METHODS["dpp-node"].limit(state, k).generalization_error()
        best = k <= groups + 1 or k >= groups * copies - 1 or copies <= 2
        gap = e - float(least(k, groups, copies))
        assert (abs(gap) < 1e-12) is best, (groups, copies, k, gap)
        if not best:
            at = {M: groups, Z: copies, b: k // groups, r: k % groups}
            assert abs(gap - float(excess.subs(at)) / copies**2) < 1e-12

# %% [markdown]
# ## How far off
#
# $(M - 1)/(M(Z - 1) - 1) \le 1/(Z - 1)$ and $\mu(Z - 1 - \mu) \le (Z - 1)^2/4$: the difference is at most
# $(Z - 1)/(4Z^2)$, at $Z = 3$ this is $1/18$, and less for larger $Z$. It is also at most $e_\text{least}$ itself. Both
# bounds are the least possible:

# %%
at_three = (excess / Z**2).subs({Z: 3, b: 2, r: 0})
assert sp.limit(at_three, M, sp.oo) == sp.Rational(1, 18)
one_short = sp.cancel((1 + excess / (Z - b) ** 2).subs(r, 0).subs(b, Z - 1))
assert sp.limit(sp.limit(one_short, M, sp.oo), Z, sp.oo) == 2
print("e_DPP/e_least at k = M(Z − 1):", sp.factor(one_short))
