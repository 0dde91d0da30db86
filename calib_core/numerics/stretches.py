"""Short stretches at many places of a file, read in one call: each by itself would wait for the interpreter."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from calib_core.numerics.kernels import inner_loops, njit

(pread,) = inner_loops("calib_core.numerics._system", "pread")


def read_stretches(descriptor: int, offsets: NDArray[np.int64], out: NDArray[np.uint8]) -> int:
    """Read stretches of a file that are all as long.

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
        How many there are, from the first on: fewer than were asked for where one is not read, or not wholly.
    """
    return int(_read(descriptor, offsets, out))


@njit(nogil=True, cache=True)
def _read(descriptor, offsets, out) -> Any:  # type: ignore[no-untyped-def]
    size = out.shape[1]
    for i in range(len(offsets)):
        if pread(np.int32(descriptor), np.uintp(out.ctypes.data + i * size), np.uintp(size), offsets[i]) != size:
            return i
    return len(offsets)
