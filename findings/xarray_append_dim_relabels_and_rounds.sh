#!/usr/bin/env bash
# xarray: `to_zarr(append_dim="run")` of data whose other coordinate differs from what is stored does not
# compare the two: it overwrites the stored coordinate, so that earlier rows stand at times they were not taken
# at; and floats appended to integers are rounded to integers.
#
# Expected: an error where the coordinates or the dtypes do not fit.
# Seen: earlier rows at the times of the later ones; 7.75 becomes 8. (xarray warns of the dtype that it stores
# floats as integers without a fill value for NaN; it says nothing of lost digits, and nothing of the coordinate.)
# Versions: xarray==2026.9.0 zarr==3.1.6 numpy==2.4.6
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet xarray==2026.9.0 zarr==3.1.6 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import warnings

import numpy as np
import xarray as xr

warnings.simplefilter("ignore")
first = xr.Dataset({"steps": (("run", "t"), [[1, 2, 3]])}, coords={"run": [0], "t": [0.1, 0.2, 0.3]})
second = xr.Dataset({"steps": (("run", "t"), [[7.75, 8.75, 9.75]])}, coords={"run": [1], "t": [1.0, 2.0, 3.0]})
first.to_zarr("runs.zarr")
second.to_zarr("runs.zarr", append_dim="run")
read = xr.open_zarr("runs.zarr").load()
print(read)
as_seen = np.array_equal(read.t, [1, 2, 3]) and read.steps.values.tolist() == [[1, 2, 3], [8, 9, 10]]

print("as seen before" if as_seen else "this has changed")
raise SystemExit(not as_seen)
PY
