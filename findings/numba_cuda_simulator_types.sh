#!/usr/bin/env bash
# numba-cuda: kernels in its simulator (NUMBA_ENABLE_CUDASIM=1) do arithmetic by the rules of NumPy scalars,
# compiled kernels by those of Numba. A single-precision number times a literal is single precision in the
# simulator and double precision on the device; the sum of two int32 wraps around in the simulator and is an
# int64 on the device.
#
# Expected: the simulator computes what the compiled kernel computes, to the last bits of the type the kernel
# was compiled for.
# Seen: x[0]*0.1 has a relative error of 1e-8 in the simulator, where the compiled kernel converts to f64 before
# it multiplies; 2147483647 + 1 is -2147483648 in the simulator and 2147483648 compiled.
# Versions: 'numba-cuda[cu13]==0.30.4' numba==0.68.1 numpy==2.4.6
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'numba-cuda[cu13]==0.30.4' numba==0.68.1 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import os
import subprocess
import sys
from pathlib import Path

Path("kernel.py").write_text(
    """
import numpy as np
from numba import cuda


def kernel(x, out):
    out[0] = x[0] * 0.1
    out[1] = np.int32(2147483647) + np.int32(1)
"""
)
Path("simulated.py").write_text(
    """
import warnings

import numpy as np
from numba import cuda

from kernel import kernel

warnings.simplefilter("ignore")
out = np.zeros(2)
cuda.jit(kernel)[1, 1](np.array([1 / 3], np.float32), out)
print(*out)
"""
)
Path("compiled.py").write_text(
    """
from numba import cuda, float32, float64

from kernel import kernel

print(cuda.compile_ptx(kernel, (float32[::1], float64[::1]), cc=(8, 0))[0])
"""
)


def run(name, **more):
    return subprocess.run([sys.executable, name], env=os.environ | more, capture_output=True, text=True, check=True).stdout


product, total = map(float, run("simulated.py", NUMBA_ENABLE_CUDASIM="1").split())
ptx = run("compiled.py")
double = float.fromhex("0x1.5555560000000p-2") * 0.1
print("simulator:", product, " in double precision:", double, " sum:", total)
print("compiled: ", [line.strip() for line in ptx.splitlines() if "mul.f64" in line or "cvt.f64.f32" in line])
# 4746794007248502784 is 2147483648.0 as the bits of a double
print("compiled sum is 2147483648:", "4746794007248502784" in ptx or "0d41E0000000000000" in ptx)
as_seen = (
    abs(product / double - 1) > 1e-9
    and total == -2147483648
    and "mul.f64" in ptx
    and ("4746794007248502784" in ptx or "0d41E0000000000000" in ptx)
)

print("as seen before" if as_seen else "this has changed")
raise SystemExit(not as_seen)
PY
