"""Regions of a scan that goes through three gain stages, and how much its samples scatter from one to the next.

Prepared for scans of the current source, in which the integration time grows unevenly, so that slopes tell less than
the gain signal: three means in it give the levels of high, medium and low gain. Then the order is enforced: high gain
ends, and low gain begins, where most samples lie in the region of their level. At both ends of each region a part is
left out, in which a pixel switches, and so are samples of another level in between.

Samples that are lost (0) or saturated are left out first. Each series is worked on by itself: results do not depend
on the tiles that a module is cut into, nor on the processor.

Source: the public toolbox of the detector's makers (three regions, 15 % left out at both ends of each).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calib_core.numerics import _stage_series as _series
from calib_core.numerics._arrays import check_array
from calib_core.numerics._frames import writable
from calib_core.numerics._stage_series import FEW_LOW, NO_LOW, NONE
from calib_core.numerics.scan_regions import MIN_GAIN_STEP, SATURATION, check_steps

__all__ = ["FEW_LOW", "NONE", "NO_LOW", "STAGES", "StageRegions", "neighbour_noise", "stage_regions"]

_Array = NDArray[Any]

#: High, medium and low gain, as regions and along the axes of what comes back.
STAGES = (0, 1, 2)
#: Samples that are worked with: of a region, and the part of it that is left out at either end.
MIN_POINTS, TRIM = 10, 0.15


@dataclass(frozen=True, eq=False)
class StageRegions:
    """Regions of the series of n pixels with s steps.

    Attributes
    ----------
    label : (n, s) uint8
        0 high, 1 medium and 2 low gain; :data:`NONE` is lost, saturated, at an end of its region or of another
        level, and all samples of a pixel whose status is not OK.
    level, spread : (n, 3) float32, ADU
        Mean and standard deviation of the gain signal of labelled samples; NaN without regions.
    switch : (n, 2) float32, steps
        Middle between the last sample of a region and the first of the next.
    counts : (n, 3) uint16
        Labelled samples.
    misordered : (n,) uint16
        Samples of another level than that of the region in which they lie.
    status : (n,) uint8
        * OK: three regions.
        * FEW_SAMPLES: there are fewer samples than three regions need.
        * SATURATED: the same, since others are saturated.
        * NO_SWITCH: the gain signal has no step that is large enough.
        * INVERTED: most samples are out of order, as where the gain signal falls.
        * FEW_HIGH, FEW_MEDIUM, :data:`FEW_LOW`: too few samples in a region.
        * :data:`NO_LOW`: the gain signal has no three levels.
    """

    label: NDArray[np.uint8]
    level: NDArray[np.float32]
    spread: NDArray[np.float32]
    switch: NDArray[np.float32]
    counts: NDArray[np.uint16]
    misordered: NDArray[np.uint16]
    status: NDArray[np.uint8]

    @property
    def thresholds(self) -> NDArray[np.float32]:
        """Middles between neighbouring levels, (n, 2), ADU."""
        return (self.level[:, :-1] + self.level[:, 1:]) / np.float32(2)


def stage_regions(
    x: _Array, analog: _Array, code: _Array, *, min_gain_step: float = MIN_GAIN_STEP, min_points: int = MIN_POINTS,
    trim: float = TRIM, saturation: int = SATURATION,
) -> StageRegions:
    """Find the regions of scans through three gain stages.

    Parameters
    ----------
    x : (s,) int32, steps
        Position of each sample in the scan, ascending; there may be gaps.
    analog, code : (n, s) uint16, C-contiguous, ADU
        Signal and gain signal of each pixel at each step; 0 is a lost sample.
    min_gain_step : float, ADU
        Least difference between neighbouring levels of the gain signal.
    min_points : int
        Least number of labelled samples of each region, at least 4.
    trim : float
        Part of a region that is left out at either end, from 0 to below a half.
    saturation : int, ADU
        Samples from here on are left out.

    Returns
    -------
    StageRegions

    Raises
    ------
    ValueError
        If a shape, type or number does not fit, or x does not ascend.
    """
    _check(x, analog, code, np.uint16)
    if min_points < 4 or not min_gain_step > 0 or not 0 <= trim < 0.5:
        raise ValueError(f"regions need at least 4 samples each, a step of the gain signal above 0 and a part at "
                         f"their ends below 0.5, not {min_points}, {min_gain_step:g} and {trim:g}")
    n = len(analog)
    label = np.full(analog.shape, NONE, np.uint8)
    levels, switch = np.full((n, 6), np.nan, np.float32), np.full((n, 2), np.nan, np.float32)
    counts, misordered, status = np.zeros((n, 3), np.uint16), np.zeros(n, np.uint16), np.zeros(n, np.uint8)
    need = np.array([min_gain_step, min_points, saturation], np.float64)
    _series.regions(writable(x), writable(analog), writable(code), need, float(trim),
                    np.empty((3, analog.shape[1] + 1), np.int64), label, levels, switch, counts, misordered, status)
    level, spread = (np.ascontiguousarray(levels[:, part]) for part in (slice(3), slice(3, 6)))
    return StageRegions(label, level, spread, switch, counts, misordered, status)


def neighbour_noise(x: _Array, analog: _Array, label: _Array, region: int) -> tuple[_Array, _Array]:
    """How much samples of a region scatter from one to the next, whatever curve they lie on.

    Parameters
    ----------
    x : (s,) int32, steps
    analog : (n, s) uint16, C-contiguous, ADU
    label : (n, s) uint8, C-contiguous
    region : int

    Returns
    -------
    middle : (n,) float64, steps
        Mean step of the samples; NaN without any.
    variance : (n,) float64, ADU²
        Mean square by which a sample lies off the line of its neighbours, in units of what noise of variance 1 does;
        NaN where there are fewer than three samples.

    Raises
    ------
    ValueError
        If a shape or type does not fit, or x does not ascend.
    """
    _check(x, analog, label, np.uint8)
    out = np.empty((len(analog), 2))
    _series.neighbours(writable(x), writable(analog), writable(label), int(region), out)
    return out[:, 0], out[:, 1]


def _check(x: _Array, analog: _Array, other: _Array, dtype: Any) -> None:
    if analog.ndim != 2:
        raise ValueError(f"series have axes (n, s), but these have shape {analog.shape}")
    check_array(analog, "analog", analog.shape, np.uint16)
    check_array(other, "code" if dtype is np.uint16 else "label", analog.shape, dtype)
    check_steps(x, analog.shape[1])
