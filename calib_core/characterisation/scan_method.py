"""Characterisations whose runs are scans in which the detector charges its pixels by itself."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Literal

import numpy as np

from calib_core.axes import Array, At, Axis, Result
from calib_core.characterisation import by_pattern
from calib_core.characterisation.explains import AtOnce, OfPixel
from calib_core.characterisation.inputs import Arranged, Arrangement, Given, Input, RunFacts
from calib_core.characterisation.method import Method
from calib_core.characterisation.outputs import ConstantOutput, Output
from calib_core.characterisation.scan_series import ScanSeries
from calib_core.characterisation.train_selection import TrainSelection
from calib_core.characterisation.unit import Accumulator, Context, Maps, Unit
from calib_core.constants.badpixels import BadPixels
from calib_core.constants.constant import ConstantKind
from calib_core.detector import DetectorType
from calib_core.detector.injection import Injection
from calib_core.errors import BadInput
from calib_core.explanation import Explanation
from calib_core.params import knob

#: Gives a result without pixels by its name, or None before there is one.
Known = Callable[[str], Array | None]
#: Flags of pixels of scans.
FLAGS = Result("bad_pixels", "Bad pixels", "", "u4", "Flags of each gain stage", over=("gain", "cell"), role="flags",
               missing=float(BadPixels.NO_DARK_DATA))
#: Bytes of a sample that is kept of both planes, and of a value that is made of a pixel.
_SAMPLE_BYTES, _VALUE_BYTES = 4, 4
#: Samples of so many pixels are fitted at once, with their regions and features.
_TOGETHER_BYTES = 64 << 20


@dataclass(frozen=True)
class ScanSamples:
    """Samples of one pixel in a run: train ids (n,) uint64, signal and gain signal (n,) uint16 in ADU."""

    train: Array
    signal: Array
    code: Array


class ScanMethod(TrainSelection, Method):
    """A characterisation of scans: of its runs it is looked which pixels they charge.

    Subclasses set ``source``, the word of what charges the pixels among the detector type's injections,
    ``values_of_pixel``, how many values of 4 bytes are made of a pixel, and ``made``, the constants of lines, of what
    is known of them, and of bad pixels.
    """

    source: ClassVar[str]
    values_of_pixel: ClassVar[int]
    made: ClassVar[tuple[ConstantKind, ConstantKind, ConstantKind]]

    max_trains: int = knob(65536, ge=1, le=65536, unit="trains", help="Most trains used of each run")
    min_trains: int = knob(50, ge=1, le=65536, unit="trains", help="Least trains a run must have")
    max_lost: float = knob(20.0, ge=0, le=100, unit="%", help="Most of a run's trains that a module may have lost")

    every_cell: int = knob(1, ge=1, le=1024, help="Take one memory cell in so many, for a quick look")
    scan: Literal["mean", "first"] = knob("mean", help="Of runs with several whole scans: their mean, or the first")
    min_gain_step: float = knob(350.0, ge=1, le=16383, unit="ADU", expert=True,
                                help="Least step of the gain signal between the stages")

    work: ClassVar[Literal["dark", "correction", "gain"]] = "gain"
    by_entry: ClassVar[bool] = True
    tries_parts: ClassVar[bool] = True

    @abstractmethod
    def fit(self, at: At, x: Array, signal: Array, code: Array) -> Maps:
        """Numbers of some pixels, as :class:`calib_core.characterisation.scan_series.Fitting` has it."""

    @abstractmethod
    def blank(self, kind: DetectorType) -> Maps:
        """Maps of a memory cell of which nothing is known."""

    @abstractmethod
    def finish(self, context: Context, unit: Unit, maps: Maps) -> Maps:
        """Maps of a memory cell with what needs all its pixels."""

    @abstractmethod
    def explanation(self, x: Array, signal: Array, code: Array, notes: Sequence[str], known: Known) -> Explanation:
        """What a scan made of one pixel.

        Parameters
        ----------
        x : (s,) int32
            Steps.
        signal, code : (1, s) uint16, ADU
        notes : sequence of str
            What is to be said beside.
        known : callable
            Gives a result without pixels at the place of the scan, over its other axes.
        """

    def allowed(self, kind: DetectorType, runs: Sequence[RunFacts]) -> tuple[str, ...]:
        """Which errors scans allow, in sentences; none where that is not known beforehand.

        Parameters
        ----------
        kind : DetectorType
        runs : sequence of RunFacts
        """
        return ()

    def outputs(self, kind: DetectorType | None) -> tuple[Output, ...]:
        """Slopes in the historical layout, what is known of them, and bad pixels.

        Returns
        -------
        tuple of ConstantOutput
        """
        if kind is None:
            return ()
        lines, fits, bad_pixels = self.made
        return ConstantOutput(lines, "lines"), ConstantOutput(fits, "fits"), ConstantOutput(bad_pixels, FLAGS.name)

    @property
    def least_step(self) -> float:
        """Least step of the gain signal between two stages, ADU."""
        return self.min_gain_step

    @property
    def first_alone(self) -> bool:
        """Whether the first whole scan of a run is taken alone, instead of the mean of all."""
        return self.scan == "first"

    def steps(self, length: int) -> Array:
        """Positions in the scan of so many trains: each is a step of it.

        Parameters
        ----------
        length : int

        Returns
        -------
        (length,) int32
        """
        return np.arange(length, dtype=np.int32)

    def injection(self, kind: DetectorType) -> Injection:
        """What charges the pixels; BadInput where the type has none such.

        Parameters
        ----------
        kind : DetectorType
        """
        if self.source not in kind.injections:
            raise BadInput(f"{kind.title} does not charge its pixels by itself, so it has no such scans.")
        return kind.injections[self.source]

    def inputs(self, kind: DetectorType | None) -> tuple[Input, ...]:
        """The runs of the scan.

        Returns
        -------
        tuple of Input
        """
        return (by_pattern.SCAN,)

    def arrange(self, kind: DetectorType, given: Given, keep: bool) -> Arrangement:
        """Which run charges which pixels; BadInput where runs are no such scan.

        Returns
        -------
        Arrangement
            As :func:`by_pattern.arrange` finds it.
        """
        return by_pattern.arrange(kind, self.injection(kind), given.get(by_pattern.SCAN.name, ()), keep)

    def scan_axes(self, context: Context) -> tuple[Axis, ...]:
        """Memory cells, gain stages, and what the runs charge.

        Parameters
        ----------
        context : Context

        Returns
        -------
        tuple of Axis
            ``cell`` and ``gain``; ``pattern`` and ``line`` of what the runs charge, which are looked at side by side.
        """
        kind = context.detector
        injection = kind.injections.get(self.source)
        lines = kind.shape[injection.axis] * injection.halves if injection else 0
        return (
            Axis("cell", "Memory cell", context.cells[::self.every_cell]),
            Axis("gain", "Gain stage", tuple(stage.short for stage in kind.stages)),
            Axis("pattern", "Pattern", tuple(range(len(injection.patterns) if injection else 0)), of_slot=True),
            Axis("line", injection.lines.capitalize() if injection else "Line", tuple(range(lines)), of_slot=True),
        )

    def scan_results(self, kind: DetectorType | None, *over: str) -> tuple[Result, ...]:
        """What is found of the scans themselves: samples, where they begin, and by how much lines of pixels change.

        Parameters
        ----------
        kind : DetectorType or None
        *over : str
            Further axes of all of them.
        """
        return (
            Result("samples", "Samples", "samples", "u4", "Samples of each pixel in the run that charges it",
                   over=(*over, "cell"), role="count", missing=0.0),
            Result("begins", "Begin of the scan", "trains", "f4", "First train of the scan that is taken, or of the "
                   "first of several, counted from the first train of the run of each pattern",
                   over=(*over, "pattern", "cell"), pixels=False, hidden=True),
            Result("lengths", "Length of the scan", "steps", "f4", "Steps of the scan of each pattern",
                   over=(*over, "pattern", "cell"), pixels=False, hidden=True),
            Result("changes", "Change of lines", "ADU", "f4", "Range of the median signal of each line of pixels "
                   "above the others in the run of each pattern",
                   over=(*over, "pattern", "line"), pixels=False, hidden=True),
        )

    def bytes_per_item(self, kind: DetectorType | None, samples: int) -> int:
        """All samples of a memory cell, and what is made of them.

        Returns
        -------
        int
            Bytes.
        """
        assert kind is not None
        return kind.pixels * (samples * _SAMPLE_BYTES + 2 * _VALUE_BYTES * self.values_of_pixel)

    def bytes_of_unit(self, kind: DetectorType | None, entries: int) -> int:
        """Series of some pixels on their way through the fits.

        Returns
        -------
        int
            Bytes.
        """
        return _TOGETHER_BYTES

    def begin(self, context: Context, unit: Unit, index: int, previous: Accumulator | None) -> ScanSeries:
        """Series without samples yet.

        Returns
        -------
        ScanSeries
        """
        return ScanSeries(context, unit, self.injection(context.detector), self)

    def part(
        self, context: Context, unit: Unit, kept: Accumulator, place: tuple[slice, slice], of: OfPixel,
        at_once: AtOnce,
    ) -> Maps:
        """Maps of some pixels of the first memory cell.

        Returns
        -------
        dict of arrays
        """
        assert isinstance(kept, ScanSeries)  # what begin() makes
        return {name: values[(..., *place)] for name, values in kept.part(*place, self, at_once).items()}

    def reduce(self, context: Context, unit: Unit, accumulator: Accumulator) -> Iterator[tuple[At, Maps]]:
        """Maps of each memory cell; what the runs charge beside the first.

        Yields
        ------
        at : dict
            Index of the memory cell, and what all runs of the unit have in common.
        results : dict of arrays
        """
        assert isinstance(accumulator, ScanSeries)  # what begin() makes
        place = context.place(unit)
        for slot, index in enumerate(unit.block):
            yield {**place, "cell": index}, {**accumulator.maps[slot], **_scans(context, accumulator.taken[slot])}
        yield place, {"changes": accumulator.changes}

    def key_at(self, context: Context, at: At, pixel: tuple[int, int] | None = None) -> str:
        """The run that charges a pixel."""
        injection, pattern = context.detector.injections.get(self.source), None
        if injection is not None and pixel is not None:
            line = injection.line_of(context.detector.shape)[pixel]
            pattern = next(i for i, own in enumerate(injection.patterns) if line in own)
        wanted = {**at, **({} if pattern is None else {"pattern": pattern})}
        return next((key for key, one in context.arranged.items() if one.run is not None and all(
            wanted.get(axis, index) == index for axis, index in one.at.items())), "")

    def beside_others(self, shown: Explanation, x: Array, signal: Array, code: Array) -> Explanation:
        """An explanation with what other programs make of the same; as it is where none are asked.

        Parameters
        ----------
        shown : Explanation
        x : (s,) int32
            Steps.
        signal, code : (1, s) uint16, ADU
        """
        return shown

    def explain_scan(
        self, context: Context, key: str, at: At, samples: ScanSamples, known: Known, compare: bool = False,
    ) -> Explanation:
        """What the samples of one pixel look like in the scan, and what is made of them.

        Parameters
        ----------
        context : Context
        key : str
            Of the arranged input.
        at : mapping
            Indices along axes.
        samples : ScanSamples
        known : callable
        compare : bool
            Whether other programs are asked for the same, which takes longer.
        """
        arranged = context.arranged[key]
        assert arranged.run is not None  # it was read
        assert arranged.run.scan is not None
        position = samples.train.astype(np.int64) - arranged.run.scan.first_train
        here = partial(self._here, context, known, {**at, **arranged.at})
        begin, length = (math.nan if values is None else float(values)
                         for values in map(here, ("begins", "lengths")))
        notes: tuple[str, ...] = ()
        if math.isnan(begin):
            begin, length = 0, int(position.max(initial=0)) + 1
            notes = ("The scan is taken from the first train on, until it is known where it begins.",)
        elif not self.first_alone and position.max(initial=0) >= begin + 2 * length - 1:
            notes = ("What is shown is of the first scan of this run; maps are of the mean of its whole scans.",)
        inside = (position >= begin) & (position < begin + length)
        series = np.zeros((2, 1, int(length)), np.uint16)
        series[:, 0, (position[inside] - int(begin))] = samples.signal[inside], samples.code[inside]
        steps = self.steps(int(length))
        shown = self.explanation(steps, series[0], series[1], notes, here)
        return self.beside_others(shown, steps, series[0], series[1]) if compare else shown

    def _here(self, context: Context, known: Known, at: At, name: str) -> Array | None:
        """A result at the memory cell, pattern and whatever else its scan is of; the last where there are fewer."""
        values = known(name)
        if values is None:
            return None
        over = next(one.over for one in self.results(context.detector) if one.name == name)
        return np.asarray(values[tuple(
            slice(None) if axis == "gain" else min(at.get(axis, 0), len(context.axes[axis]) - 1) for axis in over)])

    def times_charged(self, context: Context, unit: Unit) -> Array:
        """How many of a unit's runs charge each pixel.

        Parameters
        ----------
        context, unit

        Returns
        -------
        (slow_scan, fast_scan) int64
        """
        kind = context.detector
        injection = self.injection(kind)
        runs = [one.run for one in _arranged(context, unit) if one.run is not None]
        lines = np.array([line for run in runs for line in by_pattern.charged(injection, run)], np.int64)
        number = np.bincount(lines, minlength=kind.shape[injection.axis] * injection.halves)
        return np.asarray(number[injection.line_of(kind.shape)])


def _arranged(context: Context, unit: Unit) -> list[Arranged]:
    return [context.arranged[key] for key in unit.inputs]


def _scans(context: Context, taken: Mapping[str, Sequence[tuple[int, int]]]) -> Maps:
    """Where the scan of each pattern begins, and how long it is, (pattern,) float32; NaN without one."""
    found = np.full((2, len(context.axes["pattern"])), np.nan, np.float32)
    for key, scans in taken.items():
        if scans:
            found[:, context.arranged[key].at["pattern"]] = scans[0][0], min(length for _, length in scans)
    return {"begins": found[0], "lengths": found[1]}
