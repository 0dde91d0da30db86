"""What a store is asked for a run: by units where it can tell others too, else by all of the operating condition."""

from __future__ import annotations

from calib_core.constants.condition import Condition, Value
from calib_core.detector import Detector
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
    return Query((name,), units, detector.identifier, condition=_whole(detector, name, run), at=run.start,
                 take="closest" if closest else "around", statuses=statuses)


def _whole(detector: Detector, name: str, run: OfRun) -> dict[str, Value]:
    """All of the operating condition of a kind, by the database's names, without what it leaves out."""
    return _condition(detector, name, run).queries()[0]


def _condition(detector: Detector, name: str, run: OfRun) -> Condition:
    kind = detector.type
    [calibration] = {one.name: one for one in kind.calibrations.values() if one.name == name}.values()
    return run.condition.of(kind.condition_of(calibration))


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
    own = _condition(detector, name, run)
    values = ", ".join(f"{one} {value:g}" if isinstance(value, float) else f"{one} {value}"
                       for one, value in own.queries()[0].items())
    lacking = ", ".join(f"{one.database_name} ({one.flag})" for one in own.parameters if one.name not in own.values)
    return f"it was asked by {values}{f' and without {lacking}, which the run does not tell' if lacking else ''}"
