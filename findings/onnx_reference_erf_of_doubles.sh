#!/usr/bin/env bash
# onnx.reference: Erf of a double tensor returns doubles that are right to single precision only.
#
# Expected: an error of a few 1e-16, as from math.erf.
# Seen: errors up to 3e-8 on [-3, 3], in an array of dtype float64.
# Versions: onnx==1.23.2 numpy==2.4.6
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet onnx==1.23.2 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import numpy as np
from onnx import TensorProto, checker, helper
from onnx.reference import ReferenceEvaluator

from math import erf

graph = helper.make_graph(
    [helper.make_node("Erf", ["x"], ["y"])],
    "erf",
    [helper.make_tensor_value_info("x", TensorProto.DOUBLE, [1001])],
    [helper.make_tensor_value_info("y", TensorProto.DOUBLE, [1001])],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
checker.check_model(model, full_check=True)
x = np.linspace(-3, 3, 1001)
y = ReferenceEvaluator(model).run(None, {"x": x})[0]
error = np.abs(y - [erf(u) for u in x]).max()
print("dtype", y.dtype, " largest error", error)
as_seen = y.dtype == np.float64 and 1e-9 < error < 1e-7

print("as seen before" if as_seen else "this has changed")
raise SystemExit(not as_seen)
PY
