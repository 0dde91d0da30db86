"""Survey of runs: which detector, what each run holds and says, which condition, and where each came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from calib_core.characterisation.family import Family, characterisations, named
from calib_core.characterisation.inputs import Arranged, Input, RunFacts
from calib_core.characterisation.method import Method
from calib_core.characterisation.scan_method import ScanMethod
from calib_core.constants.common_condition import common_condition
from calib_core.constants.condition import Condition
from calib_core.detector import Detector, DetectorType, FrameSelection
from calib_core.detector.injection import Injection
from calib_core.errors import BadInput, BadParameter, SeveralDetectors
from calib_core.io.cells import NOT_IN_USE
from calib_core.io.frames import ModuleFrames
from calib_core.io.run import Run
from calib_core.io.scan_evidence import scan_evidence
from calib_core.jobs.condition_of_runs import checked_conditions
from calib_core.jobs.spec import JobSpec


@dataclass(frozen=True)
class Survey:
    """What is known of some runs before a job starts.

    Attributes
    ----------
    runs : tuple of RunFacts
        Each run once, in the order of the inputs that they were given for.
    detector, family, method
        What the job is about; no detector where nothing was given that has one.
    arranged : tuple of Arranged
        What each input of the method takes.
    condition : Condition
        Of all runs together: doubtful where it is in one of them.
    notes : tuple of str
        Sentences for the log and the provenance (runs re-ordered, a stage missing).
    unsettled : tuple of str
        Sentences that hold for the method's parameters alone; the job tells its own.
    """

    runs: tuple[RunFacts, ...]
    detector: Detector | None
    family: Family
    method: Method
    arranged: tuple[Arranged, ...]
    condition: Condition
    notes: tuple[str, ...] = ()
    unsettled: tuple[str, ...] = ()

    @property
    def moved(self) -> bool:
        """Whether the runs were re-ordered."""
        return any(one.moved for one in self.arranged)

    @property
    def taken(self) -> tuple[Arranged, ...]:
        """Arranged inputs that have a run."""
        return tuple(one for one in self.arranged if one.run is not None)

    def spec(self, out_folder: Path, **changes: object) -> JobSpec:
        """Job specification for these runs; ``changes`` are further fields of it."""
        inputs: dict[str, tuple[str, ...]] = {}
        for one in self.taken:
            if one.run is not None and one.part == 0:  # a run in parts is given once
                inputs[one.input.name] = (*inputs.get(one.input.name, ()), str(one.run.path))
        identifier = self.detector.identifier if self.detector else ""
        return JobSpec.checked(
            **{
                "family": self.family.name, "method": self.method.command, "inputs": inputs,
                "detector": identifier, "out_folder": out_folder, "notes": self.notes, **changes,
            }
        )


def survey(
    paths: Sequence[Path], family: str = "", detector: str = "", method: str = "", keep_order: bool = False
) -> Survey:
    """Survey runs given in the order of the method's inputs.

    Parameters
    ----------
    paths : sequence of Path
        Run folders; those beyond the inputs of one run go to the input that takes several.
    family, detector : str
        Restrict to a detector family, to one detector of the runs.
    method : str
        Command of the characterisation; empty takes the first that there is for the detector.
    keep_order : bool
        Take the order as given, whatever the data say.

    Raises
    ------
    BadInput
        A run cannot be used, has no such detector, or two runs are of the same gain stage.
    """
    with _Opened(paths) as runs:
        wanted = named(family) if family else None
        chosen = choose_detector(runs, wanted, detector)
        task = _task(chosen, wanted, method, len(runs))
        others = [] if method else _other_scans(task, chosen.type)
        return _first_that_takes(chosen, (task, *others), runs, keep_order)


def without_runs(family: Family, method: Method) -> Survey:
    """Survey of a characterisation that reads no raw runs: what it is given says the rest when the job is planned."""
    return Survey((), None, family, method, (), Condition(()))


def offered(survey: Survey) -> tuple[tuple[Family, Method], ...]:
    """Characterisations to choose from for what was surveyed: those of raw runs for its detector, else its own."""
    if survey.detector is None:
        return ((survey.family, survey.method),)
    found = characterisations(survey.detector.type)
    return tuple(one for one in found if reads_runs(*one))


def reads_runs(family: Family, method: Method) -> bool:
    """Whether a characterisation reads raw runs."""
    return any(one.of == "raw" for one in method.inputs(family.kind))


def _spread(family: Family, method: Method, kind: DetectorType, runs: Sequence[Run]) -> dict[str, tuple[Run, ...]]:
    """Runs by input, in the order of the inputs; the first that takes several gets all that are left over."""
    inputs, waiting = [one for one in method.inputs(kind) if one.of == "raw"], list(runs)
    several = next((one.name for one in inputs if one.many), "")
    if len(runs) > len(inputs) and not several:
        given = "1 run was" if len(runs) == 1 else f"{len(runs)} runs were"
        raise BadInput(f"{given} given; {family.name} {method.command} takes {len(inputs) or 'none'}.")
    found: dict[str, tuple[Run, ...]] = {}
    for one in inputs:
        number = max(len(runs) - len(inputs) + 1, 1) if one.name == several else 1
        if waiting:
            found[one.name], waiting = tuple(waiting[:number]), waiting[number:]
    return found


def _task(detector: Detector, wanted: Family | None, method: str, runs: int) -> tuple[Family, Method]:
    """Family and characterisation: those wanted, or the first that there are for a detector and so many runs."""
    if wanted is not None:
        return wanted, wanted.method(method) if method else wanted.methods[0]
    offers = [task for task in characterisations(detector.type) if reads_runs(*task)]
    fitting = [task for task in offers if not method or task[1].command == method.upper()]
    if not fitting:
        known = ", ".join(f"{family.name} {one.command}" for family, one in offers)
        raise BadParameter(f"There is no characterisation “{method}” of {detector.identifier}; there are {known}.")
    return next((task for task in fitting if takes(task[1], detector.type, runs)), fitting[0])


def _other_scans(task: tuple[Family, Method], kind: DetectorType) -> list[tuple[Family, Method]]:
    """Scans of other sources, where it is a scan that was taken: which it is of, data tell."""
    scans = [one for one in characterisations(kind) if isinstance(one[1], ScanMethod)]
    return [one for one in scans if one[1] is not task[1]] if isinstance(task[1], ScanMethod) else []


def _first_that_takes(
    detector: Detector, tasks: Sequence[tuple[Family, Method]], runs: Sequence[Run], keep_order: bool,
) -> Survey:
    """Survey for the first characterisation that takes the runs; what the first says where none does."""
    refused: list[BadInput] = []
    for task in tasks:
        try:
            return assign(detector, *task, _spread(*task, detector.type, runs), keep_order)
        except BadInput as error:
            refused.append(error)
    raise refused[0]


def takes(method: Method, kind: DetectorType, runs: int) -> bool:
    """Whether a characterisation takes so many runs."""
    inputs = [one for one in method.inputs(kind) if one.of == "raw"]
    return runs <= len(inputs) or any(one.many for one in inputs)


class _Opened:
    """Open several runs and close all of them at the end."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._runs: list[Run] = []

    def __enter__(self) -> list[Run]:
        for path in self._paths:
            self._runs.append(Run.open(path))
        return self._runs

    def __exit__(self, *exc: object) -> None:
        for run in self._runs:
            run.close()


