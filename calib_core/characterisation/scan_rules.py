"""Flags of pixels by what a scan made of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from calib_core.axes import Array
from calib_core.constants.badpixels import BadPixels
from calib_core.detector import DetectorType
from calib_core.explanation import RuleText
from calib_core.numerics import limits
from calib_core.numerics.scan_fits import DECAY_AT_END, FAILED, FEW_POINTS
from calib_core.numerics.scan_regions import (
    FEW_HIGH,
    FEW_MEDIUM,
    FEW_SAMPLES,
    FLAT,
    INVERTED,
    NO_SWITCH,
    OK,
    SATURATED,
)

#: What the status of regions says where there are none, as the end of a sentence.
_NO_REGIONS = {
    FEW_SAMPLES: "there are fewer samples than both stages need", SATURATED: "most samples are saturated",
    NO_SWITCH: "the gain signal has no step that is large enough: the pixel does not switch",
    INVERTED: "the gain signal falls where it should rise", FEW_HIGH: "there are too few samples in high gain",
    FEW_MEDIUM: "there are too few samples in medium gain",
    FLAT: "the signal does not rise: the pixel gets no charge"}
#: What the status of the fit of high gain says where there is no line.
_NO_HIGH = {FEW_POINTS: "there are too few samples in high gain before its margin (--margin-hg)"}
#: What the status of the fit of medium gain says where its line is not to be trusted.
_NO_MEDIUM = {FEW_POINTS: "there are too few samples in medium gain before its margin",
              FAILED: "the samples of medium gain determine no line with a hook",
              DECAY_AT_END: "the hook is as short or as long as is allowed, so that the line is not to be trusted"}
#: Least separation of the gain signals of two stages, in the sum of their spreads.
SEPARATION = 5.0


@dataclass(frozen=True)
class ScanRules:
    """Limits of what pixels may be like.

    Attributes
    ----------
    sigma : float
        Soft limits of slopes, in robust standard deviations of the ASIC.
    hard : (float, float)
        Limits of slopes in units of the ASIC's median.
    curvature : float
        Largest t of a quadratic term in high gain.
    largest : float
        Largest residual in units of the span of the signal.
    """

    sigma: float
    hard: tuple[float, float]
    curvature: float
    largest: float

    def high(self, kind: DetectorType, maps: dict[str, Array]) -> Array:
        """Flags of high gain, (slow_scan, fast_scan) uint32.

        Parameters
        ----------
        kind : DetectorType
        maps : dict of (slow_scan, fast_scan) arrays
            ``slope``, ``status`` and ``regions`` of the fit and of the regions, ``curvature``, ``largest``, ``span``.
        """
        bent = (np.abs(maps["curvature"]) > self.curvature) | (maps["largest"] > self.largest * maps["span"])
        return (self._of_slope(kind, maps) | where(bent, BadPixels.CI_LINEAR_DEVIATION)
                | self._evaluated(maps, (FEW_POINTS,)))

    def medium(self, kind: DetectorType, maps: dict[str, Array]) -> Array:
        """Flags of medium gain, as :meth:`high`; a hook whose length is at an end of its range is no fit."""
        return self._of_slope(kind, maps) | self._evaluated(maps, (FEW_POINTS, FAILED, DECAY_AT_END))

    def texts(self) -> tuple[RuleText, ...]:
        """The rules in words."""
        low, high = self.hard
        return (
            RuleText(int(BadPixels.CI_GAIN_OF_OF_THRESHOLD), "slope of a gain stage",
                     f"{self.sigma:g} σ (1.4826 MAD) about the median of its ASIC, and {low:g} to {high:g} of it",
                     normal(self.sigma)),
            RuleText(int(BadPixels.CI_LINEAR_DEVIATION), "curvature of high gain",
                     f"a quadratic term above {self.curvature:g} of its error, or a residual above "
                     f"{100 * self.largest:g} % of the span", normal(self.curvature)),
            RuleText(int(BadPixels.GAIN_THRESHOLDING_ERROR), "gain signals of high and medium gain",
                     f"{SEPARATION:g} times the sum of their spreads apart", "none"),
            RuleText(int(BadPixels.CI_EVAL_ERROR), "regions and fits", "they must be there; set too where a pixel is "
                     "charged in no run, with “no dark data”, or in two", "none"))

    def _of_slope(self, kind: DetectorType, maps: dict[str, Array]) -> Array:
        return away_from_asic(kind, maps["slope"], self.sigma, self.hard)

    @staticmethod
    def _evaluated(maps: dict[str, Array], failed: tuple[int, ...]) -> Array:
        bad = (maps["regions"] != OK) | np.isin(maps["status"], failed) | ~np.isfinite(maps["slope"])
        return where(bad, BadPixels.CI_EVAL_ERROR)


def why_no_lines(regions: int, high: int, medium: int) -> str:
    """Why a pixel lacks a line of one of its stages, as the end of a sentence; empty where it has both.

    Parameters
    ----------
    regions, high, medium : int
        Statuses of regions and of both fits.
    """
    if regions != OK:
        return _NO_REGIONS.get(regions, "the regions were not found")
    return _NO_HIGH.get(high) or _NO_MEDIUM.get(medium, "")


def away_from_asic(
    kind: DetectorType, values: Array, sigma: float, hard: tuple[float, float] = (0.0, np.inf),
    error: Array | None = None,
) -> Array:
    """Flags of pixels whose slopes, or ratios of them, are away from those of their ASIC.

    Parameters
    ----------
    kind : DetectorType
    values : (slow_scan, fast_scan) float32
    sigma : float
        Soft limits, in robust standard deviations of the ASIC.
    hard : (float, float)
        Limits in units of the ASIC's median.
    error : (slow_scan, fast_scan) array, optional
        Values within so many of their errors are not away, where pixels are known differently well.

    Returns
    -------
    (slow_scan, fast_scan) uint32
    """
    centre, scale = limits.group_spread(values, kind.asic_shape, sigma)
    low, high = (np.sort([hard[0] * centre, hard[1] * centre], axis=0))
    bottom = np.fmax(centre - sigma * scale, low).astype(np.float32)
    top = np.fmin(centre + sigma * scale, high).astype(np.float32)
    away = limits.outside(values, bottom, top, kind.asic_shape, -np.inf, np.inf)
    if error is not None:
        high, wide = kind.asic_shape
        middle = np.repeat(np.repeat(np.reshape(centre, (kind.shape[0] // high, -1)), high, axis=0), wide, axis=1)
        away &= np.abs(values - middle) > sigma * error
    return where(away, BadPixels.CI_GAIN_OF_OF_THRESHOLD)


def too_close(codes: Array, spreads: Array) -> Array:
    """Flags of pixels whose stages cannot be told apart.

    Parameters
    ----------
    codes, spreads : (2, slow_scan, fast_scan) float32, ADU
        Gain signals of two neighbouring stages.

    Returns
    -------
    (slow_scan, fast_scan) uint32
    """
    with np.errstate(invalid="ignore"):
        close = codes[1] - codes[0] < SEPARATION * spreads.sum(axis=0)
    return where(close, BadPixels.GAIN_THRESHOLDING_ERROR)


def normal(sigma: float) -> str:
    """Share of good pixels that lie outside by chance, where values are normal.

    Parameters
    ----------
    sigma : float
    """
    return f"{math.erfc(sigma / math.sqrt(2)):.1g} of normal values"


def where(mask: Array, flag: BadPixels) -> Array:
    """A flag where a mask is set.

    Parameters
    ----------
    mask : bool array
    flag : BadPixels

    Returns
    -------
    array of uint32
    """
    return np.where(mask, np.uint32(flag), np.uint32(0))
