"""Lines through the regions of a scan, and the hook at the begin of medium gain.

What :func:`calib_core.numerics.scan_regions.scan_regions` has labelled is fitted by least squares (prepared for the
pulse-capacitor scan, whose method calls both tile by tile): high gain with a line, medium gain with

    y = o · exp(−(x − a) / c) + m · x + b,

where a is the first step of medium gain. The hook o · exp(…) belongs to the injection, so that m and b are what
corrections use; a line through all of medium gain would have a slope that is a fifth too low. Errors come from the
scatter of the residuals, and those with a hook from the covariance of o, c, m and b together: at a fixed c they would
be up to two times too small. That holds too where a hook is too weak to be told from noise: a line alone would have a
slope that is low by many of its errors.

Whether high gain is a line is told by t, a quadratic term over its error: a compression of 2 % leaves residuals that
are below 1 % of the span, but a t far above 5.

Each series is worked on by itself, one sample after the other: results do not depend on tiles, nor on the processor.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import exp
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calib_core.numerics import _scan_hook as _hook
from calib_core.numerics import _scan_line as _line
from calib_core.numerics._arrays import check_array
from calib_core.numerics._frames import writable
from calib_core.numerics._scan_hook import DECAY_AT_END, FAILED, FEW_POINTS, HOOK, LINE, WEAK
from calib_core.numerics.scan_regions import HIGH, MEDIUM, check_steps

__all__ = [
    "DECAY_AT_END",
    "FAILED",
    "FEW_POINTS",
    "HOOK",
    "LINE",
    "WEAK",
    "MediumFits",
    "RegionLines",
    "medium_fits",
    "region_lines",
]

_Array = NDArray[Any]
_Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class RegionLines:
    """Lines through a region of n pixels, NaN without one.

    Attributes
    ----------
    slope, slope_error : (n,) float32, ADU per step
    intercept, intercept_error : (n,) float32, ADU
        At step 0 of the scan.
    deviation, largest : (n,) float32, ADU
        Root mean square of the residuals, and the largest without its sign.
    curvature_t : (n,) float32
        A quadratic term over its error; about normal where there is none.
    n : (n,) uint16
        Samples of the fit.
    status : (n,) uint8
        :data:`LINE`; :data:`FEW_POINTS`: fewer samples than a fit needs.
    """

    slope: _Floats
    intercept: _Floats
    slope_error: _Floats
    intercept_error: _Floats
    deviation: _Floats
    largest: _Floats
    curvature_t: _Floats
    n: NDArray[np.uint16]
    status: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class MediumFits:
    """Lines with or without a hook through medium gain of n pixels, NaN where there is none.

    Attributes
    ----------
    slope, slope_error : (n,) float32, ADU per step
    intercept, intercept_error : (n,) float32, ADU
        Of the line, at step 0 of the scan.
    covariance : (n,) float32, ADU² per step
        Of slope and intercept.
    hook, hook_error : (n,) float32, ADU
        o at the first step of medium gain; NaN for a straight line.
    decay, decay_error : (n,) float32, steps
        c; NaN for a straight line.
    start : (n,) float32, steps
        a, the first step of medium gain.
    deviation, largest : (n,) float32, ADU
        Root mean square of the residuals, and the largest without its sign.
    n : (n,) uint16
        Samples of the fit.
    status : (n,) uint8
        * :data:`LINE`: a straight line, as was asked for.
        * :data:`HOOK`: a line and a hook.
        * :data:`WEAK`: a line and a hook that is below three of its errors. The errors of the line are those of one
          beside an unknown hook; a decay at an end of its range does not matter, as the hook hardly does.
        * :data:`DECAY_AT_END`: a line and a hook whose decay is at an end of its range; do not trust its errors.
        * :data:`FEW_POINTS`: fewer samples than a fit needs.
        * :data:`FAILED`: samples that no such curve is determined by.
    """

    slope: _Floats
    intercept: _Floats
    slope_error: _Floats
    intercept_error: _Floats
    covariance: _Floats
    hook: _Floats
    hook_error: _Floats
    decay: _Floats
    decay_error: _Floats
    start: _Floats
    deviation: _Floats
    largest: _Floats
    n: NDArray[np.uint16]
    status: NDArray[np.uint8]


def region_lines(
    x: _Array, analog: _Array, label: _Array, region: int = HIGH, *, margin: int = 20, first: int = 0,
    part: float = 1.0, interval: tuple[int, int] | None = None, min_points: int = 7,
) -> RegionLines:
    """Fit lines to a region, high gain unless another is given.

    Parameters
    ----------
    x : (s,) int32, steps
        Position of each train in the scan, ascending.
    analog : (n, s) uint16, C-contiguous, ADU
        Signal of each pixel at each step.
    label : (n, s) uint8, C-contiguous
        Regions.
    region : int
        The one that is fitted.
    margin : int, steps
        What is left out at the end of the region, before a pixel switches.
    first : int, steps
        What is left out at its begin.
    part : float
        Only this first part of the region, from 0 to 1.
    interval : (int, int), steps, optional
        First and last step instead of margin, first and part.
    min_points : int
        Least number of samples, at least 4.

    Returns
    -------
    RegionLines

    Raises
    ------
    ValueError
        If a shape, type or number does not fit.
    """
    _check(x, analog, label, margin, interval, min_points, 4)
    if first < 0 or not 0 < part <= 1:
        raise ValueError(f"a fit leaves out 0 or more steps and takes a part from 0 to 1, not {first} and {part:g}")
    ends = np.array([first, margin, part, *_ends(interval)], np.float64)
    values, n, status = _results(len(analog), _line.COLUMNS)
    _line.high(writable(x), writable(analog), writable(label), int(region), ends, int(min_points), values, n, status)
    return RegionLines(**_columns(RegionLines, values), n=n, status=status)


def medium_fits(
    x: _Array, analog: _Array, label: _Array, *, margin: int = 20, hook: bool = True,
    hook_c: tuple[float, float] = (8.0, 160.0), interval: tuple[int, int] | None = None, min_points: int = 30,
) -> MediumFits:
    """Fit lines with or without a hook to medium gain.

    Parameters
    ----------
    x, analog, label : arrays
        As of :func:`region_lines`.
    margin : int, steps
        What is left out at the end of medium gain, that of the scan.
    hook : bool
        Whether there may be a hook; without, all are straight lines.
    hook_c : (float, float), steps
        Least and largest decay.
    interval : (int, int), steps, optional
        First and last step instead of the margin.
    min_points : int
        Least number of samples, at least 6.

    Returns
    -------
    MediumFits

    Raises
    ------
    ValueError
        If a shape, type or number does not fit.
    """
    _check(x, analog, label, margin, interval, min_points, 6)
    if not 1 <= hook_c[0] < hook_c[1] < np.inf:
        raise ValueError(f"decays of a hook are from 1 step on and ascend, but are {hook_c[0]:g} and {hook_c[1]:g}")
    span = int(x[-1]) - int(x[0]) + 1 + _hook.BIN if len(x) else _hook.BIN
    tried, table = _first_decays(*hook_c, span)
    values, n, status = _results(len(analog), _hook.COLUMNS)
    _hook.medium(
        writable(x), writable(analog), writable(label), MEDIUM, np.array([margin, *_ends(interval)], np.int64),
        bool(hook), int(min_points), tried, table, np.empty((2, span)), np.empty((5, _hook.TRIED)), values, n, status)
    return MediumFits(**_columns(MediumFits, values), n=n, status=status)


def _check(
    x: _Array, analog: _Array, label: _Array, margin: int, interval: tuple[int, int] | None, points: int, least: int,
) -> None:
    if analog.ndim != 2:
        raise ValueError(f"series have axes (n, s), but these have shape {analog.shape}")
    check_array(analog, "analog", analog.shape, np.uint16)
    check_array(label, "label", analog.shape, np.uint8)
    check_steps(x, analog.shape[1])
    if margin < 0:
        raise ValueError(f"a fit leaves out 0 or more steps at the end of a region, not {margin}")
    if points < least:
        raise ValueError(f"this fit needs at least {least} samples, not {points}")
    if interval is not None and not 0 <= interval[0] < interval[1]:
        raise ValueError(f"an interval of steps is two numbers that ascend, not {interval[0]} and {interval[1]}")


def _first_decays(least: float, largest: float, span: int) -> tuple[_Array, _Array]:
    """Decays to try first, and exponentials of them by sums of steps; rounded, so that processors have the same."""
    ratio = round((largest / least) ** (1 / (_hook.TRIED - 1)), 9)
    tried = np.minimum(np.cumprod([least] + [ratio] * (_hook.TRIED - 1)), largest)
    tried[-1] = largest
    table = np.ones((-(-span // _hook.BIN), _hook.TRIED))
    table[1:] = [round(exp(-_hook.BIN / decay), 12) for decay in tried]
    return tried, np.cumprod(table, axis=0)


def _ends(interval: tuple[int, int] | None) -> tuple[int, int]:
    return interval or (-1, -1)


def _results(pixels: int, columns: int) -> tuple[_Floats, NDArray[np.uint16], NDArray[np.uint8]]:
    """Numbers by pixel, number of samples and status, before anything is fitted."""
    return (np.full((pixels, columns), np.nan, np.float32), np.zeros(pixels, np.uint16),
            np.full(pixels, FEW_POINTS, np.uint8))


def _columns(kind: type, values: _Floats) -> dict[str, _Floats]:
    """Each number of a kind of fit for all pixels; columns are in the order of its fields."""
    return {field.name: one for field, one in zip(fields(kind), np.ascontiguousarray(values.T), strict=False)}
