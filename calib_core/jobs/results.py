"""What units of a job made of one module, kept over named axes.

Images lie in scratch files on disk so that memory stays bounded. The files have no names, so they vanish with the
process. Those that constants will hold lie in a file of their own, so that its space is free once they are written;
it lies in memory where a job has set memory aside for it.
Of values that are nearly all the same, as flags and numbers of samples are, only the others are written.
What was never written reads as None, not as zeros. Results without pixels are small and kept in memory.
"""

from __future__ import annotations

import errno
import os
import tempfile
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np

from calib_core.axes import Array, At, Axis, Result, index_of
from calib_core.errors import OutputFailed
from calib_core.io.handles import TooManyFiles, is_exhausted
from calib_core.io.memory_files import copy_file, memory_file, size_of

#: Most that results without pixels may hold in memory, bytes.
MOST_WITHOUT_PIXELS = 64 << 20
#: An image is written as one value and the others where these are no more than one pixel in so many.
_FEW = 4
#: How places of pixels are written.
_PLACE = np.dtype(np.uint32)


class Elsewhere(Protocol):
    """Where the images of a result lie that are no longer in a scratch file."""

    def image(self, index: tuple[int, ...]) -> Array:
        """Image (slow_scan, fast_scan) at indices along the axes of the result."""

    def curve(self, index: tuple[int, ...], axis: int, row: int, col: int) -> Array:
        """One pixel (n,) along one of these axes; ``index`` has the place along the others."""


