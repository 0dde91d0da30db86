"""Values of constants by memory cell, whatever the order of their files.

In files of other programs a memory cell often lies all over the file, so that reading one costs as much as all. They
are read once, as a whole, and kept cell by cell in a file without a name, which all share who ask for the same.
"""

from __future__ import annotations

import math
import shutil
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from calib_core.axes import Array
from calib_core.constants.constant import INTERNAL_DIMS
from calib_core.errors import BadInput, Cancelled, OutputFailed
from calib_core.io.libraries import h5py
from calib_core.store.constants import StoredConstant, opened
from calib_core.store.images import PIXELS
from calib_core.store.scratch import Scratch, piece_of

#: A memory cell is read from its file as long as that costs no more than so many bytes, or times its own.
_LITTLE, _TIMES = 4 << 20, 4
#: Stretches of a file that are not shorter are read by themselves, bytes.
_STRETCH = 64 << 10
#: Space that is left to others on the disk of the scratch file, bytes.
_LEFT_FREE = 1 << 30
#: Memory cells before and after the one that is asked for that are kept where the disk is short.
REACH = 16
#: Memory cells whose order in memory is changed together, so that what is read for one is still near for the next.
_TOGETHER = 32
#: Memory cells that are read together: all that a chunk holds of them comes at once, and little else is in memory.
_AT_ONCE = 4
_CELL = "cell"


@dataclass(frozen=True)
class Layout:
    """What is wanted of a constant.

    Attributes
    ----------
    first : str
        Name of the axis before that of memory cells, such as gain stages.
    entries : tuple of int
        Of that axis, ascending.
    shape : (int, int)
        Pixels (slow_scan, fast_scan).
    cells : int
    dtype : str
        Of what comes out.
    """

    first: str
    entries: tuple[int, ...]
    shape: tuple[int, int]
    cells: int
    dtype: str

    @property
    def order(self) -> tuple[str, ...]:
        """Names of all axes of what comes out."""
        return (self.first, *INTERNAL_DIMS[1:])

    @property
    def cell_bytes(self) -> int:
        """A memory cell, bytes."""
        return len(self.entries) * self.shape[0] * self.shape[1] * np.dtype(self.dtype).itemsize


class ByCell:
    """Values of a constant by memory cell, for one who asks; those who want the same share a scratch file.

    Parameters
    ----------
    stored : StoredConstant
        With names of its axes.
    layout : Layout

    Attributes
    ----------
    trouble : str
        Why memory cells are read from the file though each costs all of it; empty where they are not.
    """

    def __init__(self, stored: StoredConstant, layout: Layout) -> None:
        self._stored, self._layout, self.trouble = stored, layout, ""
        self._turned: _Turned | None = None
        self._stopped = threading.Event()

    @cached_property
    def turns(self) -> bool:
        """Whether the file is read as a whole first."""
        return self._layout.cells > 1 and touched(self._stored) > max(_LITTLE, _TIMES * self._cell_in_file)

    @property
    def scratch_bytes(self) -> int:
        """Space that all memory cells take on the disk; none where each is read from the file."""
        return self._layout.cells * self._layout.cell_bytes if self.turns else 0

    @property
    def turning_bytes(self) -> int:
        """Memory while the file is read as a whole: of a piece as it is read, and of what is kept of it."""
        if not self.turns:
            return 0
        axis, step = _cut(self._stored)
        entries = int(np.prod(self._stored.shape)) // self._stored.shape[axis] * step
        return entries * (np.dtype(self._stored.dtype).itemsize + np.dtype(self._layout.dtype).itemsize)

    def is_ready(self, cells: slice) -> bool:
        """Whether memory cells, by their places, are read without the whole file."""
        return not self.turns or bool(self.trouble) or (self._turned is not None and self._turned.has(cells))

    def read(self, cells: slice) -> Array:
        """Values of some memory cells.

        Parameters
        ----------
        cells : slice
            Their places.

        Returns
        -------
        (entries, cells, slow_scan, fast_scan) array

        Raises
        ------
        BadInput
            The file is gone, damaged, or was changed while it was read.
        Cancelled
            Nobody wants the values any more.
        """
        if self.turns and not self.trouble:
            try:
                return self._shared().read(cells, self._check)
            except OutputFailed as error:
                self.trouble = (f"{error} Meanwhile memory cells of {self._stored.path} are read from it one by one, "
                                "each of which takes as long as all of them.")
        return self._of_file(cells)

    def stop(self) -> None:
        """Make what is being read as a whole end with Cancelled."""
        self._stopped.set()

    def close(self) -> None:
        """Let go of the scratch file, whose space is free once nobody has it; who asks again reads the file again."""
        self._turned = None

    def _shared(self) -> _Turned:
        if self._turned is None:
            self._turned = _shared(self._stored, self._layout)
        return self._turned

    def _check(self) -> None:
        if self._stopped.is_set():
            raise Cancelled("What was being read is not wanted any more.")

    def _of_file(self, cells: slice) -> Array:
        """A few memory cells at a time, with all that a chunk holds of them, so that each chunk is read once."""
        layout, wanted = self._layout, range(self._layout.cells)[cells]
        values = np.empty((len(layout.entries), len(wanted), *layout.shape), layout.dtype)
        for first in range(0, len(wanted), _AT_ONCE):
            some = wanted[first:first + _AT_ONCE]
            found = self._stored.entries(slice(some.start, some.stop), layout.order)
            for out, entry in zip(values, layout.entries, strict=True):
                out[first:first + len(some)] = found[entry]
        return values

    @property
    def _cell_in_file(self) -> int:
        return int(np.prod(self._stored.shape)) // self._layout.cells * np.dtype(self._stored.dtype).itemsize


