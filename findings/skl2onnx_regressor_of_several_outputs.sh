#!/usr/bin/env bash
# skl2onnx: an MLPRegressor of several outputs is exported with a Reshape to (-1, 1) at the end.
#
# Expected: the graph puts out an array (rows, outputs), as predict does.
# Seen: (rows · outputs, 1); the numbers are those of predict, one after another.
# Versions: skl2onnx==1.20.0 scikit-learn==1.9.1 onnxruntime==1.32.0 numpy==2.4.6
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet skl2onnx==1.20.0 scikit-learn==1.9.1 onnxruntime==1.32.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PY'
import numpy as np
import onnxruntime
from skl2onnx import to_onnx
from sklearn.neural_network import MLPRegressor

rng = np.random.default_rng(0)
X = rng.normal(size=(300, 6)).astype(np.float32)
model = MLPRegressor(hidden_layer_sizes=(9,), max_iter=20, random_state=0).fit(X, X[:, :2])
wanted = model.predict(X[:8])
session = onnxruntime.InferenceSession(to_onnx(model, X[:1]).SerializeToString(), providers=["CPUExecutionProvider"])
(found,) = session.run(None, {"X": X[:8]})
print("predict", wanted.shape, " graph", found.shape)
as_seen = wanted.shape == (8, 2) and found.shape == (16, 1) and np.allclose(found.ravel(), wanted.ravel(), atol=1e-5)

print("as seen before" if as_seen else "this has changed")
raise SystemExit(not as_seen)
PY
