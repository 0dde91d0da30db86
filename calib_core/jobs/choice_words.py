"""What is told of constants that steps take: their age, what just missed, and what speaks against them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from calib_core.characterisation.inputs import NEUTRAL
from calib_core.constants.condition import ConditionParameter
from calib_core.constants.constant import LUT
from calib_core.constants.matching import Compared
from calib_core.detector import DetectorType
from calib_core.jobs.choice import Chosen, ModuleConstants
from calib_core.jobs.differences import begin_of, compare, difference, stands_in
from calib_core.jobs.file_constant import FileConstant
from calib_core.jobs.resolution import Missed, OfRun
from calib_core.jobs.said import stages_without_values, zeros_in
from calib_core.ranges import format_numbers
from calib_core.store.base import Version
from calib_core.store.stated import Stated, condition_of
from calib_core.store.statuses import Status

#: Units of an age with their seconds, and how many of the one before are still told in that.
_UNITS = (("s", 1, 120), ("min", 60, 120), ("h", 3600, 48), ("d", 86400, 1 << 30))
#: Constants of modules, by number.
OfModules = Mapping[int, ModuleConstants]


def age(one: Stated, run: OfRun) -> str:
    """Age of a constant, relative to the run.

    Parameters
    ----------
    one : StoredConstant or Version
    run : OfRun

    Returns
    -------
    str
        Such as “3 h before the run” or “later than the run by 2 d”.
    """
    begin = begin_of(one)
    if begin is None:
        return "of no time that it tells"
    if run.start is None:
        return f"from {begin:%Y-%m-%d %H:%M} UTC, the run tells no time"
    apart = begin - run.start
    if abs(apart) < timedelta(seconds=1):
        return "at the begin of the run"
    if apart > timedelta(0):
        return f"later than the run by {duration(apart)}"
    return f"{duration(-apart)} before the run"


def duration(time: timedelta) -> str:
    """A time with its unit: seconds and minutes below 120, hours below 48, else days."""
    seconds = time.total_seconds()
    unit, length, _ = next(one for one in _UNITS if round(seconds / one[1]) < one[2])
    return f"{round(seconds / length):,} {unit}"


def missed_words(missed: Missed | None, run: OfRun) -> str:
    """The nearest constant that was not taken, and by what; empty where there is none."""
    return "" if missed is None else f"{age(missed.version, run)} ({missed.why})"


def compared_words(one: Stated, kind: DetectorType, run: OfRun) -> str:
    """Parameters of the operating condition in which a constant was compared with the run, with the run's values.

    Parameters
    ----------
    one : StoredConstant or Version
    kind : DetectorType
    run : OfRun

    Returns
    -------
    str
        With the constant's values where they are others.
    """
    parameters = {parameter.database_name: parameter for parameter in kind.condition}
    said = (_compared(parameters[found.name], found) for found in compare(one, kind, run.condition))
    return ", ".join(said) or "nothing, since it does not tell its operating condition"


def _compared(parameter: ConditionParameter, found: Compared) -> str:
    asked = parameter.shown(found.asked[0]) if found.asked else "not told by the run"
    if found.held is None:
        return f"{found.name} {asked} (the constant does not tell it)"
    if found.held.value in found.asked:
        return f"{found.name} {asked}"
    within = f" −{found.held.lower:g}/+{found.held.upper:g}" if found.held.lower or found.held.upper else ""
    return f"{found.name} {asked} (the constant's: {parameter.shown(found.held.value)}{within})"


def as_json(constants: ModuleConstants, kinds: Iterable[str], run: OfRun) -> dict[str, dict[str, str]]:
    """How constants of a module were chosen, as plain JSON.

    Parameters
    ----------
    constants : ModuleConstants
    kinds : iterable of str
        Those that are wanted.
    run : OfRun

    Returns
    -------
    dict
        File, age and what chose it, by kind; of neutral ones no file and no age.
    """
    files = {name: {"file": one.why, "age": age(one.stored, run),
                    "chosen": chosen_words(chosen)}
             for name, one, chosen in constants.files()}
    return {name: files.get(name, {"chosen": NEUTRAL}) for name in kinds if name in constants.found}


def chosen_words(chosen: Chosen) -> str:
    """What chose a constant, such as “by condition and time”, and what it is in its store."""
    if chosen.by_hand:
        return "by hand"
    how = "by condition, the closest in time" if chosen.closest else "by condition and time"
    return f"{how}: {version_words(chosen.version)}" if chosen.of_store else how


def version_words(one: Version | None) -> str:
    """A version of a store, such as “version 12, accepted by anna”; empty for files of a folder."""
    if one is None or one.status is None:
        return ""
    by = f" by {one.author}" if one.status == Status.ACCEPTED and one.author else ""
    return f"version {one.number}, {one.status}{by}"


def lines_of(constants: OfModules, run: OfRun) -> tuple[str, ...]:
    """A line for each kind of constant that is taken of files: of which modules, how old, and what just missed.

    Parameters
    ----------
    constants : mapping
    run : OfRun

    Returns
    -------
    tuple of str
        Modules of which the same is to be said are together, with the file of the first of them.
    """
    def said(name: str, one: FileConstant, chosen: Chosen) -> Iterator[tuple[str, str]]:
        how = ", given by hand" if chosen.by_hand else ", the closest" if chosen.closest else ""
        missed = missed_words(chosen.missed, run)
        version = f", {version_words(chosen.version)}" if chosen.of_store else ""
        yield name, f"{age(one.stored, run)}{how}{version}{f'; just missed: {missed}' if missed else ''}"

    return tuple(f"{name} of {modules}: {text} ({file})." for name, text, modules, file in _together(constants, said))


def doubts_on(constants: OfModules, run: OfRun) -> Iterator[str]:
    """Sentences on constants that were taken although something speaks against it, modules together."""
    def said(name: str, one: FileConstant, chosen: Chosen) -> Iterator[tuple[str, str]]:
        return ((name, text) for text in _doubts_of(one, run, chosen))

    yield from _neutral(constants)
    for name, text, modules, file in _together(constants, said):
        yield f"{name} of {modules} ({file}) {text}"


def _neutral(constants: OfModules) -> Iterator[str]:
    """Sentences on modules whose constants are neutral."""
    modules: dict[tuple[str, ...], list[int]] = {}
    for number, of_module in constants.items():
        if of_module.neutral:
            modules.setdefault(of_module.neutral, []).append(number)
    for kinds, numbers in modules.items():
        yield (f"Neutral constants are taken for {', '.join(kinds)} of {_modules(numbers)}: nothing is subtracted or "
               "flagged by them, factors are 1, and no gain signal passes a threshold.")


Said = Callable[[str, FileConstant, Chosen], Iterator[tuple[str, str]]]


def _together(constants: OfModules, said: Said) -> Iterator[tuple[str, str, str, str]]:
    """Kind, text, modules of which it is said, and the file of the first of them."""
    found: dict[tuple[str, str], list[tuple[int, str]]] = {}
    for number, of_module in constants.items():
        for name, one, chosen in of_module.files():
            for key in said(name, one, chosen):
                found.setdefault(key, []).append((number, one.why))
    for (name, text), modules in found.items():
        yield name, text, _modules([number for number, _ in modules]), modules[0][1]


def _modules(numbers: list[int]) -> str:
    return f"module{'s' if len(numbers) > 1 else ''} {format_numbers(numbers)}"


def _doubts_of(one: FileConstant, run: OfRun, chosen: Chosen) -> Iterator[str]:
    """What speaks against a constant, in words that follow its name and module."""
    yield from _of_condition(one.detector, chosen.version or one.stored, run)
    if chosen.version is not None and chosen.version.status == Status.DRAFT:
        yield "is a draft that nobody has accepted."
    yield from _of_time(begin_of(one.stored), run, chosen)
    if one.kind == LUT:  # its step looks codes up, and refuses what is no table of the detector
        return
    if not one.kind.dtype.startswith("u"):
        yield from _of_values(one)
    if one.guessed:
        yield f"does not name its axes; by their lengths they are taken as {', '.join(one.dims)}."
    if one.is_of_a_condition and not condition_of(one.detector, one.stored).values:
        yield "does not tell its operating condition, so it was not compared with the run's."
    if cells := sorted(set(run.cells) - set(one.cells)) if one.cells is not None else []:
        yield (f"has no memory cell{'s' if len(cells) > 1 else ''} {format_numbers(cells)} of the run; what is "
               "made of them has no value, or is flagged.")


def _of_condition(kind: DetectorType, one: Stated, run: OfRun) -> Iterator[str]:
    """What speaks against the operating condition of a constant."""
    why = difference(one, kind, run.condition)
    if why and stands_in(one, kind, run.condition):
        usual = next(parameter for parameter in kind.condition if parameter.stand_in is not None)
        yield (f"stands in for one of the run's own “{usual.database_name}”: there is none, or it is by more than "
               f"{usual.stand_in_days:g} days further from the run.")
    elif why:
        yield f"is of another operating condition than the run: {why}."


def _of_time(valid: datetime | None, run: OfRun, chosen: Chosen) -> Iterator[str]:
    """What speaks against the time from when on a constant is valid."""
    if run.start is not None and valid is not None and valid > run.start:
        none = "; it is closer than any before" if chosen.earlier else "; there is none before"
        yield (f"is valid from {valid:%Y-%m-%d %H:%M:%S} UTC, after the run began ({run.start:%Y-%m-%d %H:%M:%S})"
               f"{'' if chosen.by_hand else none}.")
    if chosen.several and valid is None:
        yield "is the last of several by its name; it does not tell from when on it is valid."
    elif chosen.several and run.start is None:
        yield "is the newest of several; the run does not tell when it was recorded."


def _of_values(one: FileConstant) -> Iterator[str]:
    """What speaks against the values of a constant that are no flags."""
    if number := zeros_in(one.stored):
        yield f"is 0 in each of the {number:,} values that were looked at."
    names = [] if one.kind.used else [stage.short for stage in one.detector.stages]
    if lacking := names[1:] if one.first_alone else stages_without_values(one.stored, names):
        yield (f"has no value of gain stage{'s' if len(lacking) > 1 else ''} {' and '.join(lacking)}; samples of "
               "such have none, and are flagged.")
