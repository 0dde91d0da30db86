"""What a store is asked for a run: by units where it can tell others too, else by all of the operating condition."""

from __future__ import annotations

from calib_core.constants.condition import Condition, Value
from calib_core.detector import Detector, DetectorType
from calib_core.jobs.given import kinds_in
from calib_core.jobs.resolution import OfRun
from calib_core.store.base import ConstantStore, Query
from calib_core.store.statuses import Status


def asked_for(
    store: ConstantStore, detector: Detector, name: str, units: tuple[str, ...], run: OfRun,
    statuses: frozenset[Status], closest: bool = False,
) -> Query:
    """Question for what may go with a run: of each operating condition those next to it in time.

    Parameters
    ----------
    store : ConstantStore
    detector : Detector
    name : str
        Kind, as the database calls it.
    units : tuple of str
    run : OfRun
    statuses : frozenset of Status
    closest : bool
        Whether the closest in time will be taken, so that a store that tells no others need not tell those before.
    """
    if store.tells_others:
        return Query((name,), units, at=run.start, take="around" if run.start else "all", statuses=statuses)
    condition = question_of(detector.type, name, run.condition)
    return Query((name,), units, detector.identifier, condition=condition, at=run.start,
                 take="closest" if closest else "around", statuses=statuses)


def question_of(kind: DetectorType, name: str, condition: Condition) -> dict[str, Value]:
    """What of an operating condition a kind is asked by, by the database's names, without what that leaves out.

    Parameters
    ----------
    kind : DetectorType
    name : str
        Kind, as the database calls it.
    condition : Condition
    """
    return _of_kind(kind, name, condition).queries()[0]


def _of_kind(kind: DetectorType, name: str, condition: Condition) -> Condition:
    [calibration] = {one.name: one for one in kind.calibrations.values() if one.name == name}.values()
    return condition.of(kind.condition_of(calibration))


def nothing_found(store: ConstantStore, detector: Detector, name: str, run: OfRun) -> str:
    """End of a sentence that a store has nothing of a kind for a run: what else it has, or what it was asked by.

    Parameters
    ----------
    store : ConstantStore
    detector : Detector
    name : str
        Kind, as the database calls it.
    run : OfRun
    """
    if store.tells_others:
        return f"it has {kinds_in(store)}"
    own = _of_kind(detector.type, name, run.condition)
    values = ", ".join(f"{one} {value:g}" if isinstance(value, float) else f"{one} {value}"
                       for one, value in own.queries()[0].items())
    lacking = _lacking(own)
    return f"it was asked by {values}{f' and without {lacking}, which the run does not tell' if lacking else ''}"


def asked_without(store: ConstantStore, detector: Detector, name: str, run: OfRun) -> tuple[str, ...]:
    """A sentence where a store was asked without a parameter that it may know constants by.

    Parameters
    ----------
    store : ConstantStore
    detector : Detector
    name : str
        Kind, as the database calls it.
    run : OfRun
    """
    lacking = "" if store.tells_others else _lacking(_of_kind(detector.type, name, run.condition))
    return (f"{store.title} has no {name} without {lacking}, which the run does not tell; give it to have those that "
            "are of a value of it.",) if lacking else ()


def _lacking(own: Condition) -> str:
    """Parameters that are not known, with their flags."""
    return ", ".join(f"{one.database_name} ({one.flag})" for one in own.parameters if one.name not in own.values)
