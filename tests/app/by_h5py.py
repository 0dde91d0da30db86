"""Constants as h5py alone reads them."""

from __future__ import annotations

from pathlib import Path

import h5py


def stored(folder, calibration, module):
    """Constant of a module, by h5py alone."""
    for path in Path(folder).rglob("cal.*.h5"):
        with h5py.File(path, locking=False) as file:
            name, group = next(iter(next(iter(file.values())).items()))
            if name.startswith(calibration) and int(group["0"].attrs["module"]) == module:
                data = group["0/data"]
                order = [list(data.attrs["dims"]).index(dim) for dim in ("gain", "cell", "slow_scan", "fast_scan")]
                count = group["0/count"][()].transpose(order) if "count" in group["0"] else None
                return data[()].transpose(order), count
    raise AssertionError(f"no {calibration} of module {module}")
