"""Histograms of flat light: what a pixel's signals are in many frames, so that photons can be told apart in them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np

from calib_core.axes import Array, At, Axis, Result
from calib_core.characterisation.checks import Check
from calib_core.characterisation.explains import OfPixel
from calib_core.characterisation.flat_field_checks import EmptyCells, FewSamples
from calib_core.characterisation.frame_choice import FrameChoice
from calib_core.characterisation.histogram import LARGEST, PART, TOGETHER, Histogram, Views, asics, number_of_asics
from calib_core.characterisation.histogram_plots import explanation_of
from calib_core.characterisation.inputs import Arrangement, Given, Input, as_given, inputs_of_steps
from calib_core.characterisation.light_of_flat_field import Light, first_gains
from calib_core.characterisation.outputs import ConstantOutput, Output
from calib_core.characterisation.through_steps import ThroughSteps
from calib_core.characterisation.unit import Accumulator, Context, Maps, Unit
from calib_core.constants.badpixels import BadPixels
from calib_core.constants.constant import (
    ABOVE,
    BELOW,
    FF_HISTOGRAM,
    FF_HISTOGRAM_ISOLATED,
    FF_MOMENT_UNITS,
    FF_MOMENTS,
    FF_SUMS,
)
from calib_core.correction.isolated import Isolated
from calib_core.detector import DetectorType
from calib_core.errors import BadInput, BadParameter
from calib_core.explanation import Explanation, Mark, RuleText
from calib_core.params import Limits, knob
from calib_core.ranges import format_numbers

#: Bytes of a pixel and bin, and of what is summed of a pixel and memory cell.
_COUNT_BYTES, _SUM_BYTES = 4, 20
#: Bytes of each pixel of frames that go through the steps together, and of a constant's image while it is read.
_STEP_BYTES, _READ_BYTES = 64, 12
#: What stands beside the histograms in their files.
_BESIDE = ("edges", "photon_energy", "frames", "samples_of_module", "sum_of_module")


class FlatFieldHistogram(ThroughSteps):
    """Histograms of the signals of high gain in flat light, of each pixel and group of memory cells."""

    command: ClassVar[str] = "FF_HISTS"
    title: ClassVar[str] = "Histograms"
    use_when: ClassVar[str] = (
        "Before gains are taken from photons: runs with fluorescence or weak flat light, 0.05 to 1 photon in a "
        "pixel, and darks of the same operating condition.")
    caution: ClassVar[str] = (
        "Files of a module have about 1 GB for each kind of histogram. A histogram is that of a group of memory "
        "cells, which get the same gain.")
    split: ClassVar[str] = "group"
    work: ClassVar[Literal["dark", "correction", "gain"]] = "gain"

    photon_energy: float = knob(9.2, ge=0.1, le=100, unit="keV", help="Energy of the photons")
    expected_gain: float = knob(7.2, ge=0.001, le=10000, unit="ADU/keV",
                                help="Usual gain, by which photons are counted until gains are known")
    hist_range: Limits = knob((-50.0, 300.0), unit="ADU", help="Signals that histograms have")
    n_bins: int = knob(350, ge=10, le=4096, unit="bins", help="Bins of a histogram")
    cell_group: int = knob(32, ge=0, le=1024, unit="memory cells",
                           help="Neighbouring memory cells with one histogram; 0 for one of each memory cell")
    min_light: float = knob(0.02, ge=0, le=100, unit="photons", expert=True,
                            help="Least mean light of a pixel and frame; with less there are no photons to be seen")
    max_light: float = knob(2.5, ge=0.01, le=1000, unit="photons", expert=True,
                            help="Largest mean light of a pixel and frame; with more peaks cannot be told apart")
    min_entries: int = knob(1000, ge=0, le=10**9, unit="samples",
                            help="Least samples in a pixel's histogram; with fewer it is flagged")

    @classmethod
    def of_frames(cls) -> set[str]:
        """Names of parameters that say which frames are taken, or how they are looked at, not how they count."""
        own = {"expected_gain", "min_light", "max_light", "min_entries", "other_conditions"}
        return {*FrameChoice.model_fields, *own}

    def inputs(self, kind: DetectorType | None) -> tuple[Input, ...]:
        """The runs, and constants of the steps.

        Returns
        -------
        tuple of Input
        """
        return (Input("light", "flat light", many=True, help="runs with flat light: numbers or folders"),
                *inputs_of_steps(self.steps))

    def arrange(self, kind: DetectorType, given: Given, keep: bool) -> Arrangement:
        """The runs as they are given.

        Returns
        -------
        Arrangement

        Raises
        ------
        BadInput
            A run is of a fixed gain other than high, or given twice.
        BadParameter
            Frames with light are wanted of a type of which nothing tells them.
        """
        self.check_light(kind)
        found = as_given(self.inputs(kind), given)
        runs = [one.run for one in found.runs if one.run is not None]
        for run in runs:
            if run.condition is not None:
                _check_gain(kind.operated_at(run.condition.values), run.label)
        paths = [run.path for run in runs]
        if twice := [run for i, run in enumerate(runs) if run.path in paths[:i]]:
            raise BadInput(f"Run {twice[0].label} is given twice; its frames would be counted twice.")
        return replace(found, notes=(*found.notes, *self.said_of_light()))

    def axes(self, context: Context) -> tuple[Axis, ...]:
        """Groups of memory cells, and memory cells; bins, their edges, sums and ASICs beside them.

        Returns
        -------
        tuple of Axis
            ``group`` (ranges of memory cells), ``cell`` (numbers), ``bin`` (lower edges, and what is below and above
            all), ``signal`` (middles of the bins), ``edge``, ``moment``, ``asic``.

        Raises
        ------
        BadParameter
            A step looks at memory cells together that would be in several groups.
        """
        size, cells = self.cell_group or 1, context.cells
        groups = tuple(cells[i:i + size] for i in range(0, len(cells), size))
        self._check_rows(groups)
        edges = tuple(self.edges.tolist())
        numbers = tuple(range(number_of_asics(context.kind))) if context.kind else ()
        return (
            Axis("group", "Group", tuple(map(format_numbers, groups)), members=groups),
            Axis("cell", "Memory cell", cells),
            Axis("bin", "Bin", (BELOW, *edges[:-1], ABOVE), "ADU", of_slot=True),
            Axis("signal", "Signal", tuple(self._middles.tolist()), "ADU", of_slot=True, drawn=True),
            Axis("edge", "Edge", edges, "ADU", of_slot=True),
            Axis("moment", "Sum", FF_MOMENTS, of_slot=True, value_units=FF_MOMENT_UNITS),
            Axis("asic", "ASIC", numbers, of_slot=True),
        )

    def _check_rows(self, groups: Sequence[tuple[int, ...]]) -> None:
        """Refuse groups that part memory cells at which a step looks together."""
        cells = tuple(cell for group in groups for cell in group)
        for step in self.steps:
            parted = [group for group in groups if step.on and step.passes
                      and not set(step.beside(group[0], cells)) | set(step.beside(group[-1], cells)) <= set(group)]
            if parted:
                raise BadParameter(
                    f"cell_group = {self.cell_group} is not allowed: “{step.title}” looks at memory cells "
                    f"{format_numbers(step.beside(parted[0][0], cells))} together, and a group has "
                    f"{format_numbers(parted[0])}. Take groups of whole rows, or --no-{step.word}-cells.")

    def results(self, kind: DetectorType | None) -> tuple[Result, ...]:
        """Light, entries and flags of each pixel, histograms and sums, and what is known of the module.

        Returns
        -------
        tuple of Result
            Over (group), histograms over (group, bin), sums over (moment, cell).
        """
        alone = (Result("isolated", "Isolated samples", "samples", "u4", "Histogram of each pixel of samples whose "
                        "neighbours have no signal", over=("group", "bin"), role="count", hidden=True),)
        whole: dict[str, Any] = {"pixels": False, "hidden": True}
        return (
            Result("occupancy", "Photons", "photons", "f4", "Mean signal of a pixel in photons, by the usual gain",
                   over=("group",)),
            Result("entries", "Entries", "samples", "u4", "Samples in the histogram of a pixel, those below and "
                   "above its range left out", over=("group",), role="count", missing=0.0),
            Result("bad_pixels", "Bad pixels", "", "u4", "Pixels with too few samples", over=("group",), role="flags",
                   missing=float(BadPixels.FF_NO_ENTRIES)),
            Result("histogram", "Samples", "samples", "u4", "Histogram of each pixel: samples below its range, in "
                   "each bin, and above", over=("group", "bin"), role="count", hidden=True),
            *(alone if self._alone else ()),
            Result("sums", "Sums", "", "f8", f"Samples of each pixel, their sum and sum of squares, as far as they "
                   f"are below {LARGEST:,} ADU", over=("moment", "cell")),
            Result("spectrum", "Samples of the module", "samples", "i8", "Samples of all pixels by their signal; "
                   "marks are at whole photons by the usual gain", over=("group", "signal"), pixels=False,
                   marks=tuple((n * self._photon, str(n)) for n in self._photons)),
            Result("mean_of_module", "Mean of module", "ADU", "f8", "Mean of all samples from the range on",
                   over=("cell",), pixels=False),
            Result("frames", "Frames", "frames", "i8", "Frames of each memory cell", over=("cell",), pixels=False,
                   role="count"),
            Result("asic_gain", "Gain of ASICs", "ADU/keV", "f4", "Distance of the peaks of no and of one photon in "
                   "the samples of an ASIC, over the energy: a first look, a few per cent low",
                   over=("group", "asic"), pixels=False),
            Result("samples_of_module", "Samples in the mean", "samples", "i8", "Samples from the range on",
                   over=("cell",), **whole),
            Result("sum_of_module", "Sum", "ADU", "f8", "Sum of the samples from the range on", over=("cell",),
                   **whole),
            Result("edges", "Edges", "ADU", "f8", "Edges of the bins", over=("edge",), **whole),
            Result("photon_energy", "Photon energy", "keV", "f8", "Energy of the photons", over=(), **whole),
        )

    def outputs(self, kind: DetectorType | None) -> tuple[Output, ...]:
        """Histograms, and sums by memory cells.

        Returns
        -------
        tuple of ConstantOutput
        """
        if kind is None:
            return ()
        alone = (ConstantOutput(FF_HISTOGRAM_ISOLATED, "isolated", beside=_BESIDE),) if self._alone else ()
        return (ConstantOutput(FF_HISTOGRAM, "histogram", beside=_BESIDE), *alone,
                ConstantOutput(FF_SUMS, "sums", beside=_BESIDE[1:]))

    def bytes_per_item(self, kind: DetectorType | None, samples: int) -> int:
        """Histograms and sums of a group of memory cells.

        Returns
        -------
        int
            Bytes.
        """
        assert kind is not None
        histograms = (1 + self._alone) * (self.n_bins + 2) * _COUNT_BYTES
        return kind.pixels * (histograms + (self.cell_group or 1) * _SUM_BYTES)

    def bytes_of_unit(self, kind: DetectorType | None, entries: int) -> int:
        """Constants of a group of memory cells, and frames on their way through the steps.

        Returns
        -------
        int
            Bytes.
        """
        assert kind is not None
        kinds = sum(len(one.kinds) for one in inputs_of_steps(self.steps))
        images = entries * (self.cell_group or 1) * kinds * len(kind.stages)
        gathered = sum(one.bytes_of_file(kind) for one in self.steps if one.on)
        return images * kind.pixels * _READ_BYTES + gathered + max(TOGETHER, kind.pixels) * _STEP_BYTES

    def begin(self, context: Context, unit: Unit, index: int, previous: Accumulator | None) -> Histogram:
        """Histograms without samples yet.

        Returns
        -------
        Histogram
        """
        assert unit.module is not None
        light = Light(self._photon, self.photon_energy, (self.min_light, self.max_light))
        alone = next((one.word for one in self.steps if isinstance(one, Isolated) and one.on), "")
        return Histogram(context, unit, context.before[unit.module], self.edges, alone,
                         Views(self._maps, self._gains, light.check))

    def reduce(self, context: Context, unit: Unit, accumulator: Accumulator) -> Iterator[tuple[At, Maps]]:
        """Maps and histograms of each group, bin by bin, and sums of its memory cells.

        Yields
        ------
        at : dict
            Index of the group, and of the bin or memory cell.
        results : dict of arrays
        """
        assert isinstance(accumulator, Histogram)  # what begin() makes
        [group] = unit.block
        yield {}, {"edges": self.edges, "photon_energy": np.array(self.photon_energy)}
        yield {"group": group}, self._maps(accumulator)
        of_module = accumulator.numbers()
        yield {"group": group}, {name: of_module[name][0] for name in ("spectrum", "asic_gain")}
        shape, sums = context.detector.shape, accumulator.sums
        known = {"histogram": accumulator.counts, "isolated": accumulator.alone}
        for index in range(self.n_bins + 2):
            yield {"group": group, "bin": index}, {
                name: np.ascontiguousarray(one.pixels[:, index]).reshape(shape)
                for name, one in known.items() if one is not None}
        for slot, cell in enumerate(accumulator.cells):
            number, total = sums.of_module[slot]
            yield {"cell": context.axes["cell"].index(cell)}, {
                "sums": sums.moments(slot, shape), "frames": sums.frames[slot], "mean_of_module": sums.means[slot],
                "samples_of_module": number, "sum_of_module": total / PART}

    def checks(self, kind: DetectorType | None) -> tuple[Check, ...]:
        """What is asked of each module: frames without data, memory cells without frames, pixels with few samples."""
        return (*super().checks(kind), EmptyCells(), FewSamples(self.min_entries))

    def rules(self, kind: DetectorType) -> tuple[RuleText, ...]:
        """The rule by which pixels are flagged."""
        return (RuleText(int(BadPixels.FF_NO_ENTRIES), "samples within the range of the histogram",
                         f"at least {self.min_entries}", "none where there are enough frames"),)

    def explain_results(
        self, context: Context, at: At, pixel: OfPixel, compare: bool = False,
    ) -> Explanation:
        """Histogram of the pixel beside that of its module.

        Returns
        -------
        Explanation
            As :func:`~calib_core.characterisation.histogram_plots.explanation_of` makes it.
        """
        counts = {name: pixel.along(name, "bin") for name in ("histogram", "isolated")}
        marks = tuple(Mark(f"{n} γ", n * self._photon, one_of_many=True) for n in self._photons)
        group = at.get("group", 0)
        asic = int(asics(context.detector)[pixel.row, pixel.col])
        return explanation_of(self.edges, counts, marks, pixel, (group, asic), self.photon_energy)

    @property
    def edges(self) -> Array:
        """Edges of the bins, ADU, (bins + 1,) float64."""
        return np.linspace(*self.hist_range, self.n_bins + 1)

    @property
    def _alone(self) -> bool:
        """Whether isolated samples have histograms of their own."""
        return any(isinstance(one, Isolated) and one.on for one in self.steps)

    def _maps(self, found: Histogram) -> Maps:
        """Light, entries and flags of each pixel."""
        shape, photons = found.kind.shape, (found.sums.of_pixels / self._photon).astype(np.float32)
        entries = found.counts.inside.astype(np.uint32)
        flags = np.where(entries < self.min_entries, np.uint32(BadPixels.FF_NO_ENTRIES), np.uint32(0))
        return {"occupancy": photons.reshape(shape), "entries": entries.reshape(shape),
                "bad_pixels": flags.reshape(shape)}

    def _gains(self, spectra: Array) -> Array:
        """First gains of ASICs, ADU/keV, by their samples in the bins."""
        return first_gains(self.edges, spectra, self._photon) / np.float32(self.photon_energy)

    @property
    def _photon(self) -> float:
        """Usual signal of a photon, ADU."""
        return self.photon_energy * self.expected_gain

    @property
    def _photons(self) -> range:
        """Numbers of photons whose usual signal is within the range."""
        low, high = self.hist_range
        return range(max(0, math.ceil(low / self._photon)), max(0, math.floor(high / self._photon)) + 1)

    @property
    def _middles(self) -> Array:
        """Middles of the bins, ADU, (bins,) float64."""
        return np.asarray((self.edges[:-1] + self.edges[1:]) / 2)


def _check_gain(operated: DetectorType, run: str) -> None:
    """Refuse a run of fixed gain other than high, in which there is nothing to be counted."""
    if operated.fixed_stage:
        raise BadInput(f"Run {run} is of fixed gain, {operated.stages[operated.fixed_stage].label}, by its operating "
                       f"condition; histograms of flat light are of {operated.stages[0].label}.")
