"""Plan of a job: the runs as they are, and the work units that they make."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from calib_core.axes import At, Result
from calib_core.characterisation.family import Family, named
from calib_core.characterisation.inputs import ALL_CONSTANTS, BY_HAND, Arranged
from calib_core.characterisation.method import Method
from calib_core.characterisation.outputs import ConstantOutput, Output
from calib_core.characterisation.unit import Context, Unit
from calib_core.constants.condition import Condition
from calib_core.correction.pipeline import BoundPipeline
from calib_core.detector import Detector, DetectorType
from calib_core.errors import BadInput, BadParameter, and_others
from calib_core.io.budget import cells_per_block, usable_processors
from calib_core.io.frames import ModuleFrames
from calib_core.io.run import Run
from calib_core.jobs.asked_for import cells_left_out, cells_used, frames_left_out, not_there
from calib_core.jobs.condition_of_runs import check_same_condition, doubts
from calib_core.jobs.given import constants_of
from calib_core.jobs.patience import Wait, check_unchanged, open_runs, patiently
from calib_core.jobs.planned_modules import cells_of_constants, frames_of_modules, named_modules, none_left
from calib_core.jobs.resolution import OfRun
from calib_core.jobs.room import (
    CELLS_AT_ONCE,
    cells_of,
    check_index,
    chunk_bytes_of,
    room_of,
    share_of,
    thread_share_of,
)
from calib_core.jobs.sources import Source
from calib_core.jobs.spec import JobSpec
from calib_core.jobs.step_constants import Before, bind_before
from calib_core.jobs.survey import Survey, assign, cells_in_use, choose_detector
from calib_core.jobs.without_effect import without_effect

#: Blocks that a run is cut into at least, where it has so many memory cells: fewer leave threads without work.
_LEAST_BLOCKS = 4


@dataclass(frozen=True)
class Plan:
    """What a job will do; frozen once the input has been surveyed.

    Attributes
    ----------
    spec, method
        What was asked for.
    survey : Survey, optional
        What the runs hold; None for a job without raw runs.
    detector : Detector, optional
        With the modules that are asked for; its type as the data are to be understood. None for a job without one.
    modules : tuple of int or None
        Modules that take part; one None for a job without modules.
    context : Context
        What the method may know.
    results, outputs
        What is made, and the files made of it.
    condition : Condition
        Empty for a job without a detector.
    units : tuple of Unit
        Cut by the specification and the data alone, so that they are the same wherever they are planned.
    source : Source
        Where the units' data come from.
    threads : int
    room : int
        Working memory of all threads together, bytes: the budget without what the process holds already, and without
        scratch space in memory.
    left_out : dict
        Why a module does not take part, by number.
    notes : tuple of str
        Sentences for the log and the provenance.
    before : Before
        Steps that frames go through, and how the constants of each module were chosen for them.
    frames_left_out : tuple of str
        How many frames are used, and why others are not, where some were chosen.
    not_there : tuple of str
        What was asked for and is not there, or only in part; it is among the notes too.
    in_memory : int
        Scratch space in memory, bytes; 0 where it lies on the disk.
    started : datetime
        When the job was begun, aware UTC; it tells apart what the same specification made at another time.
    """

    spec: JobSpec
    survey: Survey | None
    detector: Detector | None
    method: Method
    modules: tuple[int | None, ...]
    context: Context
    results: tuple[Result, ...]
    outputs: tuple[Output, ...]
    condition: Condition
    units: tuple[Unit, ...]
    source: Source = field(repr=False)
    threads: int
    room: int
    left_out: dict[int, str]
    notes: tuple[str, ...]
    before: Before = field(default_factory=Before, repr=False)
    frames_left_out: tuple[str, ...] = ()
    not_there: tuple[str, ...] = ()
    in_memory: int = 0
    started: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def lines(self) -> tuple[str, ...]:
        """What the log has of the constants and frames that are taken."""
        return (*self.before.lines, *self.frames_left_out)

    @property
    def kind(self) -> DetectorType | None:
        """Detector type as the data are to be understood; None for a job without a detector."""
        return self.context.kind

    @property
    def detector_type(self) -> DetectorType:
        """The detector type, where there must be one; ValueError where there is none."""
        return self.context.detector

    @property
    def frames(self) -> dict[tuple[int, str], ModuleFrames]:
        """Frames by (module, key of the arranged input)."""
        return self.source.frames

    @property
    def runs(self) -> dict[str, Run]:
        """Open runs by key of the arranged input."""
        return self.source.runs

    def unit_bytes(self, unit: Unit) -> int:
        """Working memory of a unit, bytes."""
        per_item = self.method.bytes_per_item(self.kind, unit.samples)
        # in parts there are what is merged, the part that goes on, and its copy of the pass before
        copies = 3 if self.spec.parts > 1 and not self.method.by_sequence else 1
        cells = min(len(unit.block), self.context.cells_at_once or len(unit.block))
        return copies * len(unit.block) * per_item + self._beside(cells, unit.module)

    @property
    def bytes_beside(self) -> int:
        """Working memory of another worker at a unit of a method that goes file by file, bytes."""
        return max(self._beside(self.context.cells_at_once, module) for module in self.modules)

    def _beside(self, cells: int, module: int | None) -> int:
        """Working memory beside results: with constants of some memory cells, and chunks."""
        files = self.before.constants.get(module) if module is not None else None
        turning = files.turning_bytes if files is not None and cells else self.source.bytes_beside(module)
        return self.method.bytes_of_unit(self.kind, cells) + 2 * self.source.chunk_bytes + turning

    def parts(self, unit: Unit) -> tuple[Unit, ...]:
        """Parts of a unit that are done one after the other and merged; none where it is done in one piece."""
        if self.method.by_sequence:
            return self.source.files(unit)
        return self.source.parts(unit, self.spec.parts) if self.spec.parts > 1 else ()

    def key_at(self, at: At, pixel: tuple[int, int] | None = None) -> str:
        """Key of the arranged input whose samples a place has, at a pixel; empty where there is none."""
        return self.method.key_at(self.context, at, pixel)

    def cell_at(self, at: At) -> int:
        """Memory cell at some indices."""
        return self.context.cells[max(0, min(at.get("cell", 0), len(self.context.cells) - 1))]

    def label(self, unit: Unit) -> str:
        """Runs of a unit for the screen."""
        return ", ".join(one.run.label for key in unit.inputs if (one := self.context.arranged[key]).run)

    def trouble(self, module: int | None) -> Sequence[str]:
        """Sentences on constants of a module for which there was no room on the disk."""
        files = self.before.constants.get(module) if module is not None else None
        return () if files is None else files.trouble

    def stop(self) -> None:
        """Have files of constants that are being read as a whole left, since nobody wants them any more."""
        self.source.stop()
        for one in self.before.constants.values():
            one.stop()

    def close(self) -> None:
        """Close the runs and their files, and free the space of constants; who looks at either opens it again."""
        self.source.close()
        for one in self.before.constants.values():
            one.close()


def make_plan(spec: JobSpec, wait: Wait | None = None) -> Plan:
    """Open the runs of a job and plan its work units.

    Parameters
    ----------
    spec : JobSpec
    wait : callable, optional
        What to do before runs that are still being written are looked at again; None refuses them at once.

    Raises
    ------
    BadInput, BadParameter
        A run, a module or a parameter cannot be used.
    """
    return patiently(lambda: _planned(spec), wait)


def _planned(spec: JobSpec) -> Plan:
    family = named(spec.family)
    usual = family.method(spec.method)
    method = usual.with_changes(spec.parameters)
    inputs = {one.name: one for one in method.inputs(family.kind)}
    known = {**inputs, **{one.name: one for one in usual.inputs(family.kind)}}
    if unknown := sorted(set(spec.inputs) - {*known, ALL_CONSTANTS}):
        raise BadParameter(f"{family.name} {method.command} has no input “{unknown[0]}”; it has {', '.join(known)}.")
    if spec.constants and not method.steps_before():
        raise BadParameter(f"{family.name} {method.command} has no steps that take constants; leave {BY_HAND} out.")
    opened: dict[Path, Run] = {}
    try:
        raw = [name for name, one in inputs.items() if one.of == "raw"]
        open_runs((path for name in raw for path in spec.paths(name)), opened,
                  bool(raw) and method.frame_selection().partial)
        plan = _plan(spec, family, method, opened)
        check_unchanged(opened)
        return replace(plan, notes=(*plan.notes, *without_effect(spec, plan.detector, family, method, usual)))
    except BaseException:
        _close(opened.values())
        raise


def _close(runs: Iterable[Run]) -> None:
    for run in set(runs):
        run.close()


def _plan(spec: JobSpec, family: Family, method: Method, opened: dict[Path, Run]) -> Plan:
    if any(one.of == "raw" for one in method.inputs(family.kind)):
        if not opened:
            raise BadInput("The job has no run; give at least one.")
        return _of_runs(spec, family, method, opened)
    given = constants_of(spec, family, method)
    method, without = method.with_files(given.files)
    source = Source({}, {}, given.blocks, chunk_bytes_of(spec, 0))
    context = Context(given.kind, given.cells, given.arranged, files=given.files)
    condition = replace(given.condition, values={**method.known_by(given.files), **given.condition.values})
    made = Plan(
        spec, None, given.detector, method, given.modules, with_axes(method, context), method.results(given.kind),
        method.outputs(given.kind), condition, (), source, spec.threads or usable_processors(),
        room_of(spec.memory_mb << 20), given.left_out, (*spec.notes, *given.notes, *without),
        Before(lines=given.lines),
    )
    return _with_units(made)


def with_axes(method: Method, context: Context) -> Context:
    """A context with the axes of the method's results."""
    return replace(context, axes={axis.name: axis for axis in method.axes(context)}, split=method.split)


