"""Gains of several stages from measurements of neighbouring stages: values or what stands for them, and shifts."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating]
Mask = npt.NDArray[np.bool_]


class Origin(IntEnum):
    """Where a number of a pixel came from."""

    OWN = 0
    MEDIAN = 1
    NUMBER = 2
    DARK = 3
    STAGE_BEFORE = 4
    NONE = 5

    @property
    def label(self) -> str:
        """In words."""
        return _LABELS[self]


_LABELS = {
    Origin.OWN: "own measurement", Origin.MEDIAN: "median of the memory cell", Origin.NUMBER: "parameter",
    Origin.DARK: "dark", Origin.STAGE_BEFORE: "that of the stage before", Origin.NONE: "none",
}


class Chosen(NamedTuple):
    """Values of pixels, where each came from, and which measurements are no number or out of range.

    Attributes
    ----------
    values : (slow_scan, fast_scan) float64
    origin : (slow_scan, fast_scan) uint8
        An :class:`Origin`.
    missing, outside : (slow_scan, fast_scan) bool
    """

    values: Array
    origin: npt.NDArray[np.uint8]
    missing: Mask
    outside: Mask

    @property
    def own(self) -> Mask:
        """Which are measurements of the pixel itself."""
        return np.asarray(self.origin == Origin.OWN)


def own_or_usual(
    measured: Array, low: float, high: float, number: float, unsure: Mask | None = None,
) -> Chosen:
    """Measurements within limits, elsewhere their median, and a number where there is none.

    Parameters
    ----------
    measured : (slow_scan, fast_scan) array
        Of one memory cell, in any unit; NaN and what is not above 0 is missing.
    low, high : float
        Limits, both inside, in the same unit.
    number : float
        For memory cells in which no pixel has a measurement within them.
    unsure : (slow_scan, fast_scan) bool array, optional
        Measurements whose errors are too large; they are taken for such outside of the limits.

    Returns
    -------
    Chosen
    """
    missing = ~(np.isfinite(measured) & (measured > 0))
    outside = ~missing & ~((measured >= low) & (measured <= high))
    outside |= ~missing & unsure if unsure is not None else False
    good = ~(missing | outside)
    usual, origin = (float(np.median(measured[good])), Origin.MEDIAN) if good.any() else (number, Origin.NUMBER)
    return Chosen(np.where(good, measured, usual), np.where(good, Origin.OWN, origin).astype(np.uint8), missing,
                  outside)


def own_or_scaled(measured: Array, low: float, high: float) -> Chosen:
    """Like :func:`own_or_usual`, with limits in units of the median of all measurements; NaN where there is none.

    Parameters
    ----------
    measured : (slow_scan, fast_scan) array
    low, high : float
        In units of the median.

    Returns
    -------
    Chosen
    """
    known = measured[np.isfinite(measured) & (measured > 0)]
    usual = float(np.median(known)) if known.size else np.nan
    return own_or_usual(measured, low * usual, high * usual, np.nan)


def shift_of_medium(ratio: Chosen, offsets: Array, begins: Array) -> Chosen:
    """Shift of medium gain on the scale of high gain, R (O_M − b_M) + (b_H − O_H).

    Parameters
    ----------
    ratio : Chosen
        R, slope of high over that of medium gain.
    offsets : (stages, slow_scan, fast_scan) array, ADU
        Of darks in which each stage is forced.
    begins : (2, slow_scan, fast_scan) array, ADU
        Of the lines of high and medium gain over one axis of charge.

    Returns
    -------
    Chosen
        ADU of high gain; the median of those known in place of what is not, 0 where none is.
    """
    with np.errstate(invalid="ignore"):
        measured = ratio.values * (offsets[1] - begins[1]) + (begins[0] - offsets[0])
    good = np.isfinite(measured) & ratio.own
    usual, origin = (float(np.median(measured[good])), Origin.MEDIAN) if good.any() else (0.0, Origin.NONE)
    return Chosen(np.where(good, measured, usual), np.where(good, Origin.OWN, origin).astype(np.uint8), ~good,
                  np.zeros_like(good))


def shift_of_low(
    of_medium: Chosen, ratio: Chosen, low_ratio: Chosen, offsets: Array, begins: Array
) -> Chosen:
    """Shift of low gain on the scale of high gain, Δ_M + R (R' (O_L − b'_L) + (b'_M − O_M)).

    Parameters
    ----------
    of_medium : Chosen
        Δ_M, ADU of high gain.
    ratio, low_ratio : Chosen
        R, and R': slope of medium over that of low gain.
    offsets : (3, slow_scan, fast_scan) array, ADU
    begins : (2, slow_scan, fast_scan) array, ADU
        b'_M and b'_L, of lines of medium and low gain over any axis that both have.

    Returns
    -------
    Chosen
        Δ_M where the lines are not known.
    """
    with np.errstate(invalid="ignore"):
        measured = of_medium.values + ratio.values * (
            low_ratio.values * (offsets[2] - begins[1]) + (begins[0] - offsets[1]))
    good = np.isfinite(measured) & of_medium.own & ratio.own & low_ratio.own
    origin = np.where(good, Origin.OWN, Origin.STAGE_BEFORE).astype(np.uint8)
    return Chosen(np.where(good, measured, of_medium.values), origin, ~good, np.zeros_like(good))


def relative_error(*parts: tuple[Array, Array]) -> Array:
    """Relative error of a product or quotient of numbers that do not depend on each other.

    Parameters
    ----------
    *parts : (array, array)
        Numbers and their errors; NaN errors make NaN.

    Returns
    -------
    array
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.sqrt(sum((error / value) ** 2 for value, error in parts)))
