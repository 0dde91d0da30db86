"""Which values of a map its colours are spread over, told by some of its pixels."""

from __future__ import annotations

import numpy as np

from app.widgets.colour import given
from calib_core.numerics.kernels import njit

#: Pixels that stand for all of a map at most, and the seed of their draw.
SAMPLE_LIMIT, _DRAW = 1 << 16, 0


def sample_places(index: np.ndarray, window: tuple[int, int, int, int]) -> np.ndarray:
    """Return which pixels of a part of a placement stand for all of them.

    Parameters
    ----------
    index : (rows, columns) int32
        Placement; gaps (-1) are left out.
    window : (top, bottom, left, right)
        Part of the placement to look at.

    Returns
    -------
    (m,) int32
        At most :data:`SAMPLE_LIMIT` flat indices of pixels, rising, since they are read many times. One is drawn of
        each stretch of as many pixels, always the same: a regular stride would see one value of some patterns.
    """
    top, bottom, left, right = window
    part = index[top:bottom, left:right]
    if part.size == 0:
        return np.empty(0, np.int32)
    stretch = -(-part.size // SAMPLE_LIMIT)
    first = np.arange(0, part.size, stretch)
    drawn = first + np.random.default_rng(_DRAW).integers(0, stretch, first.size)
    places = part[np.divmod(np.minimum(drawn, part.size - 1), part.shape[1])]
    return np.sort(places[places >= 0])


def good_sample(values: np.ndarray, flags: np.ndarray | None, selected: int, places: np.ndarray) -> np.ndarray:
    """Return values of some pixels that are finite and have none of the selected flags.

    Parameters
    ----------
    values : (n,) float32
    flags : (n,) uint32 or None
    selected : int
        Bits that leave a pixel out.
    places : (m,) int32
        Flat indices of the pixels.

    Returns
    -------
    (k,) float32
        In the order of the places.
    """
    no_flags = np.empty(0, np.uint32)
    return _sample(given(values), given(no_flags if flags is None else flags), np.uint32(selected), given(places))


@njit(nogil=True, cache=True)
def _sample(values, flags, selected, places):
    out = np.empty(len(places), np.float32)
    count = 0
    for source in places:
        if len(flags) and flags[source] & selected:
            continue
        if np.isfinite(values[source]):
            out[count] = values[source]
            count += 1
    return out[:count]


def share_flagged(flags: np.ndarray, selected: int, index: np.ndarray, begun: np.ndarray) -> float:
    """Return the share of shown pixels that have any of some flags; 0 where none are shown.

    Parameters
    ----------
    flags : (n,) uint32
    selected : int
        Bits that count.
    index : (rows, columns) int32
        Placement; gaps (-1) are left out.
    begun : (modules,) bool
        Modules, equal parts of the flags, that count.
    """
    bad, shown = _count_flagged(given(flags), np.uint32(selected), given(index), given(begun))
    return bad / max(1, shown)


@njit(nogil=True, cache=True)
def _count_flagged(flags, selected, index, begun):
    size = max(1, len(flags) // max(1, len(begun)))
    bad = shown = 0
    for y in range(index.shape[0]):
        for x in range(index.shape[1]):
            source = index[y, x]
            if source >= 0 and begun[source // size]:
                shown += 1
                bad += flags[source] & selected != 0
    return bad, shown


def percentile_levels(sample: np.ndarray, low: float, high: float) -> tuple[float, float]:
    """Return the values at two percentiles of a sample, its ends where they are equal; (0, 1) without values.

    The ends show rare values, such as hits, in a map that is constant else; levels are never equal.
    """
    if len(sample) == 0:
        return 0.0, 1.0
    last = len(sample) - 1
    places = [round(last * low / 100), round(last * high / 100)]
    ordered = np.partition(sample, places)
    first, second = (float(ordered[place]) for place in places)
    if second <= first:
        first, second = float(sample.min()), float(sample.max())
    return (first, second) if second > first else (first - 0.5, second + 0.5)


@njit(nogil=True, cache=True)
def count_bins(sample, low, high, counts):
    """Add the histogram of a sample over ``len(counts)`` equal bins from low to high to ``counts``."""
    factor = len(counts) / (high - low)
    for value in sample:
        place = int(np.floor((value - low) * factor))
        if 0 <= place < len(counts):
            counts[place] += 1
