"""How much light there is in flat-field frames, and what the samples of an ASIC tell of its gain at a first look."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from calib_core.axes import Array
from calib_core.characterisation.histogram import Histogram
from calib_core.errors import BadInput
from calib_core.ranges import format_numbers

#: Samples of an ASIC from which on its peaks are looked for.
_ENOUGH = 100_000
#: Where the peak of one photon is looked for, in units of where it is expected, and bins that are looked at together.
_NEAR, _SMOOTH = (0.6, 1.4), 5
#: Share of the samples that are of high gain in flat light; where there are fewer, that is what is wrong.
_MOST = 0.5
#: Part of the distance on each side of a peak that its place is taken from.
_WINDOW = 0.2
#: A peak stands so many standard deviations of its counts above the valley before it.
_SIGNIFICANCE = 5.0


@dataclass(frozen=True)
class Light:
    """What light is asked for.

    Attributes
    ----------
    photon : float
        Usual signal of a photon, ADU.
    energy : float
        Of a photon, keV.
    limits : (float, float)
        Least and largest mean of a pixel and frame, photons.
    """

    photon: float
    energy: float
    limits: tuple[float, float]

    def check(self, found: Histogram) -> None:
        """Refuse frames with too much or too little light.

        Parameters
        ----------
        found : Histogram

        Raises
        ------
        BadInput
            With the mean that was found.
        """
        mean, (least, most) = found.sums.mean, self.limits
        light = mean / self.photon
        if least <= light <= most:
            return
        cells = format_numbers(found.cells)
        if np.isnan(light):
            raise BadInput(f"memory cells {cells} have no sample of high gain within the range of the histograms.")
        high = found.share_of_high
        few = f", of the {high:.2%} of the samples that are of high gain" if high < _MOST else ""
        what, flag = ("weak", "--min-light") if light < least else ("strong", "--max-light")
        raise BadInput(
            f"the light is too {what}: a pixel has {light:.3g} photons of {self.energy:g} keV in a frame on average "
            f"({mean:.3g} ADU, memory cells {cells}{few}), where {least:g} to {most:g} are taken; give other runs or "
            f"pulses, the right energy, or {flag}.")


def first_gains(edges: Array, spectra: Array, expected: float) -> Array:
    """Distances of the peaks of no and of one photon.

    Parameters
    ----------
    edges : (bins + 1,) float64, ADU
    spectra : (asics, bins) int64
    expected : float, ADU
        Usual distance.

    Returns
    -------
    (asics,) float32, ADU
        NaN where there are too few samples, or no second peak stands out.
    """
    found = [_distance(edges, one, expected) if one.sum() >= _ENOUGH else np.nan for one in spectra]
    return np.array(found, np.float32)


def _distance(edges: Array, counts: Array, expected: float) -> float:
    middles = (edges[:-1] + edges[1:]) / 2
    zero = _place(middles, counts, _highest(middles, counts, -expected / 2, expected / 2), expected)
    one = _highest(middles, counts, zero + _NEAR[0] * expected, zero + _NEAR[1] * expected)
    if np.isnan(one) or not _stands_out(middles, counts, zero, one):
        return float("nan")
    return _place(middles, counts, one, expected) - zero


def _highest(middles: Array, counts: Array, low: float, high: float) -> float:
    """Middle of the highest bins in a range, NaN where the range has none."""
    smooth = np.convolve(counts, np.ones(_SMOOTH), "same")
    inside = (middles >= low) & (middles <= high)
    return float(middles[inside][np.argmax(smooth[inside])]) if inside.any() else float("nan")


def _stands_out(middles: Array, counts: Array, zero: float, one: float) -> bool:
    smooth = np.convolve(counts, np.ones(_SMOOTH), "same")
    between = smooth[(middles > zero) & (middles < one)]
    top, valley = smooth[np.searchsorted(middles, one)], between.min(initial=np.inf)
    return bool(top - valley > _SIGNIFICANCE * np.sqrt(top + valley))


def _place(middles: Array, counts: Array, near: float, expected: float) -> float:
    """Top of a parabola through the logarithms of the counts about a peak."""
    inside = (np.abs(middles - near) <= _WINDOW * expected) & (counts > 0)
    if np.count_nonzero(inside) < 4:
        return float("nan")
    bend, slope, _ = np.polyfit(middles[inside] - near, np.log(counts[inside]), 2, w=np.sqrt(counts[inside]))
    return near - slope / (2 * bend) if bend < 0 else float("nan")
