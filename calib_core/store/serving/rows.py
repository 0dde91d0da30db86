"""Records of a store as the facility's database writes them: every field that it has, in its words."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from calib_core.constants.matching import Setting
from calib_core.store.base import Version, settings_in
from calib_core.store.local.numbers import Behind, Unit
from calib_core.store.local.records import Place
from calib_core.store.serving.known import calibrations, numbered, types
from calib_core.store.statuses import Status

Row = dict[str, Any]
#: Units of values by the facility's numbers are not known for all kinds; those of ours stand in the files.
_NO_UNIT = 19
#: More parameters than a condition has; their rows are numbered by condition.
_MOST = 100


@dataclass(frozen=True)
class Placed:
    """Where a unit is, and the number of that detector; none where nobody knows."""

    place: Place
    detector: int


def time_text(time: datetime | None) -> str | None:
    """A time with its offset and milliseconds.

    Parameters
    ----------
    time : datetime or None
        Aware.
    """
    return None if time is None else time.isoformat(timespec="milliseconds")


def calibration_row(name: str) -> Row:
    """A kind of constants.

    Parameters
    ----------
    name : str
    """
    return {"id": calibrations()[name], "name": name, "unit_id": _NO_UNIT, "max_value": None, "min_value": None,
            "allowed_deviation": None, "description": ""}


def type_row(name: str) -> Row:
    """A detector type.

    Parameters
    ----------
    name : str
    """
    return {"id": types()[name], "name": name, "flg_available": True, "description": "", "data_frame_size": None}


def instrument_row(name: str, number: int) -> Row:
    """An instrument.

    Parameters
    ----------
    name : str
    number : int
    """
    return {"id": number, "name": name, "identifier": name, "url": "", "flg_available": True, "description": ""}


def unit_row(unit: Unit, here: Placed | None) -> Row:
    """A physical detector unit at its place.

    Parameters
    ----------
    unit : Unit
    here : Placed or None
    """
    return {"id": unit.number, "physical_name": unit.name, "detector_type_id": types()[unit.detector_type],
            "flg_available": True, "description": None, "created_at": None, "updated_at": None,
            **_place(here), "uuid": unit.number, "float_uuid": None}


def _place(here: Placed | None, ending: str = "") -> Row:
    place = here.place if here else Place("", "")
    return {f"karabo_da{ending}": place.aggregator or None, f"detector_id{ending}": here.detector if here else None,
            f"virtual_device_name{ending}": place.virtual_name or None, f"module_number{ending}": place.module}


def version_row(one: Version, behind: Behind, unit: Unit, here: Placed | None, then: Placed | None, url: str) -> Row:
    """A version of a constant.

    Parameters
    ----------
    one : Version
        Its path is below the root of the store's files.
    behind : Behind
        Numbers of what it stands on.
    unit : Unit
    here, then : Placed or None
        Where its unit is at the time that was asked for, and was when it began to be valid.
    url : str
        Begin of the addresses that records have.
    """
    accepted = one.status == Status.ACCEPTED
    begin, made = time_text(one.begin), time_text(one.injected)
    kind, of_type = calibrations()[one.calibration], types()[one.detector_type]
    return {
        "id": one.number, "name": f"{one.injected:%Y%m%d_%H%M%S}_sIdx=0", "file_name": one.path.name,
        "path_to_file": one.path.parent.as_posix(), "data_set_name": one.dataset, "flg_deployed": accepted,
        "flg_good_quality": accepted, "begin_validity_at": begin, "end_validity_at": None, "begin_at": begin,
        "start_idx": 0, "end_idx": 0, "raw_data_location": one.raw_data, "report_id": behind.report,
        "description": one.comment, "created_at": made,
        "view_url": f"{url}/calibration_constant_versions/{one.number}",
        "calibration_constant": {
            "id": behind.constant, "name": constant_name(one, behind.digest), "detector_type_id": of_type,
            "calibration_id": kind, "condition_id": behind.condition, "flg_auto_approve": False,
            "flg_available": True, "description": "", "created_at": made, "updated_at": made},
        "physical_detector_unit": {**unit_row(unit, here), **_place(then, "_at_ccv_begin_at")}}


def constant_name(one: Version, digest: str) -> str:
    """Name of a constant as the facility makes it: type, kind and operating condition.

    Parameters
    ----------
    one : Version
    digest : str
        Of its operating condition, hexadecimal.
    """
    return f"{one.detector_type}_{one.calibration}"[:40] + f"_{condition_name(digest)}"


def condition_name(digest: str) -> str:
    """Name of an operating condition, short enough for the facility's database.

    Parameters
    ----------
    digest : str
        Hexadecimal.
    """
    return f"Def{base64.b64encode(bytes.fromhex(digest)[:10]).decode()}"


def report_row(number: int, path: str, versions: Sequence[Row], url: str) -> Row:
    """A report with the versions that it is on.

    Parameters
    ----------
    number : int
    path : str
    versions : sequence of dict
    url : str
        Begin of the addresses that records have.
    """
    return {"id": number, "name": path.rpartition("/")[2], "file_path": path, "flg_available": True,
            "description": "", "user_id": None, "view_url": f"{url}/reports/{number}",
            "calibration_constant_versions": list(versions)}


def condition_row(number: int, digest: str, conditions: Mapping[str, Any]) -> Row:
    """An operating condition with its parameters.

    Parameters
    ----------
    number : int
    digest : str
    conditions : mapping
        As in :class:`~calib_core.store.base.Version`.
    """
    settings = settings_in(conditions)
    parameters = numbered("parameters", settings)
    rows = [_setting_row(number, i, parameters[name], name, one) for i, (name, one) in enumerate(settings.items())]
    return {"id": number, "name": condition_name(digest), "num_parameters": len(settings), "flg_available": True,
            "description": "", "created_at": None, "parameters_conditions": rows}


def _setting_row(condition: int, i: int, parameter: int, name: str, one: Setting) -> Row:
    """A parameter; further values of one that follows the gain stage have no field but the description."""
    text = isinstance(one.value, str)
    told = [one.unit, *(f"also {value}" for value in one.values[1:]), *(["or left out"] if one.absent else [])]
    return {"id": condition * _MOST + i, "parameter_id": parameter, "parameter_name": name,
            "condition_id": condition, "value": 0.0 if text else float(one.value),
            "txt_value": one.value if text else None, "lower_deviation_value": one.lower,
            "upper_deviation_value": one.upper, "flg_available": True, "description": ", ".join(filter(None, told)),
            "created_at": None}
