#!/usr/bin/env bash
# python-flint: an arb is true whatever its value, exact zero included, unlike fmpz and fmpq; and the text of a
# ball that is known to less than one digit forgets its sign, so that a ball written out and read back contains
# zero though the ball itself is certainly negative.
#
# Expected: bool(arb(0)) is False, as bool(fmpz(0)) is; arb(str(x)) < 0 whenever x < 0.
# Seen: bool(arb(0)) is True; the cube of [-2 +/- 0.1] is certainly negative, prints as [+/- 9.27], and is not
# once read back.
# Versions: python-flint==0.9.0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet python-flint==0.9.0
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
from flint import arb, fmpq, fmpz

print("bool of exact zero: fmpz", bool(fmpz(0)), " fmpq", bool(fmpq(0)), " arb", bool(arb(0)))
x = arb(-2, 0.1)
cube = x * x * x
back = arb(str(cube))
print("cube of", x, "is", cube, " negative:", cube < 0, " read back:", back < 0)
as_seen = bool(arb(0)) and not bool(fmpz(0)) and cube < 0 and not back < 0

print("as seen before" if as_seen else "this has changed")
raise SystemExit(not as_seen)
PY
