#!/usr/bin/env bash
# python-flint: an integer power of a ball whose midpoint is exactly zero is nan, though the product of the ball
# with itself is not.
#
# Expected: arb(0, 1)**2 is a ball that contains [0, 1], like arb(0, 1)*arb(0, 1).
# Seen: nan for the powers 1, 2 and 3; the product is [+/- 1.01].
# Versions: python-flint==0.9.0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet python-flint==0.9.0
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
from flint import arb

ball = arb(0, 1)
for power in (1, 2, 3):
    print(f"arb(0, 1)**{power} =", ball**power)
print("arb(0, 1)*arb(0, 1) =", ball * ball)
as_seen = (ball**1).is_nan() and (ball**2).is_nan() and (ball**3).is_nan() and (ball * ball).contains(arb(0.5))

print("as seen before" if as_seen else "this has changed")
raise SystemExit(not as_seen)
PY
