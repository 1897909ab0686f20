#!/usr/bin/env bash
# zarr: a chunk whose entries all equal the fill value is not written at all, and a chunk file that is missing
# reads as the fill value without a word. A lost chunk of whole numbers is read as zeros, and counting chunk
# files cannot tell a lost chunk from one that was never written.
#
# Expected: an error, or a warning, where a chunk that was written is gone; as many chunk files as chunks after
# a whole array is written.
# Seen: zeros for a removed chunk; nchunks_initialized = 1 of 2 for a complete array [0, 0, 1, 2].
# Versions: zarr==3.1.6 numpy==2.4.6
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet zarr==3.1.6 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import warnings
from pathlib import Path

import numpy as np
import zarr

warnings.simplefilter("error")
whole = zarr.create_array("whole.zarr", shape=(4,), chunks=(2,), dtype="i8")
whole[:] = [0, 0, 1, 2]
print("written whole:", whole[:], " chunks", whole.nchunks, " of which files:", whole.nchunks_initialized)
lost = zarr.create_array("lost.zarr", shape=(4,), chunks=(2,), dtype="i8")
lost[:] = [5, 6, 7, 8]
Path("lost.zarr/c/1").unlink()
read = zarr.open_array("lost.zarr", mode="r")[:]
print("written [5 6 7 8], second chunk removed, read:", read)
as_seen = whole.nchunks_initialized == 1 and np.array_equal(read, [5, 6, 0, 0])

print("as seen before" if as_seen else "this has changed")
raise SystemExit(not as_seen)
PY
