"""Which constants in files the steps of a job take, module by module, and what is to be known of the choice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from calib_core.characterisation.inputs import Input, inputs_of_steps
from calib_core.characterisation.method import Method
from calib_core.constants.condition import Condition
from calib_core.constants.constant import LUT, ConstantKind
from calib_core.correction.pipeline import BoundPipeline, Pipeline
from calib_core.detector import Detector, DetectorType
from calib_core.errors import BadInput
from calib_core.jobs.file_constant import FileConstant
from calib_core.jobs.given import path_of
from calib_core.jobs.said import condition_of, of_sets, stages_without_values, zeros_in
from calib_core.jobs.same_steps import check_same_codes, check_same_steps, level_out, may_lack
from calib_core.jobs.spec import JobSpec
from calib_core.ranges import format_numbers
from calib_core.store.bare_files import with_axes
from calib_core.store.constants import StoredConstant, list_constants, read_constant

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class OfRun:
    """What constants must go with.

    Attributes
    ----------
    condition : Condition
        Operating condition of the run.
    start : datetime, optional
        When it was recorded, aware UTC; None where it does not tell.
    cells : tuple of int
        Memory cells of its frames.
    """

    condition: Condition
    start: datetime | None = None
    cells: tuple[int, ...] = ()


@dataclass(frozen=True)
class FileConstants:
    """Constants of one module in files, by the name of their kind, and those kinds that there were several of."""

    found: dict[str, FileConstant]
    several: frozenset[str] = frozenset()

    def get(self, kind: ConstantKind) -> FileConstant | None:
        """The constant of a kind, or None where there is none."""
        return self.found.get(kind.name)


@dataclass(frozen=True)
class Before:
    """Steps that frames go through.

    Attributes
    ----------
    bound : mapping of int to BoundPipeline
        By module, with its constants.
    constants : mapping of int to FileConstants
        Those that were chosen for each module, also for steps that are switched off.
    told : tuple of str
        Sentences for the log.
    """

    bound: Mapping[int, BoundPipeline] = field(default_factory=dict)
    constants: Mapping[int, FileConstants] = field(default_factory=dict)
    told: tuple[str, ...] = ()


def bind_before(spec: JobSpec, method: Method, detector: Detector, modules: Sequence[int], run: OfRun) -> Before:
    """Bind the steps that frames go through to the constants of each module.

    Of each kind and module the newest constant is taken that is of the run's operating condition and valid before the
    run began; else the first one after it, which is said.

    Parameters
    ----------
    spec, method, detector
    modules : sequence of int
    run : OfRun

    Raises
    ------
    BadInput
        A file cannot be read, is not of the detector or of another operating condition, there is none for a module,
        or a step is done for some modules only.
    """
    steps = method.steps_before()
    inputs = inputs_of_steps(steps)
    if not steps:
        return Before()
    files = {one.name: found for one in inputs for path in path_of(spec, one)
             if (found := _files(one, path, detector.type, one.name not in spec.inputs))}
    choice = _Choice(detector, run, method.takes_other_conditions, len(modules) == 1, may_lack(steps))
    constants = {number: choice.of_module(inputs, files, number) for number in modules}
    there = {number: one.found for number, one in constants.items()}
    lacking = tuple(level_out(steps, there, choice.refusals))
    bound = {number: Pipeline(steps).bind(found, detector.type) for number, found in constants.items()}
    skipped = tuple(left_out(bound))
    check_same_steps(bound)
    codes = check_same_codes(steps, bound, there)
    told = (f"The {inputs[0].label} of module {number} {text}." for number, one in bound.items() for text in one.told)
    used = ({kind: one.stored for kind, one in of_module.found.items()} for of_module in constants.values())
    without = dict.fromkeys(text for one in bound.values() for text in _without(one))
    return Before(bound, constants, (
        *lacking, *skipped, *without, *told, *codes, *_doubts(constants, run), *of_sets(used)))


def left_out(bound: Mapping[int, BoundPipeline]) -> Iterator[str]:
    """Sentences on steps that are left out, one of each step.

    Parameters
    ----------
    bound : mapping
        Steps of each module with their constants.

    Yields
    ------
    str
        Why; where modules have reasons of their own, that of the first, with the numbers of the others.
    """
    reasons: dict[str, dict[int, str]] = {}
    for number, pipeline in bound.items():
        for one in pipeline.skipped:
            reasons.setdefault(one.step, {})[number] = one.reason
    for of_modules in reasons.values():
        first, *others = of_modules
        alike = len(set(of_modules.values())) == 1
        more = f"; likewise module{'s' if len(others) > 1 else ''} {format_numbers(others)}" if others else ""
        yield of_modules[first] if alike else f"{of_modules[first].rstrip('.')} (module {first}{more})."


def _without(pipeline: BoundPipeline) -> Iterator[str]:
    """Sentences on steps that are done without a constant that they would take."""
    for one in pipeline.steps:
        if missing := one.step.missing(one.given, one.kind):
            yield f"{one.step.title} is done without {' and '.join(missing)}."


#: File or folder, and the constants of one kind in it.
_Files = tuple[str, list[StoredConstant]]


def _files(one: Input, given: str, kind: DetectorType, among_others: bool) -> _Files | None:
    """Constants of an input's kind in the file or folder that was given for it, or for all inputs."""
    path, [wanted] = Path(given), one.kinds
    name = kind.calibrations[wanted.name].name
    found = list_constants(path) if path.is_dir() else (read_constant(path),)
    fitting = [constant for constant in found if constant.calibration == name]
    if not fitting and one.optional and among_others:
        return None
    if not fitting:
        raise BadInput(f"{path} has no {one.label} {name}; it has "
                       f"{', '.join(sorted({constant.calibration for constant in found})) or 'no constants'}.")
    return given, fitting


