"""The histogram of one pixel in flat light with the model that is fitted to it, its components, and pulls."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from calib_core.axes import Array
from calib_core.characterisation.flat_field_model import Model, start_of
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
    expected_counts,
)

#: Why there is no gain.
_WHY = {
    AT_END: "a number is at an end of its range", FEW_ENTRIES: "there are too few samples",
    FAILED: "the fit has not ended", FAINT: "there are less than 0.02 photons in a frame",
    BRIGHT: "there are more than 2.5 photons in a frame"}
#: Components that are drawn, of 0 photons on.
_COMPONENTS = 4


def explanation_of(
    model: Model, edges: Array, counts: Array, cloud: float, energy: float, known: Array, expected: float,
) -> Explanation:
    """Plots and numbers of a pixel; it is fitted again, from what is known of it.

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

    Returns
    -------
    Explanation
    """
    edges = np.ascontiguousarray(edges)
    bars = Bars("samples", edges, counts)
    if not counts.sum() or (model.name == "F3" and not np.isfinite(cloud)):
        why = "The histograms of these memory cells are not fitted yet." if counts.sum() else "It has no samples."
        return Explanation((Plot("Histogram", "signal", "samples", "ADU", items=(bars,)),), (), (why,))
    start = _start(edges, counts, known, energy, expected)
    templates = model.templates(edges, start, cloud)
    found = model.fit(np.ascontiguousarray(counts[None], np.uint32), edges, start, templates)
    status = int(found.status[0])
    notes = (f"There is no gain: {_WHY[status]}.",) if status in _WHY else ()
    if not np.isfinite(found.values).all():
        return Explanation((Plot("Histogram", "signal", "samples", "ADU", items=(bars,)),), (), notes)
    lines = tuple(_curves(model, found, edges, templates))
    whole = lines[0].y + BACKGROUND * counts.sum() / len(counts)
    return Explanation(
        (Plot("Histogram", "signal", "samples", "ADU", items=(bars, *lines)), _pulls(edges, counts, whole)),
        tuple(_numbers(model.table(found, energy)[:, 0], cloud)), notes)


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
    if templates is not None:
        yield Line("model", x, expected_counts(found, edges, templates)[0])
        for n in range(_COMPONENTS):
            yield Line(f"{n} γ", x, expected_counts(found, edges, templates.of(n))[0], dashed=True)
        return
    yield Line("model", x, expected_counts(found, edges)[0])
    for n in range(model.peaks if model.name == "F1" else 0):
        values = found.values.copy()
        values[0, [i for i, name in enumerate(found.names) if name.startswith("entries") and name[-1] != str(n)]] = 0
        yield Line(f"{n} γ", x, expected_counts(replace(found, values=values), edges)[0], dashed=True)


def _pulls(edges: Array, counts: Array, expected: Array) -> Plot:
    """Differences from what is expected in units of their errors, where at least one sample is expected."""
    told = expected >= 1
    x, pulls = (edges[:-1] + edges[1:])[told] / 2, ((counts - expected) / np.sqrt(np.maximum(expected, 1)))[told]
    return Plot("Pulls", "signal", "pull", "ADU", "σ",
                (Points("samples less model", x, pulls), Level("", 0.0), Level("", 3.0), Level("", -3.0)))


def _numbers(values: Array, cloud: float) -> Iterator[Number]:
    known = dict(zip(FF_FIT, values.astype(float).tolist(), strict=True))
    units = dict(zip(FF_FIT, FF_FIT_UNITS, strict=True))
    for name in ("gain", "photons", "zero", "noise", "growth", "shelves", "chi2", "entries"):
        if np.isfinite(known[name]):
            words = {"chi2": "χ² over degrees of freedom", "entries": "samples", "zero": "no photon"}.get(name, name)
            yield Number(words, known[name], units[name], known.get(f"{name} error", np.nan))
    if np.isfinite(cloud):
        yield Number("cloud", cloud, "pixels")
