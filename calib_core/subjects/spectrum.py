"""Spectra of pixels over frames before and after a correction, with the peaks of photons in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from calib_core.axes import Array, Result
from calib_core.numerics.photon_comb import PEAKS, Comb, fit_comb
from calib_core.subjects.shown import STAGE, Shown

#: Axis along which frames of one place follow each other.
FRAMES = "train"
#: As many samples are enough, and frames at most.
ENOUGH, MOST_FRAMES = 1 << 21, 2000
#: Bins, of which the middle 99.95 % of the samples take all but the ends.
_BINS = 400
_ENDS = (0.01, 99.95)
#: Results that are shown at once: what the frames are in the end, and what they were after their offset.
AFTER, BEFORE = "corrected", ("after_offset", "raw")

Stopped = Callable[[], bool]


@dataclass(frozen=True)
class Spectrum:
    """Histogram of the samples of one result.

    Attributes
    ----------
    result : Result
    edges : (n + 1,) float64
        In the unit of the result.
    counts : (n,) int64
    comb : Comb, optional
        Peaks of photons; None where there are none.
    """

    result: Result
    edges: Array
    counts: Array
    comb: Comb | None

    @property
    def samples(self) -> int:
        """Number of samples inside the edges."""
        return int(self.counts.sum())


@dataclass(frozen=True)
class Spectra:
    """Spectra of the same samples, and which these are.

    Attributes
    ----------
    shown : Shown
        What they are of.
    where : str
        Pixels in words.
    found : tuple of Spectrum
        After the correction, then before it, as far as there are both.
    frames, of : int
        Frames behind them, and of how many.
    stage : str
        Gain stage that they are of; empty where there is but one, or it is not known.
    """

    shown: Shown
    where: str
    found: tuple[Spectrum, ...]
    frames: int
    of: int
    stage: str

    @property
    def words(self) -> str:
        """Which samples they are, in words."""
        stage = f" · samples in {self.stage}" if self.stage else ""
        return f"{self.where} · {self.shown.place(but=FRAMES)} · {self.frames} of {self.of} frames{stage}"


def results_for(results: Sequence[Result]) -> tuple[Result, ...]:
    """Results of which there are spectra: the corrected samples, and those after the offset, or as they are stored.

    Parameters
    ----------
    results : sequence of Result

    Returns
    -------
    tuple of Result
        None where there are no single frames.
    """
    known = {one.name: one for one in results if FRAMES in one.over}
    if AFTER not in known:
        return ()
    before = next((known[name] for name in BEFORE if name in known), None)
    return (known[AFTER],) if before is None else (known[AFTER], before)


def spectra_of(
    shown: Shown, module: int, pixels: Array, where: str, excluded: int, stopped: Stopped = lambda: False
) -> Spectra | None:
    """Spectra of some pixels over frames at the shown place, those next to the shown frame first.

    Parameters
    ----------
    shown : Shown
        With a picture of single frames.
    module : int
    pixels : (slow_scan, fast_scan) bool
        Those that are wanted.
    where : str
        These in words.
    excluded : int
        Flags whose samples are left out.
    stopped : callable
        Tells to give up.

    Returns
    -------
    Spectra or None
        None where there are no single frames, or it was given up.

    Raises
    ------
    CalibrationError
        Frames cannot be read.
    """
    wanted = results_for(shown.results)
    if not wanted or shown.subject is None or shown.kind is None:
        return None
    stages = shown.kind.stages if len(shown.kind.stages) > 1 and any(
        one.name == STAGE for one in shown.results) else ()
    samples: dict[str, list[Array]] = {one.name: [] for one in wanted}
    frames = taken = 0
    for index in _around(shown.at[FRAMES], len(shown.axes[FRAMES])):
        if stopped():
            return None
        if taken >= ENOUGH or frames >= MOST_FRAMES:
            break
        planes = _planes(shown, module, {**shown.at, FRAMES: index}, wanted)
        if planes is None:
            continue
        good = _good(shown, module, {**shown.at, FRAMES: index}, pixels, excluded, bool(stages))
        for one, plane in zip(wanted, planes, strict=True):
            samples[one.name].append(plane[good])
        frames, taken = frames + 1, taken + int(good.sum())
    found = tuple(_spectrum(one, np.concatenate([*samples[one.name], np.empty(0, np.float32)])) for one in wanted)
    return Spectra(shown, where, found, frames, len(shown.axes[FRAMES]), stages[0].short if stages else "")


def _around(centre: int, number: int) -> Iterator[int]:
    """Indices from one on, by their distance."""
    yield centre
    for far in range(1, number):
        yield from (one for one in (centre + far, centre - far) if 0 <= one < number)


def _planes(shown: Shown, module: int, at: dict[str, int], wanted: Sequence[Result]) -> list[Array] | None:
    assert shown.subject is not None
    found = [shown.subject.plane(one.name, module, at) for one in wanted]
    return None if any(one is None for one in found) else [np.asarray(one, np.float32) for one in found]


def _good(shown: Shown, module: int, at: dict[str, int], pixels: Array, excluded: int, by_stage: bool) -> Array:
    """Which of the pixels are good in a frame, and in the first gain stage."""
    assert shown.subject is not None
    flags = None if shown.flags is None else shown.subject.plane(shown.flags.name, module, at)
    good = pixels if flags is None else pixels & ((flags & np.uint32(excluded)) == 0)
    stage = shown.subject.plane(STAGE, module, at) if by_stage else None
    return good if stage is None else good & (stage == 0)


def _spectrum(result: Result, values: Array) -> Spectrum:
    values = values[np.isfinite(values)].astype(np.float64)
    if not values.size or values.min() == values.max():
        return Spectrum(result, np.zeros(1), np.zeros(0, np.int64), None)
    low, high = np.percentile(values, _ENDS)
    room = 0.1 * (high - low)
    edges = np.linspace(low - room, high + room, _BINS + 1)
    comb = _comb(values, edges, np.histogram(values, edges)[0])
    if comb is not None:  # few strong signals would leave no room for the photons
        edges = np.linspace(comb.zero - 6 * comb.width, comb.zero + PEAKS * comb.spacing, _BINS + 1)
    return Spectrum(result, edges, np.histogram(values, edges)[0], comb)


def _comb(values: Array, edges: Array, counts: Array) -> Comb | None:
    """Peaks of photons; in bins of their own where few strong signals make those of the picture too wide."""
    found = fit_comb(edges, counts)
    if found is not None and found.width > 3 * (edges[1] - edges[0]):
        return found
    median = float(np.median(values))
    spread = 1.4826 * float(np.median(np.abs(values - median)))
    if spread <= 0:
        return found
    fine = np.arange(median - 8 * spread, median + 60 * spread, 0.2 * spread)
    return fit_comb(fine, np.histogram(values, fine)[0]) or found