def _with_units(plan: Plan) -> Plan:
    planned = replace(plan, units=tuple(_units(plan)))
    planned = replace(planned, context=replace(planned.context, cells_at_once=_cells_at_once(planned)))
    return replace(planned, source=replace(planned.source, context=planned.context))


def _cells_at_once(plan: Plan) -> int:
    """Memory cells whose constants are read together: all, where a unit with them fits; no result depends on it."""
    if not plan.method.by_sequence or max(map(plan.unit_bytes, plan.units), default=0) <= plan.room:
        return 0
    return CELLS_AT_ONCE


def _of_runs(spec: JobSpec, family: Family, method: Method, opened: dict[Path, Run]) -> Plan:
    chosen = choose_detector(list(opened.values()), family, spec.detector)
    raw = {one.name for one in method.inputs(chosen.type) if one.of == "raw"}
    given = {name: tuple(opened[path] for path in spec.paths(name)) for name in spec.inputs if name in raw}
    found = assign(chosen, family, method, given, spec.keep_order, spec.conditions)
    check_same_condition(found, spec.conditions)
    unsure = tuple(doubts(found.condition))
    if spec.strict and unsure:
        raise BadInput(f"Not every value of the operating condition is sure, and --strict asks for that: {unsure[0]}"
                       + and_others(len(unsure) - 1, "value is not sure either", "values are not sure either"))
    runs = {one.key: opened[one.run.path] for one in found.taken if one.run}
    asked, absent = named_modules(chosen, runs, spec, method.steps_before())
    detector = replace(asked, type=asked.type.operated_at(found.condition.values))
    frames, left_out = frames_of_modules(detector, method, runs, found)
    modules = tuple(m.number for m in detector.modules if m.number not in left_out)
    if not modules:
        raise BadInput(none_left(left_out))
    cells = cells_of_constants(detector.type, found.condition, (one.cells for one in frames.values()))
    seen = sorted({cell for one in frames.values() for cell in one.cells})
    start = min((run.start_time for run in runs.values() if run.start_time is not None), default=None)
    before = bind_before(spec, method, detector, modules, OfRun(found.condition, start, tuple(seen)))
    method = _with_steps_that_are_done(method, before.bound)
    kind = _after(detector.type, before.bound)
    arranged = {one.key: one for one in found.taken}
    context = with_axes(method, Context(kind, cells, arranged, before=before.bound))
    source = Source(frames, runs, {}, chunk_bytes_of(spec, chosen.type.frame_bytes))
    told = cells_in_use(chosen.type, found.condition) if chosen.type.cells_told_by in spec.conditions else 0
    lacking = (*absent, *not_there(method.frame_selection(), frames, runs, told))
    fewer = (*cells_left_out(cells, cells_used(cells, context.axes.get("cell"))), *source.fewer_parts(spec.parts))
    for run in opened.values():
        run.forget_indexes()
    check_index(spec.memory_mb, source.index_bytes)
    return _with_units(Plan(
        spec, found, detector, method, modules, context, method.results(kind), method.outputs(kind),
        found.condition, (), source, spec.threads or usable_processors(),
        room_of(spec.memory_mb << 20, source.index_bytes), left_out,
        (*_notes(spec, found, left_out), *lacking, *unsure, *_of_time(spec, runs, method.outputs(kind)),
         *before.told, *fewer),
        before, tuple(frames_left_out(method.frame_selection(), frames, runs, method.sees_more())), lacking,
    ))


