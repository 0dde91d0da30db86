"""Bytes of numbers sorted by their place in the number, as HDF5's filter ``shuffle`` does before compression."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from calib_core.numerics._arrays import check_array
from calib_core.numerics.kernels import njit

_Array = NDArray[Any]
#: Bytes of the numbers that are sorted: of flags and event classes.
WORD = 4


def shuffled(words: _Array) -> _Array:
    """First bytes of all words, then all second ones, and so on.

    Parameters
    ----------
    words : (n,) uint32, C-contiguous
        As they lie in memory, the lowest byte first.

    Returns
    -------
    (4, n) uint8

    Raises
    ------
    ValueError
        If they are of another type, or lie apart.
    """
    check_array(words, "words", words.shape, np.uint32)
    out = np.empty((WORD, words.size), np.uint8)
    _shuffle(words.reshape(-1), out)
    return out


@njit(nogil=True, cache=True)
def _shuffle(words, out):  # type: ignore[no-untyped-def]
    for i in range(words.size):
        word = words[i]
        out[0, i] = word & np.uint32(255)
        out[1, i] = (word >> np.uint32(8)) & np.uint32(255)
        out[2, i] = (word >> np.uint32(16)) & np.uint32(255)
        out[3, i] = word >> np.uint32(24)
