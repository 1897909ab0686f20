#!/usr/bin/env bash
# zarr: an array that was made with config={"write_empty_chunks": True} does not keep that. Opened again, by the next
# process or the next function, it leaves out every chunk that equals the fill value, so that a folder whose chunk
# files were to say what has been computed says so for the maker only.
#
# Expected: what an array is made with is part of it, as its chunks, dtype and fill value are; or a warning.
# Seen: the chunk file is there after writing through the array that was made, and is not there after writing the
# same values through the same array opened again; nothing in zarr.json tells the two apart.
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


def made(name):
    return zarr.create_array(
        name, shape=(4,), chunks=(2,), dtype="f8", fill_value=np.nan, config={"write_empty_chunks": True}
    )


def files(name):
    return sorted(path.name for path in Path(name, "c").glob("*"))


made("maker.zarr")[:] = np.nan
made("again.zarr")
zarr.open_array("again.zarr", mode="r+")[:] = np.nan
print("written by its maker:   chunk files", files("maker.zarr"))
print("opened again, written:  chunk files", files("again.zarr"))
print("says zarr.json of it?  ", "write_empty_chunks" in Path("maker.zarr/zarr.json").read_text())
as_seen = files("maker.zarr") == ["0", "1"] and files("again.zarr") == []

print("as seen before" if as_seen else "this has changed")
raise SystemExit(not as_seen)
PY
