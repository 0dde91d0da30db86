"""Peaks of 0, 1, 2, … photons in many histograms of flat light: gain, photons and noise of each, by three models.

*Shared* charge, the default, is a compound Poisson process: photons of one or several lines hit anywhere, and each
leaves in a pixel the part of a Gaussian cloud that falls into it; :mod:`calib_core.numerics._photon_templates` has
the densities. The cloud is that of all pixels together and is found by :func:`common_cloud`. The gain is that of a
whole photon: charge that lies in neighbours shifts no peak.

*Shelves* are Gaussians at p + k g with heights of a Poisson number, and flat parts between them in place of shared
charge; *free* Gaussians have nothing in common. Both are there to compare: they are 1 to 5 % low where charge is
shared. Where there are several lines, each peak of theirs is one of each sum of energies that its photons may have.

All are fitted by the likelihood of Poisson counts in bins, errors are from the information matrix. So that no single
sample decides, 1 in 10,000 of them is expected anywhere in the window. Each histogram is worked on by itself: results
do not depend on tiles.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from math import erf, exp, pi, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calib_core.numerics import _photon_fit as _fit
from calib_core.numerics._arrays import check_array
from calib_core.numerics._frames import writable
from calib_core.numerics._photon_fit import AT_END, BRIGHT, FAILED, FAINT, FEW_ENTRIES, FITTED
from calib_core.numerics._photon_models import FREE, PER_SIGMA, REACH, SHARED, SHELVES, expect, ways_of
from calib_core.numerics._photon_results import PHOTONS, PeakFits, judged, narrowed, wide, with_noise
from calib_core.numerics._photon_templates import Templates, templates_of
from calib_core.numerics.shared_charge import ONE_LINE, Lines

__all__ = [
    "AT_END", "BACKGROUND", "BRIGHT", "FAILED", "FAINT", "FEW_ENTRIES", "FITTED", "MODELS", "PHOTONS", "SHARED",
    "PeakFits", "Start", "Templates", "common_cloud", "expected_counts", "fit_free", "fit_shared", "fit_shelves",
    "frames_needed", "limits_of", "shared_templates",
]

_Array = NDArray[Any]

#: Parameters of each model, in the unit of the edges where they have one.
MODELS = {
    SHARED: ("entries", "photons", "gain", "zero", "noise"),
    SHELVES: ("entries", "photons", "gain", "zero", "noise", "growth", "shelves"),
}
#: Share of the samples that is expected anywhere in the window.
BACKGROUND = 1e-4
#: Range of fits: photons; gain and noise in units of those at the start; position of no photon about it, in gains.
_PHOTONS, _GAIN, _NOISE, _ZERO = (0.002, 4.0), (0.6, 1.5), (0.5, 2.0), 0.5
#: Clouds that are tried first, and by how much those that are tried next are away from the best.
_CLOUDS, _CLOSER = 6, (0.2, 0.07)
_NO_TEMPLATES = Templates(np.zeros((1, 1, 1)), np.zeros(5), np.zeros((1, 1, 2), np.int64))


@dataclass(frozen=True)
class Start:
    """What is about right for all pixels: the begin of fits, and what their ranges are relative to.

    Attributes
    ----------
    gain : float, ADU
        Signal of a photon.
    noise : float, ADU
    zero : float, ADU
        Signal of no photon.
    """

    gain: float
    noise: float
    zero: float = 0.0


def limits_of(start: Start) -> dict[str, tuple[float, float]]:
    """Where parameters of shared charge and of shelves are looked for, by their names.

    Parameters
    ----------
    start : Start
    """
    ends = start.zero - _ZERO * start.gain, start.zero + _ZERO * start.gain
    gain, noise = ((part[0] * one, part[1] * one) for part, one in ((_GAIN, start.gain), (_NOISE, start.noise)))
    return {"entries": (0.0, np.inf), "photons": _PHOTONS, "gain": gain, "zero": ends, "noise": noise,
            "growth": (0.0, start.gain), "shelves": (0.0, 0.8)}


def shared_templates(edges: _Array, start: Start, cloud: float, lines: Lines = ONE_LINE) -> Templates:
    """Densities that fits of shared charge need, for all pixels whose numbers are near those of the start.

    Parameters
    ----------
    edges : (bins + 1,) float64, ADU
        Of the histograms, equally spaced.
    start : Start
    cloud : float, pixels
        Standard deviation of the charge of a photon.
    lines : tuple of (float, float)
        Of the light: energy in units of the first one's, and share of the photons.

    Returns
    -------
    Templates
    """
    noise = sqrt(start.noise**2 + (edges[1] - edges[0]) ** 2 / 12) / start.gain
    ends = (edges[0] - start.zero) / start.gain - _ZERO, (edges[-1] - start.zero) / start.gain + _ZERO
    signal = min(ends[0] / gain for gain in _GAIN), max(ends[1] / gain for gain in _GAIN)
    return templates_of(cloud, (noise * _NOISE[0], noise * _NOISE[1]), signal, lines)


def fit_shared(
    counts: _Array, edges: _Array, start: Start, templates: Templates, *, min_entries: int = 1000,
) -> PeakFits:
    """Fit shared charge to histograms.

    Parameters
    ----------
    counts : (n, bins) uint32, C-contiguous
    edges : (bins + 1,) float64, ADU
        Equally spaced.
    start : Start
        About right for all; gains from 0.6 to 1.5 of it are found.
    templates : Templates
        From :func:`shared_templates` with the same edges and start.
    min_entries : int
        Least samples of a fit, at least 1.

    Returns
    -------
    PeakFits
        ``entries`` inside of an endless window, ``photons`` in a pixel on average, ``gain``, ``zero`` and ``noise``
        in ADU.

    Raises
    ------
    ValueError
        If a shape, type or number does not fit.
    """
    axis = _axis(counts, edges, min_entries)
    noise = np.log(templates.noise)
    bounds = _bounds(SHARED, start)
    bounds[:, 4] = noise
    first = np.empty((len(counts), 5))
    first[:, 0], first[:, 1] = _first_numbers(counts, edges, start)
    first[:, 2:] = start.gain, start.zero, np.clip(np.log(wide(start.noise, axis) / start.gain), *noise)
    found = _fitted(SHARED, counts, axis, first, bounds, min_entries, templates)
    return judged(with_noise(found, axis))


def fit_shelves(
    counts: _Array, edges: _Array, start: Start, *, lines: Lines = ONE_LINE, min_entries: int = 1000,
) -> PeakFits:
    """Fit Gaussians at equal distances with flat parts between to histograms.

    Parameters
    ----------
    counts, edges, start, min_entries
        As of :func:`fit_shared`.
    lines : tuple of (float, float)
        As of :func:`shared_templates`; the flat part before a peak is as long as the last photon is high.

    Returns
    -------
    PeakFits
        Beside those of :func:`fit_shared` ``growth``, the standard deviation that a photon adds, in ADU, and
        ``shelves``, the share of the photons that are in flat parts.

    Raises
    ------
    ValueError
        If a shape, type or number does not fit.
    """
    axis = _axis(counts, edges, min_entries)
    noise = wide(start.noise, axis)
    bounds = _bounds(SHELVES, replace(start, noise=noise))
    first = np.empty((len(counts), 7))
    first[:, 0], first[:, 1] = _first_numbers(counts, edges, start)
    first[:, 2:] = start.gain, start.zero, noise, start.noise / 2, 0.1
    found = _fitted(SHELVES, counts, axis, first, bounds, min_entries, ways=ways_of(lines))
    return judged(narrowed(found, axis, [4]))


def fit_free(
    counts: _Array, edges: _Array, first: _Array, ranges: _Array, *, lines: Lines = ONE_LINE, flat: bool = False,
    min_entries: int = 1000,
) -> PeakFits:
    """Fit Gaussians that have nothing in common, but for what several lines have, to histograms.

    Parameters
    ----------
    counts, edges, min_entries
        As of :func:`fit_shared`.
    first : (n, peaks, 2) float64, ADU
        Position and standard deviation of each peak to begin with.
    ranges : (2, peaks, 2) float64, ADU
        Least and largest of these.
    lines : tuple of (float, float)
        As of :func:`shared_templates`, of which the first peak has none. A position is that of photons of the first
        line; sums with others lie beside it by their part of its distance from the first peak, and are as wide.
    flat : bool
        Whether there may be samples that lie anywhere in the window.

    Returns
    -------
    PeakFits
        ``entries``, ``position`` and ``width`` of each peak with its number, such as ``position 0``; ``flat`` are the
        samples that lie anywhere.

    Raises
    ------
    ValueError
        If a shape, type or number does not fit.
    """
    axis = _axis(counts, edges, min_entries)
    peaks = first.shape[1]
    if first.shape != (len(counts), peaks, 2) or ranges.shape != (2, peaks, 2) or not (ranges[0] < ranges[1]).all():
        raise ValueError(f"peaks of shape {first.shape} and ranges of shape {ranges.shape} do not fit the histograms")
    begin, bounds = np.zeros((len(counts), 3 * peaks + 1)), np.zeros((2, 3 * peaks + 1))
    places, ends = np.clip(first, *ranges), np.array(ranges, np.float64)
    begin[:, :-1:3] = _near(counts, edges, places[..., 0], places[..., 1])
    begin[:, 1:-1:3], begin[:, 2::3] = places[..., 0], wide(places[..., 1], axis)
    bounds[:, 1:-1:3], bounds[:, 2::3], bounds[1, :-1:3] = ends[..., 0], wide(ends[..., 1], axis), np.inf
    begin[:, -1], bounds[1, -1] = (0.1 * counts.sum(axis=1), np.inf) if flat else (0, 0)
    found = _fitted(FREE, counts, axis, begin, bounds, min_entries, ways=ways_of(lines))
    return narrowed(found, axis, list(range(2, 3 * peaks, 3)))


def common_cloud(
    counts: _Array, edges: _Array, start: Start, lines: Lines = ONE_LINE, *,
    between: tuple[float, float] = (0.01, 0.12),
) -> tuple[float, float]:
    """The cloud with which histograms of pixels, each with its own gain, are likeliest.

    Parameters
    ----------
    counts : (n, bins) uint32, C-contiguous
        Of some hundred pixels. Their sum would not do: pixels of different gain make its peaks wider.
    edges, start, lines
        As of :func:`shared_templates`.
    between : (float, float), pixels
        Where it is searched.

    Returns
    -------
    cloud, error : float, pixels
        NaN where no histogram can be fitted.

    Raises
    ------
    ValueError
        If a shape, type or number does not fit.
    """
    def likely(cloud: float) -> _Array:
        templates = shared_templates(edges, start, cloud, lines)
        found = fit_shared(counts, edges, start, templates, min_entries=1)
        return np.where(np.isin(found.status, (FITTED, FAINT, BRIGHT)), found.likely, np.nan)

    known = {cloud: likely(cloud) for cloud in np.geomspace(*between, _CLOUDS).tolist()}
    best, error = _top(known)
    for part in _CLOSER if np.isfinite(best) else ():
        known |= {cloud: likely(cloud) for cloud in (best * (1 - part), best, best * (1 + part))}
        best, error = _top({cloud: known[cloud] for cloud in (best * (1 - part), best, best * (1 + part))})
    return best, error


def _top(known: dict[float, _Array]) -> tuple[float, float]:
    """Where a parabola through the likeliest cloud and its neighbours has its top, and the error of that."""
    clouds, found = np.array(sorted(known)), np.stack([known[cloud] for cloud in sorted(known)])
    fitted = np.isfinite(found).all(axis=0)
    if not fitted.any():
        return np.nan, np.nan
    total = found[:, fitted].sum(axis=1)
    i = int(np.clip(np.argmax(total), 1, len(clouds) - 2))
    x, y = np.log(clouds[i - 1 : i + 2]), total[i - 1 : i + 2] - total[i]
    bent, slope = np.polyfit(x - x[1], y, 2)[:2]
    if not bent < 0:
        return float(clouds[np.argmax(total)]), np.nan
    top = clouds[i] * np.exp(np.clip(-slope / bent / 2, x[0] - x[1], x[2] - x[1]))
    return float(top), float(top / sqrt(-2 * bent))


def expected_counts(
    found: PeakFits, edges: _Array, templates: Templates | None = None, lines: Lines = ONE_LINE,
) -> _Array:
    """Counts that fits expect, without those that are expected anywhere.

    Parameters
    ----------
    found : PeakFits
    edges : (bins + 1,) float64, ADU
    templates : Templates, optional
        Those of fits of shared charge.
    lines : tuple of (float, float)
        Those of other fits.

    Returns
    -------
    (n, bins) float64
        NaN without a fit.
    """
    width = float(edges[1] - edges[0])
    axis, values = np.array([edges[0] + width / 2, width]), found.values.copy()
    model = SHELVES if "growth" in found.names else FREE if "flat" in found.names else SHARED
    columns = {SHARED: [4], SHELVES: [4], FREE: list(range(2, values.shape[1], 3))}[model]
    values[:, columns] = wide(values[:, columns], axis)
    if model == SHARED:
        values[:, 4] = np.log(values[:, 4] / values[:, 2])
    tables = (_NO_TEMPLATES if templates is None else templates).tables
    made, slopes = np.full((len(values), len(edges) - 1), np.nan), np.empty((values.shape[1], len(edges) - 1))
    for theta, row in zip(values, made, strict=True):
        if np.isfinite(theta).all():
            expect(model, theta, axis, (*tables, _normal(), ways_of(lines)), np.empty((3, tables[0].shape[2])), row,
                   slopes)
    return made


def frames_needed(frames: _Array, gain: _Array, error: _Array, wanted: float) -> _Array:
    """Frames with which a gain would have an error.

    Parameters
    ----------
    frames : number or array
        That the gain is of.
    gain, error : number or array
    wanted : float
        Relative error.

    Returns
    -------
    array
    """
    return np.asarray(frames * (error / gain / wanted) ** 2)


def _axis(counts: _Array, edges: _Array, least: int) -> _Array:
    """Middle of the first bin, and width of all; ValueError where histograms are not what kernels take."""
    if counts.ndim != 2:
        raise ValueError(f"histograms have axes (n, bins), but these have shape {counts.shape}")
    check_array(counts, "counts", counts.shape, np.uint32)
    check_array(edges, "edges", (counts.shape[1] + 1,), np.float64)
    width = (edges[-1] - edges[0]) / max(counts.shape[1], 1)
    if not width > 0 or np.abs(np.diff(edges) - width).max() > 1e-6 * width:
        raise ValueError("bins of histograms must ascend and be equally wide")
    if least < 1:
        raise ValueError(f"a fit needs at least 1 sample, not {least}")
    return np.array([edges[0] + width / 2, width])


def _bounds(model: int, start: Start) -> _Array:
    limits = limits_of(start)
    return np.array([limits[name] for name in MODELS[model]]).T.copy()


def _first_numbers(counts: _Array, edges: _Array, start: Start) -> tuple[_Array, _Array]:
    """Samples, and photons by their mean."""
    entries = counts.sum(axis=1, dtype=np.float64)
    mean = counts @ ((edges[:-1] + edges[1:]) / 2) / np.maximum(entries, 1)
    return entries, np.clip((mean - start.zero) / start.gain, 2 * _PHOTONS[0], 0.8 * _PHOTONS[1])


def _near(counts: _Array, edges: _Array, position: _Array, width: _Array) -> _Array:
    """Samples of each peak, (n, peaks), from those within a standard deviation of it."""
    middles = (edges[:-1] + edges[1:]) / 2
    reach = np.maximum(width, edges[1] - edges[0])
    inside = np.abs(middles - position[..., None]) < reach[..., None]
    return np.asarray(np.maximum((inside * counts[:, None]).sum(axis=2) / 0.68, 1.0))


def _fitted(
    model: int, counts: _Array, axis: _Array, first: _Array, bounds: _Array, least: int,
    templates: Templates = _NO_TEMPLATES, ways: _Array | None = None,
) -> PeakFits:
    n, parameters = first.shape
    bins, points = counts.shape[1], templates.values.shape[2]
    values, covariance = np.full((n, parameters), np.nan), np.full((n, parameters, parameters), np.nan)
    quality, status = np.full((2, n), np.nan), np.full(n, FEW_ENTRIES, np.uint8)
    work = (np.empty((3, points)), np.empty(bins), np.empty((parameters, bins)), np.empty((2, bins)),
            np.empty((parameters, parameters)), np.empty((3, parameters)))
    tables = (*templates.tables, _normal(), ways_of(ONE_LINE) if ways is None else ways)
    _fit.fit(model, writable(counts), axis, tables, first, bounds, BACKGROUND, int(least), work, values, covariance,
             quality, status)
    names = MODELS.get(model) or (*(
        f"{name} {k}" for k in range(parameters // 3) for name in ("entries", "position", "width")), "flat")
    return PeakFits(names, values, covariance, quality[0], quality[1], counts.sum(axis=1, dtype=np.int64), status)


@lru_cache(maxsize=1)
def _normal() -> _Array:
    """Normal density and its integral, (2, points), from −9 to 9; rounded, so that processors have the same."""
    z = np.arange(-REACH * PER_SIGMA, REACH * PER_SIGMA + 2) / PER_SIGMA
    density = [round(exp(-one * one / 2) / sqrt(2 * pi), 14) for one in z.tolist()]
    return np.array([density, [round((1 + erf(one / sqrt(2))) / 2, 14) for one in z.tolist()]])
