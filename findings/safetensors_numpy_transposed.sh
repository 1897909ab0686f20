#!/usr/bin/env bash
# safetensors (NumPy interface): an array that is a transposed view is stored as the memory of the original
# under the shape of the view. Weights of scikit-learn networks, which are kept as (inputs, outputs) and written
# as (outputs, inputs), come back scrambled.
#
# Expected: load_file gives back what save_file was given.
# Seen: the values of the untransposed array in the shape of the transposed one; np.ascontiguousarray(view) is
# stored rightly.
# Versions: safetensors==0.8.0 numpy==2.4.6
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet safetensors==0.8.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import numpy as np
from safetensors.numpy import load_file, save_file

weights = np.arange(6.0).reshape(2, 3)
save_file({"view": weights.T, "copy": np.ascontiguousarray(weights.T)}, "w.safetensors")
read = load_file("w.safetensors")
print("given:", weights.T.tolist())
print("view: ", read["view"].tolist())
print("copy: ", read["copy"].tolist())
as_seen = np.array_equal(read["view"].ravel(), weights.ravel()) and np.array_equal(read["copy"], weights.T)

print("as seen before" if as_seen else "this has changed")
raise SystemExit(not as_seen)
PY
