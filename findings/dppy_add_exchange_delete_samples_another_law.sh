#!/usr/bin/env bash
# DPPy: the add-exchange-delete chain (`sample_mcmc("AED")`) does not have the DPP as its stationary law: the
# proposals of additions and deletions are not balanced by the acceptance ratio. The add-delete chain does. And
# with `T_max` (a time limit in seconds) both stop after one step.
#
# Expected: frequencies of all subsets of five items within sampling error of det(L_S)/det(L + 1), a total
# variation of about 0.02 after 60 000 correlated steps; a chain of 50 states under a limit of 60 seconds.
# Seen: a total variation of 0.17 for AED and 0.016 for AD; 2 states.
# Versions: dppy==0.3.3 numpy==2.4.6 scipy==1.17.1
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet dppy==0.3.3 numpy==2.4.6 scipy==1.17.1
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
from collections import Counter
from itertools import combinations

import numpy as np
from dppy.finite_dpps import FiniteDPP

factor = np.random.default_rng(0).normal(size=(5, 3))
L = factor @ factor.T
subsets = [s for size in range(6) for s in combinations(range(5), size)]
law = np.array([np.linalg.det(L[np.ix_(s, s)]) if s else 1.0 for s in subsets])
law /= law.sum()
distance = {}
for mode in ("AD", "AED"):
    dpp = FiniteDPP("likelihood", L=L)
    dpp.sample_mcmc(mode, random_state=1, nb_iter=60_000)
    chain = [tuple(sorted(s)) for s in dpp.list_of_samples[-1]]
    seen = Counter(chain)
    distance[mode] = 0.5 * sum(abs(seen[s] / len(chain) - p) for s, p in zip(subsets, law))
dpp = FiniteDPP("likelihood", L=L)
dpp.sample_mcmc("AD", random_state=1, nb_iter=50, T_max=60.0)
steps = len(dpp.list_of_samples[-1])
print("total variation from the law:", distance, " states under T_max = 60 s:", steps)
as_seen = distance["AD"] < 0.05 < 0.1 < distance["AED"] and steps == 2

print("as seen before" if as_seen else "this has changed")
raise SystemExit(not as_seen)
PY
