"""Which errors a scan allows, before it is fitted: from the steps that there are and the noise.

The covariance of least squares does not depend on the samples where a model is linear, and hardly where it nearly is:
that of a line through high gain, and that of a line and an exponential, o · exp(−(x − a) / c) + m · x + b, through
medium gain. Of both follow the errors of the slope, of the ratio of both slopes, and of the step at the switch: how
far apart the charges are that both lines say there, in units of that charge.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_Array = NDArray[Any]


@dataclass(frozen=True)
class ScanLines:
    """What a pixel does in a scan.

    Attributes
    ----------
    slope : float, ADU per step
        Of high gain.
    ratio : float
        This slope in units of that of medium gain.
    noise : (float, float), ADU
        Of a sample in high and in medium gain.
    hook : float, ADU
        Height of the exponential at the first step of medium gain.
    decay : float, steps
        Its length.
    """

    slope: float
    ratio: float
    noise: tuple[float, float]
    hook: float
    decay: float


@dataclass(frozen=True)
class ScanErrors:
    """Standard errors of one pixel and memory cell, each in units of its value; NaN where steps are too few.

    Attributes
    ----------
    slope : float
        Of the slope of high gain.
    ratio : float
        Of the ratio of both slopes.
    step : float
        Of the charge by medium gain less that by high gain at the switch, in units of this charge.
    """

    slope: float
    ratio: float
    step: float


def scan_errors(high: _Array, medium: _Array, switch: float, lines: ScanLines, with_hook: bool = True) -> ScanErrors:
    """Errors that a scan of one pixel allows.

    Parameters
    ----------
    high, medium : (h,), (m,) int, steps
        Steps that the lines are fitted to.
    switch : float, steps
        Where the pixel changes from high to medium gain, above 0: the exponential begins there.
    lines : ScanLines
    with_hook : bool
        Whether an exponential is fitted beside the line of medium gain.

    Returns
    -------
    ScanErrors

    Raises
    ------
    ValueError
        The switch is not above 0.
    """
    if not switch > 0:
        raise ValueError(f"a pixel switches behind step 0 of its scan, not at step {switch:g}")
    of_high = lines.noise[0] ** 2 * _covariance(_line(high))
    shape = np.column_stack([_line(medium), *(_exponential(medium, switch, lines) if with_hook else ())])
    of_medium = lines.noise[1] ** 2 * _covariance(shape)[:2, :2]
    low = lines.slope / lines.ratio
    slope, other = np.sqrt(of_high[0, 0]) / lines.slope, np.sqrt(of_medium[0, 0]) / low
    there = np.array([switch, 1.0]) / switch
    step = np.sqrt(there @ (of_high / lines.slope**2 + of_medium / low**2) @ there)
    return ScanErrors(float(slope), float(np.hypot(slope, other)), float(step))


def slope_error(steps: _Array, noise: float) -> float:
    """Standard error of the slope of a line; NaN where steps are too few.

    Parameters
    ----------
    steps : (s,) int, steps
        That it is fitted to.
    noise : float, ADU
        Of a sample.

    Returns
    -------
    float
        ADU per step.
    """
    return float(noise * np.sqrt(_covariance(_line(steps))[0, 0]))


def _line(steps: _Array) -> _Array:
    """Derivatives of a line by slope and intercept, (s, 2)."""
    return np.column_stack([steps, np.ones(len(steps))]).astype(float)


def _exponential(steps: _Array, switch: float, lines: ScanLines) -> tuple[_Array, _Array]:
    """Derivatives of the exponential by its height and its length, (s,) each."""
    after = np.asarray(steps, float) - switch
    falls = np.exp(-after / lines.decay)
    return falls, lines.hook * falls * after / lines.decay**2


def _covariance(shape: _Array) -> _Array:
    """Covariance of parameters at a noise of 1 from derivatives, (s, p); NaN without a sample to spare."""
    samples, parameters = shape.shape
    if samples <= parameters:
        return np.full((parameters, parameters), np.nan)
    inverse = np.linalg.inv(np.linalg.qr(shape, mode="r"))
    return np.asarray(inverse @ inverse.T)
