"""Events: photons whose charge is shared between neighbouring pixels, found, classified and summed up.

An event is a sample above the primary threshold that is the largest of the 3 × 3 samples around it; of equal ones
the first, row by row. Which of its eight neighbours are above the secondary threshold is its pattern. Neighbours have
the bits 0 to 7, row by row.

Source: grading of X-ray events of CCDs, as of the ACIS camera; thresholds of sums and codes are the caller's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from calib_core.numerics._arrays import check_array
from calib_core.numerics.kernels import njit

_Array = NDArray[Any]

#: Patterns of eight neighbours.
PATTERNS = 256
#: Codes of events of no allowed pattern or at the edge of a block, beside bad samples, and too large.
SHAPELESS, SPOILED, TOO_LARGE = 1000, 1001, 1002
#: Classes of events: one to four samples, the three kinds that are refused, and those of a small sum, of any kind.
CLASSES = 8
#: Class of the smallest of the refused codes, and of small sums.
_REFUSED, _SMALL = 4, 7
#: Codes of events of one sample, of two and so on are multiples of this, and one number for each direction.
_STEP = 100


def classify(
    values: _Array, bad: _Array, primary: _Array, secondary: _Array, largest: float, codes: _Array,
    block: tuple[int, int], strict: bool = False, counted_above: float = 0.0,
) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.int64]]:
    """Find the events of frames.

    Parameters
    ----------
    values : (n, slow, fast) float32, C-contiguous
        Signals about 0.
    bad : (n, slow, fast) bool, C-contiguous
        Samples that are no measurement: they are in no event, and events beside them are refused.
    primary, secondary : (n or 1, slow, fast) float32, C-contiguous
        Thresholds in the unit of the values, of each sample or the same in all frames.
    largest : float
        Sum above which an event is refused.
    codes : (256,) int32
        Code of each pattern: 100 and up one sample, 200 two, 300 three, 400 four; :data:`SHAPELESS` is refused.
    block : (int, int)
        Pixels (slow, fast) of a block of pixels; an event whose largest sample lies at its edge is refused.
    strict : bool
        Refuse four samples unless the one at the corner is the smallest.
    counted_above : float
        Only events of a larger sum are counted in their class; the others together.

    Returns
    -------
    patterns : (n, slow, fast) int32
        Codes at the largest samples of events, 0 elsewhere.
    sums : (n, slow, fast) float32
        Sum of an event's samples above the secondary threshold and of its largest, at that; 0 elsewhere, and where
        it was refused.
    counts : (n, 8) int64
        Events by class, the last of which has those of small sums.

    Raises
    ------
    ValueError
        If a shape or type does not fit.
    """
    if values.ndim != 3:
        raise ValueError(f"frames have axes (n, slow, fast), but these have shape {values.shape}")
    check_array(values, "values", values.shape, np.float32)
    check_array(bad, "bad", values.shape, np.bool_)
    for name, threshold in (("primary", primary), ("secondary", secondary)):
        check_array(threshold, name, (len(values) if len(threshold) > 1 else 1, *values.shape[1:]), np.float32)
    check_array(codes, "codes", (PATTERNS,), np.int32)
    patterns, sums = np.zeros(values.shape, np.int32), np.zeros(values.shape, np.float32)
    counts = np.zeros((len(values), CLASSES), np.int64)
    frames = (np.require(one, requirements="W") for one in (values, bad, primary, secondary))
    _classify(*frames, float(largest), np.require(codes, requirements="W"), *map(int, block), bool(strict),
              float(counted_above), patterns, sums, counts)
    return patterns, sums, counts


@njit(nogil=True, cache=True)
def _classify(  # type: ignore[no-untyped-def]
    values, bad, primary, secondary, largest, codes, high, wide, strict, counted_above, patterns, sums, counts,
):
    for frame in range(len(values)):
        v, b = values[frame], bad[frame]
        first, second = primary[frame % len(primary)], secondary[frame % len(secondary)]
        for row in range(v.shape[0]):
            if not _any_above(v[row], first[row]):
                continue
            for col in range(v.shape[1]):
                if b[row, col] or not v[row, col] > first[row, col] or not _is_largest(v, b, row, col):
                    continue
                if row % high in (0, high - 1) or col % wide in (0, wide - 1):
                    code, total = SHAPELESS, _sum(v, b, second, row, col)
                else:
                    code, total = _code(v, b, second, row, col, codes, strict)
                    if total > largest and code != SPOILED:
                        code = TOO_LARGE
                patterns[frame, row, col] = code
                if code < SHAPELESS:
                    sums[frame, row, col] = total
                if not total > counted_above:
                    counts[frame, _SMALL] += 1
                else:
                    counts[frame, _REFUSED + code - SHAPELESS if code >= SHAPELESS else code // _STEP - 1] += 1


@njit(nogil=True, cache=True)
def _any_above(values, threshold):  # type: ignore[no-untyped-def]
    """Whether a row needs a closer look."""
    above = np.uint8(0)
    for i in range(values.size):
        above |= np.uint8(values[i] > threshold[i])
    return above != 0


@njit(nogil=True, cache=True)
def _is_largest(values, bad, row, col):  # type: ignore[no-untyped-def]
    """Whether no neighbour is larger, nor as large and before it; bad ones do not matter."""
    own = values[row, col]
    for i in range(max(row - 1, 0), min(row + 2, values.shape[0])):
        for j in range(max(col - 1, 0), min(col + 2, values.shape[1])):
            before = i < row or (i == row and j < col)
            if not bad[i, j] and (values[i, j] > own or (before and values[i, j] == own)):
                return False
    return True


@njit(nogil=True, cache=True)
def _sum(values, bad, threshold, row, col):  # type: ignore[no-untyped-def]
    """Sum of an event at the edge of a block, as far as the frame goes."""
    total = np.float64(values[row, col])
    for i in range(max(row - 1, 0), min(row + 2, values.shape[0])):
        for j in range(max(col - 1, 0), min(col + 2, values.shape[1])):
            if (i != row or j != col) and not bad[i, j] and values[i, j] > threshold[i, j]:
                total += values[i, j]
    return np.float32(total)


@njit(nogil=True, cache=True)
def _code(values, bad, threshold, row, col, codes, strict):  # type: ignore[no-untyped-def]
    """Code of an event and its sum; its neighbours are all in the frame."""
    total, bits, place, spoiled = np.float64(values[row, col]), 0, 0, False
    corner, side = np.float32(-np.inf), np.float32(np.inf)
    for i in range(row - 1, row + 2):
        for j in range(col - 1, col + 2):
            if i == row and j == col:
                continue
            if bad[i, j]:
                spoiled = True
            elif values[i, j] > threshold[i, j]:
                total += values[i, j]
                bits |= 1 << place
                if i != row and j != col:
                    corner = max(corner, values[i, j])
                else:
                    side = min(side, values[i, j])
            place += 1
    code = codes[bits]
    if strict and code < SHAPELESS and corner > side:
        code = SHAPELESS
    return (SPOILED if spoiled else code), np.float32(total)
