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
from calib_core.numerics.scan_regions import OK

#: Least separation of the gain signals of two stages, in the sum of their spreads.
_SEPARATION = 5.0


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
        return self._of_slope(kind, maps["slope"]) | _where(bent, BadPixels.CI_LINEAR_DEVIATION) | self._evaluated(
            maps, (FEW_POINTS,))

    def medium(self, kind: DetectorType, maps: dict[str, Array]) -> Array:
        """Flags of medium gain, as :meth:`high`; a hook whose length is at an end of its range is no fit."""
        return self._of_slope(kind, maps["slope"]) | self._evaluated(maps, (FEW_POINTS, FAILED, DECAY_AT_END))

    def both(self, codes: Array, spreads: Array) -> Array:
        """Flags of pixels whose stages cannot be told apart.

        Parameters
        ----------
        codes, spreads : (2, slow_scan, fast_scan) float32, ADU
            Gain signals of high and medium gain.
        """
        with np.errstate(invalid="ignore"):
            close = codes[1] - codes[0] < _SEPARATION * spreads.sum(axis=0)
        return _where(close, BadPixels.GAIN_THRESHOLDING_ERROR)

    def texts(self) -> tuple[RuleText, ...]:
        """The rules in words."""
        low, high = self.hard
        return (
            RuleText(int(BadPixels.CI_GAIN_OF_OF_THRESHOLD), "slope of a gain stage",
                     f"{self.sigma:g} σ (1.4826 MAD) about the median of its ASIC, and {low:g} to {high:g} of it",
                     _normal(self.sigma)),
            RuleText(int(BadPixels.CI_LINEAR_DEVIATION), "curvature of high gain",
                     f"a quadratic term above {self.curvature:g} of its error, or a residual above "
                     f"{100 * self.largest:g} % of the span", _normal(self.curvature)),
            RuleText(int(BadPixels.GAIN_THRESHOLDING_ERROR), "gain signals of high and medium gain",
                     f"{_SEPARATION:g} times the sum of their spreads apart", "none"),
            RuleText(int(BadPixels.CI_EVAL_ERROR), "regions and fits", "they must be there; set too where a pixel is "
                     "charged in no run, with “no dark data”, or in two", "none"))

    def _of_slope(self, kind: DetectorType, slope: Array) -> Array:
        """Slopes away from those of their ASIC."""
        centre, scale = limits.group_spread(slope, kind.asic_shape, self.sigma)
        low, high = (np.sort([self.hard[0] * centre, self.hard[1] * centre], axis=0))
        bottom = np.fmax(centre - self.sigma * scale, low).astype(np.float32)
        top = np.fmin(centre + self.sigma * scale, high).astype(np.float32)
        away = limits.outside(slope, bottom, top, kind.asic_shape, -np.inf, np.inf)
        return _where(away, BadPixels.CI_GAIN_OF_OF_THRESHOLD)

    @staticmethod
    def _evaluated(maps: dict[str, Array], failed: tuple[int, ...]) -> Array:
        bad = (maps["regions"] != OK) | np.isin(maps["status"], failed) | ~np.isfinite(maps["slope"])
        return _where(bad, BadPixels.CI_EVAL_ERROR)


def _normal(sigma: float) -> str:
    """Share of good pixels that lie outside by chance, where values are normal."""
    return f"{math.erfc(sigma / math.sqrt(2)):.1g} of normal values"


def _where(mask: Array, flag: BadPixels) -> Array:
    return np.where(mask, np.uint32(flag), np.uint32(0))
