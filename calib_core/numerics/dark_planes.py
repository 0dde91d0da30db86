"""Planes through the samples without signal of each ASIC in each frame, in turns.

A plane is a + b·u + c·v: u and v go from -1 to 1 along the two diagonals of the ASIC, from corner to corner. In each
turn samples are called dark by their distance from the plane of the turns before.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from calib_core.numerics._arrays import check_array
from calib_core.numerics._frames import writable
from calib_core.numerics.kernels import njit

#: Determinant of the sums over samples below which they lie on a line, in units of the cube of their number.
_FLAT = 1e-9

_Array = NDArray[Any]


def dark_planes(
    values: _Array, use: _Array, asic_shape: tuple[int, int], dark: tuple[float, float], min_share: float, turns: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fit a plane to the dark samples of each ASIC of each frame.

    Parameters
    ----------
    values : (n, slow_scan, fast_scan) float32, C-contiguous, ADU
    use : (n, slow_scan, fast_scan) bool, C-contiguous
        Samples that are looked at; those that are no number never are.
    asic_shape : (int, int)
        Pixels (slow_scan, fast_scan); ASICs tile the frame.
    dark : (float, float), ADU
        Lowest and highest distance from the plane of a sample without signal.
    min_share : float
        Share of all pixels of an ASIC of which more must be dark in each turn.
    turns : int

    Returns
    -------
    slopes, errors : (n, ASICs along slow, ASICs along fast, 2) float64, ADU
        b and c, and their standard errors by the scatter about the plane; NaN where too few samples were dark, or
        they lie on a line.

    Raises
    ------
    ValueError
        If a shape or type does not fit.
    """
    slow, fast = asic_shape
    if values.ndim != 3 or slow < 1 or fast < 1 or values.shape[1] % slow or values.shape[2] % fast:
        raise ValueError(f"ASICs of {slow} x {fast} pixels do not tile frames of shape {values.shape}")
    check_array(values, "values", values.shape, np.float32)
    check_array(use, "use", values.shape, np.bool_)
    shape = len(values), values.shape[1] // slow, values.shape[2] // fast, 2
    slopes, errors = np.full(shape, np.nan), np.full(shape, np.nan)
    least = max(float(min_share) * slow * fast, 3.0)
    _fit(writable(values), writable(use), slow, fast, *map(float, dark), least, int(turns), slopes, errors)
    return slopes, errors


@njit(nogil=True, cache=True)
def _fit(values, use, slow, fast, low, high, least, turns, slopes, errors):  # type: ignore[no-untyped-def]
    plane, sums, change, error = np.empty(3), np.empty(10), np.empty(3), np.empty(3)
    for frame in range(slopes.shape[0]):
        for i in range(slopes.shape[1]):
            for j in range(slopes.shape[2]):
                plane[:] = 0.0
                good = turns > 0
                for _ in range(turns):
                    _add(values, use, frame, i * slow, j * fast, slow, fast, low, high, plane, sums)
                    good = sums[0] > least and _solve(sums, change, error)
                    if not good:
                        break
                    plane += change
                if good:
                    slopes[frame, i, j, 0], slopes[frame, i, j, 1] = plane[1], plane[2]
                    errors[frame, i, j, 0], errors[frame, i, j, 1] = error[1], error[2]


@njit(nogil=True, cache=True)
def _add(values, use, frame, top, left, slow, fast, low, high, plane, sums):  # type: ignore[no-untyped-def]
    """Sums of 1, u, v, uu, uv, vv, d, du, dv, dd over dark samples of an ASIC, d their distance from the plane."""
    sums[:] = 0.0
    for y in range(slow):
        row = 2.0 * y / (slow - 1) - 1.0 if slow > 1 else 0.0
        for x in range(fast):
            column = 2.0 * x / (fast - 1) - 1.0 if fast > 1 else 0.0
            u, v = (row + column) / 2, (row - column) / 2
            d = np.float64(values[frame, top + y, left + x]) - plane[0] - plane[1] * u - plane[2] * v
            if use[frame, top + y, left + x] and d >= low and d <= high:
                sums[0] += 1.0
                sums[1] += u
                sums[2] += v
                sums[3] += u * u
                sums[4] += u * v
                sums[5] += v * v
                sums[6] += d
                sums[7] += d * u
                sums[8] += d * v
                sums[9] += d * d


@njit(nogil=True, cache=True)
def _solve(sums, change, error):  # type: ignore[no-untyped-def]
    """Least squares by the inverse of the symmetric matrix of sums; whether there is one."""
    n, u, v, uu, uv, vv = sums[0], sums[1], sums[2], sums[3], sums[4], sums[5]
    a, b, c = uu * vv - uv * uv, uv * v - u * vv, u * uv - uu * v
    d, e, f = n * vv - v * v, u * v - n * uv, n * uu - u * u
    determinant = n * a + u * b + v * c
    if not determinant > _FLAT * n * n * n:
        return False
    change[0] = (a * sums[6] + b * sums[7] + c * sums[8]) / determinant
    change[1] = (b * sums[6] + d * sums[7] + e * sums[8]) / determinant
    change[2] = (c * sums[6] + e * sums[7] + f * sums[8]) / determinant
    rest = sums[9] - change[0] * sums[6] - change[1] * sums[7] - change[2] * sums[8]
    variance = max(rest, 0.0) / n / determinant
    error[0], error[1], error[2] = np.sqrt(variance * a), np.sqrt(variance * d), np.sqrt(variance * f)
    return True
