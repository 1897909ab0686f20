#!/usr/bin/env bash
# python-flint: `acb.integral` hands its integrand a flag `analytic`. An integrand that does not pass it on to
# functions with branch cuts gets a ball that is tight and does not contain the integral.
#
# Expected: a ball around 5/2, the integral of sqrt(z²) = |z| over [-1, 2], or a ball so wide that it says
# nothing.
# Seen: [2.598... +/- 7e-15]; with the flag passed on, [2.5000... +/- 2e-14].
# Versions: python-flint==0.9.0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet python-flint==0.9.0
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
from flint import acb, arb

without = acb.integral(lambda z, analytic: (z * z).sqrt(), -1, 2).real
passed_on = acb.integral(lambda z, analytic: (z * z).sqrt(analytic=analytic), -1, 2).real
print("flag ignored:  ", without)
print("flag passed on:", passed_on)
as_seen = not without.contains(arb(2.5)) and without.rad() < arb(1e-10) and passed_on.contains(arb(2.5))

print("as seen before" if as_seen else "this has changed")
raise SystemExit(not as_seen)
PY