def touched(stored: StoredConstant) -> int:
    """Bytes of a constant's file that have to be read for one memory cell.

    Parameters
    ----------
    stored : StoredConstant
        With names of its axes.
    """
    size = int(np.prod(stored.shape)) * np.dtype(stored.dtype).itemsize
    if _CELL not in stored.dims:
        return size
    axis, chunks = stored.dims.index(_CELL), stored.chunks["data"]
    n = stored.shape[axis]
    if chunks is not None:
        return size // n * min(chunks[axis], n)
    stretch = int(np.prod(stored.shape[axis + 1:])) * np.dtype(stored.dtype).itemsize
    return size // n if stretch >= _STRETCH else size


class _Turned:
    """A constant's values in a scratch file, cell by cell; filled by the first who asks."""

    def __init__(self, stored: StoredConstant, layout: Layout) -> None:
        self._stored, self._layout, self._as_it_was = stored, layout, _state(stored.path)
        self._scratch: Scratch | None = None
        self._window, self._buffer = range(0), np.empty(0, np.uint8)
        self._lock = threading.Lock()

    def has(self, cells: slice) -> bool:
        """Whether memory cells are in the scratch file."""
        asked = range(self._layout.cells)[cells]
        return not asked or (asked[0] in self._window and asked[-1] in self._window)

    def read(self, cells: slice, check: Callable[[], None]) -> Array:
        """Values of memory cells, (entries, cells, slow_scan, fast_scan)."""
        asked = range(self._layout.cells)[cells]
        out = np.empty((len(self._layout.entries), len(asked), *self._layout.shape), self._layout.dtype)
        with self._lock:
            if self._scratch is None or not self.has(cells):
                self._fill(asked, check)
            assert self._scratch is not None
            place = [("first", _CELL, *PIXELS).index(dim) for dim in (_CELL, "first", *self._pixels)]
            self._scratch.rows(asked.start - self._window.start, out.transpose(place))
        return out

    def _fill(self, asked: range, check: Callable[[], None]) -> None:
        """Read the file as a whole, and keep all memory cells, or those within reach where the disk is short."""
        layout, stored = self._layout, self._stored
        window = _window(layout, asked, free_bytes() + len(self._window) * layout.cell_bytes)
        self._free()
        axis, step = _cut(stored)
        length = dict(zip(PIXELS, layout.shape, strict=True))
        shape = len(window), len(layout.entries), *(length[dim] for dim in self._pixels)
        scratch = Scratch(shape, 2 + self._pixels.index(stored.dims[axis]), step, np.dtype(layout.dtype))
        try:
            with opened(stored, whole=True) as data:
                for start, piece in _pieces(data, axis, step):
                    check()
                    scratch.write(start, self._arranged(piece, window))
            if _state(stored.path) != self._as_it_was:
                raise BadInput(f"{stored.path} was changed while it was read; start again once it is whole.")
        except BaseException:
            scratch.close()
            raise
        self._scratch, self._window, self._buffer = scratch, window, np.empty(0, np.uint8)
        weakref.finalize(self, scratch.close)

    @property
    def _pixels(self) -> tuple[str, ...]:
        """Axes of pixels in the order of the file, in which they are kept: another would take as long again."""
        return tuple(sorted(PIXELS, key=lambda dim: (dim in self._stored.dims, [*self._stored.dims, dim].index(dim))))

    def _arranged(self, piece: Array, window: range) -> Array:
        """Part of the file with the axes of the scratch file."""
        dims, layout = self._stored.dims, self._layout
        order = (_CELL, layout.first, *self._pixels)
        missing = [dim for dim in order if dim not in dims]
        named = [*missing, *dims]
        whole = piece[(np.newaxis,) * len(missing)].transpose([named.index(dim) for dim in order])
        shape = len(window), len(layout.entries), *whole.shape[2:]
        size = math.prod(shape) * np.dtype(layout.dtype).itemsize
        if self._buffer.size < size:
            self._buffer = np.empty(size, np.uint8)
        out = self._buffer[:size].view(layout.dtype).reshape(shape)
        for first in range(0, len(window), _TOGETHER):
            part = slice(first, first + _TOGETHER)
            for place, entry in enumerate(layout.entries):
                np.copyto(out[part, place], whole[window.start:window.stop][part, entry], casting="unsafe")
        return out

    def _free(self) -> None:
        if self._scratch is not None:
            self._scratch.close()
            self._scratch, self._window = None, range(0)


