"""What a version of a constant is of, as its file tells it: unit, operating condition, shape and time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from calib_core.axes import Array, Label
from calib_core.constants.history import Comparable
from calib_core.constants.statistics import About
from calib_core.errors import BadInput
from calib_core.store.constants import StoredConstant, opened
from calib_core.store.images import PIXELS
from calib_core.store.stated import understood

#: Begin of the names of all constants that are flags.
FLAGS = "BadPixels"
#: Name under which it is told of a version of a store that a new reference begins there.
CONFIRMED = "reference_begins"
#: Name of a file with the time at which it was made.
_NAME = re.compile(r"cal\.(\d{1,11}(?:\.\d+)?)\.h5")
#: Axes that are gone through as memory cells are.
_CELLS = ("cell", "group")


def is_flags(stored: StoredConstant) -> bool:
    """Whether a constant is a bad-pixel map.

    Parameters
    ----------
    stored : StoredConstant
    """
    return stored.calibration.startswith(FLAGS)


def begin_of(stored: StoredConstant) -> tuple[datetime | None, bool]:
    """When a version begins to be valid, and whether the name of its file alone tells a time: that of its making.

    Parameters
    ----------
    stored : StoredConstant

    Returns
    -------
    datetime or None
        Aware UTC.
    bool
    """
    told = stored.begin or stored.created
    named = _NAME.fullmatch(stored.path.name)
    if told is not None or named is None:
        return told, False
    return datetime.fromtimestamp(float(named[1]), UTC), True


def is_stack(stored: StoredConstant) -> bool:
    """Whether a constant has images over memory cells and one axis more, at most.

    Parameters
    ----------
    stored : StoredConstant
        With names of its axes.
    """
    others = set(stored.dims) - set(PIXELS)
    return "fast_scan" in stored.dims and len(others - set(_CELLS)) <= 1 and len(others & set(_CELLS)) <= 1


def abouts_of(stored: Iterable[StoredConstant]) -> dict[Path, About]:
    """What versions are of, by their files; numbers of conditions that are one within tolerance are the oldest's.

    Parameters
    ----------
    stored : iterable of StoredConstant
        With names of their axes, stacks of images.

    Raises
    ------
    BadInput
        As in :func:`about_of`.
    """
    found = sorted(((about_of(one), one) for one in stored), key=lambda one: (one[0].begin, one[1].path))
    levels: dict[str, list[Any]] = {}
    made = {}
    for about, one in found:
        with understood(one):
            said = one.attributes.get("conditions", {})
            condition = tuple((name, level_of(value, said[name].get("tolerance", 0.0), levels.setdefault(name, [])))
                              for name, value in about.comparable.condition)
        made[one.path] = replace(about, comparable=replace(about.comparable, condition=condition))
    return made


def level_of(value: float | str, tolerance: float, known: list[Any]) -> Any:
    """The first known value that is one with another, which is known from then on.

    Parameters
    ----------
    value : float or str
    tolerance : float
        How far the other may be away.
    known : list
        Which grows.
    """
    for one in known:
        if one == value or (not isinstance(one, str) and not isinstance(value, str)
                            and abs(one - value) <= max(tolerance, 1e-6 * abs(value))):
            return one
    known.append(value)
    return value


def about_of(stored: StoredConstant) -> About:
    """What a version is of, its operating condition as the file has it.

    Parameters
    ----------
    stored : StoredConstant
        With names of its axes, a stack of images.

    Raises
    ------
    BadInput
        It does not tell when it begins to be valid, or what it says cannot be understood.
    """
    begin, _ = begin_of(stored)
    if begin is None:
        raise BadInput(f"{stored.path} does not tell when it begins to be valid, so that it has no place in time.")
    axis = _entry_axis(stored)
    number = dict(zip(stored.dims, stored.shape, strict=True)).get(axis, 1)
    with understood(stored):
        said: Mapping[str, Any] = stored.attributes.get("conditions", {})
        condition = tuple(sorted((name, value_of(entry)) for name, entry in said.items()))
        labels: tuple[Label, ...] = tuple(stored.attributes.get("axes", {}).get(axis, range(number)))
        module, unit = int(stored.attributes.get("module", 0)), str(stored.attributes.get("unit", ""))
    shape = tuple(sorted(zip(stored.dims, stored.shape, strict=True)))
    return About(Comparable(stored.pdu, stored.calibration, condition, shape), module, begin, axis, labels, unit,
                 str(stored.path), bool(stored.attributes.get(CONFIRMED, False)))


def value_of(entry: Mapping[str, Any]) -> float | str:
    """A value of a condition; of one that has several, as those of gain stages, all of them as a text.

    Parameters
    ----------
    entry : mapping
        As constants tell it.
    """
    several = entry.get("values", ())
    value: float | str = entry["value"] if len(several) < 2 else " / ".join(map(str, several))
    return value


def _entry_axis(stored: StoredConstant) -> str:
    """Name of the axis beside memory cells and pixels; gain stages where there is none."""
    return next((dim for dim in stored.dims if dim not in (*PIXELS, *_CELLS)), "gain")


def _cell_axis(stored: StoredConstant) -> str:
    return next((dim for dim in stored.dims if dim in _CELLS), _CELLS[0])


def shape_of(stored: StoredConstant) -> tuple[int, int, int, int]:
    """Lengths (entries, cells, slow_scan, fast_scan) of a stack of images.

    Parameters
    ----------
    stored : StoredConstant
        With names of its axes.
    """
    length = dict(zip(stored.dims, stored.shape, strict=True))
    entries, cells, slow, fast = (length.get(dim, 1) for dim in (_entry_axis(stored), _cell_axis(stored), *PIXELS))
    return entries, cells, slow, fast


def values_of(stored: StoredConstant) -> Array:
    """All values (entries, cells, slow_scan, fast_scan): uint32 of flags, else floating point.

    Parameters
    ----------
    stored : StoredConstant
        With names of its axes.

    Returns
    -------
    array
        In the order of the file in memory.

    Raises
    ------
    BadInput
        The file is gone or damaged.
    """
    values = stored.entries(slice(None), (_entry_axis(stored), _cell_axis(stored), *PIXELS))
    if is_flags(stored):
        return values.astype(np.uint32, copy=False)
    return values if values.dtype in (np.float32, np.float64) else values.astype(np.float64)


def part_of(stored: StoredConstant, cell: int, rows: slice, columns: slice) -> Array:
    """Some pixels of one memory cell (entries, rows, columns): uint32 of flags, else float64.

    Nothing else is read of the file, as far as it is stored in pieces, and its values are not made sure of.

    Parameters
    ----------
    stored : StoredConstant
        With names of its axes.
    cell : int
        Index of the memory cell; the only one where there is one.
    rows, columns : slice
        Along slow_scan and fast_scan.

    Raises
    ------
    BadInput
        The file is gone or damaged, or has no such memory cell.
    """
    wanted = {_cell_axis(stored): slice(cell, cell + 1), PIXELS[0]: rows, PIXELS[1]: columns}
    number = shape_of(stored)[1]
    if number == 1:
        del wanted[_cell_axis(stored)]
    elif not 0 <= cell < number:
        raise BadInput(f"{stored.path} has {number} memory cells, and none at place {cell}.")
    with opened(stored) as data:
        values = np.asarray(data[tuple(wanted.get(dim, slice(None)) for dim in stored.dims)])
    order = (_entry_axis(stored), _cell_axis(stored), *PIXELS)
    missing = [dim for dim in order if dim not in stored.dims]
    there = [*missing, *stored.dims]
    whole = values[(np.newaxis,) * len(missing)].transpose([there.index(dim) for dim in order])[:, 0]
    return whole.astype(np.uint32 if is_flags(stored) else np.float64)