class Results:
    """Results of one module, or of a job without modules, by name and index along the axes that they are over.

    Safe to use from several threads.

    Parameters
    ----------
    folder : Path
        Where the scratch files lie; they need room for all images.
    results : sequence of Result
    axes : mapping
        Axes by name.
    shape : (int, int)
        Pixels (slow_scan, fast_scan); (0, 0) where there are none.
    leaving : collection of str
        Names of those that :meth:`hand_over` may be called with.
    in_memory : bool
        Whether these lie in memory, beside the memory of the process, until :meth:`leave_memory`.
    """

    def __init__(
        self, folder: Path, results: Sequence[Result], axes: Mapping[str, Axis], shape: tuple[int, int],
        leaving: Collection[str] = (), in_memory: bool = False,
    ) -> None:
        self._folder, self.shape, self.axes = folder, shape, axes
        self._results = {one.name: one for one in results}
        self._over = {one.name: one.shape(axes) for one in results}
        self._written = {one.name: np.zeros(self._over[one.name], np.bool_) for one in results}
        self._small = {one.name: _blank(one, self._over[one.name]) for one in results if not one.pixels}
        #: Bits of the value that most pixels of an image have, and the number of others; −1 where all are written.
        self._usual = {one.name: np.zeros(self._over[one.name], np.uint64) for one in results if one.pixels}
        self._others = {name: np.full(values.shape, -1, np.int64) for name, values in self._usual.items()}
        self._start: dict[str, int] = {}
        self._files: dict[str, IO[bytes]] = {}
        self._elsewhere: dict[str, Elsewhere] = {}
        self._lock = threading.RLock()
        images = [one for one in results if one.pixels]
        self._leaving = frozenset(one.name for one in images if one.name in leaving)
        self._in_memory: IO[bytes] | None = None
        self._lay_out([one for one in images if one.name in self._leaving], in_memory)
        self._lay_out([one for one in images if one.name not in self._leaving])

    def _lay_out(self, results: Sequence[Result], in_memory: bool = False) -> None:
        """Give results a file in which they lie one after the other."""
        if not results:
            return
        if in_memory:
            self._in_memory = memory_file()
        file, end = (self._in_memory if in_memory else None) or self._on_disk(), 0
        for one in results:
            self._files[one.name], self._start[one.name] = file, end
            end += int(np.prod(self._over[one.name])) * self._bytes(one.name)

    def _on_disk(self) -> IO[bytes]:
        with _explained(self._folder, "made"):
            return tempfile.TemporaryFile(dir=self._folder)

    @property
    def held_bytes(self) -> int:
        """Space that the scratch files take on the disk."""
        with self._lock:
            return sum(size_of(file) for file in set(self._files.values()) - {self._in_memory})

    @property
    def memory_bytes(self) -> int:
        """Space that they take in memory."""
        with self._lock:
            return 0 if self._in_memory is None else size_of(self._in_memory)

    def _bytes(self, name: str) -> int:
        return self.shape[0] * self.shape[1] * self._results[name].numpy_dtype.itemsize

    def _offset(self, name: str, index: tuple[int, ...]) -> int:
        place = int(np.ravel_multi_index(index, self._over[name])) if index else 0
        return self._start[name] + place * self._bytes(name)

    def _index(self, name: str, at: At) -> tuple[int, ...]:
        return index_of(self._results[name], at, self.axes)

    def write(self, at: At, values: Mapping[str, Array]) -> None:
        """Keep results at one place.

        Parameters
        ----------
        at : mapping
            Indices along axes; it may name axes that a result does not have.
        values : mapping of arrays
            Over those axes of each result that ``at`` leaves open, then (slow_scan, fast_scan); a table has rows.

        Raises
        ------
        OutputFailed
            The disk is full or fails.
        ValueError
            There is no such place, or the values have another shape than the result has there.
        """
        for name, array in values.items():
            one = self._results[name]
            open_axes = [axis for axis in one.over if axis not in at]
            self._check(one, at, open_axes, np.shape(array))
            for index in np.ndindex(*(len(self.axes[axis]) for axis in open_axes)):
                place = {**at, **dict(zip(open_axes, index, strict=True))}
                self._write_one(name, self._index(name, place), array if one.is_table else np.asarray(array)[index])

    def _check(self, one: Result, at: At, open_axes: Sequence[str], shape: tuple[int, ...]) -> None:
        """Refuse what would land somewhere else than it says: only a look may go to the nearest place."""
        beyond = [axis for axis in one.over if axis in at and not 0 <= at[axis] < len(self.axes[axis])]
        wanted = (*(len(self.axes[axis]) for axis in open_axes), *(self.shape if one.pixels else ()))
        if beyond:
            raise ValueError(f"the result {one.name} has no entry {at[beyond[0]]} along {beyond[0]}")
        if shape != wanted and not one.is_table:
            raise ValueError(f"the result {one.name} takes {wanted} at {dict(at)}, not {shape}")

    def _write_one(self, name: str, index: tuple[int, ...], values: Array) -> None:
        if name in self._small:
            self._keep(name, index, values)
            return
        image = np.ascontiguousarray(values, self._results[name].numpy_dtype)
        # nobody reads what is not there yet; what is must not change its form under a reader
        with self._lock if self._written[name][index] else nullcontext():
            self._put(name, index, image)
            self._written[name][index] = True

    def _put(self, name: str, index: tuple[int, ...], image: Array) -> None:
        usual, places = _mostly(_bits(image))
        self._usual[name][index], self._others[name][index] = usual, -1 if places is None else places.size
        at = self._offset(name, index)
        if places is None:
            self._pwrite(name, image, at)
        elif places.size:
            self._pwrite(name, places, at)
            self._pwrite(name, image.reshape(-1)[places], at + places.nbytes)

    def _pwrite(self, name: str, values: Array, at: int) -> None:
        data, written = values.data.cast("B"), 0
        with _explained(self._where(name), "written"):
            while written < len(data):  # a disk that fills up takes a part
                written += os.pwrite(self._files[name].fileno(), data[written:], at + written)

    def _where(self, name: str) -> Path | None:
        return None if self._files[name] is self._in_memory else self._folder

    def _keep(self, name: str, index: tuple[int, ...], values: Array) -> None:
        if self._results[name].is_table:
            self._small[name] = np.asarray(values, self._results[name].numpy_dtype)
        else:
            self._small[name][index] = values
        self._written[name][index] = True
        if sum(array.nbytes for array in self._small.values()) > MOST_WITHOUT_PIXELS:
            raise OutputFailed(f"The result {name} is larger than {MOST_WITHOUT_PIXELS >> 20} MiB.")

    def has(self, name: str, at: At) -> bool:
        """Whether there is something at a place."""
        return bool(self._written[name][self._index(name, at)])

    def there(self, name: str, axis: str, at: At) -> Array:
        """At which entries of an axis there is something, (entries,) bool, at one place along the other axes."""
        index: list[int | slice] = list(self._index(name, at))
        index[self._results[name].over.index(axis)] = slice(None)
        return self._written[name][tuple(index)].copy()

    def read(self, name: str, at: At) -> Array | None:
        """Image (slow_scan, fast_scan) at a place, or None where nothing was written."""
        index = self._index(name, at)
        with self._lock:
            if not self._written[name][index]:
                return None
            elsewhere = self._elsewhere.get(name)
            if elsewhere is None:
                return self._read(name, index)
        return elsewhere.image(index).copy()

    def _read(self, name: str, index: tuple[int, ...]) -> Array:
        dtype, at = self._results[name].numpy_dtype, self._offset(name, index)
        if self._others[name][index] < 0:
            return self._pread(name, self.shape, dtype, at)
        image = self._of_usual(name, index, self.shape)
        places = self._places(name, index)
        image.reshape(-1)[places] = self._pread(name, places.shape, dtype, at + places.nbytes)
        return image

    def _of_usual(self, name: str, index: tuple[int, ...], shape: tuple[int, ...]) -> Array:
        dtype = self._results[name].numpy_dtype
        return np.full(shape, self._usual[name][index], f"u{dtype.itemsize}").view(dtype)

    def _places(self, name: str, index: tuple[int, ...]) -> Array:
        """Pixels with another value than nearly all have, ascending."""
        number = (int(self._others[name][index]),)
        return self._pread(name, number, _PLACE, self._offset(name, index))

    def _pread(self, name: str, shape: tuple[int, ...], dtype: np.dtype[Any], at: int) -> Array:
        out = np.empty(shape, dtype)
        if out.size:
            with _explained(self._where(name), "read"):
                os.preadv(self._files[name].fileno(), [out.data.cast("B")], at)
        return out

    def filled(self, name: str, at: At) -> Array:
        """Like :meth:`read`, with the result's missing value where nothing was written."""
        found = self.read(name, at)
        one = self._results[name]
        return np.full(self.shape, one.filling, one.numpy_dtype) if found is None else found

    def values(self, name: str) -> Array:
        """A whole result without pixels: over its axes, or the rows of a table; blank where nothing was written."""
        return self._small[name]

    def along(self, name: str, axis: str, at: At, row: int, col: int) -> Array:
        """One pixel along an axis, float64, NaN where nothing was written."""
        over = self._results[name].over
        indices = [self._index(name, {**at, axis: i}) for i in range(len(self.axes[axis]))]
        with self._lock:
            there = np.array([self._written[name][index] for index in indices])
            elsewhere = self._elsewhere.get(name)
            values = np.full(len(indices), np.nan)
            if elsewhere is None:
                values[there] = [self._value(name, indices[i], row, col) for i in np.flatnonzero(there)]
                return values
        if there.any():
            values[there] = (elsewhere.curve(indices[0], over.index(axis), row, col)[there] if axis in over
                             else elsewhere.image(indices[0])[row, col])
        return values

    def _value(self, name: str, index: tuple[int, ...], row: int, col: int) -> float:
        dtype, pixel = self._results[name].numpy_dtype, row * self.shape[1] + col
        where = self._offset(name, index) + pixel * dtype.itemsize
        if self._others[name][index] >= 0:
            places = self._places(name, index)
            rank = int(np.searchsorted(places, pixel))
            if rank == places.size or places[rank] != pixel:
                return float(self._of_usual(name, index, (1,))[0])
            where = self._offset(name, index) + places.nbytes + rank * dtype.itemsize
        return float(self._pread(name, (1,), dtype, where)[0])

    def stack(self, name: str, axes: Sequence[str], at: At, axis: str = "", part: slice = slice(None)) -> Array:
        """Images over several axes, missing values filled in.

        Parameters
        ----------
        name : str
        axes : sequence of str
            Leading axes of what comes back, in this order; ``at`` has the others.
        at : mapping
        axis, part : str, slice
            Axis of which only a part is taken.

        Returns
        -------
        (…, slow_scan, fast_scan) array
        """
        one = self._results[name]
        ranges = [range(len(self.axes[a]))[part if a == axis else slice(None)] for a in axes]
        out = np.empty((*map(len, ranges), *self.shape), one.numpy_dtype)
        for index in np.ndindex(*map(len, ranges)):
            out[index] = self.filled(name, {**at, **{a: r[i] for a, r, i in zip(axes, ranges, index, strict=True)}})
        return out

    def hand_over(self, elsewhere: Mapping[str, Elsewhere]) -> None:
        """Read results from elsewhere from now on, and free the space that they took.

        Parameters
        ----------
        elsewhere : mapping
            By the names of all results that were said to leave; they have the same values there.
        """
        if elsewhere.keys() != self._leaving:
            raise ValueError(f"{sorted(elsewhere)} are not the results that leave: {sorted(self._leaving)}")
        with self._lock:
            self._elsewhere = dict(elsewhere)
            for file in {self._files.pop(name) for name in self._leaving & self._files.keys()}:
                file.close()
            self._in_memory = None

    def leave_memory(self) -> None:
        """Have on the disk what still lies in memory, once nobody writes any more.

        Raises
        ------
        OutputFailed
            The disk is full or fails; nothing is lost.
        """
        with self._lock:
            if self._in_memory is None:
                return
            file = self._on_disk()
            try:
                with _explained(self._folder, "written"):
                    copy_file(self._in_memory, file)
            except OutputFailed:
                file.close()
                raise
            self._files = {name: file if one is self._in_memory else one for name, one in self._files.items()}
            self._in_memory.close()
            self._in_memory = None

    def close(self) -> None:
        """Free the space; nothing is there any more."""
        with self._lock:
            for written in self._written.values():
                written[...] = False
            for file in set(self._files.values()):
                file.close()


