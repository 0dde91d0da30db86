"""Where constant files have their values, and whose and what they are: the facility's layout, and two simpler ones.

The facility has ``/<PDU>/<Calibration>/0/data``. Files that were exported by modules have
``/<module>/<Calibration>/data`` with all that the constant tells; files of single constants have ``/data`` and tell
the rest by their names, or beside.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from calib_core.io.libraries import h5py
from calib_core.resource_files import read_resource

#: Group of a file of a single constant.
ALONE = "/"
_NAMES = read_resource("store", "const_files")
_FILE = re.compile(str(_NAMES["pattern"]))
#: Detector, calibration, aggregator, begin, and sometimes version of a constant that was exported.
_EXPORTED = re.compile(r"\w.*_\w+_.+_(\d{8}T\d{6}\.\d{6}Z|no-time)(_\w+)?\.h5")


def stand_alone(path: Path) -> bool:
    """Whether a file has the name of one of a single constant, or of one that was exported by modules.

    Parameters
    ----------
    path : Path
    """
    return (_FILE.fullmatch(path.name) or _EXPORTED.fullmatch(path.name)) is not None


def group_of(file: h5py.File) -> h5py.Group:
    """The group that has the values; each layout has one.

    Parameters
    ----------
    file : h5py.File

    Raises
    ------
    KeyError, ValueError, StopIteration
        It has none.
    """
    if isinstance(file.get("data"), h5py.Dataset):
        return file[ALONE]
    inner = next(iter(next(iter(file.values())).values()))
    return inner if isinstance(inner, h5py.Group) and "data" in inner else inner["0"]


def names_of(path: Path, group: h5py.Group) -> tuple[str, str]:
    """Unit, or what stands for it, and calibration of the values in a group.

    Parameters
    ----------
    path : Path
    group : h5py.Group

    Raises
    ------
    ValueError
        Nothing tells them.
    """
    if group.name == ALONE:
        found = _FILE.fullmatch(path.name)
        if found is None:
            raise ValueError("neither it nor its name tells what it is; name it const_<kind>_<module>.h5")
        return _text(group, "unit") or found[2], found[1]
    unit, calibration, *_ = group.name[1:].split("/")
    told = group.attrs.get("unit_name")
    return (unit if told is None else told.rstrip(b"\0").decode()), calibration


def beside_values(group: h5py.Group) -> Iterator[tuple[str, Any]]:
    """What the file of a single constant tells beside its values, named as constants of ours tell it.

    Parameters
    ----------
    group : h5py.Group
    """
    condition = group.get(_NAMES["condition"])
    if isinstance(condition, h5py.Group):
        yield "conditions", {name: {"value": _plain(one[_NAMES["value"]] if isinstance(one, h5py.Group) else one),
                                    "origin": "the file"} for name, one in condition.items()}
    for name, key in (("creation_time", "made"), ("detector", "detector"), ("report", "report"), ("runs", "runs")):
        if text := _text(group, key):
            yield name, text


def _text(group: h5py.Group, key: str) -> str:
    found = group.get(_NAMES[key])
    return str(_plain(found)) if isinstance(found, h5py.Dataset) else ""


def _plain(dataset: h5py.Dataset) -> Any:
    """A single value as plain Python has it."""
    value = dataset[()]
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return value.reshape(-1)[0].item() if getattr(value, "size", 0) == 1 else str(value)
