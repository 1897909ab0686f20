# %% [markdown]
# # 2. The generalization error
#
# A student $\varphi(x) = \sum_i v_i g(\lambda_i)$ and a teacher $\sum_n A_n g(\rho_n) + \sigma\zeta$ see the same
# input. With fields $u = (\lambda, \rho)$ and signed weights $s = (v, -A)$ the error signal is
# $\Delta = \sum_a s_a g(u_a) - \sigma\zeta$, and the generalization error is
# $\varepsilon_g = \tfrac12 E[(\sum_a s_a g(u_a))^2]$: label noise is excluded, so a test error on noisy labels is
# $2\varepsilon_g + \sigma^2$.

# %%
import numpy as np
import sympy as sp
from scipy.special import erf

from divprune_sym.dynamics import symbols as y
from divprune_sym.dynamics.equations import error_equations
from divprune_sym.dynamics.integrals import I2, expand_integrals
from divprune_sym.gaussian import ERF
from divprune_sym.notation import OrderParameters
from divprune_sym.solvers import generalization_error

# %% [markdown]
# ## The square of a sum is a double sum of I2
#
# For K = 2 and M = 1, written out: the square has one term for each ordered pair of fields, and its expectation
# replaces $g(u_a) g(u_b)$ by $I_2(a, b)$.

# %%
K, M = 2, 1
s = sp.symbols("s:3", real=True)
g = sp.symbols("g:3", real=True)
square = sp.Poly(sp.expand(sum(weight * value for weight, value in zip(s, g, strict=True)) ** 2), *g)
written_out = sp.Integer(0)
for powers, coefficient in square.terms():
    pair = [field for field, power in enumerate(powers) for _ in range(power)]
    written_out += coefficient * I2(*pair) / 2

(assignment,) = error_equations().assignments
print(assignment.lhs, "=", assignment.rhs)


def at_sizes(double_sum):
    """The library's indexed sum, term by term."""
    body, (a, *_), (b, *_) = double_sum.args
    pairs = [(p, q) for p in range(K + M) for q in range(K + M)]
    return sum(body.xreplace({a: sp.Integer(p), b: sp.Integer(q)}) for p, q in pairs)


coefficient, double_sum = assignment.rhs.as_coeff_Mul()
ours = coefficient * at_sizes(double_sum)
ours = ours.xreplace({y.S[index]: s[index] for index in range(K + M)})
assert sp.expand(ours - written_out) == 0

# %% [markdown]
# ## The error of Saad & Solla
#
# One student node and one teacher node with weights 1:
# $\varepsilon_g = \tfrac1\pi\left[\arcsin\tfrac{Q}{1+Q} + \arcsin\tfrac{T}{1+T}
# - 2 \arcsin\tfrac{R}{\sqrt{(1+Q)(1+T)}}\right]$.

# %%
Q, T = sp.symbols("Q T", positive=True)
R = sp.Symbol("R", real=True)
covariance = sp.Matrix([[Q, R], [R, T]])
weights = (1, -1)


def second_moment(p, q):
    """I2 of two fields from its derivation."""
    generic = expand_integrals(I2(y.a, y.b), ERF)
    values = {y.C[y.a, y.a]: covariance[p, p], y.C[y.b, y.b]: covariance[q, q], y.C[y.a, y.b]: covariance[p, q]}
    return generic.xreplace(values)


pairs = [(p, q) for p in range(2) for q in range(2)]
error = sum(weights[p] * weights[q] * second_moment(p, q) for p, q in pairs) / 2
saad_solla = (sp.asin(Q / (1 + Q)) + sp.asin(T / (1 + T)) - 2 * sp.asin(R / (sp.sqrt(1 + Q) * sp.sqrt(1 + T)))) / sp.pi
assert sp.simplify(error - saad_solla) == 0

# %% [markdown]
# Where the student is the teacher the error vanishes, and so does its slope along w → (1 + ε) B, which moves the
# overlaps by dQ = 2εT and dR = εT. (Moves across B change Q − R²/T ≥ 0, the boundary on which the teacher sits.)

# %%
at_teacher = {Q: T, R: T}
assert sp.simplify(error.subs(at_teacher)) == 0
slopes = sp.Matrix([sp.diff(error, Q), sp.diff(error, R)]).subs(at_teacher)
assert sp.simplify(2 * slopes[0] + slopes[1]) == 0

# %% [markdown]
# ## The generated code computes the same number
#
# The compiled function against the symbolic expression in 30 digits; both asin arguments are moderate, so a few
# units in the last place of terms below 1 are all that rounding can do.

# %%
point = {Q: sp.Rational(4, 5), R: sp.Rational(3, 10), T: sp.Rational(6, 5)}
exact = float(sp.N(error.subs(point), 30))
state = OrderParameters.unpruned([[0.8]], [[0.3]], [[1.2]], [1.0], [1.0])
compiled = float(generalization_error(state.covariance, state.signed_weights))
print(f"symbolic {exact:.16f}\ncompiled {compiled:.16f}")
assert abs(compiled - exact) < 16 * np.finfo(float).eps

# %% [markdown]
# ## Against its definition
#
# The mean of ½(student − teacher)² over random inputs. With 10⁶ samples of a fixed seed the z-value exceeds 5 with
# probability 6·10⁻⁷; an error of 1 % would give more than 7.

# %%
rng = np.random.default_rng(2)
factor = np.linalg.cholesky(state.covariance)
student, teacher = factor @ rng.standard_normal((2, 1_000_000))
half_squares = 0.5 * (erf(student / np.sqrt(2)) - erf(teacher / np.sqrt(2))) ** 2
standard_error = half_squares.std() / 1000
z = (half_squares.mean() - compiled) / standard_error
print(f"sampled  {half_squares.mean():.6f} ± {standard_error:.6f}")
assert abs(z) < 5
assert 0.01 * compiled > 7 * standard_error
