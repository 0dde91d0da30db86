"""Regions of a scan: where a pixel is in high gain, where it switches, and where it is in medium gain.

In a scan the charge grows by the same from step to step until a pixel has switched to medium gain. K-means with three
clusters finds high gain, transition and medium gain in two features of each sample (prepared for the pulse-capacitor
scan, whose method calls :func:`scan_regions` tile by tile):

* the slope over three samples before and after, by steps and not by samples, so that gaps do no harm, divided by the
  median slope of the samples below the threshold of the gain signal, from -1.5 to 1.5. That slope is high gain's
  however early a pixel switches, which a percentile of all slopes is not;
* the gain signal above its lower level, in units of two thirds of its step, up to half a step beyond its levels.

Levels and threshold of the gain signal come from two means in it. The clusters start with the samples clearly before,
about and clearly after the crossing of the threshold, and are moved until nothing changes. Then their order is
enforced: high gain is what most samples from the beginning are of, medium gain what most up to the end are of, and
all between is the transition. Medium gain begins behind the last sample near the switch whose signal is still that of
high gain, whatever its code. Where a pixel switches within a gap, the three samples on either side of it are the
transition, for their slopes reach over it.

Samples that are lost (0) or saturated are left out first. A spike, 200 ADU or more from the median of five samples,
has that median's slope, and is in no region. Each series is worked on by itself and sums are of whole numbers:
results do not depend on the tiles that a module is cut into, nor on the processor.

Source: the public description of the facility's characterisation of pulse-capacitor data (three clusters, ordered
series); limits of spikes, steps and numbers of samples are those of DESY's toolbox.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calib_core.numerics import _scan_labels as _labels
from calib_core.numerics import _scan_series as _series
from calib_core.numerics._arrays import check_array
from calib_core.numerics._frames import writable
from calib_core.numerics._scan_labels import HIGH, MEDIUM, NONE, TRANSITION
from calib_core.numerics._scan_series import (
    FEW_HIGH,
    FEW_MEDIUM,
    FEW_SAMPLES,
    FLAT,
    INVERTED,
    NO_SWITCH,
    OK,
    SATURATED,
)

__all__ = [
    "FEW_HIGH", "FEW_MEDIUM", "FEW_SAMPLES", "FLAT", "HIGH", "INVERTED", "MEDIUM", "NONE", "NO_SWITCH", "OK",
    "SATURATED", "TRANSITION", "ScanRegions", "scan_clusters", "scan_features", "scan_regions",
]

#: Pixels that are worked on at once: their features, 18 bytes a sample, stay in the second cache.
_TILE = 32
#: Steps that a scan may reach over: sums of features of so many samples fit in 32 bits, those of cubes in 64.
LONGEST = 65536
#: Samples that are worked with: a step of the gain signal, numbers of samples, where an ADC ends.
MIN_GAIN_STEP, MIN_HIGH_POINTS, MIN_MEDIUM_POINTS, SATURATION = 350.0, 7, 30, 16383
#: Slopes need so many samples, half of them in either stage.
_LEAST = 4

_Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class ScanRegions:
    """Regions of the series of n pixels with s steps.

    Attributes
    ----------
    label : (n, s) uint8
        :data:`HIGH`, :data:`TRANSITION` or :data:`MEDIUM`; :data:`NONE` is lost, saturated or a spike, and all
        samples of a pixel whose status is not :data:`OK`.
    low, high : (n,) float32, ADU
        Gain signal in high and in medium gain: mean of the codes within four standard deviations of their median;
        NaN without regions.
    low_spread, high_spread : (n,) float32, ADU
        Standard deviations of these codes.
    threshold : (n,) float32, ADU
        The middle between ``low`` and ``high``.
    counts : (n, 3) uint16
        Samples in high gain, in the transition and in medium gain.
    first_switch, last_switch : (n,) float32, steps
        First and last sample between the runs of high and of medium gain; where there is none, both are the middle
        between the runs.
    misordered : (n,) uint16
        Samples in another region than the one of their cluster, or of another cluster within a run.
    status : (n,) uint8
        * :data:`OK`: three regions.
        * :data:`FEW_SAMPLES`: there are fewer samples than high and medium gain need.
        * :data:`SATURATED`: the same, since others are saturated.
        * :data:`NO_SWITCH`: the gain signal has no step that is large enough.
        * :data:`INVERTED`: the gain signal falls.
        * :data:`FEW_HIGH`: too few samples in high gain, as of a pixel that switches at once.
        * :data:`FEW_MEDIUM`: too few samples in medium gain.
        * :data:`FLAT`: the signal does not rise in high gain, as of a pixel without charge.
    """

    label: NDArray[np.uint8]
    low: NDArray[np.float32]
    high: NDArray[np.float32]
    low_spread: NDArray[np.float32]
    high_spread: NDArray[np.float32]
    threshold: NDArray[np.float32]
    counts: NDArray[np.uint16]
    first_switch: NDArray[np.float32]
    last_switch: NDArray[np.float32]
    misordered: NDArray[np.uint16]
    status: NDArray[np.uint8]


class _Work:
    """What is known of the series of a tile before they have regions; used again for the next."""

    def __init__(self, pixels: int, steps: int) -> None:
        self.buffers = np.empty((5, steps), np.int32)
        self.place = np.empty((pixels, steps), np.int32)
        self.spike = np.empty((pixels, steps), np.uint8)
        self.steep, self.level = np.empty((2, pixels, steps), np.int32)
        self.seed = np.empty((pixels, 3, 2))
        self._found = self.found = np.empty((pixels, 2), np.int64)
        self.cluster = np.empty((pixels, steps), np.uint8)

    def find(self, x: _Array, analog: _Array, code: _Array, need: _Array) -> None:
        """Find features and seeds of as many series as there are."""
        self.found = self._found[: len(analog)]
        _series.features(x, analog, code, need, self.buffers, self.place, self.spike, self.steep, self.level,
                         self.seed, self.found)

    def gather(self) -> None:
        """Find clusters, of which the seeds become the middles."""
        _labels.clusters(self.steep, self.level, self.seed, self.found, self.cluster)


def scan_regions(
    x: _Array, analog: _Array, code: _Array, *, min_gain_step: float = MIN_GAIN_STEP,
    min_high_points: int = MIN_HIGH_POINTS, min_medium_points: int = MIN_MEDIUM_POINTS, saturation: int = SATURATION,
) -> ScanRegions:
    """Find the regions of scans.

    Parameters
    ----------
    x : (s,) int32, steps
        Position of each train in the scan, ascending; there may be gaps.
    analog : (n, s) uint16, C-contiguous, ADU
        Signal of each pixel at each step; 0 is a lost sample.
    code : (n, s) uint16, C-contiguous, ADU
        Gain signal.
    min_gain_step : float, ADU
        Least difference between the levels of the gain signal.
    min_high_points, min_medium_points : int
        Least numbers of samples in high and in medium gain, at least 4.
    saturation : int, ADU
        Samples from here on are left out.

    Returns
    -------
    ScanRegions

    Raises
    ------
    ValueError
        If a shape, type or number does not fit, or x does not ascend.
    """
    need = _checked(x, analog, code, min_gain_step, min_high_points, min_medium_points, saturation)
    pixels, steps = analog.shape
    label = np.full((pixels, steps), NONE, np.uint8)
    levels, switch = np.full((pixels, 4), np.nan, np.float32), np.full((pixels, 2), np.nan, np.float32)
    counts, misordered = np.zeros((pixels, 3), np.uint16), np.zeros(pixels, np.uint16)
    status, work = np.empty(pixels, np.uint8), _Work(_TILE, steps)
    x, analog, code = writable(x), writable(analog), writable(code)
    for start in range(0, pixels, _TILE):
        tile = slice(start, start + _TILE)
        work.find(x, analog[tile], code[tile], need)
        work.gather()
        _labels.regions(x, analog[tile], code[tile], work.place, work.spike, work.cluster, need, work.buffers,
                        work.found, label[tile], levels[tile], switch[tile], counts[tile], misordered[tile])
        status[tile] = work.found[:, 1]
    low, low_spread, high, high_spread, first, last = np.ascontiguousarray(np.hstack((levels, switch)).T)
    threshold = (low + high) / np.float32(2)
    return ScanRegions(
        label, low, high, low_spread, high_spread, threshold, counts, first, last, misordered, status)


def scan_features(x: _Array, analog: _Array, code: _Array, **limits: float) -> tuple[_Array, _Array, _Array]:
    """Features of one series and the middles that its clusters start from, as :func:`scan_regions` has them.

    Parameters
    ----------
    x : (s,) int32, steps
    analog, code : (s,) uint16, ADU
    **limits
        Of :func:`scan_regions`.

    Returns
    -------
    features : (s, 2) float64
        Slope and gain signal of each sample, multiples of 1/4096; NaN where a sample is not used.
    seeds : (3, 2) float64
        Middles of high gain, transition and medium gain; NaN without regions.
    used : (s,) bool
        Samples that are neither lost nor saturated; none without regions.

    Raises
    ------
    ValueError
        As of :func:`scan_regions`.
    """
    work, place = _one(x, analog, code, limits)
    features, used = np.full((len(x), 2), np.nan), np.zeros(len(x), np.bool_)
    features[place, 0], features[place, 1] = work.steep[0, : len(place)], work.level[0, : len(place)]
    used[place] = True
    return features / _series.SCALE, work.seed[0] / _series.SCALE, used


def scan_clusters(x: _Array, analog: _Array, code: _Array, **limits: float) -> tuple[_Array, _Array]:
    """Clusters of the samples of one series before their order is enforced.

    Parameters
    ----------
    x, analog, code : arrays
        As of :func:`scan_features`.
    **limits
        Of :func:`scan_regions`.

    Returns
    -------
    label : (s,) uint8
        :data:`NONE` where a sample is not used.
    middles : (3, 2) float64
        Of high gain, transition and medium gain in the features; NaN without regions.

    Raises
    ------
    ValueError
        As of :func:`scan_regions`.
    """
    work, place = _one(x, analog, code, limits)
    work.gather()
    label = np.full(len(x), NONE, np.uint8)
    label[place] = work.cluster[0, : len(place)]
    return label, work.seed[0] / _series.SCALE


def _one(x: _Array, analog: _Array, code: _Array, limits: dict[str, float]) -> tuple[_Work, _Array]:
    """Features of one series, and which samples they are of."""
    analog, code = np.array(analog, ndmin=2), np.array(code, ndmin=2)
    need = _checked(x, analog, code, **limits)
    work = _Work(1, len(x))
    work.find(writable(x), analog, code, need)
    number, status = work.found[0]
    if status != OK:
        number, work.seed[0] = 0, np.nan
    return work, work.place[0, :number]


def _checked(  # type: ignore[no-untyped-def]
    x, analog, code, min_gain_step=MIN_GAIN_STEP, min_high_points=MIN_HIGH_POINTS,
    min_medium_points=MIN_MEDIUM_POINTS, saturation=SATURATION,
) -> _Array:
    """What a series needs for regions, as kernels take it."""
    if analog.ndim != 2:
        raise ValueError(f"series have axes (n, s), but these have shape {analog.shape}")
    check_array(analog, "analog", analog.shape, np.uint16)
    check_array(code, "code", analog.shape, np.uint16)
    check_steps(x, analog.shape[1])
    if min(min_high_points, min_medium_points) < _LEAST or not min_gain_step > 0:
        raise ValueError(
            f"regions need at least {_LEAST} samples each and a step of the gain signal above 0, not "
            f"{min_high_points}, {min_medium_points} and {min_gain_step:g}")
    return np.array([min_gain_step, min_high_points, min_medium_points, saturation], np.float64)


def check_steps(x: _Array, steps: int) -> None:
    """Refuse steps that a scan cannot have.

    Parameters
    ----------
    x : (s,) int32
    steps : int
        How many there must be.

    Raises
    ------
    ValueError
        If shape or type does not fit, they do not ascend, or reach too far.
    """
    check_array(x, "x", (steps,), np.int32)
    falls = np.flatnonzero(x[1:] <= x[:-1])
    if falls.size:
        raise ValueError(f"steps of a scan must ascend, but {x[falls[0]]} is followed by {x[falls[0] + 1]}")
    if steps and int(x[-1]) - int(x[0]) >= LONGEST:
        raise ValueError(f"a scan reaches over up to {LONGEST} steps, but this one from {x[0]} to {x[-1]}")
