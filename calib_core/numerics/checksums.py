"""The checksum that HDF5 keeps behind each chunk, so that it need not compute it byte by byte itself."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from calib_core.numerics.kernels import njit

#: Words whose sum, each times its distance to the end, fits into 32 bits: 65535 · 352 · 353 / 2 < 2³².
_WORDS = 352

_Array = NDArray[Any]


def fletcher32(data: _Array) -> int:
    """Fletcher-32 as HDF5's filter has it: words of 16 bits, big-endian, a last odd byte as the high one of a word.

    Parameters
    ----------
    data : (n,) uint8, C-contiguous

    Returns
    -------
    int
        HDF5 stores it behind the data with its lowest byte first.
    """
    words = data[: data.size & ~1].view("<u2")
    last = int(data[-1]) if data.size & 1 else -1
    return int(_fletcher32(words, last))


@njit(nogil=True, cache=True)
def _fletcher32(words, last):  # type: ignore[no-untyped-def]
    """Kernel of :func:`fletcher32`: words (n,) uint16, last an odd byte or -1.

    Both sums are taken modulo 2¹⁶ − 1, where a word with its bytes changed over is the word times 2⁸. So the words
    are summed as they lie in memory, and changed over together at the end.
    """
    modulus = np.uint64(0xFFFF)
    first, second, any_bit = np.uint64(0), np.uint64(0), np.uint64(last > 0)
    for start in range(0, words.size, _WORDS):
        block = words[start : start + _WORDS]
        plain, weighted = np.uint32(0), np.uint32(0)
        for i in range(block.size):
            word = np.uint32(block[i])
            plain = np.uint32(plain + word)
            weighted = np.uint32(weighted + np.uint32(np.uint32(block.size) - np.uint32(i)) * word)
        second = (second + np.uint64(block.size) * first + np.uint64(weighted)) % modulus
        first = (first + np.uint64(plain)) % modulus
        any_bit |= np.uint64(plain)
    first, second = (first << np.uint64(8)) % modulus, (second << np.uint64(8)) % modulus
    if last >= 0:
        first = (first + (np.uint64(last) << np.uint64(8))) % modulus
        second = (second + first) % modulus
    if any_bit:  # sums that are not 0 never become it: HDF5 adds the carry
        first, second = first or modulus, second or modulus
    return (second << np.uint64(16)) | first
