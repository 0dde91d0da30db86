"""Correction: frames go through steps, one after the other, and into files; what they are on average is shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, ClassVar, Literal

from calib_core.axes import Array, At, Axis, Result
from calib_core.characterisation import events
from calib_core.characterisation.checks import Check
from calib_core.characterisation.correct_checks import Flagged
from calib_core.characterisation.correct_sums import LARGEST, TOGETHER, Summary
from calib_core.characterisation.found_of_frames import checks_of, finding, results_of
from calib_core.characterisation.inputs import Arranged, Arrangement, Given, Input, as_given, inputs_of_steps
from calib_core.characterisation.outputs import CorrectedOutput, Output, TableOutput
from calib_core.characterisation.through_steps import ThroughSteps
from calib_core.characterisation.unit import Accumulator, Context, Maps, Unit
from calib_core.constants.constant import ConstantKind
from calib_core.correction.pipeline import Pipeline
from calib_core.correction.split_events import SplitEvents
from calib_core.correction.step import Step
from calib_core.detector import DetectorType, FrameSelection
from calib_core.errors import BadInput, BadParameter
from calib_core.explanation import Explanation
from calib_core.params import knob

#: Bytes of a pixel and memory cell that are summed beside the stages, and that each constant has of each entry of its
#: first axis in memory, and while one such entry is read.
_SUM_BYTES, _CONSTANT_BYTES, _READ_BYTES = 24, 4, 8
#: Bytes of each pixel of frames that go through the steps together, for each image that is kept, and where events are
#: classified.
_STEP_BYTES, _KEPT_BYTES, _EVENT_BYTES = 48, 4, 24
_FRAMES = Result("frames", "Frames", "frames", "i8", "Corrected frames of each memory cell", over=("cell",),
                 pixels=False, role="count")
_SUMMED = f"the corrected samples without flags, as far as they are finite and below {LARGEST:,}"


class Correct(ThroughSteps):
    """Corrected frames of a run, with the mask and the gain stage of each sample."""

    command: ClassVar[str] = "CORRECT"
    title: ClassVar[str] = "Correct"
    use_when: ClassVar[str] = "Constants of the run's operating condition are there."
    caution: ClassVar[str] = "Constants decide the result: look at their age and at the steps that are left out."
    work: ClassVar[Literal["dark", "correction", "gain"]] = "correction"

    virtual_cxi: bool = knob(False, help="Write a virtual CXI file too, which shows the frames of all modules as one")
    constants_strategy: Literal["prior", "closest"] = knob("prior", help="Which constants are taken by their time. "
        "prior: the newest that are valid before the run. closest: the closest, also later ones, which is told")

    @property
    def by_sequence(self) -> bool:
        """Each raw file becomes a corrected one."""
        return True

    @property
    def takes_closest(self) -> bool:
        """Whether the constants that are the closest in time are taken, be they later than the run."""
        return self.constants_strategy == "closest"

    def inputs(self, kind: DetectorType | None) -> tuple[Input, ...]:
        """The run, and constants of the steps.

        Returns
        -------
        tuple of Input
        """
        return (Input("run", "run", help="run to correct: number or folder"), *inputs_of_steps(self.steps))

    def arrange(self, kind: DetectorType, given: Given, keep: bool) -> Arrangement:
        """The run as it is given.

        Returns
        -------
        Arrangement
            With a sentence where its gain bits are not those of the fixed gain that its operating condition has, and
            one where each of its trains holds all gain stages, which are taken together.

        Raises
        ------
        BadInput
            Its trains hold all gain stages, and no step combines them.
        BadParameter
            A virtual file is wanted of a type of which EXtra-data makes none, or lit frames of one of which nothing
            tells them.
        """
        if self.virtual_cxi and not kind.component:
            raise BadParameter("virtual_cxi = True is not allowed; EXtra-data makes no virtual file of "
                               f"{kind.title}.")
        self.check_light(kind)
        found = as_given(self.inputs(kind), given)
        runs = tuple(self._together(one) for one in found.runs)
        told = (f"Run {one.run.label} holds all {one.parts} gain stages in each train; of each pixel the sample of "
                f"one of them is taken{self._left_out()}." for one in runs if one.run and one.together)
        return Arrangement(runs, (*found.notes, *told, *_other_bits(kind, runs), *self.said_of_light()))

    def frame_selection(self) -> FrameSelection:
        """Trains and pulses that are corrected, and how many frames at the end of a gain stage are not.

        Others are not in the corrected files.

        Returns
        -------
        FrameSelection
        """
        last = max((one.drops_last for one in self.steps), default=0)
        return replace(super().frame_selection(), drop_last=last)

    def _together(self, one: Arranged) -> Arranged:
        """A run whose trains hold all gain stages is read with all of them."""
        if one.run is None or one.run.stages == 1:
            return one
        if not any(step.combines for step in self.steps):
            raise BadInput(f"Run {one.run.label} holds all gain stages in each train; no step of this correction "
                           "combines them.")
        return replace(one, parts=one.run.stages, together=True)

    def _left_out(self) -> str:
        last = self.frame_selection().drop_last
        frames = "the last frame" if last == 1 else f"the last {last} frames"
        return f", and {frames} of each stage left out" if last else ""

    def axes(self, context: Context) -> tuple[Axis, ...]:
        """Memory cells, and gain stages, which are looked at side by side.

        Returns
        -------
        tuple of Axis
            ``cell`` (numbers) and ``gain`` (short names).
        """
        stages = tuple(stage.short for stage in context.detector.stages)
        return Axis("cell", "Memory cell", context.cells), Axis("gain", "Gain stage", stages, of_slot=True)

    @property
    def classifies(self) -> bool:
        """Whether events are told from each other."""
        return any(isinstance(one, SplitEvents) and one.on for one in self.steps)

    def results(self, kind: DetectorType | None) -> tuple[Result, ...]:
        """Mean of the corrected frames, shares of the gain stages, flags, and samples behind the mean.

        Returns
        -------
        tuple of Result
            Over (cell), shares over (gain, cell); of the whole module the number of frames, means, and gain
            fractions; where events are classified, their table.
        """
        unit = Pipeline(self.steps).unit
        of_events = (events.result(kind),) if self.classifies else ()
        return (
            Result("mean", "Mean corrected", unit, "f4", f"Mean of {_SUMMED}",
                   over=("cell",), error="deviation", count="samples"),
            Result("deviation", "Deviation", unit, "f4",
                   f"Standard deviation of {_SUMMED}", over=("cell",)),
            Result("bad_pixels", "Mask", "", "u4", "Flags that a pixel has in any frame", over=("cell",),
                   role="flags", missing=0.0),
            Result("shares", "Share of", "", "f4", "Share of the frames whose sample is of a gain stage",
                   over=("gain", "cell")),
            Result("samples", "Samples", "samples", "u4", "Number of " + _SUMMED.removeprefix("the "), over=("cell",),
                   role="count", missing=0.0),
            Result("stage", "Gain stage", "", "f4", "Gain stage that most samples of a pixel are of, the first is 0",
                   over=("cell",)),
            *of_events,
            *_of_module(kind, unit),
            *results_of(self.steps),
        )

    def outputs(self, kind: DetectorType | None) -> tuple[Output, ...]:
        """Corrected files.

        Returns
        -------
        tuple of CorrectedOutput
            None without a detector; where events are classified, their table too.
        """
        if kind is None:
            return ()
        files = replace(CorrectedOutput.of(kind.corrected_layout, self.steps), virtual=self.virtual_cxi)
        return (files, TableOutput("events")) if self.classifies else (files,)

    def checks(self, kind: DetectorType | None) -> tuple[Check, ...]:
        """What is asked of each corrected module.

        Returns
        -------
        tuple of Check
        """
        classify = (one for one in self.steps if isinstance(one, SplitEvents) and one.on)
        of_events = (check for one in classify for check in events.checks_of(one))
        more = (*of_events, *checks_of(self.steps))
        return (*super().checks(kind), Flagged(), *more)

    def explain(self, samples: Array, detector: DetectorType) -> Explanation:
        """Samples of one pixel as they are stored; in parallel gain those of the first stage, which is said.

        Returns
        -------
        Explanation
        """
        found = super().explain(samples, detector)
        if not detector.in_parallel:
            return found
        said = f"The samples are those of {detector.stages[0].label}; each frame has one of every stage."
        return replace(found, notes=(*found.notes, said))

    def bytes_per_item(self, kind: DetectorType | None, samples: int) -> int:
        """Sums of a memory cell.

        Returns
        -------
        int
            Bytes.
        """
        assert kind is not None
        return kind.pixels * (_SUM_BYTES + 4 * len(kind.stages))

    def bytes_of_unit(self, kind: DetectorType | None, entries: int) -> int:
        """Constants, what is gathered of a file, and frames on their way through the steps.

        Returns
        -------
        int
            Bytes.
        """
        assert kind is not None
        kinds = {one.name: one for step in self.steps for one in (*step.needs, *step.optional)}
        images = entries * sum(_images(kind, one) for one in kinds.values())
        reading = entries * kind.pixels * _READ_BYTES
        steps = _STEP_BYTES + _KEPT_BYTES * len(_kept(kind, self.steps)) + _EVENT_BYTES * self.classifies
        gathered = sum(one.bytes_of_file(kind) for one in self.steps if one.on)
        return images * kind.pixels * _CONSTANT_BYTES + reading + gathered + max(TOGETHER, kind.pixels) * steps

    def begin(self, context: Context, unit: Unit, index: int, previous: Accumulator | None) -> Summary:
        """Sums of nothing yet.

        Returns
        -------
        Summary
        """
        assert unit.module is not None
        return Summary(context, unit, context.before[unit.module], _kept(context.detector, self.steps),
                       self.classifies, [one.word for one in finding(self.steps)])

    def reduce(self, context: Context, unit: Unit, accumulator: Accumulator) -> Iterator[tuple[At, Maps]]:
        """Results memory cell by memory cell.

        Yields
        ------
        at : dict
            Index of the memory cell.
        results : dict of arrays
            As :meth:`Summary.snapshot` gives them.
        """
        for index in unit.block:
            yield {"cell": index}, accumulator.snapshot(index)


def _of_module(kind: DetectorType | None, unit: str) -> tuple[Result, ...]:
    """What is known of a whole module in each memory cell, while frames come."""
    first = f" of {kind.stages[0].short}" if kind is not None and kind.in_parallel else ""
    of_cell: dict[str, Any] = {"over": ("cell",), "pixels": False}
    return (
        Result("raw_of_module", f"Mean raw{first}", "ADU", "f8", f"Mean of all raw samples{first}", **of_cell),
        Result("mean_of_module", "Mean of module", unit, "f8", f"Mean of {_SUMMED}", **of_cell),
        Result("fractions", "Gain fraction", "%", "f8", "Share of the samples in use that are of a gain stage",
               over=("gain", "cell"), pixels=False),
        _FRAMES,
    )


def _other_bits(kind: DetectorType, runs: Iterable[Arranged]) -> Iterator[str]:
    """Sentences on runs of fixed gain whose gain bits are others."""
    for run in (one.run for one in runs):
        if run is None or run.condition is None:
            continue
        operated = kind.operated_at(run.condition.values)
        stage = None if operated.fixed_stage is None else operated.stages[operated.fixed_stage]
        if stage is not None and operated.has_gain_bits and run.gain_bits not in (None, stage.code):
            yield (f"Run {run.label} is of a fixed gain by its operating condition, {stage.label}, but most of its "
                   f"gain bits are {run.gain_bits}, not {stage.code}; each sample is corrected by its own bits.")


def _kept(kind: DetectorType, steps: tuple[Step, ...]) -> tuple[str, ...]:
    """Words of steps after which values are kept for files."""
    return CorrectedOutput.of(kind.corrected_layout, steps).kept


def _images(kind: DetectorType, constant: ConstantKind) -> int:
    """Images of a memory cell that a constant has in memory."""
    calibration = kind.calibrations.get(constant.name)
    of_stages = calibration is None or "gain" in calibration.dims
    return len(constant.used) or (len(kind.stages) if of_stages else 1)
