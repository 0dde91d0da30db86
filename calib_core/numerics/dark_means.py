"""Mean of the samples without signal of each ASIC in each frame, found again about itself."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from calib_core.numerics._arrays import check_array
from calib_core.numerics._frames import writable
from calib_core.numerics.kernels import njit

_Array = NDArray[Any]


def dark_means(
    values: _Array, use: _Array, asic_shape: tuple[int, int], dark: tuple[float, float], min_share: float, turns: int,
) -> NDArray[np.float64]:
    """Find the shift of each ASIC of each frame.

    It is the mean of the samples whose signal, less the shift, lies in a range; that is found again with the shift
    that it gives, from 0 on.

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
        How often a mean is taken.

    Returns
    -------
    (n, ASICs along slow, ASICs along fast) float64, ADU
        NaN where there never were enough dark samples.

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
    found = np.full((len(values), values.shape[1] // slow, values.shape[2] // fast), np.nan)
    _means(writable(values), writable(use), slow, fast, *map(float, dark), float(min_share) * slow * fast, int(turns),
           found)
    return found


@njit(nogil=True, cache=True)
def _means(values, use, slow, fast, low, high, least, turns, found):  # type: ignore[no-untyped-def]
    for frame in range(found.shape[0]):
        for i in range(found.shape[1]):
            for j in range(found.shape[2]):
                rows, columns = slice(i * slow, (i + 1) * slow), slice(j * fast, (j + 1) * fast)
                found[frame, i, j] = _mean(
                    values[frame, rows, columns], use[frame, rows, columns], low, high, least, turns)


@njit(nogil=True, cache=True)
def _mean(values, use, low, high, least, turns):  # type: ignore[no-untyped-def]
    shift, taken = 0.0, False
    for _ in range(turns):
        total, count = 0.0, 0
        for y in range(values.shape[0]):
            for x in range(values.shape[1]):
                signal = np.float64(values[y, x]) - shift
                if use[y, x] and signal >= low and signal <= high:
                    total += signal
                    count += 1
        if count == 0 or count <= least:
            break
        shift, taken = shift + total / count, True
    return shift if taken else np.nan
