"""What operators tell of files that are to be injected and do not tell it themselves, and what follows from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from calib_core.constants.condition import Value
from calib_core.detector import DetectorType
from calib_core.detector.clues import Fixed
from calib_core.detector.registry import unit_name
from calib_core.errors import BadInput
from calib_core.store.bare_files import calibration_of
from calib_core.store.constant_layouts import ALONE
from calib_core.store.constants import StoredConstant
from calib_core.store.local.records import Place
from calib_core.store.local.store import LocalStore
from calib_core.store.stated import understood


@dataclass(frozen=True)
class ByOperator:
    """What an operator tells of files.

    Attributes
    ----------
    conditions : mapping
        Values of operating conditions, by the database's names or ours, of files that do not tell them, such as the
        energy of a source, which no run tells.
    detector : str
        Identifier, of files that tell a module alone.
    detector_type : str
        Its name, ours or the database's: files of other types are refused.
    begin : datetime, optional
        Aware: from when on those are valid that do not tell it.
    confirmed : bool
        Whether names that stand in for those of physical units are theirs.
    """

    conditions: Mapping[str, Value] = field(default_factory=dict)
    detector: str = ""
    detector_type: str = ""
    begin: datetime | None = None
    confirmed: bool = False

    def conditions_of(self, kind: DetectorType) -> dict[str, Value]:
        """Values of operating conditions by the database's names.

        Parameters
        ----------
        kind : DetectorType
        """
        names = {one.name: one.database_name for one in kind.condition}
        return {names.get(name, name): value for name, value in self.conditions.items()}


NOTHING = ByOperator()


def completed(store: LocalStore, kind: DetectorType, stored: StoredConstant, told: ByOperator) -> StoredConstant:
    """A constant that tells what constants of ours do; one of ours as it is.

    Parameters
    ----------
    store : LocalStore
    kind : DetectorType
    stored : StoredConstant
        With names of its axes.
    told : ByOperator

    Raises
    ------
    BadInput
        Whose it is remains unknown, or it tells otherwise.
    """
    _check_begin(stored, told)
    if "provenance" in stored.attributes:
        return stored
    begin, made = told.begin or stored.begin, _made(stored)
    begin = begin or (made if stored.dataset == ALONE else None)
    found = _named(kind, stored)
    unit, place = _unit_of(store, kind, found, told, begin or made) if stored.dataset == ALONE else (found.pdu, None)
    times = {"creation_time": made.isoformat(), **({"begin_validity": begin.isoformat()} if begin else {})}
    conditions = {**_of_hardware(kind), **stored.attributes.get("conditions", {})}
    return replace(found, pdu=unit, attributes={
        **stored.attributes, "conditions": conditions, **times, **_provenance(kind, stored, place)})


def doubts_of(before: StoredConstant, now: StoredConstant) -> Iterator[str]:
    """What of a constant was told by nobody, in sentences.

    Parameters
    ----------
    before, now : StoredConstant
        As its file tells it, and as it was completed.
    """
    if before is now:
        return
    yield f"{now.path} tells no program that made it."
    if not before.attributes.get("runs"):
        yield f"{now.path} tells no runs that it was made of."
    if not before.attributes.get("creation_time"):
        yield (f"{now.path} does not tell when it was made; the time of the file is taken, "
               f"{now.created:%Y-%m-%d %H:%M} UTC.")
    if now.begin is not None and now.begin == before.created:
        yield f"{now.path} is taken as valid from when it was made, {now.begin:%Y-%m-%d %H:%M} UTC."


def _of_hardware(kind: DetectorType) -> dict[str, Any]:
    """Values of the operating condition that all detectors of a type have."""
    clues = {one.database_name: next(iter(kind.clues.get(one.name, ())), None) for one in kind.condition
             if one.of_hardware}
    return {name: {"value": one.value, "origin": one.why} for name, one in clues.items() if isinstance(one, Fixed)}


def _check_begin(stored: StoredConstant, told: ByOperator) -> None:
    with understood(stored):
        own = stored.begin
    if told.begin is not None and own not in (None, told.begin):
        raise BadInput(f"{stored.path} is valid from {own:%Y-%m-%d %H:%M} UTC by itself, and not from "
                       f"{told.begin:%Y-%m-%d %H:%M} UTC; leave it out.")


def _made(stored: StoredConstant) -> datetime:
    """When a file was made, as it tells it, else as the file system does."""
    with understood(stored):
        created = stored.created
    if created is None:
        return datetime.fromtimestamp(stored.path.stat().st_mtime, UTC)
    return created if created.tzinfo is not None else created.replace(tzinfo=UTC)


def _named(kind: DetectorType, stored: StoredConstant) -> StoredConstant:
    """With the database's name of its calibration, where the file has ours."""
    known = kind.calibrations.get(stored.calibration)
    if calibration_of(kind, stored.calibration)[1] is not None or known is None:
        return stored
    return replace(stored, calibration=known.name)


def _unit_of(
    store: LocalStore, kind: DetectorType, stored: StoredConstant, told: ByOperator, at: datetime
) -> tuple[str, Place]:
    """Unit and place of a file that names one of them."""
    own, word = str(stored.attributes.get("detector", "")), stored.pdu
    if own and told.detector not in ("", own):
        raise BadInput(f"{stored.path} is of {own} by itself, and not of {told.detector}; leave it out.")
    detector, places = told.detector or own, store.lookup.places(at)
    if word in places:
        return word, places[word]
    virtual = (one for one in places.items() if (one[1].detector, one[1].virtual_name) == (detector, word))
    if found := next(virtual, None):
        return found
    module = _module_of(kind, word)
    if module is None:
        raise BadInput(f"{stored.path} is of {word}, which is neither a unit that {store.title} knows nor a module "
                       f"of {kind.title}; say where it is with calibwb store install.")
    aggregator = "".join(kind.raw.usual(module))
    if not detector:
        raise BadInput(f"{stored.path} is of module {module} ({aggregator}) and does not tell of which detector; "
                       "name it (--karabo-id).")
    return unit_name(detector, aggregator), Place(detector, aggregator, module)


def _module_of(kind: DetectorType, word: str) -> int | None:
    """Number of the module that a word stands for: itself, or its usual aggregator."""
    every = range(kind.raw.first_module, kind.raw.first_module + kind.max_modules)
    return next((n for n in every if word.lower() in (str(n), f"m{n}", "".join(kind.raw.usual(n)).lower())), None)


def _provenance(kind: DetectorType, stored: StoredConstant, place: Place | None) -> dict[str, Any]:
    """What constants of ours tell of how they were made, as far as anybody has told it."""
    known = {"raw_data": [{"path": str(stored.attributes.get("runs") or stored.path)}],
             "software": {"program": "not told"}, "parameters": {"file": stored.path.name}}
    where: dict[str, Any] = {} if place is None else {"karabo_da": place.aggregator}
    if place is not None and place.module is not None:
        where["module"] = place.module
    return {**known, **where, "detector_type": kind.database_type, "provenance": {
        **known, **where, "detector": "" if place is None else place.detector, "detector_type": kind.database_type,
        **({"aggregator": place.aggregator} if place is not None else {})}}
