"""Flags of pixels by what scans of a current source made of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from calib_core.axes import Array
from calib_core.characterisation.current_fits import NAMES, FitLimits
from calib_core.characterisation.scan_rules import SEPARATION, away_from_asic, normal, too_close, where
from calib_core.constants.badpixels import BadPixels
from calib_core.detector import DetectorType
from calib_core.explanation import RuleText
from calib_core.numerics.scan_regions import OK


@dataclass(frozen=True)
class CurrentRules:
    """Limits of what pixels may be like.

    Attributes
    ----------
    chi2 : float
        Largest χ² per degree of freedom of a line.
    sigma : float
        Soft limits of ratios of slopes, in robust standard deviations of the ASIC and in errors of their own.
    """

    chi2: float
    sigma: float

    def flags(self, kind: DetectorType, lines: dict[str, Array], fits: dict[str, Array]) -> Array:
        """Flags of each gain stage.

        Parameters
        ----------
        kind : DetectorType
        lines, fits : dict of (slow_scan, fast_scan) arrays
            By the names of lines and fits.

        Returns
        -------
        (stages, slow_scan, fast_scan) uint32
        """
        status = lines["status"]
        evaluated = (where(status != OK, BadPixels.CI2_EVAL_ERROR)
                     | where(np.isnan(status), BadPixels.NO_DARK_DATA))
        flags = np.repeat(evaluated[np.newaxis], len(kind.stages), axis=0)
        slopes = [lines[f"slope {name}"] for name in NAMES]
        levels, spreads = (np.stack([fits[f"gain signal {name}{what}"] for name in NAMES])
                           for what in ("", " spread"))
        for stage in (1, 2):
            pair = slice(stage - 1, stage + 1)
            with np.errstate(divide="ignore", invalid="ignore"):
                ratio = (slopes[stage - 1] / slopes[stage]).astype(np.float32)
                errors = [fits[f"slope {name} error"] / lines[f"slope {name}"] for name in NAMES[pair]]
            flags[stage] |= away_from_asic(kind, ratio, self.sigma, error=np.abs(ratio) * np.hypot(*errors))
            flags[pair] |= too_close(levels[pair], spreads[pair])
        return flags

    def texts(self, limits: FitLimits) -> tuple[RuleText, ...]:
        """The rules in words.

        Parameters
        ----------
        limits : FitLimits
        """
        return (
            RuleText(int(BadPixels.CI2_EVAL_ERROR), "regions and lines of all currents",
                     f"{limits.points} samples in each region, χ² per degree of freedom below {self.chi2:g}, and a "
                     f"ratio of medium to low gain from {limits.ratio[0]:g} to {limits.ratio[1]:g} in one of them; "
                     "set with “no dark data” where a pixel is charged in no run", "none"),
            RuleText(int(BadPixels.CI_GAIN_OF_OF_THRESHOLD), "ratio of the slopes of a stage and the one before",
                     f"{self.sigma:g} σ (1.4826 MAD) about the median of its ASIC, and {self.sigma:g} of its errors",
                     normal(self.sigma)),
            RuleText(int(BadPixels.GAIN_THRESHOLDING_ERROR), "gain signals of neighbouring stages",
                     f"{SEPARATION:g} times the sum of their spreads apart", "none"))
