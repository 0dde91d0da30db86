"""What is asked of a unit that is installed, and of times, before they are in records that nobody can change."""

from __future__ import annotations

from datetime import datetime, timedelta

from calib_core.detector.registry import detector_types
from calib_core.errors import BadInput, BadParameter
from calib_core.resource_files import read_resource
from calib_core.store.constants import check_name
from calib_core.store.local.records import Place
from calib_core.store.local.store import LocalStore


def type_of_unit(unit: str, place: Place, name: str) -> str:
    """The database's name of the detector type of a unit, as it is written there.

    Parameters
    ----------
    unit : str
        Empty where nothing is there any more.
    place : Place
    name : str
        Of the type, in any case.

    Raises
    ------
    BadParameter
        There is no such type, or a name is none that constants can have.
    """
    for one in (unit or "-", place.detector, *place.aggregator.split("/")):
        check_name(one)
    known = {kind.database_type.lower(): kind.database_type for kind in detector_types()}
    if name.lower() not in known:
        raise BadParameter(f"There is no detector type “{name}”; there are {', '.join(sorted(known.values()))}.")
    return known[name.lower()]


def check_time(store: LocalStore, time: datetime, told: str) -> None:
    """Refuse a time that is more ahead of the clock than clocks differ, or from before there were detectors.

    Parameters
    ----------
    store : LocalStore
    time : datetime
        Aware.
    told : str
        Of what it is, as the begin of a sentence.

    Raises
    ------
    BadInput
        It is.
    """
    rules = read_resource("store", "injection")
    hours, earliest = rules["ahead"], rules["earliest"]
    if time.date() < earliest:
        raise BadInput(f"{told} {time:%Y-%m-%d %H:%M} UTC, when there was no such detector; nothing before "
                       f"{earliest} is taken.")
    if time > store.clock() + timedelta(hours=hours):
        raise BadInput(f"{told} {time:%Y-%m-%d %H:%M} UTC, more than {hours} h ahead of the clock "
                       f"({store.clock():%Y-%m-%d %H:%M} UTC); set the clock, or make it again.")
