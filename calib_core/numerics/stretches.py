"""Stretches at many places of a file, read in one call: each by itself would wait for the interpreter."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from calib_core.numerics.kernels import inner_loops, njit

(pread,) = inner_loops("calib_core.numerics._system", "pread")


def read_stretches(descriptor: int, offsets: NDArray[np.int64], out: NDArray[np.uint8]) -> int:
    """Read stretches of a file that are all as long; those that follow each other are read as one.

    Parameters
    ----------
    descriptor : int
        Of the open file.
    offsets : (n,) int64
        Byte at which each begins.
    out : (n, bytes) uint8, C-contiguous
        Gets them.

    Returns
    -------
    int
        How many there are, from the first on: fewer than were asked for where one is not read, or not wholly, or
        one that is read with it.
    """
    return int(_read(descriptor, offsets, out))


@njit(nogil=True, cache=True)
def _read(descriptor, offsets, out) -> Any:  # type: ignore[no-untyped-def]
    size, first = out.shape[1], 0
    while first < len(offsets):
        last = first + 1
        while last < len(offsets) and offsets[last] == offsets[last - 1] + size:
            last += 1
        length = (last - first) * size
        if pread(np.int32(descriptor), np.uintp(out.ctypes.data + first * size), np.uintp(length),
                 offsets[first]) != length:
            return first
        first = last
    return first
