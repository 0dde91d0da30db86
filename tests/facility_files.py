"""Constants as files of the facility have them: in one piece, pixels slowest, so that a memory cell lies all over."""

from __future__ import annotations

import shutil
from pathlib import Path

import h5py

from calib_core.store.constants import list_constants


def facility_files(folder: Path, target: Path) -> Path:
    """Write the constants of a folder again, each in one piece and without a seal.

    Parameters
    ----------
    folder : Path
        Root of a tree of constants.
    target : Path
        Root of another one, which is made.
    """
    for one in list_constants(folder):
        path = target / one.path.relative_to(folder)
        path.parent.mkdir(parents=True, exist_ok=True)
        with h5py.File(one.path) as source, h5py.File(path, "w") as made:
            data = next(iter(next(iter(source.values())).values()))["0/data"]
            copy = made.create_dataset(data.name, data=data[()])
            copy.attrs["dims"] = one.dims
            for name, value in data.parent.attrs.items():
                if name not in ("sealed", "dims"):
                    copy.parent.attrs[name] = value
        shutil.copystat(one.path, path)
    return target