@dataclass(frozen=True)
class _Choice:
    """Chooses constants of modules.

    ``alone``: there is one module, so that a single file is its own whatever unit it names. ``may_lack`` are names of
    constants that a module need not have; why it has not goes to ``refusals``.
    """

    detector: Detector
    run: OfRun
    others: bool
    alone: bool
    may_lack: frozenset[str] = frozenset()
    refusals: dict[str, str] = field(default_factory=dict)

    def of_module(self, inputs: Sequence[Input], files: Mapping[str, _Files], number: int) -> FileConstants:
        """Constants of one module, of each kind one."""
        pdu = self.detector.module(number).pdu
        found, several = {}, set()
        for one in (one for one in inputs if one.name in files):
            given, stored = files[one.name]
            mine = [constant for constant in stored if constant.pdu == pdu]
            mine = mine or (stored if self.alone and len(stored) == 1 else [])
            [wanted] = one.kinds
            if not mine:
                why = (f"{given} has no {one.label} of module {number} ({pdu}); it has those of "
                       f"{', '.join(sorted({constant.pdu for constant in stored}))}.")
                if wanted.name not in self.may_lack:
                    raise BadInput(why)
                self.refusals.setdefault(wanted.name, why)
                continue
            fitting = self._of_condition(mine)
            found[wanted.name] = self._with_axes(self._by_time(fitting), wanted)
            several |= {wanted.name} if len(fitting) > 1 else set()
        return FileConstants(found, frozenset(several))

    def _with_axes(self, stored: StoredConstant, wanted: ConstantKind) -> FileConstant:
        """A constant whose axes are known, checked against the detector; of a look-up table its step does so."""
        if wanted == LUT:
            return FileConstant(stored, wanted, self.detector.type)
        named, _ = with_axes(stored, self.detector.type, 0 if stored.dims else len(self.run.cells))
        return FileConstant(named, wanted, self.detector.type, not stored.dims).checked()

    def _of_condition(self, constants: list[StoredConstant]) -> list[StoredConstant]:
        """Those of the run's operating condition; BadInput where there are none and others are not to be taken."""
        reasons = [difference(one, self.detector.type, self.run.condition) for one in constants]
        same = [one for one, why in zip(constants, reasons, strict=True) if not why]
        others = [one for one, why in zip(constants, reasons, strict=True) if why and self._stands_in(one)]
        if others:
            return self._nearer(same, others)
        if not same and not self.others:
            raise BadInput(f"{constants[-1].path} is of another operating condition than the run: {reasons[-1]} "
                           "(--other-conditions takes it all the same).")
        return same or constants

    def _stands_in(self, one: StoredConstant) -> bool:
        return stands_in(one, self.detector.type, self.run.condition)

    def _nearer(self, same: list[StoredConstant], others: list[StoredConstant]) -> list[StoredConstant]:
        """Those of the run's own condition, unless such as stand in for them are nearer by more than they may be."""
        if not same or self.run.start is None:
            return same or others
        days = timedelta(max(one.stand_in_days for one in self.detector.type.condition))
        own, other = (abs(_valid_from(self._by_time(ones)) - self.run.start) for ones in (same, others))
        return others if own > other + days else same

    def _by_time(self, constants: list[StoredConstant]) -> StoredConstant:
        """The newest that is valid before the run, else the first after it; the newest where no time is known."""
        ordered = sorted(constants, key=lambda one: (_valid_from(one), one.path.name))
        start = self.run.start
        before = [one for one in ordered if start is None or _valid_from(one) <= start]
        return before[-1] if before else ordered[0]


