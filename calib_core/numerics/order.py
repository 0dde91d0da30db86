"""The exact median of more values than memory holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

_Array = NDArray[Any]
#: The upper half of a float32 has its sign, its exponent and seven bits; without the sign it grows with the number.
_BINS, _SIGN = 1 << 16, 1 << 15
#: From here on the exponent is that of infinities and of what is no number.
_NOT_FINITE = 0x7F80


def median_of_parts(parts: Callable[[], Iterable[_Array]]) -> float | None:
    """Median of all finite values of some arrays, which are gone through twice.

    Parameters
    ----------
    parts : callable
        Gives the same float32 arrays of any shape at each call; only one is needed at a time.

    Returns
    -------
    float or None
        The middle value, or the mean of both; None without a finite value. It is exact: values are counted by the
        upper halves of their bits, then those with the halves in the middle by their lower ones.
    """
    upper = np.zeros(_BINS, np.int64)
    for part in parts():
        upper += np.bincount(_halves(part)[1], minlength=_BINS)
    order = _in_order()
    below = np.concatenate(([0], np.cumsum(upper[order])))
    number = int(below[-1])
    if not number:
        return None
    places = [int(np.searchsorted(below, rank, "right")) - 1 for rank in ((number - 1) // 2, number // 2)]
    lower = _lower(parts, {int(order[place]) for place in places})
    return sum(_value(int(order[place]), lower, rank - int(below[place]))
               for place, rank in zip(places, ((number - 1) // 2, number // 2), strict=True)) / 2


def _halves(part: _Array) -> tuple[_Array, _Array]:
    """Lower and upper halves of the bits of values, as uint16."""
    bits = np.ascontiguousarray(part, "<f4").reshape(-1).view("<u2")
    return bits[::2], bits[1::2]


def _in_order() -> _Array:
    """Upper halves of all finite numbers, the lowest number first."""
    positive = np.arange(_NOT_FINITE)
    return np.concatenate((_SIGN + positive[::-1], positive))


def _lower(parts: Callable[[], Iterable[_Array]], wanted: set[int]) -> dict[int, _Array]:
    """How often each lower half occurs beside some upper halves."""
    found = {half: np.zeros(_BINS, np.int64) for half in wanted}
    for part in parts():
        low, high = _halves(part)
        for half, counts in found.items():
            counts += np.bincount(low[high == half], minlength=_BINS)
    return found


def _value(half: int, lower: dict[int, _Array], rank: int) -> float:
    """The value at a rank, from 0, among those with an upper half; below zero the lower halves fall."""
    counts = lower[half][::-1] if half >= _SIGN else lower[half]
    place = int(np.searchsorted(np.cumsum(counts), rank, "right"))
    rest = _BINS - 1 - place if half >= _SIGN else place
    return float(np.uint32(half << 16 | rest).view(np.float32))
