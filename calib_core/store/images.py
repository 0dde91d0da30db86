"""Images of constants, read where they are looked at: only the chunks that hold them, and each only once.

What was read stays in memory as long as others have not been wanted more recently. Values that do not lie in chunks
of few images are read once as a whole, in blocks, into a file without a name.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np

from calib_core.axes import Array
from calib_core.errors import Cancelled
from calib_core.io.libraries import h5py
from calib_core.store.constants import StoredConstant, opened
from calib_core.store.scratch import Scratch, piece_of

PIXELS = ("slow_scan", "fast_scan")
#: Largest part of a file that is read for one image; where chunks are larger, the file is read once as a whole.
_LARGEST_BLOCK = 64 << 20


@dataclass(frozen=True)
class Stack:
    """Images in a constant's file.

    Attributes
    ----------
    stored : StoredConstant
        Its axes have names, ``fast_scan`` is one of them.
    part : str
        ``data`` or ``count``.
    dtype : numpy dtype
        Of what comes out.
    """

    stored: StoredConstant
    part: str
    dtype: np.dtype[np.generic]

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from others."""
        return str(self.stored.path), self.part

    @cached_property
    def leading(self) -> tuple[str, ...]:
        """Axes before the pixels, in the order of the file."""
        return tuple(dim for dim in self.stored.dims if dim not in PIXELS)

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes before the pixels, then the pixels (slow_scan, fast_scan)."""
        length = dict(zip(self.stored.dims, self.stored.shape, strict=True))
        return tuple(length.get(dim, 1) for dim in (*self.leading, *PIXELS))

    @cached_property
    def steps(self) -> tuple[int, ...] | None:
        """Entries along the leading axes that are read together; None where the file is to be read as a whole."""
        chunks = self.stored.chunks[self.part]
        if chunks is None:
            return None
        step = dict(zip(self.stored.dims, chunks, strict=True))
        steps = tuple(min(step[dim], n) for dim, n in zip(self.leading, self.shape, strict=False))
        return steps if self._bytes(steps) <= _LARGEST_BLOCK else None

    @property
    def in_rows(self) -> bool:
        """Whether chunks have some rows of pixels of many images, so that a pixel costs less than an image."""
        chunks = self.stored.chunks[self.part]
        if chunks is None or PIXELS[0] not in self.stored.dims:
            return False
        place = self.stored.dims.index(PIXELS[0])
        return chunks[place] < self.stored.shape[place]

    def _bytes(self, steps: tuple[int, ...]) -> int:
        return int(np.prod((*steps, *self.shape[-2:]))) * np.dtype(self.stored.dtype).itemsize

    def arranged(self, values: Array) -> Array:
        """Values in the order of the file as images of the wanted type; NaN becomes 0 where that has none.

        Parameters
        ----------
        values : array
            With all axes of the file.

        Returns
        -------
        (…, slow_scan, fast_scan) array
        """
        missing = [dim for dim in PIXELS if dim not in self.stored.dims]
        order = [*missing, *self.stored.dims]
        whole = values[(np.newaxis,) * len(missing)].transpose([order.index(dim) for dim in (*self.leading, *PIXELS)])
        if self.dtype.kind in "iu" and whole.dtype.kind == "f":
            whole = np.nan_to_num(whole, nan=0.0)
        with np.errstate(over="ignore", invalid="ignore"):  # what is too large for single precision is infinite
            return np.ascontiguousarray(whole, self.dtype)


class ImageReader:
    """Reads images of constants and keeps what it has read; safe to use from several threads.

    Parameters
    ----------
    memory : int
        Most that is kept in memory, bytes.

    Attributes
    ----------
    bytes_read : int
        Bytes of values that were read from files, as they are stored, without their metadata.
    """

    def __init__(self, memory: int) -> None:
        self.bytes_read = 0
        self._memory = memory
        self._kept: OrderedDict[tuple[object, ...], Array] = OrderedDict()
        self._scratch: dict[tuple[str, str], Scratch] = {}
        self._lock, self._filling, self._closed = threading.Lock(), threading.Lock(), threading.Event()

    def image(self, stack: Stack, index: tuple[int, ...]) -> Array:
        """Image at indices along the leading axes.

        Parameters
        ----------
        stack : Stack
        index : tuple of int

        Returns
        -------
        (slow_scan, fast_scan) array, read-only

        Raises
        ------
        BadInput
            The file is gone or damaged.
        OutputFailed
            There is no room for a file that has to be read as a whole.
        """
        if stack.in_rows:
            return _part(stack, index, slice(None), slice(None))
        if stack.steps is None:
            return self._whole(stack).image(index)
        corner = _corner(index, stack.steps)
        image: Array = self._block(stack, stack.steps, corner)[_less(index, corner)]
        return image

    def curve(self, stack: Stack, index: tuple[int, ...], axis: int, row: int, col: int) -> Array:
        """One pixel along one of the leading axes; raises like :meth:`image`.

        What it reads is kept only where it leaves half of the memory to others.

        Parameters
        ----------
        stack : Stack
        index : tuple of int
            Place along the other leading axes.
        axis : int
            Number of the axis.
        row, col : int

        Returns
        -------
        (n,) array
        """
        if stack.in_rows:
            whole_axis: tuple[int | slice, ...] = (*index[:axis], slice(None), *index[axis + 1:])
            return _part(stack, whole_axis, slice(row, row + 1), slice(col, col + 1)).reshape(-1)
        places = [(*index[:axis], i, *index[axis + 1 :]) for i in range(stack.shape[axis])]
        if stack.steps is None:
            whole = self._whole(stack)
            return np.array([whole.value((*place, row, col)) for place in places], stack.dtype)
        corners = dict.fromkeys(_corner(place, stack.steps) for place in places)
        size = int(np.prod((*stack.steps, *stack.shape[-2:]))) * stack.dtype.itemsize
        keep = len(corners) * size <= self._memory // 2
        parts = []
        for corner in corners:
            local: list[int | slice] = [*_less(index, corner), row, col]
            local[axis] = slice(None)
            parts.append(self._block(stack, stack.steps, corner, keep)[tuple(local)])
        return np.concatenate(parts)

    def stop(self) -> None:
        """Make what is being read as a whole end with Cancelled."""
        self._closed.set()

    def close(self) -> None:
        """Free memory and space."""
        self.stop()
        with self._filling:
            for scratch in self._scratch.values():
                scratch.close()
            self._scratch.clear()
        with self._lock:
            self._kept.clear()

    def _block(self, stack: Stack, steps: tuple[int, ...], corner: tuple[int, ...], keep: bool = True) -> Array:
        """Images of the chunks that begin at a corner."""
        key = (*stack.key, corner)
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
                return found
        part = {dim: slice(c, c + step) for dim, c, step in zip(stack.leading, corner, steps, strict=True)}
        with opened(stack.stored, stack.part) as data:
            taken = tuple(part.get(dim, slice(0, n)) for dim, n in zip(stack.stored.dims, data.shape, strict=True))
            values, size = data[taken], _size_of(data, taken)
        block = stack.arranged(values)
        block.setflags(write=False)
        self._keep(key, block, size, keep)
        return block

    def _keep(self, key: tuple[object, ...], block: Array, size: int, keep: bool) -> None:
        with self._lock:
            self.bytes_read += size
            if keep and block.nbytes <= self._memory:
                self._kept[key] = block
            while sum(one.nbytes for one in self._kept.values()) > self._memory:
                self._kept.popitem(last=False)

    def _whole(self, stack: Stack) -> Scratch:
        """All images of a file, which the first who asks reads."""
        found = self._scratch.get(stack.key)
        if found is not None:
            return found
        with self._filling:
            if stack.key not in self._scratch:
                self._scratch[stack.key] = self._filled(stack)
            return self._scratch[stack.key]

    def _filled(self, stack: Stack) -> Scratch:
        stored, shape = stack.stored, stack.stored.shape
        axis, step = piece_of(shape, stored.chunks[stack.part], np.dtype(stored.dtype).itemsize, range(len(shape)))
        scratch = Scratch(stack.shape, [*stack.leading, *PIXELS].index(stored.dims[axis]), step, stack.dtype)
        try:
            with opened(stored, stack.part) as data:
                for start in range(0, shape[axis], step):
                    if self._closed.is_set():
                        raise Cancelled("What was being read is no longer shown.")
                    scratch.write(start, stack.arranged(data[(*(slice(None),) * axis, slice(start, start + step))]))
                self.bytes_read += data.id.get_storage_size()
        except BaseException:
            scratch.close()
            raise
        return scratch


def _part(stack: Stack, index: tuple[int | slice, ...], rows: slice, columns: slice) -> Array:
    """Some entries and pixels, read and not kept."""
    places = (slice(one, one + 1) if isinstance(one, int) else one for one in index)
    taken = {**dict(zip(stack.leading, places, strict=True)), **dict(zip(PIXELS, (rows, columns), strict=True))}
    with opened(stack.stored, stack.part) as data:
        found = stack.arranged(data[tuple(taken[dim] for dim in stack.stored.dims)])
    return found[tuple(0 if isinstance(one, int) else slice(None) for one in index)]


def _corner(index: tuple[int, ...], steps: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(i // step * step for i, step in zip(index, steps, strict=True))


def _less(index: tuple[int, ...], corner: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(i - c for i, c in zip(index, corner, strict=True))


def _size_of(data: h5py.Dataset, taken: tuple[slice, ...]) -> int:
    """Bytes in the file of the chunks of a part of a dataset."""
    begins = (range(one.start - one.start % step, min(one.stop, n), step)
              for one, step, n in zip(taken, data.chunks, data.shape, strict=True))
    return sum(int(data.id.get_chunk_info_by_coord(begin).size) for begin in product(*begins))
