"""The histogram of one pixel in flat light with the model that is fitted to it, its components, and pulls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from calib_core.axes import Array
from calib_core.characterisation.flat_field_model import Model, start_of
from calib_core.characterisation.flat_field_opinions import OTHER, opinion
from calib_core.characterisation.others import in_words
from calib_core.constants.constant import FF_FIT, FF_FIT_UNITS
from calib_core.explanation import Bars, Explanation, Level, Line, Number, Plot, Points
from calib_core.numerics.photon_peaks import (
    AT_END,
    BACKGROUND,
    BRIGHT,
    FAILED,
    FAINT,
    FEW_ENTRIES,
    PeakFits,
    Start,
    Templates,
)

#: Why there is no gain.
_WHY = {
    AT_END: "a number is at an end of its range", FEW_ENTRIES: "there are too few samples",
    FAILED: "the fit has not ended", FAINT: "there are less than 0.02 photons in a frame",
    BRIGHT: "there are more than 2.5 photons in a frame"}
#: Gains that differ by less, in their error, are those of the same fit.
_SAME = 0.1
_STATUS = FF_FIT.index("status")
#: Entries of a fit by their names.
Known = Mapping[str, float]
#: Components that are drawn, of 0 photons on.
_COMPONENTS = 4


def explanation_of(
    model: Model, edges: Array, counts: Array, cloud: float, energy: float, known: Array, expected: float,
    compare: bool = False,
) -> Explanation:
    """Plots and numbers of a pixel: those that are known of it; it is fitted again for the model that is drawn.

    Where that ends elsewhere, as it may where a fit is at an end of its range, no model is drawn and that is said.

    Parameters
    ----------
    model : Model
    edges : (bins + 1,) float64, ADU
    counts : (bins,) uint32
    cloud : float, pixels
        NaN where it is not found yet.
    energy : float
        Of a photon, keV.
    known : (entries,) float64
        Results of the pixel in the order of :data:`~calib_core.constants.constant.FF_FIT`, NaN where there are none.
    expected : float, ADU
        Usual signal of a photon.
    compare : bool
        Whether iminuit is asked for the same, which takes longer.

    Returns
    -------
    Explanation
    """
    edges = np.ascontiguousarray(edges)
    histogram = Plot("Histogram", "signal", "samples", "ADU", items=(Bars("samples", edges, counts),))
    if not counts.sum() or (model.name == "F3" and not np.isfinite(cloud)):
        why = ("No cloud is known of these memory cells: they are not fitted yet, or with a model that takes none."
               if counts.sum() else "It has no samples.")
        return Explanation((histogram,), (), (why,))
    start = _start(edges, counts, known, energy, expected)
    templates = model.templates(edges, start, cloud)
    found = model.fit(np.ascontiguousarray(counts[None], np.uint32), edges, start, templates)
    again = dict(zip(FF_FIT, model.table(found, energy)[:, 0].astype(float).tolist(), strict=True))
    told = dict(zip(FF_FIT, known.tolist(), strict=True)) if np.isfinite(known[_STATUS]) else again
    theirs, curve = opinion(model, found, edges, counts, start, templates, energy) if compare else ({}, None)
    numbers, notes = tuple(_numbers(told, cloud, theirs)), tuple(_doubts(told, again))
    notes = (*notes, in_words(numbers, OTHER)) if compare else notes
    if curve is not None:
        other = Line(OTHER, (edges[:-1] + edges[1:]) / 2, curve, dashed=True)
        histogram = replace(histogram, items=(*histogram.items, other))
    if not np.isfinite(found.values).all() or _elsewhere(told, again):
        return Explanation((histogram,), numbers, notes, others=OTHER)
    lines = tuple(_curves(model, found, edges, templates))
    whole = lines[0].y + BACKGROUND * counts.sum() / len(counts)
    return Explanation(
        (replace(histogram, items=(*histogram.items, *lines)), _pulls(edges, counts, whole)), numbers, notes,
        others=OTHER)


def _elsewhere(told: Known, again: Known) -> bool:
    """Whether a fit that was done again has ended at another gain than the one that is told."""
    return not abs(told["gain"] - again["gain"]) <= _SAME * max(told["gain error"], again["gain error"])


def _doubts(told: Known, again: Known) -> Iterator[str]:
    """Why there is no gain, and that another fit has found another one."""
    if int(told["status"]) in _WHY:
        yield f"There is no gain: {_WHY[int(told['status'])]}."
    if np.isfinite([told["gain"], again["gain"]]).all() and _elsewhere(told, again):
        yield (f"Fitted again, the gain is {again['gain']:.4g} ± {again['gain error']:.2g} ADU/keV and not "
               f"{told['gain']:.4g}: neither is sure, and no model is drawn.")


def _start(edges: Array, counts: Array, known: Array, energy: float, expected: float) -> Start:
    """Where the fit begins: what is known of the pixel, or its own peaks."""
    values = dict(zip(FF_FIT, known, strict=False))
    told = [values.get(name, np.nan) for name in ("gain", "noise", "zero")]
    if np.isfinite(told).all() and told[0] > 0 < told[1]:
        return Start(float(told[0]) * energy, float(told[1]), float(told[2]))
    return start_of(edges, counts.astype(np.int64), expected)[0]


def _curves(model: Model, found: PeakFits, edges: Array, templates: Templates | None) -> Iterator[Line]:
    """The model, and its components by the number of photons."""
    x = (edges[:-1] + edges[1:]) / 2
    yield Line("model", x, model.expected(found, edges, templates)[0])
    if templates is not None:
        for n in range(_COMPONENTS):
            yield Line(f"{n} γ", x, model.expected(found, edges, templates.of(n))[0], dashed=True)
    for n in range(model.peaks if model.name == "F1" else 0):
        values = found.values.copy()
        values[0, [i for i, name in enumerate(found.names) if name.startswith("entries") and name[-1] != str(n)]] = 0
        yield Line(f"{n} γ", x, model.expected(replace(found, values=values), edges, None)[0], dashed=True)


def _pulls(edges: Array, counts: Array, expected: Array) -> Plot:
    """Differences from what is expected in units of their errors, where at least one sample is expected."""
    told = expected >= 1
    x, pulls = (edges[:-1] + edges[1:])[told] / 2, ((counts - expected) / np.sqrt(np.maximum(expected, 1)))[told]
    return Plot("Pulls", "signal", "pull", "ADU", "σ",
                (Points("samples less model", x, pulls), Level("", 0.0), Level("", 3.0), Level("", -3.0)))


def _numbers(known: Known, cloud: float, theirs: Known) -> Iterator[Number]:
    """Ours, and those of another program beside them, also where ours has none."""
    units = dict(zip(FF_FIT, FF_FIT_UNITS, strict=True))
    for name in ("gain", "photons", "zero", "noise", "growth", "shelves", "chi2", "entries"):
        if np.isfinite(known[name]) or name in theirs:
            words = {"chi2": "χ² over degrees of freedom", "entries": "samples", "zero": "no photon"}.get(name, name)
            yield Number(words, known[name], units[name], known.get(f"{name} error", np.nan),
                         theirs=theirs.get(name, np.nan), by=OTHER if name in theirs else "")
    if np.isfinite(cloud):
        yield Number("cloud", cloud, "pixels")
