"""One frame of each module on its way through the steps of a correction, before a whole run is corrected."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any, Self

import numpy as np

from calib_core.characterisation.family import named
from calib_core.characterisation.file_passes import knowing
from calib_core.characterisation.method import Method
from calib_core.constants.constant import NOISE
from calib_core.correction.images import Images
from calib_core.correction.of_samples import OfSamples
from calib_core.correction.pipeline import BoundPipeline, Pipeline
from calib_core.correction.step import Step
from calib_core.detector import Frames
from calib_core.errors import BadParameter
from calib_core.io.frames import ModuleFrames
from calib_core.jobs.choice import ModuleConstants, Taken
from calib_core.jobs.file_constant import FileConstant
from calib_core.jobs.passes_around import PassesAround
from calib_core.jobs.plan import Plan
from calib_core.jobs.rechoice import with_constants_of
from calib_core.jobs.same_steps import check_same_codes, check_same_steps
from calib_core.jobs.spec import JobSpec

#: Variance of a charge in silicon, keV per keV: Fano factor 0.115 and 3.65 eV for each pair of charges.
_FANO = 0.115 * 0.00365
#: Memory cells whose constants are kept of each module.
_KEPT_CELLS = 4


@dataclass(frozen=True, eq=False)
class _KeptConstant(FileConstant):
    """A constant that keeps what was read of it last."""

    kept: dict[tuple[int, ...], OfSamples] = field(default_factory=dict)

    def read(self, cells: Sequence[int] = ()) -> OfSamples:
        """A copy of the constant in memory, which a step may change; of the same memory cell it is read once."""
        if len(cells) != 1:
            return super().read(cells)
        key = tuple(cells)
        if key not in self.kept:
            _make_room(self.kept, _KEPT_CELLS)
            self.kept[key] = super().read(cells)
        return replace(self.kept[key], data=self.kept[key].data.copy())


@dataclass(frozen=True)
class Link:
    """A step of the chain, as it stands with the constants that there are.

    Attributes
    ----------
    step : Step
    done : bool
        Whether frames go through it.
    why_not : str
        Why it is left out although it is on; empty else.
    constants : tuple of FileConstant or NeutralConstant
        Those that it takes of the first module.
    said : str
        Of which frames it has learned what it had to learn before.
    """

    step: Step
    done: bool
    why_not: str = ""
    constants: tuple[Taken, ...] = ()
    said: str = ""


@dataclass(frozen=True)
class Passed:
    """A frame of one module before the steps, and after each that was done.

    Attributes
    ----------
    raw : Images
        Values are codes as float32.
    after : mapping of str to Images
        By the word of the step, in their order.
    seconds : mapping of str to float
        What each step took.
    said : mapping of str to str
        Of which frames steps have learned what they had to learn before, by their words.
    """

    raw: Images
    after: Mapping[str, Images]
    seconds: Mapping[str, float]
    said: Mapping[str, str] = field(default_factory=dict)

    @property
    def last(self) -> Images:
        """After all steps."""
        return list(self.after.values())[-1] if self.after else self.raw


@dataclass(frozen=True)
class Preview:
    """Frames of a run through steps that can be changed, with the constants that a plan has chosen.

    Attributes
    ----------
    plan : Plan
        Of a correction; its runs stay open until somebody closes them.
    method : Method
        With the parameters that are looked at.
    around : PassesAround
        What steps have learned that have to see many trains before.
    """

    plan: Plan
    method: Method
    _constants: Mapping[int, ModuleConstants] = field(repr=False)
    _bound: Mapping[int, BoundPipeline] = field(repr=False)
    _ready: dict[tuple[int, int], BoundPipeline] = field(default_factory=dict, repr=False)
    around: PassesAround = field(default_factory=PassesAround, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @classmethod
    def of(cls, plan: Plan) -> Self:
        """Preview of what a plan would do.

        Raises
        ------
        BadParameter
            The plan is of something else than a correction.
        """
        if not plan.context.before:
            raise BadParameter(f"{plan.method.title} has no steps that a frame could be looked at after.")
        return cls._of(plan, {})

    @classmethod
    def _of(cls, plan: Plan, known: Mapping[int, ModuleConstants]) -> Self:
        """Preview of a plan that takes constants which another one keeps."""
        kept = {number: replace(one, found={name: _kept(constant, known.get(number)) for name, constant in
                                            one.found.items()}) for number, one in plan.before.constants.items()}
        method = named(plan.spec.family).method(plan.spec.method).with_changes(plan.spec.parameters)
        return cls(plan, method, kept, _bind(plan, method, kept))

    def with_constants(self, spec: JobSpec) -> Self:
        """The same frames with the constants that another specification gives; those that stay are not read again.

        Parameters
        ----------
        spec : JobSpec
            Differs from that of the plan in constants and in parameters of steps alone.

        Raises
        ------
        BadParameter, BadInput
            A value is not allowed, or a constant cannot be taken.
        """
        return self._of(with_constants_of(self.plan, spec), self._constants)

    def with_parameters(self, parameters: Mapping[str, Any]) -> Self:
        """The same frames and constants with other parameters of steps.

        Raises
        ------
        BadParameter, BadInput
            A value is not allowed, or a step cannot be done with the constants that there are.
        """
        method = named(self.plan.spec.family).method(self.plan.spec.method).with_changes(parameters)
        return replace(self, method=method, _bound=_bind(self.plan, method, self._constants), _ready={})

    @property
    def trains(self) -> tuple[int, ...]:
        """Train ids that any module has, ascending."""
        found = [np.unique(frames.train) for frames in self.plan.frames.values()]
        return tuple(np.unique(np.concatenate(found)).tolist())

    @property
    def cells(self) -> tuple[int, ...]:
        """Memory cells of the frames, ascending."""
        return tuple(sorted({cell for frames in self.plan.frames.values() for cell in frames.cells}))

    @property
    def unit(self) -> str:
        """Unit of what comes out."""
        return Pipeline([one.step for one in self.links if one.done]).unit

    @property
    def links(self) -> tuple[Link, ...]:
        """All steps in their order, also those that are off."""
        first = self._bound[min(self._bound)]
        done = {one.step.word: one for one in first.steps}
        left = {one.step: one.reason for one in first.skipped}
        have = self._constants[min(self._bound)].found
        return tuple(
            Link(step, step.word in done, left.get(step.title, "") if step.on else "",
                 tuple(have[kind.name] for kind in step.takes if kind.name in have))
            for step in self.method.steps_before())

    def frame(self, module: int, train: int, cell: int) -> Frames | None:
        """Frame of a module as it is stored.

        Returns
        -------
        Frames or None
            Of one frame; None where there is none.

        Raises
        ------
        BadInput
            A file cannot be read.
        """
        return self._frames_of(module).one(train, cell)

    def needed(self) -> dict[int, tuple[FileConstant, ...]]:
        """Constants of each module that its frames are looked at with: of the steps that are done, and the noise."""
        done = {kind.name for link in self.links if link.done for kind in link.step.takes}
        return {number: tuple(constant for constant in one.images if constant.kind.name in done | {NOISE.name})
                for number, one in self._constants.items()}

    def read_ahead(self, module: int, cell: int) -> None:
        """Bring the constants of a memory cell into memory, so that its frames need not wait for them."""
        self._with_constants(module, cell)

    def passed(self, module: int, frames: Frames) -> Passed:
        """A frame after each step.

        Parameters
        ----------
        module : int
        frames : Frames
            Of one memory cell; they stay as they are.
        """
        bound, said = self._knowing(module, frames, self._bound[module])
        raw = Images.of_frames(frames)
        after: dict[str, Images] = {}
        seconds: dict[str, float] = {}
        images = raw
        with np.errstate(all="ignore"):  # what comes of numbers that are none is flagged
            for one in bound.steps:
                images = images.copy()
                start = perf_counter()
                one.apply(images)
                seconds[one.step.word] = perf_counter() - start
                after[one.step.word] = images
        return Passed(raw, after, seconds, said)

    def without(self, module: int, word: str, frames: Frames) -> Images:
        """A frame after all steps but one."""
        bound = self._bound[module]
        left = {word, *(one.step.word for one in bound.steps if one.step.follows == word)}
        others, _ = self._knowing(module, frames, replace(
            bound, steps=tuple(one for one in bound.steps if one.step.word not in left)))
        images = Images.of_frames(frames)
        others.apply(images)
        return images

    def _knowing(self, module: int, frames: Frames, steps: BoundPipeline) -> tuple[BoundPipeline, dict[str, str]]:
        """Steps of a module with all that they know, and of which frames they have learned, by their words."""
        ready = self._with_constants(module, int(frames.cell[0]))
        of = {one.step.word: one for one in ready.steps}
        here = replace(steps, steps=tuple(of[one.step.word] for one in steps.steps))
        learning = [one.step.word for one in steps.steps if one.step.passes]
        if not learning:
            return here, {}
        known = self.around.of(steps, module, self._frames_of(module), frames, self.method.frame_selection())
        return knowing(here, known.learned), dict.fromkeys(learning, known.said)

    def _frames_of(self, module: int) -> ModuleFrames:
        [frames] = (one for (number, _), one in self.plan.frames.items() if number == module)
        return frames

    def _with_constants(self, module: int, cell: int) -> BoundPipeline:
        """Steps of a module with the constants of a memory cell in memory."""
        key = module, cell
        ready = self._ready.get(key)  # who needs nothing read waits for nobody who reads
        if ready is not None:
            return ready
        with self._lock:
            if key not in self._ready:
                _make_room(self._ready, _KEPT_CELLS * len(self._bound))
                self._ready[key] = self._bound[module].read([cell])
            return self._ready[key]

    def error(self, module: int, frames: Frames, passed: Passed, row: int, col: int) -> float:
        """Standard deviation that a corrected sample is expected to have, in the unit of what comes out.

        Read noise of its gain stage, as the constant has it, the statistics of its charge in silicon where the unit
        is an energy, and the steps of the converter, each by what the steps make of one code more. Errors of the
        other constants are not known, and not in it.

        Parameters
        ----------
        module : int
        frames : Frames
            Of one frame.
        passed : Passed
            The same after the steps.
        row, col : int

        Returns
        -------
        float
            NaN where there is no noise among the constants, or the sample has no value that follows its code.
        """
        noise = self._constants[module].found.get(NOISE.name)
        if noise is None or (isinstance(noise, FileConstant) and not noise.is_ready(int(frames.cell[0]))):
            return float("nan")
        block = frames.block.copy()
        block[0, 0, row, col] += 1 if block[0, 0, row, col] < np.iinfo(block.dtype).max else -1
        other = self.passed(module, replace(frames, block=block)).last
        of_code = abs(float(other.values[0, row, col]) - float(passed.last.values[0, row, col]))
        same_stage = other.stage[0, row, col] == passed.last.stage[0, row, col]
        sigma = float(noise.read([int(frames.cell[0])]).of(passed.last)[0, row, col])
        if not (same_stage and np.isfinite(of_code) and of_code > 0):
            return float("nan")
        charge = max(0.0, float(passed.last.values[0, row, col])) if self.unit == "keV" else 0.0
        return float(np.sqrt((of_code * sigma) ** 2 + _FANO * charge + of_code**2 / 12))


def _make_room(kept: dict[Any, Any], most: int) -> None:
    """Let the oldest entries go."""
    while len(kept) >= most:
        kept.pop(next(iter(kept)), None)


def _kept(constant: Taken, known: ModuleConstants | None) -> Taken:
    """A constant that keeps what is read of it: that of before, where it is of the same file."""
    if not isinstance(constant, FileConstant):
        return constant
    before = None if known is None else known.get(constant.kind)
    if isinstance(before, FileConstant) and before.stored == constant.stored:
        return before
    return _KeptConstant(constant.stored, constant.kind, constant.detector, constant.guessed)


def _bind(plan: Plan, method: Method, constants: Mapping[int, ModuleConstants]) -> dict[int, BoundPipeline]:
    """Steps of each module with its constants; they must go together as those of a job must."""
    assert plan.detector is not None
    kind, steps = plan.detector.type, method.steps_before()
    whole = {number: Pipeline(steps).bind(one, kind.module(number)) for number, one in constants.items()}
    check_same_steps(whole)
    # what is told of codes that a constant does not tell the plan has told
    list(check_same_codes(steps, whole, {number: dict(one.found) for number, one in constants.items()}))
    Pipeline([one.step for one in whole[min(whole)].steps])
    return whole