def difference(one: StoredConstant, kind: DetectorType, condition: Condition) -> str | None:
    """First difference between what a constant tells of its operating condition and that of a run.

    Parameters
    ----------
    one : StoredConstant
    kind : DetectorType
    condition : Condition
        Of the run.

    Returns
    -------
    str or None
        None where there is none in what both know.
    """
    own = next(calibration for calibration in kind.calibrations.values() if calibration.name == one.calibration)
    theirs = condition_of(kind, one)
    names = [name for name in kind.condition_of(own) if name in theirs.values and name in condition.values]
    return theirs.of(names).matches(condition.of(names))


def stands_in(one: StoredConstant, kind: DetectorType, condition: Condition) -> bool:
    """Whether a constant that is of another operating condition than a run may stand in for one of the same.

    Parameters
    ----------
    one : StoredConstant
    kind : DetectorType
    condition : Condition
        Of the run.
    """
    usual = {parameter.name: parameter.stand_in for parameter in kind.condition
             if parameter.stand_in is not None and parameter.name in condition.values}
    return bool(usual) and difference(one, kind, condition.overridden(usual)) is None


def _valid_from(one: StoredConstant) -> datetime:
    """Begin of validity, else the time at which it was made; long ago where a file tells neither."""
    return one.begin or one.created or _LONG_AGO


def _doubts(constants: Mapping[int, FileConstants], run: OfRun) -> Iterator[str]:
    """Sentences on constants that were taken although something speaks against it, modules together."""
    said: dict[str, list[tuple[int, str]]] = {}
    for number, of_module in constants.items():
        for name, one in of_module.found.items():
            for text in _doubts_of(one, run, name in of_module.several):
                said.setdefault(f"{name} of {{}} {text}", []).append((number, one.why))
    for text, modules in said.items():
        numbers = [number for number, _ in modules]
        yield text.format(f"module{'s' if len(numbers) > 1 else ''} {format_numbers(numbers)} ({modules[0][1]})")


def _of_values(one: FileConstant) -> Iterator[str]:
    """What speaks against the values of a constant that are no flags."""
    if number := zeros_in(one.stored):
        yield f"is 0 in each of the {number:,} values that were looked at."
    names = [] if one.kind.used else [stage.short for stage in one.detector.stages]
    if lacking := names[1:] if one.first_alone else stages_without_values(one.stored, names):
        yield (f"has no value of gain stage{'s' if len(lacking) > 1 else ''} {' and '.join(lacking)}; samples of "
               "such have none, and are flagged.")


def _of_condition(one: FileConstant, run: OfRun) -> Iterator[str]:
    """What speaks against the operating condition of a constant."""
    why = difference(one.stored, one.detector, run.condition)
    if why and stands_in(one.stored, one.detector, run.condition):
        usual = next(parameter for parameter in one.detector.condition if parameter.stand_in is not None)
        yield (f"stands in for one of the run's own “{usual.database_name}”: there is none, or it is by more than "
               f"{usual.stand_in_days:g} days further from the run.")
    elif why:
        yield f"is of another operating condition than the run: {why}."


def _doubts_of(one: FileConstant, run: OfRun, several: bool) -> Iterator[str]:
    """What speaks against a constant, in words that follow its name and module."""
    yield from _of_condition(one, run)
    valid = one.stored.begin or one.stored.created
    if run.start is not None and valid is not None and valid > run.start:
        yield (f"is valid from {valid:%Y-%m-%d %H:%M:%S} UTC, after the run began ({run.start:%Y-%m-%d %H:%M:%S}); "
               "there is none before.")
    if several and valid is None:
        yield "is the last of several by its name; it does not tell from when on it is valid."
    elif several and run.start is None:
        yield "is the newest of several; the run does not tell when it was recorded."
    if one.kind == LUT:  # its step looks codes up, and refuses what is no table of the detector
        return
    if not one.kind.dtype.startswith("u"):
        yield from _of_values(one)
    if one.guessed:
        yield f"does not name its axes; by their lengths they are taken as {', '.join(one.dims)}."
    if not condition_of(one.detector, one.stored).values:
        yield "does not tell its operating condition, so it was not compared with the run's."
    if cells := sorted(set(run.cells) - set(one.cells)) if one.cells is not None else []:
        yield (f"has no memory cell{'s' if len(cells) > 1 else ''} {format_numbers(cells)} of the run; what is "
               "made of them has no value, or is flagged.")
