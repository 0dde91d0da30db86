"""Datasets of one module in one file, checked against the detector type before anything is read from them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from calib_core.detector import DetectorType, Module
from calib_core.io.datasets import LEAST_BYTES, UnfitError, find, read_values
from calib_core.io.files import HDF5_ERRORS, RunFile, cause_of
from calib_core.io.handles import StoredDataset
from calib_core.io.inventory import Problem
from calib_core.io.libraries import h5py

MAX_CHUNK_BYTES = 256 << 20
#: Memory that the index of a module takes for each frame, bytes.
FRAME_INDEX_BYTES = 64


@dataclass(frozen=True)
class Part:
    """One file's share of a module.

    Attributes
    ----------
    file : RunFile
    pixels : StoredDataset
        (rows, …, slow_scan, fast_scan) uint16 or int16; without slow_scan for strips.
    gain : StoredDataset, optional
        Gain bits with the same leading axes.
    cell : (rows, frames per row) int64
    train : (rows,) uint64, optional
        Train ids beside the pixels, where the file has them.
    """

    file: RunFile
    pixels: StoredDataset
    gain: StoredDataset | None
    cell: np.ndarray
    train: np.ndarray | None

    @property
    def rows(self) -> int:
        """Rows that all datasets have."""
        return min(len(d) for d in (self.pixels, self.gain, self.cell, self.train) if d is not None)

    @property
    def nbytes(self) -> int:
        """Memory of what it holds for each row, bytes; zeros of all memory cells are stored once."""
        held = [array for array in (self.cell, self.train) if array is not None and all(array.strides)]
        return sum(array.nbytes for array in held)

    @property
    def per_row(self) -> int:
        """Frames in one row."""
        return int(self.cell.shape[1])


def open_part(detector: DetectorType, module: Module, file: RunFile) -> Part | Problem:
    """Find the datasets of a module in a file, and check them before anything is read from them.

    Parameters
    ----------
    detector : DetectorType
        Says where they should be, and their shapes.
    module : Module
    file : RunFile

    Returns
    -------
    Part or Problem
        Problems refuse the module: R01 not readable, R17 missing or of another shape or type, R28 chunks too large,
        R29 data in another file, R30 virtual sources missing or outside the run folder, R31 no numbers.
    """
    base = f"INSTRUMENT/{module.source}"
    try:
        return _part(detector, base, file)
    except UnfitError as unfit:
        return file.problem("refuse", unfit.code, unfit.path, unfit.detail, module.number)
    except HDF5_ERRORS as error:
        return file.problem("refuse", "R01", base, f"the data cannot be read: {cause_of(error)}", module.number)


def _part(detector: DetectorType, base: str, file: RunFile) -> Part:
    raw = detector.raw
    if file.category not in (raw.category, ""):
        wanted = "corrected" if raw.is_corrected else "raw"
        raise UnfitError("R17", base, f"this is a {file.category} file; {wanted} data are needed")
    pixels = _dataset(file, base, raw.pixels)
    _check_pixels(detector, pixels)
    gain = _dataset(file, base, raw.gain_bits) if raw.gain_bits else None
    if gain is not None:
        _check_gain(detector, pixels, gain)
    per_row = int(pixels.shape[1]) if raw.frames_per_entry else 1
    _check_frames(file, pixels, per_row)
    bits = None if gain is None else StoredDataset(file, gain)
    return Part(file, StoredDataset(file, pixels), bits, _cells(file, base, raw.cell, len(pixels), per_row),
                _train_ids(file, base, raw.train))


def _check_frames(file: RunFile, pixels: h5py.Dataset, per_row: int) -> None:
    """What is made of the claims of an index follows from the size of the file: frames are larger than that."""
    frames, size = len(pixels) * per_row, file.path.stat().st_size
    if frames * FRAME_INDEX_BYTES > max(LEAST_BYTES, size):
        raise UnfitError("R28", pixels.name, f"it claims {frames} frames, which a file of {size} bytes cannot hold")


def _cells(file: RunFile, base: str, key: str | None, rows: int, per_row: int) -> np.ndarray:
    """Memory cells (rows, frames per row); all 0 for detectors that have none."""
    if key is None:
        return np.broadcast_to(np.int64(0), (rows, per_row))
    cell = _dataset(file, base, key)
    if cell.dtype.kind not in "ui" or math.prod(cell.shape[1:]) != per_row:
        raise UnfitError("R17", cell.name, f"expected (n, {per_row}) integers, got {_what(cell)}")
    return read_values(file, cell).reshape(len(cell), per_row).astype(np.int64)


def _train_ids(file: RunFile, base: str, key: str) -> np.ndarray | None:
    try:
        found = _dataset(file, base, key)
    except UnfitError as unfit:
        if unfit.code == "R29":
            raise
        return None
    if found.dtype.kind not in "ui" or math.prod(found.shape[1:]) != 1:
        raise UnfitError("R17", found.name, f"expected (n,) integers, got {_what(found)}")
    return np.asarray(read_values(file, found), np.uint64).reshape(len(found))


def _dataset(file: RunFile, base: str, key: str) -> h5py.Dataset:
    path = f"{base}/{key.replace('.', '/')}"
    found = find(file, path)
    if found is None:
        raise UnfitError("R17", path, "this dataset is missing")
    if found.dtype.kind not in "uif":
        raise UnfitError("R31", path, f"this holds {found.dtype} instead of numbers")
    if found.chunks and math.prod(found.chunks) * found.dtype.itemsize > MAX_CHUNK_BYTES:
        raise UnfitError("R28", path, f"its chunks of {found.chunks} are larger than {MAX_CHUNK_BYTES >> 20} MiB")
    return found


def _what(dataset: h5py.Dataset) -> str:
    return f"({', '.join(map(str, dataset.shape))}) {dataset.dtype}"


def _check_pixels(detector: DetectorType, pixels: h5py.Dataset) -> None:
    lead = ("n", "frames") if detector.raw.frames_per_entry else ("n",)
    trailing = pixels.shape[len(lead):]
    frame = _frame_shape(detector)
    allowed = [(detector.planes, *frame), *([frame] if detector.planes == 1 else [])]
    corrected, codes = detector.raw.is_corrected, pixels.dtype.kind in "ui" and pixels.dtype.itemsize == 2
    if trailing in allowed and (corrected or codes):  # corrected samples may be kept as whole numbers
        return
    shape = (*lead, *(allowed[-1] if len(trailing) == len(frame) else allowed[0]))
    hint = "; this looks like corrected data" if pixels.dtype.kind == "f" and not corrected else ""
    raise UnfitError("R17", pixels.name, f"expected ({', '.join(map(str, shape))}) "
                     f"{'samples' if corrected else 'uint16'}, got {_what(pixels)}{hint}")


def _frame_shape(detector: DetectorType) -> tuple[int, ...]:
    """Axes of a stored plane: strips have no slow_scan axis."""
    return detector.shape[1:] if detector.raw.strips else detector.shape


def _check_gain(detector: DetectorType, pixels: h5py.Dataset, gain: h5py.Dataset) -> None:
    lead = 2 if detector.raw.frames_per_entry else 1
    expected = (*pixels.shape[1:lead], *_frame_shape(detector))
    if gain.shape[1:] != expected or gain.dtype != np.uint8:
        shape = ", ".join(map(str, expected))
        raise UnfitError("R17", gain.name, f"expected (n, {shape}) uint8, got {_what(gain)}")
