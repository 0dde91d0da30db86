"""Pixels that fail as another one does: with the same flags, and results in the same states."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

from calib_core.axes import Array, At
from calib_core.subjects.base import Subject
from calib_core.subjects.shown import Pixel, final_flags


@dataclass(frozen=True)
class Alike:
    """Pixels that fail in the same way.

    Attributes
    ----------
    flags : int
        Mask of flags that all of them have, and no others; 0 where the pixel that was asked for has none.
    states : tuple of (str, float)
        States of results that they have in common, by name.
    pixels : (n, 3) int64
        Module number, row and column, in this order; the pixel itself is among them.
    modules : int
        Modules that were looked at.
    """

    flags: int
    states: tuple[tuple[str, float], ...]
    pixels: Array
    modules: int


def alike(subject: Subject, pixel: Pixel, at: At) -> Alike | None:
    """Find the pixels of all modules that fail as one does.

    Parameters
    ----------
    subject : Subject
    pixel : (int, int, int)
        Module number, row, column.
    at : mapping
        Indices along axes; flags are those of this place.

    Returns
    -------
    Alike or None
        None where the subject has no flags at this place.

    Raises
    ------
    CalibrationError
        What it is read from cannot be read any more.
    """
    flags = final_flags(subject.results)
    own = None if flags is None else subject.plane(flags.name, pixel[0], at)
    if flags is None or own is None:
        return None
    mask = int(own[pixel[1:]])
    states = [(name, result, place, float(values[pixel[1:]])) for name, result, place in _states(subject, at)
              if mask and (values := subject.plane(result, pixel[0], place)) is not None]
    found, looked = [np.empty((0, 3), np.int64)], 0
    for module in subject.modules if mask else ():
        there = subject.plane(flags.name, module, at)
        if there is None:
            continue
        looked, same = looked + 1, there == mask
        for _, result, place, value in states:
            values = subject.plane(result, module, place)
            same &= np.False_ if values is None else _equal(values, value)
        rows = np.argwhere(same)
        found.append(np.column_stack([np.full(len(rows), module), rows]))
    return Alike(mask, tuple((name, value) for name, _, _, value in states), np.concatenate(found), looked)


def _states(subject: Subject, at: At) -> Iterator[tuple[str, str, At]]:
    """Results of states with their names and places."""
    for one in subject.results:
        axes = [subject.axes[name] for name in one.over if subject.axes[name].states]
        for labels in product(*(axis.states for axis in axes)) if axes else ():
            place = {axis.name: axis.index(label) for axis, label in zip(axes, labels, strict=True)}
            yield " ".join(map(str, labels)), one.name, {**at, **place}


def _equal(values: Array, value: float) -> Array:
    """Where values are the same; what is missing is the same as what is missing."""
    return np.isnan(values) if np.isnan(value) else values == value
