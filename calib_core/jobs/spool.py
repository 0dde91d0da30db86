"""Scratch space of a job: finished maps of one module, on disk so that memory stays bounded.

The file has no name, so it vanishes with the process. What was never written reads as None, not as zeros.
"""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from calib_core.characterisation.method import MapSpec
from calib_core.errors import OutputFailed

Array = npt.NDArray[Any]


class Spool:
    """Maps of one module by (map, plane, memory cell).

    Parameters
    ----------
    folder : Path
        Where the scratch file lies; it needs room for all maps.
    specs : sequence of MapSpec
    stages : int
        Planes of maps that have one per gain stage.
    cells : int
        Memory cells.
    shape : (int, int)
        Pixels (slow_scan, fast_scan).
    """

    def __init__(
        self, folder: Path, specs: Sequence[MapSpec], stages: int, cells: int, shape: tuple[int, int]
    ) -> None:
        self._folder, self._shape, self._cells = folder, shape, cells
        self._specs = {spec.name: spec for spec in specs}
        self._planes = {spec.name: len(spec.planes) or stages for spec in specs}
        self._written = {name: np.zeros((planes, cells), np.bool_) for name, planes in self._planes.items()}
        self._start: dict[str, int] = {}
        end = 0
        for spec in specs:
            self._start[spec.name] = end
            end += self._planes[spec.name] * cells * self._bytes(spec.name)
        with _explained(folder, "made"):
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  closed by close()

    def _bytes(self, name: str) -> int:
        return self._shape[0] * self._shape[1] * np.dtype(self._specs[name].dtype).itemsize

    def _offset(self, name: str, plane: int, cell: int) -> int:
        return self._start[name] + (plane * self._cells + cell) * self._bytes(name)

    @property
    def shape(self) -> tuple[int, int]:
        """Pixels (slow_scan, fast_scan)."""
        return self._shape

    def planes(self, name: str) -> int:
        """Planes of a map."""
        return self._planes[name]

    def write(self, name: str, plane: int, cell: int, values: Array) -> None:
        """Keep one plane of one memory cell (by its index), (slow_scan, fast_scan).

        Raises
        ------
        OutputFailed
            The disk is full or fails.
        """
        data = np.ascontiguousarray(values, self._specs[name].dtype).data.cast("B")
        at, written = self._offset(name, plane, cell), 0
        with _explained(self._folder, "written"):
            while written < len(data):  # a disk that fills up takes a part
                written += os.pwrite(self._file.fileno(), data[written:], at + written)
        self._written[name][plane, cell] = True

    def write_cell(self, plane: int, cell: int, maps: Mapping[str, Array]) -> None:
        """Keep maps (slow_scan, fast_scan) of one plane of one memory cell, and maps with planes of their own."""
        for name, values in maps.items():
            planes = [(plane, values)] if values.ndim == 2 else list(enumerate(values))
            for at, one in planes:
                self.write(name, at, cell, one)

    def has(self, name: str, plane: int, cell: int) -> bool:
        """Whether a plane was written."""
        return bool(self._written[name][plane, cell])

    def read(self, name: str, plane: int, cell: int) -> Array | None:
        """One plane of one memory cell, (slow_scan, fast_scan), or None where nothing was written."""
        if not self.has(name, plane, cell):
            return None
        out = np.empty(self._shape, self._specs[name].dtype)
        with _explained(self._folder, "read"):
            os.preadv(self._file.fileno(), [out.data.cast("B")], self._offset(name, plane, cell))
        return out

    def filled(self, name: str, plane: int, cell: int) -> Array:
        """Like :meth:`read`, with the map's missing value where nothing was written."""
        found = self.read(name, plane, cell)
        spec = self._specs[name]
        if found is None:
            missing = 0 if np.isnan(spec.missing) and np.dtype(spec.dtype).kind != "f" else spec.missing
            return np.full(self._shape, missing, spec.dtype)
        return found

    def pixel(self, name: str, plane: int, row: int, col: int) -> Array:
        """One pixel over memory cells, (cells,) float64, NaN where nothing was written."""
        dtype = np.dtype(self._specs[name].dtype)
        at = (row * self._shape[1] + col) * dtype.itemsize
        values = np.full(self._cells, np.nan)
        for cell in np.flatnonzero(self._written[name][plane]):
            raw = os.pread(self._file.fileno(), dtype.itemsize, self._offset(name, plane, int(cell)) + at)
            values[cell] = np.frombuffer(raw, dtype)[0]
        return values

    def columns(self, name: str, fast: slice) -> Array:
        """Columns of all planes and cells, (planes, cells, slow_scan, columns), missing values filled in."""
        start, stop, _ = fast.indices(self._shape[1])
        shape = (self._planes[name], self._cells, self._shape[0], stop - start)
        out = np.empty(shape, self._specs[name].dtype)
        for plane in range(self._planes[name]):
            for cell in range(self._cells):
                out[plane, cell] = self.filled(name, plane, cell)[:, fast]
        return out

    def close(self) -> None:
        """Free the space."""
        self._file.close()


@contextmanager
def _explained(folder: Path, what: str) -> Iterator[None]:
    """Turn the system's error into one sentence for the operator."""
    try:
        yield
    except OSError as error:
        room = "; free some space there" if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
        raise OutputFailed(f"Scratch file in {folder} cannot be {what}: {error.strerror}{room}.") from error
