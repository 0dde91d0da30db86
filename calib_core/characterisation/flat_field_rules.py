"""Rules by which pixels are flagged of which photon peaks were fitted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from calib_core.axes import Array
from calib_core.characterisation.flat_field_model import is_fitted
from calib_core.constants.badpixels import BadPixels
from calib_core.constants.constant import FF_FIT
from calib_core.explanation import RuleText
from calib_core.numerics.photon_peaks import FEW_ENTRIES


@dataclass(frozen=True)
class FlatFieldRules:
    """Limits of what fits find.

    Attributes
    ----------
    gain : (float, float)
        In units of the median of the module.
    distance, zero : (float, float), ADU
        Of the peaks of no and of one photon, and position of no photon.
    chi2 : (float, float)
    entries : int
        Least samples.
    energy : float
        Of a photon, keV.
    """

    gain: tuple[float, float]
    distance: tuple[float, float]
    zero: tuple[float, float]
    chi2: tuple[float, float]
    entries: int
    energy: float

    def flags(self, fits: Array, median: float) -> Array:
        """Flags of pixels.

        Parameters
        ----------
        fits : (entries, n) float32
            In the order of :data:`~calib_core.constants.constant.FF_FIT`.
        median : float, ADU/keV
            Of the gains of the module.

        Returns
        -------
        (n,) uint32
        """
        known = dict(zip(FF_FIT, fits, strict=True))
        empty = ~(known["entries"] >= self.entries) | (known["status"] == FEW_ENTRIES)
        fitted = is_fitted(known["status"])
        deviates = fitted & ~np.all([(low <= values) & (values <= high) for values, (low, high) in
                                     self._limited(known, median)], axis=0)
        flags = np.zeros(fits.shape[1], np.uint32)
        flags[~fitted & ~empty] = BadPixels.FF_GAIN_EVAL_ERROR
        flags[deviates] |= np.uint32(BadPixels.FF_GAIN_DEVIATION)
        flags[empty] = BadPixels.FF_NO_ENTRIES
        return flags

    def _limited(self, known: dict[str, Array], median: float) -> Iterator[tuple[Array, tuple[float, float]]]:
        """Numbers and their limits."""
        yield known["gain"] / median, self.gain
        yield known["gain"] * self.energy, self.distance
        yield known["zero"], self.zero
        yield known["chi2"], self.chi2

    def texts(self) -> tuple[RuleText, ...]:
        """The rules in words."""
        gain, deviation = BadPixels.FF_GAIN_EVAL_ERROR, BadPixels.FF_GAIN_DEVIATION
        return (
            RuleText(int(BadPixels.FF_NO_ENTRIES), "samples of the histogram", f"≥ {self.entries}", "never"),
            RuleText(int(gain), "status of the fit", "it has ended inside of its ranges, with 0.02 to 2.5 photons",
                     "never"),
            RuleText(int(deviation), "gain over the median of the module", _range(self.gain), "never"),
            RuleText(int(deviation), "signal of a photon", f"{_range(self.distance)} ADU", "never"),
            RuleText(int(deviation), "signal of no photon", f"{_range(self.zero)} ADU", "never"),
            RuleText(int(deviation), "χ² of the fit", _range(self.chi2), "never"),
        )


def median_of(fits: Array) -> float:
    """Median of the gains that are told; NaN without any.

    Parameters
    ----------
    fits : (entries, …) float32
        In the order of :data:`~calib_core.constants.constant.FF_FIT`.
    """
    gain, status = fits[FF_FIT.index("gain")], fits[FF_FIT.index("status")]
    told = gain[is_fitted(status) & np.isfinite(gain)]
    return float(np.median(told)) if told.size else float("nan")


def _range(limits: tuple[float, float]) -> str:
    return f"{limits[0]:g} to {limits[1]:g}"