def _bits(image: Array) -> Array:
    """Values as whole numbers of their length, which are the same only where all bits are."""
    return image.view(f"u{image.itemsize}").reshape(-1)


def _mostly(bits: Array) -> tuple[int, Array | None]:
    """What nearly all pixels are, and the places of the few others; None where these are more."""
    if not bits.size:
        return 0, None
    usual, most = bits[bits.size // 2], bits.size // _FEW
    if np.count_nonzero(bits[::_FEW * _FEW] != usual) * _FEW * _FEW > 2 * most:  # a look at some spares one at all
        return 0, None
    places = np.flatnonzero(bits != usual)
    return int(usual), places.astype(_PLACE) if places.size <= most else None


def _blank(one: Result, shape: tuple[int, ...]) -> Array:
    return np.empty(0, one.numpy_dtype) if one.is_table else np.full(shape, one.blank, one.numpy_dtype)


@contextmanager
def _explained(folder: Path | None, what: str) -> Iterator[None]:
    """Turn the system's error into one sentence for the operator; without a folder it is about memory."""
    try:
        yield
    except OSError as error:
        if is_exhausted(error):
            raise TooManyFiles from error
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.ENOMEM)
        where = "memory" if folder is None else str(folder)
        room = "; give the job less memory (memory_mb)" if folder is None else "; free some space there"
        raise OutputFailed(
            f"Scratch file in {where} cannot be {what}: {error.strerror}{room if full else ''}.") from error
