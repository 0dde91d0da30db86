"""Why this constant? Which version a run resolves to, kind by kind and module by module, and what just missed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from calib_core.characterisation.family import characterisations, named
from calib_core.characterisation.inputs import inputs_of_steps
from calib_core.constants.condition import Value
from calib_core.constants.constant import LUT
from calib_core.detector import Detector, DetectorType, Module
from calib_core.errors import BadParameter
from calib_core.io.run import Run
from calib_core.jobs.asking import asked_for
from calib_core.jobs.condition_of_runs import checked_conditions, unsure
from calib_core.jobs.resolution import Missed, OfRun, Resolution, unit_in
from calib_core.jobs.spec import JobSpec
from calib_core.jobs.survey import choose_detector, found_condition
from calib_core.store.base import ConstantStore, UnknownKind, Version
from calib_core.store.statuses import ACCEPTED, Status


@dataclass(frozen=True)
class Asked:
    """What is asked about a run.

    Attributes
    ----------
    kinds : tuple of str
        Our names or the database's; empty for all that the characterisation takes.
    modules : tuple of int
        Empty for all.
    detector : str
        Empty where the run has but one.
    conditions : mapping
        The operator's values in place of those of the run, by our names.
    statuses : frozenset of Status
        What is taken of a store that knows decisions.
    closest : bool
        Whether the closest in time is taken, be it later than the run.
    command : str
        Characterisation that takes them; a correction where that takes none, or where it is empty.
    """

    kinds: tuple[str, ...] = ()
    modules: tuple[int, ...] = ()
    detector: str = ""
    conditions: Mapping[str, Value] | None = None
    statuses: frozenset[Status] = ACCEPTED
    closest: bool = False
    command: str = ""


def asked_by(spec: JobSpec) -> Asked:
    """What a job asks about the run of its specification.

    Parameters
    ----------
    spec : JobSpec
    """
    method = named(spec.family).method(spec.method).with_changes(spec.parameters)
    return Asked((), tuple(spec.modules), spec.detector, spec.conditions,
                 ACCEPTED | ({Status.DRAFT} if spec.drafts else frozenset()), method.takes_closest,
                 method.command)


@dataclass(frozen=True)
class Why:
    """How the constant of one kind and module is found.

    Attributes
    ----------
    module : int
    unit : str
        Physical unit, as the store knows it or as it is called.
    kind, calibration : str
        Our name and the database's.
    resolution : Resolution
        All versions of the unit that are next to the run.
    """

    module: int
    unit: str
    kind: str
    calibration: str
    resolution: Resolution

    @property
    def taken(self) -> Version | None:
        """The version that is taken; None where there is none."""
        return self.resolution.taken

    @property
    def missed(self) -> tuple[Missed, ...]:
        """The others, the nearest to the run first."""
        return self.resolution.missed(None if self.taken is None else self.taken.path)


@dataclass(frozen=True)
class WhyOfRun:
    """Answers for a run.

    Attributes
    ----------
    label, store : str
        What the run and the store are called.
    detector : Detector
    run : OfRun
    found : tuple of Why
        By kind, then by module.
    notes : tuple of str
        What is doubtful or was not to be asked.
    """

    label: str
    store: str
    detector: Detector
    run: OfRun
    found: tuple[Why, ...]
    notes: tuple[str, ...] = ()


def why(path: Path, store: ConstantStore, asked: Asked) -> WhyOfRun:
    """Look which versions a run resolves to; its frames are not read.

    Parameters
    ----------
    path : Path
        Of the run.
    store : ConstantStore
    asked : Asked

    Raises
    ------
    BadInput
        The run cannot be read, or the store.
    BadParameter
        The detector has no such kind, module or condition.
    """
    opened = Run.open(path)
    try:
        detector = choose_detector([opened], None, asked.detector)
        said = checked_conditions(detector.type.condition, asked.conditions or {})
        condition, _ = found_condition(opened, detector, said)
        run, label = OfRun(condition, opened.start_time), opened.label
    finally:
        opened.close()
    modules, absent = detector.held(asked.modules or [one.number for one in detector.modules])
    kinds = [_kind_named(detector.type, name) for name in asked.kinds] or list(
        kinds_taken(detector.type, asked.command) or kinds_taken(detector.type))
    unknown: list[str] = []
    found = tuple(one for kind in kinds for one in _of_kind(store, detector, modules, kind, run, asked, unknown))
    return WhyOfRun(label, store.title, detector, run, found, (
        *filter(None, [absent, _not_told(store)]), *unknown, *store.notes,
        *(f"{text}." for _, text in unsure(condition))))


def kinds_taken(kind: DetectorType, command: str = "") -> tuple[str, ...]:
    """Kinds of constants that steps of a characterisation take, by our names.

    Parameters
    ----------
    kind : DetectorType
    command : str
        Of the characterisation; corrections where it is empty.
    """
    methods = (method for _, method in characterisations(kind)
               if (method.command == command if command else method.corrects))
    found = (one.kinds[0].name for method in methods for one in inputs_of_steps(method.steps_before()))
    return tuple(dict.fromkeys(name for name in found if name in kind.calibrations and name != LUT.name))


def _kind_named(kind: DetectorType, name: str) -> str:
    for own, calibration in kind.calibrations.items():
        if name.lower() in (own.lower(), calibration.name.lower()):
            return own
    raise BadParameter(f"{kind.title} has no constant “{name}”; it has {', '.join(sorted(kind.calibrations))}.")


def _of_kind(
    store: ConstantStore, detector: Detector, modules: Sequence[Module], kind: str, run: OfRun, asked: Asked,
    unknown: list[str],
) -> Iterator[Why]:
    """Answers for the modules; a kind that the store does not know has none, which is told where nobody named it."""
    name = detector.type.calibrations[kind].name
    units = {one.number: unit_in(store, detector, one.number, run.start) for one in modules}
    try:
        versions = _versions(store, detector, name, tuple(units.values()), run, asked.closest)
    except UnknownKind as error:
        if asked.kinds:
            raise
        versions = []
        unknown.append(str(error))
    for number, unit in units.items():
        mine = tuple(one for one in versions if one.pdu == unit)
        yield Why(number, unit, kind, name, Resolution(
            mine, detector.type, run, closest=asked.closest, statuses=asked.statuses))


def _versions(
    store: ConstantStore, detector: Detector, name: str, units: tuple[str, ...], run: OfRun, closest: bool
) -> list[Version]:
    """Versions next to a run, whatever was decided on them: of each decision those that are nearest."""
    asked = (asked_for(store, detector, name, units, run, frozenset({status}), closest) for status in Status)
    return list({one.path: one for each in asked for one in store.find(each)}.values())


def _not_told(store: ConstantStore) -> str:
    return "" if store.tells_others else (
        f"{store.title} is asked for the run's operating condition alone, so that it does not tell what just missed "
        "by a parameter.")
