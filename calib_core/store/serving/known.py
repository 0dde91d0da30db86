"""Numbers and names of the facility's database for what does not stand in a store: kinds, types, detectors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from calib_core.detector import DetectorType
from calib_core.detector.registry import detector_types
from calib_core.resource_files import read_resource

#: Numbers of what the facility's database does not have, or was not seen to, begin here.
BEYOND = 1000


def numbered(what: str, others: Iterable[str] = ()) -> dict[str, int]:
    """Numbers by name: the facility's own, and further ones for other names.

    Parameters
    ----------
    what : str
        ``calibrations``, ``detector_types``, ``parameters`` or ``instruments``.
    others : iterable of str
        Names that must be there; those that are not known get numbers in their order.
    """
    known: dict[str, int] = read_resource("store", "calcat")[what]
    new = sorted(set(others) - set(known))
    return {**known, **{name: BEYOND + i for i, name in enumerate(new)}}


@cache
def calibrations() -> Mapping[str, int]:
    """Numbers of all kinds of constants that a detector type declares or the facility's database has, by name."""
    return numbered("calibrations", (one.name for kind in detector_types() for one in kind.calibrations.values()))


@cache
def types() -> Mapping[str, int]:
    """Numbers of all detector types, by the database's names."""
    return numbered("detector_types", (kind.database_type for kind in detector_types()))


def instrument_of(identifier: str) -> str:
    """Instrument that a detector's name begins with.

    Parameters
    ----------
    identifier : str
    """
    return identifier.partition("_")[0]


def detector_row(identifier: str, number: int, places: int, instruments: Mapping[str, int]) -> dict[str, Any]:
    """A detector as the facility's database tells of it.

    Parameters
    ----------
    identifier : str
    number : int
    places : int
        How many modules are known to be installed.
    instruments : mapping
        Numbers of all.
    """
    kind = _kind_of(identifier)
    controls = read_resource("store", "calcat")["controls"]
    return {
        "id": number, "name": identifier, "identifier": identifier, "alias": None, "karabo_name": identifier,
        "karabo_id_control": controls.get(identifier, identifier),
        "source_name_pattern": None if kind is None else _pattern(kind, identifier),
        "number_of_modules": places or None, "first_module_index": None if kind is None else kind.raw.first_module,
        "flg_available": True, "description": None,
        "detectors_instruments": [{"instrument_id": instruments[instrument_of(identifier)], "detector_id": number}]}


def _kind_of(identifier: str) -> DetectorType | None:
    """The first type whose sources a detector of this name can have."""
    for kind in detector_types():
        found = kind.raw.match(kind.raw.source_name(identifier, kind.raw.first_module))
        if found is not None and found[0] == identifier:
            return kind
    return None


def _pattern(kind: DetectorType, identifier: str) -> str | None:
    """Format of the sources of a detector, with the facility's word for a module; None where they have no numbers."""
    if kind.raw.module_words or "{module" not in kind.raw.source_format:
        return None
    return kind.raw.source_format.replace("{detector}", identifier).replace("{module", "{modno")
