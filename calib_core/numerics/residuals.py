"""Exact moments of residuals: signals after corrections, in fixed point, so that their order does not matter.

A residual is counted in units of 1/256 ADU, rounded to even. Sums of whole numbers are exact in any order and any
chunking, which sums of floats are not; the rounding widens a noise σ by 1 / (12 · 256² · 2σ), 6e-7 ADU at 1 ADU.

Residuals further than `MAX_RESIDUAL` = 2¹⁵ ADU from 0 never count, so |q| ≤ 2²³ and, up to `MAX_FRAMES` = 2¹⁶
frames, sums stay below 2³⁹ and sums of squares below 2⁶².
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from calib_core.numerics._arrays import check_array
from calib_core.numerics.kernels import njit

TOTAL_DTYPE = np.int64
SQUARES_DTYPE = np.int64
COUNT_DTYPE = np.uint32
#: Units per ADU.
SCALE = 256
MAX_RESIDUAL = 32768.0
MAX_FRAMES = 65536

#: Pixels of a tile: a row of 32 KiB, accumulators of 160 KiB.
_TILE = 8192

_Array = NDArray[Any]


def add(values: _Array, use: _Array, half_width: _Array, total: _Array, squares: _Array, count: _Array) -> None:
    """Add the residuals that are used and inside ± half width to the moments of their pixels, in place.

    Parameters
    ----------
    values : (n, P) float32, C-contiguous, ADU
        Residuals; NaN never counts.
    use : (n, P) bool
        Samples that are a measurement.
    half_width : (P,) float32, ADU
        Gate of each pixel, its ends inside, at most `MAX_RESIDUAL`; NaN lets nothing in.
    total : (P,) int64, ADU/256
        Sums.
    squares : (P,) int64, ADU²/65536
        Sums of squares.
    count : (P,) uint32
        Samples counted, at most `MAX_FRAMES` frames.

    Raises
    ------
    ValueError
        If a shape or type does not fit, or a pixel could exceed `MAX_FRAMES`.
    """
    if values.ndim != 2:
        raise ValueError(f"residuals have axes (n, P), but these have shape {values.shape}")
    frames, pixels = values.shape
    check_array(values, "values", values.shape, np.float32)
    check_array(use, "use", values.shape, np.bool_)
    check_array(half_width, "half_width", (pixels,), np.float32)
    for name, sums, dtype in (
        ("total", total, TOTAL_DTYPE), ("squares", squares, SQUARES_DTYPE), ("count", count, COUNT_DTYPE),
    ):
        check_array(sums, name, (pixels,), dtype)
    if int(count.max(initial=0)) + frames > MAX_FRAMES:
        raise ValueError(f"more than {MAX_FRAMES} residuals of one pixel overflow the sums; use fewer trains")
    gate = np.minimum(half_width, np.float32(MAX_RESIDUAL))
    _add(np.require(values, requirements="W"), np.require(use, requirements="W"), gate, total, squares, count)


def finish(
    total: _Array, squares: _Array, count: _Array, ddof: int = 1,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Turn moments of residuals into mean and standard deviation.

    The sum of squares is moved to the whole number next below the mean before anything is rounded, so nothing
    cancels however far the mean is from 0.

    Parameters
    ----------
    total, squares : (...) int64
        From `add`.
    count : (...) integer
        Samples, at most `MAX_FRAMES`.
    ddof : int
        Degrees of freedom lost: 1 for the unbiased variance, 0 for NumPy's default.

    Returns
    -------
    mean, std : (...) float32, ADU
        NaN where count is 0 (mean), where count ≤ ddof (std).

    Raises
    ------
    ValueError
        If the shapes do not fit or ddof is negative.
    """
    if not total.shape == squares.shape == count.shape:
        raise ValueError(f"sums {total.shape}, squares {squares.shape} and counts {count.shape} do not fit")
    if ddof < 0:
        raise ValueError(f"ddof must not be negative, but is {ddof}")
    n = count.astype(np.int64)
    whole, rest = np.divmod(total, np.maximum(n, 1))
    about_whole = squares - whole * (total + rest)
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = (about_whole - rest * (rest / n)) / np.where(n > ddof, n - ddof, np.nan)
        return (total / n / SCALE).astype(np.float32), (np.sqrt(variance) / SCALE).astype(np.float32)


@njit(nogil=True, cache=True)
def _add(values, use, gate, total, squares, count):  # type: ignore[no-untyped-def]
    frames, pixels = values.shape
    units = np.empty(_TILE, np.int32)
    for start in range(0, pixels, _TILE):
        stop = min(start + _TILE, pixels)
        g, c, k = gate[start:stop], count[start:stop], units[: stop - start]
        t, q = total[start:stop], squares[start:stop]
        for frame in range(frames):
            v, u = values[frame, start:stop], use[frame, start:stop]
            for i in range(k.size):
                inside = u[i] & (abs(v[i]) <= g[i])
                k[i] = np.int32(np.rint(np.float32(SCALE) * (v[i] if inside else np.float32(0))))
                c[i] += np.uint32(inside)
            for i in range(k.size):
                t[i] += k[i]
                q[i] += np.int64(k[i]) * np.int64(k[i])
