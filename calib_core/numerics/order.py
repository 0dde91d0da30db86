"""The exact median of more values than memory holds."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calib_core.numerics.kernels import njit

_Array = NDArray[Any]
#: The upper half of a float32 has its sign, its exponent and seven bits; without the sign it grows with the number.
_BINS, _SIGN = 1 << 16, 1 << 15
#: From here on the exponent is that of infinities and of what is no number.
_NOT_FINITE = 0x7F80


class MedianOfParts:
    """Median of all finite values of some arrays that are gone through twice, first counted and then refined.

    It is exact: values are counted by the upper halves of their bits, then those with the halves in the middle by
    their lower ones.
    """

    def __init__(self) -> None:
        self._upper = np.zeros(_BINS, np.int64)

    def count(self, values: _Array, left_out: _Array) -> None:
        """Go through an array for the first time.

        Parameters
        ----------
        values : float32 array
        left_out : uint32 array of the same shape
            Values count where it is 0.
        """
        _count_upper(*_flat(values, left_out), self._upper)

    def refine(self, values: _Array, left_out: _Array) -> None:
        """Go through an array again, once all were counted.

        Parameters
        ----------
        values, left_out : arrays
            As of :meth:`count`.
        """
        for half, counts in self._lower.items():
            _count_lower(*_flat(values, left_out), half, counts)

    @property
    def value(self) -> float | None:
        """The middle value, or the mean of both; None without a finite value. For after all were refined."""
        if not self._middle:
            return None
        return sum(_value(half, self._lower[half], rank) for half, rank in self._middle) / 2

    @cached_property
    def _middle(self) -> tuple[tuple[int, int], ...]:
        """Upper halves of the two values in the middle, and their ranks, from 0, among those with it."""
        order = _in_order()
        below = np.concatenate(([0], np.cumsum(self._upper[order])))
        number = int(below[-1])
        ranks = ((number - 1) // 2, number // 2) if number else ()
        places = [int(np.searchsorted(below, rank, "right")) - 1 for rank in ranks]
        return tuple((int(order[place]), rank - int(below[place])) for place, rank in zip(places, ranks, strict=True))

    @cached_property
    def _lower(self) -> dict[int, _Array]:
        """How often each lower half occurs beside the upper halves in the middle."""
        return {half: np.zeros(_BINS, np.int64) for half, _ in self._middle}


def _flat(values: _Array, left_out: _Array) -> tuple[_Array, _Array]:
    if values.shape != left_out.shape:
        raise ValueError(f"values have the shape {values.shape}, and what is left out {left_out.shape}")
    return (np.ascontiguousarray(values, np.float32).reshape(-1).view(np.uint32),
            np.ascontiguousarray(left_out, np.uint32).reshape(-1))


@njit(nogil=True, cache=True)
def _count_upper(bits: _Array, left_out: _Array, counts: _Array) -> None:
    for i in range(len(bits)):
        if left_out[i] == 0:
            counts[bits[i] >> 16] += 1


@njit(nogil=True, cache=True)
def _count_lower(bits: _Array, left_out: _Array, half: int, counts: _Array) -> None:
    for i in range(len(bits)):
        if bits[i] >> 16 == half and left_out[i] == 0:
            counts[bits[i] & 0xFFFF] += 1


def _in_order() -> _Array:
    """Upper halves of all finite numbers, the lowest number first."""
    positive = np.arange(_NOT_FINITE)
    return np.concatenate((_SIGN + positive[::-1], positive))


def _value(half: int, counts: _Array, rank: int) -> float:
    """The value at a rank, from 0, among those with an upper half; below zero the lower halves fall."""
    place = int(np.searchsorted(np.cumsum(counts[::-1] if half >= _SIGN else counts), rank, "right"))
    rest = _BINS - 1 - place if half >= _SIGN else place
    return float(np.uint32(half << 16 | rest).view(np.float32))