def _with_steps_that_are_done(method: Method, before: Mapping[int, BoundPipeline]) -> Method:
    """The method without the steps that are left out, so that its results have the unit that they are in."""
    skipped = {step.word: False for one in before.values() for step in method.steps_before()
               if step.title in {left.step for left in one.skipped}}
    return method.with_changes(skipped) if skipped else method


def _after(kind: DetectorType, before: Mapping[int, BoundPipeline]) -> DetectorType:
    """The detector type with the range of codes that comes out of the steps before, if there are any."""
    codes = [one.saturation for one in before.values() if one.steps]
    return replace(kind, saturation=max(codes)) if codes else kind


def _units(plan: Plan) -> Iterator[Unit]:
    index = 0
    for module in plan.modules:
        for keys in together(plan.method, plan.context.arranged):
            for block, samples in _blocks(plan, module, keys):
                yield Unit(index, module, keys, block, samples)
                index += 1


def together(method: Method, arranged: Mapping[str, Arranged]) -> list[tuple[str, ...]]:
    """Inputs that units read together: those of one place along the axis whose results the method combines later."""
    combines = method.combines
    if not combines or any(combines not in one.at for one in arranged.values()):
        return [tuple(arranged)]
    places = dict.fromkeys(one.at[combines] for one in arranged.values())
    return [tuple(key for key, one in arranged.items() if one.at[combines] == place) for place in places]


