"""Histograms of corrected samples while frames come in: of each pixel, of each ASIC, and sums beside them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from calib_core.axes import Array
from calib_core.characterisation.accumulators import Slots
from calib_core.characterisation.file_passes import FilePasses
from calib_core.characterisation.locks import Locks
from calib_core.characterisation.unit import Accumulator, Context, Maps, Unit
from calib_core.correction.images import Images
from calib_core.correction.pipeline import BoundPipeline
from calib_core.detector import DetectorType, Frames
from calib_core.io.buffers import Buffers
from calib_core.numerics.histograms import add_moments, fill_histograms

#: Pixels of frames that go through the steps together.
TOGETHER = 1 << 21
#: Sums are of whole numbers of this part of the unit, far below any noise; squares of them fit into single numbers of
#: files for 65,536 frames.
PART = 16
#: Largest signal that is summed.
LARGEST = 100_000


@dataclass
class Counts:
    """Histograms of a group of memory cells.

    Attributes
    ----------
    pixels : (pixels, bins + 2) uint32
        Samples below the first edge, in each bin, and from the last edge on.
    spectra : (asics, bins + 2) int64
        The same of all pixels of an ASIC.
    """

    pixels: Array
    spectra: Array

    def add(self, images: Images, good: Array, asic: Array, edges: Array) -> None:
        """Count samples of images, (n, slow_scan, fast_scan) bool says which."""
        n = len(images.cell)
        values = np.ascontiguousarray(images.values.reshape(n, -1))
        fill_histograms(values, good.reshape(n, -1), asic, edges, self.pixels, self.spectra)

    def merge(self, other: Counts) -> None:
        """Add those of another."""
        self.pixels += other.pixels
        self.spectra += other.spectra

    @property
    def inside(self) -> Array:
        """Samples of each pixel within the range, (pixels,) int64."""
        return np.asarray(self.pixels[:, 1:-1].sum(axis=1, dtype=np.int64))


@dataclass
class Sums:
    """Sums of each memory cell and pixel, in parts of the unit: samples, their sum, and sum of squares.

    Attributes
    ----------
    samples, total, squares : (cells, pixels) uint32, int64, int64
    of_module : (cells, 2) int64
        Samples that do not lie below the range, and their sum, over all pixels.
    frames : (cells,) int64
    """

    samples: Array
    total: Array
    squares: Array
    of_module: Array
    frames: Array = field(repr=False)

    def add(self, images: Images, good: Array, slot: Array, lowest: float) -> None:
        """Add samples of images, (n, slow_scan, fast_scan) bool says which."""
        n = len(slot)
        values = np.ascontiguousarray(images.values.reshape(n, -1))
        add_moments(values, good.reshape(n, -1), slot, PART, LARGEST, lowest,
                    (self.samples, self.total, self.squares), self.of_module)
        self.frames += np.bincount(slot, minlength=len(self.frames))

    def merge(self, other: Sums) -> None:
        """Add those of another."""
        for mine, its in zip(vars(self).values(), vars(other).values(), strict=True):
            mine += its

    def moments(self, slot: int, shape: tuple[int, int]) -> Array:
        """Samples, sum and sum of squares of a memory cell, (3, slow_scan, fast_scan) float64, in the unit."""
        found = self.samples[slot], self.total[slot] / PART, self.squares[slot] / PART**2
        return np.stack(found).reshape(3, *shape)

    @property
    def of_pixels(self) -> Array:
        """Mean of each pixel over all memory cells, NaN where there is none, (pixels,) float64."""
        number = self.samples.sum(axis=0, dtype=np.int64)
        return np.asarray(np.where(number > 0, self.total.sum(axis=0) / np.maximum(number, 1) / PART, np.nan))

    @property
    def means(self) -> Array:
        """Mean of the module in each memory cell, NaN where there is none, (cells,) float64."""
        number, total = self.of_module.T
        return np.asarray(np.where(number > 0, total / np.maximum(number, 1) / PART, np.nan))

    @property
    def mean(self) -> float:
        """Mean of the module, NaN where there is none."""
        number, total = self.of_module.sum(axis=0).tolist()
        return total / number / PART if number else float("nan")


@dataclass(frozen=True)
class Views:
    """What a method makes of histograms.

    Attributes
    ----------
    maps : callable
        Maps of a group of memory cells.
    gains : callable
        Of ASICs, by their samples in the bins.
    check : callable
        Looks at it when all frames are there; may refuse them.
    """

    maps: Callable[[Histogram], Maps]
    gains: Callable[[Array], Array]
    check: Callable[[Histogram], None]


class Histogram(Accumulator):
    """Histograms of the samples of high gain of one group of memory cells, after the steps.

    Parameters
    ----------
    context, unit
        The unit has one group.
    pipeline : BoundPipeline
        Of the module.
    edges : (bins + 1,) float64
    isolated : str
        Name under which a step finds samples without charge of their neighbours, which have a histogram of their own
        then; empty where none does.
    views : Views
        What is made of it.
    """

    def __init__(
        self, context: Context, unit: Unit, pipeline: BoundPipeline, edges: Array, isolated: str, views: Views,
    ) -> None:
        self.unit, self.kind, self.edges, self.cells = unit, context.detector, edges, context.cells_of(unit)
        self._buffers, self._isolated, self._views = context.buffers, isolated, views
        self._steps = pipeline.read(self.cells).prepared()
        self._passes, self._locks = FilePasses(pipeline, self.cells), Locks(1)
        self._slots, self._asic = Slots(context, unit), asics(self.kind).reshape(-1)
        full, cells = context.buffers.full, len(self.cells)
        shape, pixels = (self.kind.pixels, len(edges) + 1), (cells, self.kind.pixels)
        asic = (number_of_asics(self.kind), len(edges) + 1)
        self.counts = Counts(full(shape, np.uint32, 0), np.zeros(asic, np.int64))
        self.alone = Counts(full(shape, np.uint32, 0), np.zeros(asic, np.int64)) if isolated else None
        self.sums = Sums(full(pixels, np.uint32, 0), full(pixels, np.int64, 0), full(pixels, np.int64, 0),
                         np.zeros((cells, 2), np.int64), np.zeros(cells, np.int64))

    def beside(self, buffers: Buffers) -> Histogram:
        """Another one that adds to the same counts, with passes of its own over its file.

        Parameters
        ----------
        buffers : Buffers
        """
        other = copy.copy(self)
        other._buffers, other._passes = buffers, self._passes.beside()
        return other

    def goes_on(self, part: Unit, number: int) -> None:
        """Take the frames of a file in a pass, of which those of the last are counted.

        Parameters
        ----------
        part : Unit
        number : int
        """
        self._passes.begin(number)

    def update(self, name: str, chunk: Frames) -> None:
        """Correct frames, a few at a time, and count their samples; in passes before the last, look at them.

        Parameters
        ----------
        name : str
            Not looked at: all runs are of the same light.
        chunk : Frames
            They stay as they are.
        """
        step = max(1, TOGETHER // self.kind.pixels)
        for first in range(0, len(chunk), step):
            images = self._passes.images(self._steps, chunk.part(slice(first, first + step)), self._buffers.array)
            if images is not None:
                self._add(images)

    def _add(self, images: Images) -> None:
        good = images.use & (images.stage == 0)
        with self._locks[0]:
            self.counts.add(images, good, self._asic, self.edges)
            self.sums.add(images, good, self._slots(images.cell), float(self.edges[0]))
            if self.alone is not None:
                self.alone.add(images, good & images.found[self._isolated], self._asic, self.edges)

    def merge(self, other: Histogram) -> None:
        """Add another one of the same group; whole numbers, so the order does not matter.

        Parameters
        ----------
        other : Histogram
        """
        self.counts.merge(other.counts)
        self.sums.merge(other.sums)
        if self.alone is not None and other.alone is not None:
            self.alone.merge(other.alone)

    @property
    def share_of_high(self) -> float:
        """Samples of high gain that are counted, in units of all of the frames."""
        frames = int(self.sums.frames.sum())
        return int(self.sums.samples.sum()) / (frames * self.kind.pixels) if frames else float("nan")

    def settle(self) -> Iterator[None]:
        """Look at what came together.

        Raises
        ------
        BadInput
            The light is not such that its photons can be told apart.
        """
        self._views.check(self)
        yield

    def snapshot(self, index: int) -> Maps:
        """Maps of the group as far as frames have come, without the histograms of pixels.

        Parameters
        ----------
        index : int
            Of the group.
        """
        return self._views.maps(self)

    def numbers(self) -> Maps:
        """Spectrum of the module, gains of ASICs, and frames and means of memory cells, as far as frames have come.

        Returns
        -------
        dict of arrays
            Over (group, signal), (group, asic) and (cell).
        """
        inside = self.counts.spectra[:, 1:-1]
        return {"spectrum": inside.sum(axis=0)[np.newaxis], "asic_gain": self._views.gains(inside)[np.newaxis],
                "frames": self.sums.frames.copy(), "mean_of_module": self.sums.means}

    @property
    def coverage(self) -> Array:
        """Frames seen of the group."""
        return np.array([self.sums.frames.sum()])


def number_of_asics(kind: DetectorType) -> int:
    """ASICs of a module.

    Parameters
    ----------
    kind : DetectorType
    """
    return int(asics(kind).max()) + 1


def asics(kind: DetectorType) -> Array:
    """Number of each pixel's ASIC, counted row by row, (slow_scan, fast_scan) int64.

    Parameters
    ----------
    kind : DetectorType
    """
    (slow, fast), (high, wide) = kind.shape, kind.asic_shape
    row, column = np.arange(slow) // high, np.arange(fast) // wide
    return np.asarray(row[:, np.newaxis] * -(-fast // wide) + column, np.int64)