def _cut(stored: StoredConstant) -> tuple[int, int]:
    """Axis of pixels along which a file is read in pieces, and entries of it in each."""
    return piece_of(stored.shape, stored.chunks["data"], np.dtype(stored.dtype).itemsize,
                    [place for place, dim in enumerate(stored.dims) if dim in PIXELS])


def _pieces(data: h5py.Dataset, axis: int, step: int) -> Iterator[tuple[int, Array]]:
    """Pieces of a dataset along an axis, each valid until the next one is asked for, and where they begin."""
    length = data.shape[axis]
    memory = np.empty((*data.shape[:axis], step, *data.shape[axis + 1:]), data.dtype)
    before = (slice(None),) * axis
    for start in range(0, length, step):
        there = min(step, length - start)
        data.read_direct(memory, (*before, slice(start, start + there)), (*before, slice(there)))
        yield start, memory[(*before, slice(there))]


def free_bytes() -> int:
    """Space that memory cells may take on the disk of the scratch files."""
    return max(0, shutil.disk_usage(tempfile.gettempdir()).free - _LEFT_FREE)


def _window(layout: Layout, asked: range, free: int) -> range:
    """Memory cells that are kept: all, or where the disk is short those within reach of what is asked for."""
    if layout.cells * layout.cell_bytes <= free:
        return range(layout.cells)
    near = range(max(0, asked.start - REACH), min(layout.cells, asked.stop + REACH))
    if len(near) * layout.cell_bytes > free:
        raise OutputFailed(f"{len(near)} memory cells take {len(near) * layout.cell_bytes >> 20} MiB in "
                           f"{tempfile.gettempdir()}, where {free >> 20} MiB may be used; free some space "
                           "there, or name another folder in TMPDIR.")
    return near


def _state(path: Path) -> tuple[int, int, int]:
    """What tells a file from one that has taken its place."""
    try:
        found = path.stat()
    except OSError as error:
        raise BadInput(f"{path} cannot be read as a calibration constant: {error.strerror}.") from error
    return found.st_ino, found.st_size, found.st_mtime_ns


_lock = threading.Lock()
_known: weakref.WeakValueDictionary[tuple[object, ...], _Turned] = weakref.WeakValueDictionary()


def _shared(stored: StoredConstant, layout: Layout) -> _Turned:
    """The values that others have, or new ones of a file that nobody has as it is now."""
    with _lock:
        key = stored.path, stored.pdu, stored.calibration, stored.dims, layout, _state(stored.path)
        found = _known.get(key)
        if found is None:
            found = _known[key] = _Turned(stored, layout)
        return found

