#!/usr/bin/env bash
# SymPy: `lambdify(..., cse=True)` takes a subexpression that contains the index of a Sum out of the Sum. Where
# an argument has the name of the index, the function computes other numbers without an error.
#
# Expected: with and without cse=True the function of Sum(sin(i) + sin(i)**2, (i, 1, n)) and the argument i
# (which the sum does not depend on) gives the sum.
# Seen: with cse=True every summand is taken at the value of the argument.
# Versions: sympy==1.14.0 numpy==2.4.6
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet sympy==1.14.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import inspect
import math

import sympy as sp

i, n = sp.symbols("i n", integer=True)
total = sp.Sum(sp.sin(i) + sp.sin(i) ** 2, (i, 1, n))
plain, shared = (sp.lambdify((i, n), total, "math", cse=cse) for cse in (False, True))
exact = sum(math.sin(j) + math.sin(j) ** 2 for j in range(1, 5))
print(inspect.getsource(shared))
print("sum over 1..4:", exact, " lambdify:", plain(7, 4), " with cse=True:", shared(7, 4))
at_the_argument = 4 * (math.sin(7) + math.sin(7) ** 2)
as_seen = math.isclose(plain(7, 4), exact) and math.isclose(shared(7, 4), at_the_argument)

print("as seen before" if as_seen else "this has changed")
raise SystemExit(not as_seen)
PY
