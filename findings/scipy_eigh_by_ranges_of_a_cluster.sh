#!/usr/bin/env bash
# SciPy: `eigh(A, subset_by_index=...)` called for two ranges that split a cluster of eigenvalues gives two sets
# of vectors that are each orthonormal and not orthogonal to each other: together they are no basis, and a
# projection built from them counts some directions twice.
#
# Expected: vectors of disjoint index ranges of one symmetric matrix are orthogonal to rounding, as those of one
# call are.
# Seen: inner products up to 1 between the two sets, at eigenvalues 1e-15 apart (LAPACK syevr); 1e-6 at 1e-13.
# Versions: scipy==1.17.1 numpy==2.4.6
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet scipy==1.17.1 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import numpy as np
from scipy.linalg import eigh

rng = np.random.default_rng(0)
n = 200
basis = np.linalg.qr(rng.normal(size=(n, n)))[0]
worst = {}
for gap in (1e-15, 1e-13, 1e-3):
    values = np.concatenate([1 + gap * np.arange(n // 2), np.linspace(2, 3, n - n // 2)])
    A = (basis * values) @ basis.T
    A = (A + A.T) / 2
    low = eigh(A, subset_by_index=(0, 20))[1]
    high = eigh(A, subset_by_index=(21, 60))[1]
    together = eigh(A, subset_by_index=(0, 60))[1]
    worst[gap] = float(np.abs(low.T @ high).max())
    own = max(np.abs(v.T @ v - np.eye(v.shape[1])).max() for v in (low, high, together))
    print(f"gap {gap:g}: between the ranges {worst[gap]:.1e}, inside each call {own:.1e}")
as_seen = worst[1e-15] > 0.1 and worst[1e-3] < 1e-8

print("as seen before" if as_seen else "this has changed")
raise SystemExit(not as_seen)
PY
