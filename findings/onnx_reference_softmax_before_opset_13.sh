#!/usr/bin/env bash
# onnx.reference: Softmax of a model of opset 11 is evaluated by the rule of opset 13. Before opset 13 the input
# is flattened to two axes at `axis` (default 1), and one softmax runs over all axes from there on.
#
# Expected: an input of shape (2, 2, 2) sums to 1 over the last two axes, as onnxruntime computes it.
# Seen: onnx.reference gives 1 over the last axis alone, so 2 over both.
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

shape = [2, 2, 2]
graph = helper.make_graph(
    [helper.make_node("Softmax", ["x"], ["y"])],
    "softmax",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=7)
checker.check_model(model, full_check=True)
x = np.arange(8, dtype=np.float32).reshape(shape)
reference = ReferenceEvaluator(model).run(None, {"x": x})[0].sum(axis=(1, 2))
runtime = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})[0].sum(axis=(1, 2))
print("sums over the last two axes: onnx.reference", reference, " onnxruntime", runtime)
as_seen = np.allclose(reference, 2) and np.allclose(runtime, 1)

print("as seen before" if as_seen else "this has changed")
raise SystemExit(not as_seen)
PY
