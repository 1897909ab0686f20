#!/usr/bin/env bash
# onnx.reference: LogSoftmax is computed as the logarithm of a softmax, and is -inf where that softmax
# underflows. onnxruntime gives the finite value that the definition has.
#
# Expected: log-probabilities [-200, -400, 0] of the scores [0, -200, 200], in single precision.
# Seen: [-inf, -inf, 0] from onnx.reference, [-200, -400, 0] from onnxruntime. A comparison of two runs of a
# classifier sees inf - inf = nan.
# Versions: onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import numpy as np
from onnx import TensorProto, checker, helper
from onnx.reference import ReferenceEvaluator

import onnxruntime

shape = [1, 3]
graph = helper.make_graph(
    [helper.make_node("LogSoftmax", ["x"], ["y"], axis=1)],
    "scores",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
checker.check_model(model, full_check=True)
x = np.array([[0, -200, 200]], np.float32)
with np.errstate(divide="ignore"):
    reference = ReferenceEvaluator(model).run(None, {"x": x})[0]
runtime = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})[0]
print("onnx.reference:", reference[0].tolist())
print("onnxruntime:   ", runtime[0].tolist())
as_seen = np.isneginf(reference[0, :2]).all() and np.array_equal(runtime[0], [-200, -400, 0])

print("as seen before" if as_seen else "this has changed")
raise SystemExit(not as_seen)
PY
