"""What the raw samples of one pixel say, as a group of an HDF5 file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

import numpy as np

from calib_core.explanation import Explanation, Number, Plot
from calib_core.io.libraries import h5py

#: Group of the pixel in a file.
PIXEL = "pixel"
_TEXT = "S64"


@dataclass(frozen=True)
class ExplainedPixel:
    """A pixel with its explanation and where it is.

    Attributes
    ----------
    explanation : Explanation
    place : mapping of str to int or str
        Module, row and column, and labels along axes.
    """

    explanation: Explanation
    place: Mapping[str, Any] = field(default_factory=dict)


def write_pixel(file: h5py.File, one: ExplainedPixel) -> None:
    """Write a pixel: its numbers as a table, and each plot as a group of series.

    ``/pixel/numbers`` has name, value, error, limit and unit, and what another program says. ``/pixel/<plot>`` has
    the names and units of its axes as attributes, and a group for each thing that is drawn, with its arrays as
    datasets and all else as attributes. The place, notes and tried parameters are attributes of ``/pixel``.

    Parameters
    ----------
    file : h5py.File
    one : ExplainedPixel
    """
    group, shown = file.create_group(PIXEL), one.explanation
    for name, value in {**one.place, "notes": "\n".join(shown.notes), "tried": shown.tried}.items():
        group.attrs[name] = value
    group.create_dataset("numbers", data=_table(shown.numbers))
    for plot in shown.plots:
        _write_plot(group.create_group(plot.title or "plot"), plot)


def _table(numbers: tuple[Number, ...]) -> np.ndarray[Any, Any]:
    dtype = [(one.name, _TEXT if one.name in ("name", "unit", "by") else "f8") for one in fields(Number)]
    rows = [tuple(_encoded(getattr(one, name)) for name, _ in dtype) for one in numbers]
    return np.array(rows, dtype)


def _write_plot(group: h5py.Group, plot: Plot) -> None:
    for name in ("x", "y", "x_unit", "y_unit"):
        group.attrs[name] = getattr(plot, name)
    for number, item in enumerate(plot.items):
        assert is_dataclass(item)  # all that can be drawn is one
        mine = group.create_group(f"{number} {type(item).__name__.lower()}")
        for one in fields(item):
            value = getattr(item, one.name)
            if isinstance(value, np.ndarray):
                mine.create_dataset(one.name, data=value)
            else:
                mine.attrs[one.name] = value


def _encoded(value: Any) -> Any:
    return value.encode() if isinstance(value, str) else value