def choose_detector(runs: Sequence[Run], family: Family | None = None, identifier: str = "") -> Detector:
    """The one detector of the runs that fits, with the modules of the first run that has it.

    Raises
    ------
    BadInput
        No run has a fitting detector, or several fit.
    """
    fitting = _fitting(runs[0], family, identifier)
    if not fitting:
        wanted = identifier or (family.name if family else "known")
        have = ", ".join(d.identifier for d in runs[0].detectors)
        others = f"; it has {have}" if have else ", and none of another known type"
        if not have and any(file.category == "CORR" for file in runs[0].files):
            others = "; its files are corrected ones, and raw ones are read"
        raise BadInput(f"Run {runs[0].label} has no {wanted} detector{others if wanted != 'known' else ''}"
                       f"{runs[0].lost_files}.")
    if len(fitting) > 1:
        names = tuple(d.identifier for d in fitting)
        sentence = f"Run {runs[0].label} has several detectors ({', '.join(names)}); name one of them (--karabo-id)."
        raise SeveralDetectors(sentence, names)
    for run in runs[1:]:
        if not any(d.identifier == fitting[0].identifier for d in run.detectors):
            advice = run.lost_files or "; give runs of one detector"
            raise BadInput(f"Run {run.label} has no detector {fitting[0].identifier}{advice}.")
    return fitting[0]


def _fitting(run: Run, family: Family | None, identifier: str) -> list[Detector]:
    return [
        d for d in run.detectors
        if (family is None or family.has(d.type)) and (not identifier or d.identifier == identifier)
    ]