def _blocks(plan: Plan, module: int | None, keys: tuple[str, ...]) -> Iterator[tuple[tuple[int, ...], int]]:
    """Blocks of the axis along which work is cut, as long as a unit's share of the budget allows; one without it."""
    axis = plan.context.axes.get(plan.method.split)
    if axis is None:
        yield (), 0
        return
    entries, samples = plan.source.entries(axis, module, keys)
    if axis.members:  # groups are as large as they are meant to be
        yield from (((one,), samples) for one in entries)
        return
    if plan.method.by_sequence:
        yield entries, samples
        return
    kind, chunk_bytes = plan.kind, plan.source.chunk_bytes
    per_item = plan.method.bytes_per_item(kind, samples)
    longest = cells_of(chunk_bytes, kind.frame_bytes) if kind else len(entries)
    available = max(share_of(plan.spec) - 2 * chunk_bytes,
                    thread_share_of(plan.spec, plan.source.index_bytes) - plan._beside(longest, module))
    fitting = cells_per_block(per_item, available, len(entries))
    length = max(1, min(longest, fitting, -(-len(entries) // _LEAST_BLOCKS)))
    yield from ((entries[i : i + length], samples) for i in range(0, len(entries), length))


def _notes(spec: JobSpec, found: Survey, left_out: dict[int, str]) -> tuple[str, ...]:
    """Everything about the input that an operator should know, in the log and with the constants."""
    modules = (f"Module {number} left out: {why}" for number, why in sorted(left_out.items()))
    problems = (f"{run.label}: {problem.sentence()}" for run in found.runs for problem in run.problems
                if _concerns(spec, left_out, problem.module))
    remark = filter(None, [found.detector.type.remark if found.detector else ""])
    return tuple(dict.fromkeys((*found.unsettled, *spec.notes, *found.notes, *remark, *modules, *problems)))


def _of_time(spec: JobSpec, runs: Mapping[str, Run], outputs: Iterable[Output]) -> Iterator[str]:
    """Sentence on the constants' begin of validity, where no run tells when it was recorded, nor the operator."""
    made = any(isinstance(one, ConstantOutput) for one in outputs)
    if made and spec.begin is None and runs and all(run.start_time is None for run in runs.values()):
        yield ("No run tells when it was recorded, so the constants are valid from the moment of this job on; "
               "give --begin where it is known.")


def _concerns(spec: JobSpec, left_out: dict[int, str], module: int | None) -> bool:
    """Whether a problem of a module (None: of the run) is to be told: not of modules that take no part anyway."""
    return module not in left_out and (module is None or not spec.modules or module in spec.modules)
