"""Mean of the samples without signal of each ASIC in each frame, and sums of those of each pixel.

Both are found in turns: what the turns before have found is taken off before a sample is called dark. What pixels
have in common over frames, their maps, is taken off before the means of a turn.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from calib_core.numerics._arrays import check_array
from calib_core.numerics._frames import writable
from calib_core.numerics.kernels import njit

#: Sums of pixels are of whole numbers of this part of an ADU.
PART = 256

_Array = NDArray[Any]


def no_maps(shape: tuple[int, int]) -> NDArray[np.float32]:
    """Maps of no turn and no row."""
    return np.zeros((0, 0, *shape), np.float32)


def dark_means(
    values: _Array, use: _Array, asic_shape: tuple[int, int], dark: tuple[float, float], min_share: float, turns: int,
    maps: _Array, row: _Array,
) -> NDArray[np.float64]:
    """Find the shift of each ASIC of each frame.

    In each turn it grows by the mean of the samples that are dark without it.

    Parameters
    ----------
    values : (n, slow_scan, fast_scan) float32, C-contiguous, ADU
    use : (n, slow_scan, fast_scan) bool, C-contiguous
        Samples that are looked at; those that are no number never are.
    asic_shape : (int, int)
        Pixels (slow_scan, fast_scan); ASICs tile the frame.
    dark : (float, float), ADU
        Lowest and highest signal without light.
    min_share : float
        Share of all pixels of an ASIC of which more must be dark; with fewer no mean is taken.
    turns : int
    maps : (turns, rows, slow_scan, fast_scan) float32, C-contiguous, ADU
        All that is taken off each pixel in a turn, by rows of memory cells; of no rows where nothing is.
    row : (n,) int64
        Row of each frame; not below 0 where there are maps.

    Returns
    -------
    (n, ASICs along slow, ASICs along fast) float64, ADU
        NaN where there never were enough dark samples.

    Raises
    ------
    ValueError
        If a shape or type does not fit.
    """
    slow, fast = _checked(values, use, asic_shape, maps, row)
    if maps.shape[1] and len(maps) < turns:
        raise ValueError(f"there are maps of {len(maps)} turns, but {turns} are asked for")
    found = np.full((len(values), values.shape[1] // slow, values.shape[2] // fast), np.nan)
    _means(writable(values), writable(use), slow, fast, *map(float, dark), float(min_share) * slow * fast, int(turns),
           writable(maps), writable(row), found)
    return found


def add_dark(
    values: _Array, use: _Array, shifts: _Array, dark: tuple[float, float], maps: _Array, row: _Array,
    sums: tuple[_Array, _Array],
) -> None:
    """Add the samples of each pixel that are dark to the sums of the row of their memory cell.

    Parameters
    ----------
    values, use : as for :func:`dark_means`
    shifts : (n, ASICs along slow, ASICs along fast) float64, C-contiguous, ADU
        Of the ASICs; 0 or NaN takes nothing off.
    dark : (float, float), ADU
    maps : (turns, rows, slow_scan, fast_scan) float32, C-contiguous, ADU
        The last turn is taken off; of no turn, nothing is.
    row : (n,) int64
    sums : two of (rows, slow_scan, fast_scan) int64 and uint32, C-contiguous
        Sum in parts of an ADU, and number of samples; added to.

    Raises
    ------
    ValueError
        If a shape or type does not fit.
    """
    total, number = sums
    asics = shifts.shape[1:]
    slow, fast = _checked(values, use, (values.shape[1] // asics[0], values.shape[2] // asics[1]), maps, row)
    check_array(shifts, "shifts", (len(values), *asics), np.float64)
    check_array(total, "sum", (len(total), *values.shape[1:]), np.int64)
    check_array(number, "number", total.shape, np.uint32)
    if row.size and not 0 <= row.min() <= row.max() < len(total):
        raise ValueError(f"row {row.min()} to {row.max()} reaches outside 0 to {len(total) - 1}")
    _add(writable(values), writable(use), slow, fast, writable(np.nan_to_num(shifts)), *map(float, dark),
         writable(maps), writable(row), total, number)


def _checked(
    values: _Array, use: _Array, asic_shape: tuple[int, int], maps: _Array, row: _Array
) -> tuple[int, int]:
    """Pixels of an ASIC, once the arrays were found to fit."""
    slow, fast = asic_shape
    if values.ndim != 3 or slow < 1 or fast < 1 or values.shape[1] % slow or values.shape[2] % fast:
        raise ValueError(f"ASICs of {slow} x {fast} pixels do not tile frames of shape {values.shape}")
    check_array(values, "values", values.shape, np.float32)
    check_array(use, "use", values.shape, np.bool_)
    check_array(maps, "maps", (*maps.shape[:2], *values.shape[1:]), np.float32)
    check_array(row, "row", (len(values),), np.int64)
    if maps.shape[1] and row.size and not 0 <= row.min() <= row.max() < maps.shape[1]:
        raise ValueError(f"row {row.min()} to {row.max()} reaches outside 0 to {maps.shape[1] - 1}")
    return slow, fast


@njit(nogil=True, cache=True)
def _means(values, use, slow, fast, low, high, least, turns, maps, row, found):  # type: ignore[no-untyped-def]
    for frame in range(found.shape[0]):
        for i in range(found.shape[1]):
            for j in range(found.shape[2]):
                shift, taken = 0.0, False
                for turn in range(turns):
                    at = row[frame] if maps.shape[1] > 0 else -1
                    total, count = _dark(values, use, frame, i * slow, j * fast, slow, fast, low, high, shift, maps,
                                         turn, at)
                    if count > 0 and count > least:
                        shift, taken = shift + total / count, True
                if taken:
                    found[frame, i, j] = shift


@njit(nogil=True, cache=True)
def _dark(  # type: ignore[no-untyped-def]
    values, use, frame, top, left, slow, fast, low, high, shift, maps, turn, at
):
    """Sum and number of the dark samples of an ASIC."""
    total, count = 0.0, 0
    for y in range(top, top + slow):
        for x in range(left, left + fast):
            signal = np.float64(values[frame, y, x]) - shift
            if at >= 0:
                signal -= np.float64(maps[turn, at, y, x])
            if use[frame, y, x] and signal >= low and signal <= high:
                total += signal
                count += 1
    return total, count


@njit(nogil=True, cache=True)
def _add(values, use, slow, fast, shifts, low, high, maps, row, total, number):  # type: ignore[no-untyped-def]
    last = maps.shape[0] - 1
    for frame in range(values.shape[0]):
        at = row[frame]
        for y in range(values.shape[1]):
            for x in range(values.shape[2]):
                signal = np.float64(values[frame, y, x]) - shifts[frame, y // slow, x // fast]
                if last >= 0:
                    signal -= np.float64(maps[last, at, y, x])
                if use[frame, y, x] and signal >= low and signal <= high:
                    total[at, y, x] += np.int64(np.rint(signal * PART))
                    number[at, y, x] += np.uint32(1)