def assign(
    detector: Detector, family: Family, method: Method, given: Mapping[str, Sequence[Run]], keep_order: bool = False,
    conditions: Mapping[str, float | str] | None = None,
) -> Survey:
    """Look at runs, let the method arrange them, and find the condition.

    Parameters
    ----------
    given : mapping
        Runs by input as the operator gave them; inputs may be missing.
    conditions : mapping, optional
        The operator's conditions in place of those found.

    Raises
    ------
    BadInput
        The method cannot take these runs.
    BadParameter
        The detector has no condition of such a name, or its value is not allowed.
    """
    said = checked_conditions(detector.type.condition, conditions or {})
    asked = [(one.name, given[one.name]) for one in _checked_inputs(detector, family, method, given)]
    selection = method.frame_selection()
    source = method.injection(detector.type) if isinstance(method, ScanMethod) else None
    looked = {run.path: _look(run, detector, said, selection, source) for _, runs in asked for run in runs}
    facts = {name: tuple(looked[run.path] for run in runs) for name, runs in asked}
    found = method.arrange(detector.type, facts, keep_order)
    taken = {one.run.path for one in found.runs if one.run is not None}
    runs = tuple(run for run in looked.values() if run.path in taken)
    in_order = [one.run for one in found.runs if one.run is not None]
    counted = list({run.path: run for run in in_order}.values()) or runs
    condition = common_condition(detector.type.condition, [(run.label, run.condition) for run in counted])
    return Survey(runs, detector, family, method, found.runs, condition, found.notes, found.unsettled)


def _checked_inputs(
    detector: Detector, family: Family, method: Method, given: Mapping[str, Sequence[Run]]
) -> list[Input]:
    """Inputs of the method that runs were given for, in its order."""
    known = [one for one in method.inputs(detector.type) if one.of == "raw"]
    unknown = set(given) - {one.name for one in known}
    if unknown:
        raise BadParameter(f"{family.name} {method.command} has no run “{sorted(unknown)[0]}”.")
    for one in known:
        if len(given.get(one.name, ())) > 1 and not one.many:
            raise BadParameter(f"{one.flag} takes one run; {len(given[one.name])} were given.")
    return [one for one in known if given.get(one.name)]


def found_condition(
    run: Run, detector: Detector, said: Mapping[str, float | str] | None = None,
    selection: FrameSelection | None = None,
) -> tuple[Condition, int]:
    """Operating condition of a run with the operator's values, and how many gain stages each of its trains holds."""
    stages = detector.type.stages_in_run
    condition = _condition(run, detector, said or {}, 1, selection)
    held = 1 if stages is None else stages(condition.values)
    return condition if held == 1 else _condition(run, detector, said or {}, held, selection), held


def cells_in_use(kind: DetectorType, condition: Condition) -> int:
    """Memory cells that a condition has; 0 where it does not tell how many are in use."""
    found = condition.values.get(kind.cells_told_by)
    return int(float(found.value)) if found else 0


def check_strays(frames: ModuleFrames, selection: FrameSelection, kind: DetectorType) -> None:
    """Refuse a number of memory cells that most frames contradict; BadInput has both numbers."""
    stray = frames.excluded.get(NOT_IN_USE, 0)
    if stray > len(frames):
        flag = next(one.flag for one in kind.condition if one.name == kind.cells_told_by)
        raise BadInput(
            f"{frames.name} has {stray} frames in other memory cells than the {selection.cells_in_use} of the "
            f"condition, and {len(frames)} in these; give the right number of memory cells ({flag}).")


def _condition(
    run: Run, detector: Detector, said: Mapping[str, float | str], parts: int, selection: FrameSelection | None
) -> Condition:
    found = detector.type.find_condition(run.control(detector, parts, selection), detector.identifier)
    return Condition(detector.type.condition, found).overridden(said)


def _look(
    run: Run, detector: Detector, said: Mapping[str, float | str], selection: FrameSelection,
    source: Injection | None,
) -> RunFacts:
    here = next(d for d in run.detectors if d.identifier == detector.identifier)
    condition, stages = found_condition(run, here, said, selection)
    sample = run.sample(here)
    evidence = detector.type.find_stage(run.control(here, selection=selection), here.identifier, sample)
    inventory = run.inventory(here, parts=stages, cells=cells_in_use(here.type, condition))
    trains = max((m.trains for m in inventory.modules), default=0)
    return RunFacts(run.path, run.label, run.detectors, run.start_time, trains, evidence, inventory.problems,
                       condition, stages, sample.modal_gain_bits,
                       scan_evidence(run, here, source, selection) if source else None,
                       tuple(sorted({cell for m in inventory.modules for cell in m.cells})))
