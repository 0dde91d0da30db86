"""The histogram of a pixel in flat light as iminuit fits it."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

import numpy as np

from calib_core.axes import Array
from calib_core.characterisation.flat_field_model import Model, named, start_of
from calib_core.numerics.photon_peaks import BACKGROUND, PeakFits, Start, Templates, limits_of

#: Program that is asked.
OTHER = "iminuit"
#: What a parameter begins with, and its least and largest value.
_First = tuple[float, float, float]


def opinion(
    model: Model, found: PeakFits, edges: Array, counts: Array, start: Start, templates: Templates | None,
    energy: float,
) -> tuple[dict[str, float], Array | None]:
    """What iminuit makes of the same samples and model, from the peaks of the pixel itself.

    Parameters
    ----------
    model : Model
    found : PeakFits
        Our own fit, of which nothing but the names is taken.
    edges : (bins + 1,) float64, ADU
    counts : (bins,) uint32
    start : Start
        That ranges are relative to.
    templates : Templates or None
        From :meth:`Model.templates`.
    energy : float
        Of a photon, keV.

    Returns
    -------
    numbers : dict of str to float
        Those of the model by their names in :data:`~calib_core.constants.constant.FF_FIT`; NaN where it ends nowhere.
    expected : (bins,) float64 or None
        Counts that it expects; None where it ends nowhere.
    """
    size = len(found.names)
    share, nothing = BACKGROUND * counts.sum() / len(counts), np.full(1, np.nan)

    def fits(values: Array) -> PeakFits:
        return PeakFits(found.names, values[np.newaxis], np.full((1, size, size), np.nan), nothing, nothing,
                        found.entries, found.status)

    def expected(values: Array) -> Array:
        return np.asarray(np.maximum(model.expected(fits(values), edges, templates)[0], 0) + share)

    peaks = import_module("calib_core.numerics.opinions").peaks
    theirs = peaks(expected, counts, dict(_first(model, found.names, edges, counts, start)))
    values = np.array([theirs[name] for name in found.names])
    numbers, _ = named(fits(values), energy)
    return {name: float(one[0]) for name, one in numbers.items()}, (
        expected(values) if np.isfinite(values).all() else None)


def _first(
    model: Model, names: tuple[str, ...], edges: Array, counts: Array, start: Start,
) -> Iterator[tuple[str, _First]]:
    """Each parameter by its name."""
    total, own = float(counts.sum()), start_of(edges, counts.astype(np.int64), start.gain)[0]
    photons = (float(counts @ ((edges[:-1] + edges[1:]) / 2)) / total - own.zero) / own.gain
    if model.name == "F1":
        first, ranges = model.free(start)
        yield from _of_peaks(model.free(own)[0], ranges, total / len(first), total)
        yield names[-1], (0.0, 0.0, 0.0)
        return
    begin = {"entries": total, "photons": photons, "gain": own.gain, "zero": own.zero, "noise": own.noise,
             "growth": own.noise / 2, "shelves": 0.1}
    limits = limits_of(start)
    for name in names:
        yield name, (float(np.clip(begin[name], *limits[name])), *limits[name])


def _of_peaks(first: Array, ranges: Array, share: float, total: float) -> Iterator[tuple[str, _First]]:
    """Entries, position and width of each free peak."""
    for k, (place, width) in enumerate(zip(first, np.moveaxis(ranges, 1, 0), strict=True)):
        yield f"entries {k}", (share, 0.0, 2 * total)
        for i, name in enumerate(("position", "width")):
            low, high = width[:, i].tolist()
            yield f"{name} {k}", (float(np.clip(place[i], low, high)), low, high)
