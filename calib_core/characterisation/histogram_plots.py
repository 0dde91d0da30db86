"""What the histogram of a pixel looks like beside that of its module."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from calib_core.axes import Array
from calib_core.characterisation.explains import OfPixel
from calib_core.explanation import Bars, Explanation, Mark, Number, Plot

_NOT_YET = "The histograms of these memory cells are not there yet."
_NAMES = {"histogram": "all samples", "isolated": "isolated samples"}


def explanation_of(
    edges: Array, counts: Mapping[str, Array], marks: tuple[Mark, ...], pixel: OfPixel, place: tuple[int, int],
    energy: float,
) -> Explanation:
    """Histograms of a pixel and of its module, with marks at whole photons by the usual gain.

    Parameters
    ----------
    edges : (bins + 1,) float64, ADU
    counts : mapping of (bins + 2,) float64
        Of the pixel, of all samples and of isolated ones: below, in and above the bins; NaN where they are not there.
    marks : tuple of Mark
    pixel : OfPixel
        Knows numbers of the module.
    place : (int, int)
        Group of memory cells, and ASIC.
    energy : float
        Of a photon, keV.

    Returns
    -------
    Explanation
        Plots, and numbers of samples, mean and deviation, and a first gain of the ASIC.
    """
    there = {name: one for name, one in counts.items() if one.size == len(edges) + 1 and np.isfinite(one).any()}
    bars = tuple(Bars(_NAMES[name], edges, one[1:-1]) for name, one in there.items())
    plots = [Plot("Pixel", "Signal", "Samples", "ADU", items=(*bars, *marks), log=True)] if bars else []
    spectrum, gains = (None if values is None else values[place[0]] for values in
                       (pixel.values("spectrum"), pixel.values("asic_gain")))
    if spectrum is not None and spectrum.any():
        plots.append(Plot("Module", "Signal", "Samples", "ADU",
                          items=(Bars("all pixels", edges, spectrum), *marks), log=True))
    gain = float("nan") if gains is None else float(gains[place[1]])
    first = (Number(f"ASIC {place[1]}, first gain", gain, "ADU/keV"),) if np.isfinite(gain) else ()
    numbers = _numbers(edges, there["histogram"]) if "histogram" in there else ()
    notes = [] if bars else [_NOT_YET]
    if first:
        notes.append(f"The first gain is the distance of the peaks of no and of one photon of {energy:g} keV in all "
                     "samples of the ASIC; shared charge makes it a few per cent low.")
    return Explanation(tuple(plots), (*numbers, *first), tuple(notes))


def _numbers(edges: Array, counts: Array) -> tuple[Number, ...]:
    """Samples below, in and above the bins; mean and deviation of those in them."""
    below, inside, above = counts[0], counts[1:-1], counts[-1]
    number, middles = inside.sum(), (edges[:-1] + edges[1:]) / 2
    told = (Number("samples", float(number)), Number("below the range", float(below)),
            Number("above the range", float(above)))
    if not number:
        return told
    mean = float((inside * middles).sum() / number)
    spread = float(np.sqrt((inside * (middles - mean) ** 2).sum() / number))
    return (*told, Number("mean", mean, "ADU", spread / np.sqrt(number)), Number("deviation", spread, "ADU"))
