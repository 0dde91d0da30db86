"""Fits of the histograms of a module, group after group of memory cells and tile after tile of pixels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from calib_core.axes import Array
from calib_core.characterisation.explains import AtOnce, OfPixel
from calib_core.characterisation.flat_field_model import Model, start_of
from calib_core.characterisation.flat_field_rules import FlatFieldRules, median_of
from calib_core.characterisation.unit import Accumulator, Block, Maps
from calib_core.constants.constant import FF_FIT
from calib_core.numerics.photon_peaks import PHOTONS, Start, Templates, frames_needed
from calib_core.store.histograms import Histograms

#: Pixels that are fitted together, within a tenth of a second or two.
TILE = 1024


@dataclass
class FlatFieldFits(Accumulator):
    """What is known of the pixels of one group of memory cells.

    Attributes
    ----------
    model : Model
    rules : FlatFieldRules
    histograms : Histograms
        What they tell of themselves.
    group : int
    where : str
        Module and memory cells in words.
    bins : slice
        That are fitted.
    expected : float, ADU
        Usual signal of a photon.
    wanted : float
        Relative error that gains should have.
    given : float, pixels
        The cloud; 0 has it found.
    """

    model: Model
    rules: FlatFieldRules
    histograms: Histograms
    group: int
    where: str
    bins: slice
    expected: float
    wanted: float
    given: float = 0.0
    notes: list[str] = field(default_factory=list)
    fits: Array = field(init=False, repr=False)
    cloud: tuple[float, float] = (np.nan, np.nan)
    done: int = 0
    _counts: Array = field(init=False, repr=False)
    _begun: tuple[slice, float, Start] | None = field(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        self.fits = np.full((len(FF_FIT), int(np.prod(self.histograms.shape))), np.nan, np.float32)
        self._counts = np.zeros((0, 0), np.uint32)

    @property
    def edges(self) -> Array:
        """Edges of the bins that are fitted, ADU."""
        return np.ascontiguousarray(self.histograms.edges[self.bins.start : self.bins.stop + 1])

    def update(self, name: str, chunk: Block) -> None:
        """Keep the counts of the group, those of all bins: other parameters may take more of them."""
        [counts] = chunk.values.values()
        self._counts = counts[1:-1].reshape(len(counts) - 2, -1).astype(np.uint32, copy=False)

    def settle(self) -> Iterator[None]:
        """Fit tile after tile, which fill the maps on the way."""
        counts, edges = self._counts[self.bins], self.edges
        self.fits[FF_FIT.index("entries")] = entries = counts.sum(axis=0, dtype=np.int64)
        start, doubt = start_of(edges, counts.sum(axis=1, dtype=np.int64), self.expected)
        if doubt:
            self.notes.append(f"{self.where}: {doubt}.")
        yield
        self.cloud = (self.given, np.nan) if self.given else self.model.cloud(counts, edges, start, entries)
        yield
        templates = self.model.templates(edges, start, self.cloud[0])
        if self.model.name == "F3" and templates is None:
            self.notes.append(f"{self.where}: none of the histograms can be fitted, whatever the cloud.")
        for first in range(0, counts.shape[1], TILE):
            tile = slice(first, min(first + TILE, counts.shape[1]))
            self._fit(counts, tile, start, templates, self.fits)
            self.done = tile.stop
            yield
        self._counts = np.zeros((0, 0), np.uint32)
        self.notes.extend(self._refused())

    def _fit(self, counts: Array, tile: slice, start: Start, templates: Templates | None, fits: Array) -> None:
        """Fit a tile of counts (bins, pixels), into fits (entries, pixels)."""
        found = self.model.fit(np.ascontiguousarray(counts[:, tile].T), self.edges, start, templates)
        fits[:, tile] = self.model.table(found, self.histograms.photon_energy)

    def part(self, kept: FlatFieldFits, place: tuple[slice, slice], of: OfPixel, at_once: AtOnce) -> tuple[
            Array, float]:
        """Fits of some pixels with these parameters, from counts that were kept with others.

        Those that were done stand where nothing changes them. The cloud is that which was found, unless one is given
        or there was none, and the median of the module is taken to change as that of these pixels does.

        Parameters
        ----------
        kept : FlatFieldFits
            That is not settled.
        place : (slice, slice)
            Of the pixels, along slow_scan and fast_scan.
        of : OfPixel
            What the parameters before have made.
        at_once : callable
            Does the fits of a tile each.

        Returns
        -------
        fits : (entries, rows, columns) float32
        median : float, ADU/keV
            Of the gains of the module.
        """
        before = self._before(place, of)
        fits = before if before is not None and self._fits_as(kept) else self._fitted_part(kept, place, of, at_once)
        known = of.values("module_median")
        if before is None or known is None or not np.isfinite(known[self.group]):
            return fits, median_of(fits)
        return fits, float(known[self.group]) * median_of(fits) / median_of(before)

    def _before(self, place: tuple[slice, slice], of: OfPixel) -> Array | None:
        """Fits of some pixels that were done; None where they are still to come."""
        found = [of.plane("fits", {"parameter": i, "group": self.group}) for i in range(len(FF_FIT))]
        planes = [one[place] for one in found if one is not None]
        whole = len(planes) == len(FF_FIT) and np.isfinite(planes[FF_FIT.index("status")]).all()
        return np.stack(planes) if whole else None

    def _fits_as(self, other: FlatFieldFits) -> bool:
        """Whether other parameters make the same fits."""
        return (self.model, self.bins, self.expected, self.given) == (
            other.model, other.bins, other.expected, other.given)

    def _fitted_part(
        self, kept: FlatFieldFits, place: tuple[slice, slice], of: OfPixel, at_once: AtOnce,
    ) -> Array:
        counts, known = kept._counts[self.bins], of.values("cloud")
        start = self._start(kept)
        cloud = self.given or (float(known[self.group]) if known is not None else np.nan)
        if self.model.name == "F3" and not np.isfinite(cloud):
            cloud, _ = self.model.cloud(counts, self.edges, start, counts.sum(axis=0, dtype=np.int64))
        some = counts.reshape(-1, *self.histograms.shape)[(slice(None), *place)]
        mine = some.reshape(len(some), -1)
        fits = np.full((len(FF_FIT), mine.shape[1]), np.nan, np.float32)
        templates = self.model.templates(self.edges, start, cloud)
        at_once([partial(self._fit, mine, slice(first, first + TILE), start, templates, fits)
                 for first in range(0, mine.shape[1], TILE)])
        return fits.reshape(-1, *some.shape[1:])

    def _start(self, kept: FlatFieldFits) -> Start:
        """Where fits begin, which is kept beside the counts: it takes as long as the fits of half an ASIC."""
        known = kept._begun
        if known is None or known[:2] != (self.bins, self.expected):
            start, _ = start_of(self.edges, kept._counts[self.bins].sum(axis=1, dtype=np.int64), self.expected)
            known = kept._begun = self.bins, self.expected, start
        return known[2]

    def _refused(self) -> Iterator[str]:
        """A sentence where the light of the group as a whole is too weak or too strong for gains."""
        photons = self.fits[FF_FIT.index("photons")]
        light = float(np.nanmedian(photons)) if np.isfinite(photons).any() else np.nan
        gain, error = (self.fits[FF_FIT.index(name)] for name in ("gain", "gain error"))
        frames = int(self.histograms.frames[self.group])
        if light < PHOTONS[0]:
            known = np.isfinite(gain) & (error > 0)
            needed = np.median(frames_needed(np.array(frames), gain[known], error[known], self.wanted))
            yield (f"{self.where}: a pixel has {light:.3g} photons in a frame, of which no gain is told below "
                   f"{PHOTONS[0]:g}; gains known to {self.wanted:.2%} would take {needed:.2g} frames of this light, "
                   f"where there are {frames}.")
        elif light > PHOTONS[1]:
            yield (f"{self.where}: a pixel has {light:.3g} photons in a frame, of which no gain is told above "
                   f"{PHOTONS[1]:g}, since peaks run into each other; take weaker light.")

    def maps(self) -> Maps:
        """Fits and flags of all pixels as far as they are fitted."""
        shape = self.histograms.shape
        flags = self.rules.flags(self.fits, median_of(self.fits))
        return {"fits": self.fits.reshape(-1, *shape).copy(), "flags_of_group": flags.reshape(shape)}

    def snapshot(self, index: int) -> Maps:
        """The same while fits go on."""
        return self.maps() if self.done else {}

    @property
    def coverage(self) -> Array:
        """Pixels that are fitted, (1,) int64."""
        return np.array([self.done], np.int64)
