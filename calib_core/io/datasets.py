"""Datasets of raw files, found and read so that nothing else is taken for their data.

Data of other files that a link or an external storage leads to are no data, nor are fill values of what was never
written. What is read whole has no more bytes than the file may reasonably hold, whatever it claims.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from calib_core.io.foreign import open_hdf5, try_object
from calib_core.io.libraries import h5py
from calib_core.io.unlocked import open_unlocked

if TYPE_CHECKING:
    from calib_core.io.files import RunFile

#: Of files that are smaller, or compressed, so many bytes may be read or made of what they claim.
LEAST_BYTES = 16 << 20
#: What EXtra-data reads of a raw file on opening it.
_OPENING = ("INDEX/trainId", "INDEX/flag", "METADATA/dataFormatVersion", "METADATA/dataSources/dataSourceId",
            "METADATA/dataSourceId")


class UnfitError(ValueError):
    """Why an object in a file cannot be used: code, path in the file, and words that continue “<file>, <path>: ”."""

    def __init__(self, code: str, path: str, detail: str) -> None:
        super().__init__(f"{path}: {detail}")
        self.code, self.path, self.detail = code, path, detail


def check_opening(path: Path) -> None:
    """Look at what EXtra-data reads on opening a raw file, before it reads it.

    Raises
    ------
    UnfitError
        R28: it claims more than the file can hold; R29: it lies in another file; R03: it was never written.
    """
    with open_unlocked(path) as file:
        for name in _OPENING:
            found = file.get(name)
            if isinstance(found, h5py.Dataset):
                check_place(found, file.filename, name)
                check_claim(found, name, path.stat().st_size)
                check_written(found, name)


def find(file: RunFile, path: str) -> h5py.Dataset | None:
    """Dataset of a raw file, or None where there is none.

    Parameters
    ----------
    file : RunFile
    path : str
        Within the file.

    Raises
    ------
    UnfitError
        R29: its data lie in another file; R30: of a virtual dataset a source is missing.
    calib_core.io.files.HDF5_ERRORS
        As h5py raises them, and where the object would hang or crash HDF5.
    """
    try_object(file.path, path)
    found = file.h5.get(path)
    if not isinstance(found, h5py.Dataset):
        return None
    check_place(found, file.h5.filename, path)
    if found.is_virtual:
        _check_sources(path, found, file)
    return found


def check_place(dataset: h5py.Dataset, filename: str, path: str) -> None:
    """Raise UnfitError where the data of a dataset are not in the file with this name."""
    if dataset.file.filename != filename or dataset.external:
        raise UnfitError("R29", path, "the data lie in another file, which is not followed")


def check_written(dataset: h5py.Dataset, path: str) -> None:
    """Raise UnfitError where some of the data were never written: HDF5 would make them up."""
    missing, of = _unwritten(dataset)
    if missing:
        part = "it was" if missing == of else f"{missing} of its {of} chunks were"
        raise UnfitError("R03", path, f"{part} never written, so its values are unknown")


def _unwritten(dataset: h5py.Dataset) -> tuple[int, int]:
    """Pieces that were never written, and pieces there are."""
    if not dataset.size or dataset.is_virtual:  # whose sources are looked at
        return 0, 1
    if dataset.chunks:
        pieces = math.prod(-(-n // c) for n, c in zip(dataset.shape, dataset.chunks, strict=True))
        return max(0, pieces - int(dataset.id.get_num_chunks())), pieces
    compact = dataset.id.get_create_plist().get_layout() == h5py.h5d.COMPACT
    return int(not compact and dataset.id.get_offset() is None), 1


def check_claim(dataset: h5py.Dataset, path: str, file_bytes: int) -> None:
    """Raise UnfitError where a dataset claims more than a file of that size holds of such data."""
    if dataset.size * dataset.dtype.itemsize > max(LEAST_BYTES, file_bytes):
        detail = f"it claims {dataset.size} values, which a file of {file_bytes} bytes cannot hold"
        raise UnfitError("R28", path, detail)


def read_values(file: RunFile, dataset: h5py.Dataset, rows: int | None = None) -> npt.NDArray[Any]:
    """Read a dataset that was found in a file, or its first rows.

    Parameters
    ----------
    file : RunFile
    dataset : h5py.Dataset
        From :func:`find`.
    rows : int, optional
        None reads all of it.

    Raises
    ------
    UnfitError
        R28: it claims more than the file can hold; R03: some of it was never written.
    """
    path = dataset.name.lstrip("/")
    if rows is None or rows * max(1, math.prod(dataset.shape[1:])) * dataset.dtype.itemsize > LEAST_BYTES:
        check_claim(dataset, path, file.path.stat().st_size)
    check_written(dataset, path)
    return np.asarray(dataset[()] if rows is None else dataset[:rows])


def read_all(file: RunFile, path: str) -> npt.NDArray[Any]:
    """Values of a dataset; KeyError where there is none, else as :func:`find` and :func:`read_values`."""
    found = find(file, path)
    if found is None:
        raise KeyError(f"{path} is missing")
    return read_values(file, found)


def _check_sources(path: str, dataset: h5py.Dataset, file: RunFile) -> None:
    """Make sure that every value of a virtual dataset comes from data in the same folder."""
    mapped = 0
    for source in dataset.virtual_sources():
        mapped += int(source.vspace.get_select_npoints())
        _check_source(path, source, file)
    if mapped < dataset.size:
        raise UnfitError("R30", path, f"{dataset.size - mapped} of its {dataset.size} values have no source")


def _check_source(path: str, source: Any, file: RunFile) -> None:
    inside = source.file_name == "."
    target = file.path if inside else (file.path.parent / source.file_name).resolve()
    if not inside and (target.parent != file.path.parent.resolve() or not target.exists()):
        raise UnfitError("R30", path, f"its virtual source {source.file_name} is missing or outside the run folder")
    with open_hdf5(target) as opened:
        data = opened.get(source.dset_name)
        if not isinstance(data, h5py.Dataset):
            raise UnfitError("R30", path, f"its virtual source {source.file_name}, {source.dset_name} is missing")
        check_place(data, opened.filename, path)
        check_written(data, path)
        if data.is_virtual or not _holds(data.shape, source):
            raise UnfitError("R30", path, f"its virtual source {source.dset_name} does not hold what it refers to")


def _holds(shape: tuple[int, ...], source: Any) -> bool:
    """Whether a dataset of this shape holds all that a virtual dataset takes from it."""
    taken = source.src_space
    if taken.get_select_type() == h5py.h5s.SEL_ALL:
        return bool(math.prod(shape) == source.vspace.get_select_npoints())
    _, last = taken.get_select_bounds()
    return len(last) == len(shape) and all(at < n for at, n in zip(last, shape, strict=True))
