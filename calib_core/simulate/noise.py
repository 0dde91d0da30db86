"""Counter-based random numbers: the same frame comes out whatever is written with it, before it, or beside it.

Every frame has a key made of what it is (seed, module, gain stage, train, memory cell, plane). A 64-bit mixing
function (splitmix64) of key and position gives four 16-bit indices into a table of the inverse normal
distribution, so a sample costs a quarter of a hash, one table look-up and one multiplication.
"""

from __future__ import annotations

from functools import cache
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from calib_core.numerics.kernels import njit

Array = npt.NDArray[Any]

TABLE_SIZE = 1 << 16
#: Working offset of a dead pixel: no noise or signal lifts it above 0 ADU.
DEAD_OFFSET = np.float32(-1e9)
_MASK = (1 << 64) - 1
_STEP = 0x9E3779B97F4A7C15


def key_of(*parts: int) -> int:
    """Make a 64-bit key of whole numbers; their order matters."""
    key = 0
    for part in parts:
        key = _mixed((key ^ (part & _MASK)) + _STEP & _MASK)
    return key


def _mixed(x: int) -> int:
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB & _MASK
    return x ^ (x >> 31)


@cache
def normal_table() -> npt.NDArray[np.float32]:
    """Inverse normal distribution at the middles of 65536 equal probabilities, with mean 0 and variance 1."""
    inverse = NormalDist().inv_cdf
    upper = np.array([inverse((i + 0.5) / TABLE_SIZE) for i in range(TABLE_SIZE // 2, TABLE_SIZE)])
    upper /= np.sqrt(np.mean(upper**2))
    table = np.concatenate([-upper[::-1], upper]).astype(np.float32)
    table.flags.writeable = False
    return table


def uniforms(key: int, n: int) -> npt.NDArray[np.float64]:
    """Give ``n`` numbers in [0, 1) that depend on the key only."""
    words = np.empty(n, np.uint64)
    _words(words, np.uint64(key))
    return (words >> np.uint64(11)).astype(np.float64) * 2.0**-53


def normals(key: int, *shape: int) -> npt.NDArray[np.float32]:
    """Give an array of normal numbers (mean 0, variance 1, at most 4.4 away) that depend on the key only."""
    index = (uniforms(key, int(np.prod(shape))) * TABLE_SIZE).astype(np.intp)
    return normal_table()[index].reshape(shape)


def fill_frame(out: Array, offset: Array, sigma: Array, shift: float, top: int, key: int) -> None:
    """Fill one frame with digitised noise: floor(offset + sigma·z + shift + ½), clipped to 0 … ``top``.

    Parameters
    ----------
    out : (slow_scan, fast_scan) uint16, C-contiguous
    offset, sigma : (slow_scan, fast_scan) float32, C-contiguous, ADU
        Mean and standard deviation before digitisation; :data:`DEAD_OFFSET` gives 0.
    shift : float
        Added to all pixels, ADU.
    top : int
        Largest code, at most 65535.
    key : int
        From :func:`key_of`.

    Notes
    -----
    Digitisation adds the variance 1/12 of a uniform distribution, so the standard deviation of the written values
    is sqrt(sigma² + 1/12) for sigma above half an ADU.
    """
    if not (out.shape == offset.shape == sigma.shape) or out.size % 4:
        raise ValueError(f"frame {out.shape}, offset {offset.shape} and sigma {sigma.shape} do not fit")
    flat = (array.reshape(-1) for array in (out, offset, sigma))
    _fill(*flat, np.float32(shift + 0.5), np.float32(top), np.uint64(key), normal_table())


def add_outliers(frame: Array, share: float, mean: float, top: int, key: int) -> None:
    """Add an exponentially distributed positive signal to a share of the samples of a frame; 0 stays 0.

    Parameters
    ----------
    frame : (slow_scan, fast_scan) uint16, C-contiguous, ADU
    share : float
        Share of the samples, 0 to below 1.
    mean : float
        Mean of the signal, ADU.
    top : int
        Largest code.
    key : int
        From :func:`key_of`.
    """
    if 0 < share < 1:
        _outliers(frame.reshape(-1), np.log1p(-share), mean, top, np.uint64(key))


@njit(nogil=True, cache=True)
def word_at(key, position):  # type: ignore[no-untyped-def]
    """Splitmix64: the 64-bit word at a position, from 0, of a key's sequence; both uint64."""
    x = key + (position + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@njit(nogil=True, cache=True)
def _words(out, key):  # type: ignore[no-untyped-def]
    """Kernel of :func:`uniforms`: the first words of a key's sequence."""
    for i in range(out.size):
        out[i] = word_at(key, np.uint64(i))


@njit(nogil=True, cache=True)
def _fill(out, offset, sigma, shift, top, key, table):  # type: ignore[no-untyped-def]
    """Kernel of :func:`fill_frame`: flat arrays of one length divisible by 4, ``shift`` includes the half."""
    zero = np.float32(0)
    for quad in range(out.size // 4):
        x = word_at(key, np.uint64(quad))
        for lane in range(4):
            i = quad * 4 + lane
            z = table[(x >> np.uint64(16 * lane)) & np.uint64(0xFFFF)]
            value = offset[i] + sigma[i] * z + shift
            out[i] = np.uint16(np.int32(min(max(value, zero), top)))


@njit(nogil=True, cache=True)
def _outliers(frame, log_miss, mean, top, key):  # type: ignore[no-untyped-def]
    """Kernel of :func:`add_outliers`: jumps from hit to hit with geometrically distributed gaps."""
    i = -1
    drawn = np.uint64(0)
    while True:
        i += 1 + int(_log_uniform(key, drawn) / log_miss)
        if i >= frame.size:
            return
        signal = -mean * _log_uniform(key, drawn + np.uint64(1))
        drawn += np.uint64(2)
        if frame[i] > 0:
            frame[i] = np.uint16(min(frame[i] + signal + 0.5, top))


@njit(nogil=True, cache=True)
def _log_uniform(key, position):  # type: ignore[no-untyped-def]
    """Logarithm of a number between 0 and 1, never infinite."""
    return np.log((np.float64(word_at(key, position) >> np.uint64(11)) + 0.5) * 2.0**-53)
