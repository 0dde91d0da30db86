"""What is made of the series of pixels that a current source charges: regions, three lines, and whether they fit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from calib_core.axes import Array
from calib_core.characterisation.scan_chi2 import scatter
from calib_core.characterisation.unit import Maps
from calib_core.constants.constant import CS_FIT, CS_PARAMETERS
from calib_core.numerics.scan_fits import RegionLines, region_lines
from calib_core.numerics.scan_regions import OK
from calib_core.numerics.stage_regions import STAGES, StageRegions, neighbour_noise, stage_regions

#: Why a current does not fit a pixel, beside what its regions say.
CURVED, RATIO, TWICE = 10, 11, 12
#: What each says, as the end of a sentence.
WHY = {
    1: "there are fewer samples than three regions need", 2: "most samples are saturated",
    3: "the gain signal has no step that is large enough: the pixel does not switch",
    4: "the gain signal falls where it should rise", 5: "there are too few samples in high gain",
    6: "there are too few samples in medium gain",
    8: "the gain signal has no three levels: the pixel does not go through all gain stages",
    9: "there are too few samples in low gain", CURVED: "samples lie further off a line than their noise explains",
    RATIO: "the ratio of medium to low gain is out of its range", TWICE: "several runs charge the pixel"}
#: Names of the stages in those of lines and fits.
NAMES = ("HG", "MG", "LG")


@dataclass(frozen=True)
class FitLimits:
    """What a fit needs.

    Attributes
    ----------
    gain_step : float, ADU
        Least step of the gain signal between neighbouring stages.
    points : int
        Least samples of a line.
    trim : float
        Part of each region that is left out at either end.
    ratio : (float, float)
        Range of the slope of medium gain in units of that of low gain.
    """

    gain_step: float
    points: int
    trim: float
    ratio: tuple[float, float]


@dataclass(frozen=True)
class StageFits:
    """Fits of n pixels.

    Attributes
    ----------
    regions : StageRegions
    lines : tuple of RegionLines
        Of high, medium and low gain.
    deviation, noise : (3, n) float64, ADU
        How much samples scatter about their line, and from one to the next.
    covariance : (3, n) float64, ADU² per step
        Of slope and intercept.
    ratio, ratio_error : (n,) float64
        Slope of medium gain in units of that of low gain.
    status : (n,) int64
        0 where there are lines with such a ratio, whatever their χ²; else keys of :data:`WHY`.
    """

    regions: StageRegions
    lines: tuple[RegionLines, ...]
    deviation: Array
    noise: Array
    covariance: Array
    ratio: Array
    ratio_error: Array
    status: Array


def stage_fits(x: Array, signal: Array, code: Array, limits: FitLimits) -> StageFits:
    """Fit series of some pixels.

    Parameters
    ----------
    x : (s,) int32, steps
        Integration times.
    signal, code : (n, s) uint16, C-contiguous, ADU
        0 where there is no sample.
    limits : FitLimits

    Returns
    -------
    StageFits
    """
    regions = stage_regions(x, signal, code, min_gain_step=limits.gain_step, min_points=limits.points,
                            trim=limits.trim)
    lines = tuple(region_lines(x, signal, regions.label, stage, margin=0, min_points=limits.points)
                  for stage in STAGES)
    middle, variance = np.array([neighbour_noise(x, signal, regions.label, stage) for stage in STAGES]).swapaxes(0, 1)
    covariance = np.array([-own * line.slope_error.astype(np.float64) ** 2
                           for line, own in zip(lines, middle, strict=True)])
    medium, low = lines[1], lines[2]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = medium.slope.astype(np.float64) / low.slope
        error = np.abs(ratio) * np.hypot(medium.slope_error / medium.slope, low.slope_error / low.slope)
        inside = (limits.ratio[0] <= ratio) & (ratio <= limits.ratio[1])
    status = np.select([regions.status != OK, ~inside], [regions.status.astype(np.int64), RATIO], OK)
    deviation = np.array([scatter(line.deviation, line.n) for line in lines])
    return StageFits(regions, lines, deviation, np.sqrt(variance), covariance, ratio, error, status)


def typical(noise: Array) -> Array:
    """Median noise of each gain stage, (stages,) float32; NaN where no pixel has any.

    Parameters
    ----------
    noise : (stages, …) array, ADU
    """
    found = [one[np.isfinite(one)] for one in noise]
    return np.array([np.median(one) if one.size else np.nan for one in found], np.float32)


def judged(status: Array, values: Array, largest: float) -> Array:
    """Status with what χ² says.

    Parameters
    ----------
    status : (…) array
        NaN where nothing is known.
    values : (stages, …) array
        From :func:`calib_core.characterisation.scan_chi2.chi2`.
    largest : float
    """
    return np.where((status == OK) & ~(values < largest).all(axis=0), CURVED, status)


def numbers(found: StageFits) -> Maps:
    """Lines and what is known of them, (n, entries) float32, in the order of their names; without χ² and current.

    Parameters
    ----------
    found : StageFits

    Returns
    -------
    dict of arrays
    """
    lines: dict[str, Array] = {"ratio": found.ratio, "status": found.status}
    fits: dict[str, Array] = {"ratio error": found.ratio_error, "current": np.full(len(found.status), np.nan)}
    for stage, name in enumerate(NAMES):
        line = found.lines[stage]
        lines |= {f"slope {name}": line.slope, f"intercept {name}": line.intercept}
        fits |= {f"slope {name} error": line.slope_error, f"intercept {name} error": line.intercept_error,
                 f"covariance {name}": found.covariance[stage], f"deviation {name}": found.deviation[stage],
                 f"noise {name}": found.noise[stage], f"chi2 {name}": np.full(len(found.status), np.nan),
                 f"gain signal {name}": found.regions.level[:, stage],
                 f"gain signal {name} spread": found.regions.spread[:, stage],
                 f"samples {name}": found.regions.counts[:, stage]}
    for k, name in enumerate(NAMES[1:]):
        fits |= {f"threshold {name}": found.regions.thresholds[:, k], f"switch {name}": found.regions.switch[:, k]}
    return {"scans": np.stack([lines[name] for name in CS_PARAMETERS], axis=1).astype(np.float32),
            "scan_fits": np.stack([fits[name] for name in CS_FIT], axis=1).astype(np.float32)}
