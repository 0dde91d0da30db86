"""Models of photon peaks as a method has them: where fits begin, what they take, and one table of what they find."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from calib_core.axes import Array
from calib_core.constants.constant import FF_FIT
from calib_core.numerics.photon_comb import fit_comb
from calib_core.numerics.photon_peaks import (
    FAILED,
    FEW_ENTRIES,
    FITTED,
    MODELS,
    SHARED,
    PeakFits,
    Start,
    Templates,
    common_cloud,
    expected_counts,
    fit_free,
    fit_shared,
    fit_shelves,
    shared_templates,
)
from calib_core.numerics.shared_charge import ONE_LINE, Lines

#: Pixels whose histograms tell the cloud, and the seed of their draw.
_OF_CLOUD, _DRAW = 256, 0
#: Part of the distance of peaks in which each of the free ones may lie on either side, and their widths in that of
#: no photon.
_NEAR, _WIDE = 0.4, (0.3, 4.0)


@dataclass(frozen=True)
class Model:
    """What is fitted to histograms.

    Attributes
    ----------
    name : str
        F3 has shared charge, F1 free Gaussians, F2 Gaussians at equal distances with shelves.
    lines : tuple of (float, float)
        Of the light.
    peaks : int
        Of F1, with that of no photon.
    min_entries : int
        Least samples of a fit.
    """

    name: Literal["F3", "F1", "F2"]
    lines: Lines = ONE_LINE
    peaks: int = 4
    min_entries: int = 1000

    def cloud(self, counts: Array, edges: Array, start: Start, entries: Array) -> tuple[float, float]:
        """Cloud and its error that some pixels tell, drawn from those with enough samples; NaN for none.

        They are drawn, always the same ones: at a regular stride all may lie in one column, and pixels at the edge of
        a module share less charge, for they get none from outside.

        Parameters
        ----------
        counts : (bins, pixels) uint32
        edges : (bins + 1,) float64, ADU
        start : Start
        entries : (pixels,) int64
        """
        enough = np.flatnonzero(entries >= self.min_entries)
        if self.name != "F3" or not enough.size:
            return np.nan, np.nan
        drawn = np.random.default_rng(_DRAW).choice(enough, min(_OF_CLOUD, enough.size), replace=False)
        some = np.sort(drawn)
        return common_cloud(np.ascontiguousarray(counts[:, some].T), edges, start, self.lines)

    def templates(self, edges: Array, start: Start, cloud: float) -> Templates | None:
        """What F3 takes for all pixels, none for others or without a cloud.

        Parameters
        ----------
        edges : (bins + 1,) float64, ADU
        start : Start
        cloud : float, pixels
        """
        wanted = self.name == "F3" and np.isfinite(cloud)
        return shared_templates(edges, start, cloud, self.lines) if wanted else None

    def fit(self, counts: Array, edges: Array, start: Start, templates: Templates | None) -> PeakFits:
        """Fits of histograms.

        Parameters
        ----------
        counts : (n, bins) uint32
        edges : (bins + 1,) float64, ADU
        start : Start
        templates : Templates or None
            From :meth:`templates`.
        """
        if self.name == "F3":
            return _failed(counts, self.min_entries) if templates is None else fit_shared(
                counts, edges, start, templates, min_entries=self.min_entries)
        if self.name == "F2":
            return fit_shelves(counts, edges, start, lines=self.lines, min_entries=self.min_entries)
        first, ranges = self.free(start)
        return fit_free(counts, edges, np.broadcast_to(first, (len(counts), *first.shape)), ranges, lines=self.lines,
                        min_entries=self.min_entries)

    def free(self, start: Start) -> tuple[Array, Array]:
        """Position and width of each peak of F1 to begin with, (peaks, 2), and their ranges, (2, peaks, 2), ADU.

        Parameters
        ----------
        start : Start
        """
        place = start.zero + start.gain * np.arange(self.peaks)
        low, high = (np.stack([place + sign * _NEAR * start.gain, np.full(self.peaks, wide * start.noise)], axis=1)
                     for sign, wide in zip((-1, 1), _WIDE, strict=True))
        return np.stack([place, np.full(self.peaks, 1.1 * start.noise)], axis=1), np.stack([low, high])

    def expected(self, found: PeakFits, edges: Array, templates: Templates | None) -> Array:
        """Counts that fits expect, (n, bins) float64, without those that are expected anywhere.

        Parameters
        ----------
        found : PeakFits
        edges : (bins + 1,) float64, ADU
        templates : Templates or None
            From :meth:`templates`, or a part of them.
        """
        return expected_counts(found, edges, templates, self.lines)

    def table(self, found: PeakFits, energy: float) -> Array:
        """What fits have found, in the order of :data:`~calib_core.constants.constant.FF_FIT`.

        Parameters
        ----------
        found : PeakFits
        energy : float
            Of a photon, keV.

        Returns
        -------
        (entries, n) float32
            NaN for what the model has not.
        """
        values, errors = named(found, energy)
        rows = {**values, **{f"{name} error": one for name, one in errors.items()},
                "chi2": found.chi2, "entries": found.entries, "status": found.status}
        nothing = np.full(len(found.status), np.nan)
        return np.stack([np.asarray(rows.get(name, nothing), np.float32) for name in FF_FIT])


def _failed(counts: Array, least: int) -> PeakFits:
    """Fits where there is no cloud, since no histogram can be fitted with any."""
    values = np.full((len(counts), len(MODELS[SHARED])), np.nan)
    nothing, entries = values[:, 0], counts.sum(axis=1, dtype=np.int64)
    return PeakFits(MODELS[SHARED], values, np.full((*values.shape, values.shape[1]), np.nan), nothing, nothing,
                    entries, np.where(entries < least, FEW_ENTRIES, FAILED).astype(np.uint8))


def named(found: PeakFits, energy: float) -> tuple[dict[str, Array], dict[str, Array]]:
    """Values and errors of fits by name; of free Gaussians the gain is from the distance of the first two.

    Parameters
    ----------
    found : PeakFits
    energy : float
        Of a photon, keV.

    Returns
    -------
    values, errors : dict of str to (n,) float64
        The gain in ADU/keV.
    """
    if "gain" in found.names:
        names = [name for name in found.names if name != "entries"]
        values, errors = {name: found[name] for name in names}, {name: found.error(name) for name in names}
    else:
        zero, one = (found.names.index(f"position {k}") for k in (0, 1))
        of = found.covariance
        variance = of[:, zero, zero] + of[:, one, one] - 2 * of[:, zero, one]
        values = {"gain": found["position 1"] - found["position 0"], "zero": found["position 0"],
                  "noise": found["width 0"]}
        errors = {"gain": np.sqrt(np.maximum(variance, 0)), "zero": found.error("position 0"),
                  "noise": found.error("width 0")}
    return values | {"gain": values["gain"] / energy}, errors | {"gain": errors["gain"] / energy}


def start_of(edges: Array, counts: Array, expected: float) -> tuple[Start, str]:
    """Where fits begin: the peaks in the samples of all pixels, or what is expected.

    Parameters
    ----------
    edges : (bins + 1,) float64, ADU
    counts : (bins,) int64
        Samples of all pixels.
    expected : float, ADU
        Signal of a photon.

    Returns
    -------
    start : Start
    note : str
        Sentence where there are no peaks in them; else empty.
    """
    comb = fit_comb(edges, counts)
    if comb is not None and 0.6 < comb.spacing / expected < 1.5:
        return Start(comb.spacing, comb.width, comb.zero), ""
    middles, top = (edges[:-1] + edges[1:]) / 2, int(np.argmax(counts))
    below = np.flatnonzero(counts[: top + 1] < np.exp(-0.5) * counts[top])
    noise = max(float(middles[top] - middles[below[-1]]) if below.size else 0.0, float(edges[1] - edges[0]))
    return Start(expected, min(noise, expected / 2), float(middles[top])), (
        f"the samples of all pixels have no second peak near {expected:.3g} ADU above the first; fits begin there")


def is_fitted(status: Array) -> Array:
    """Whether a fit has a gain, from its status as a table has it."""
    return np.asarray(status == FITTED)
