"""Pixels of modules as operators write them: rectangles such as ``3:0-63,64-127``, with semicolons between."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from calib_core.errors import BadParameter
from calib_core.typed import plain

#: Module, first and last row, first and last column, all of them in it.
Rectangle = tuple[int, int, int, int, int]
_ONE = re.compile(r"(\d{1,4}):(\d{1,5})-(\d{1,5}),(\d{1,5})-(\d{1,5})", re.ASCII)
#: More of them are a slip, or an outline that is too long to be read.
MOST = 20_000


def parse_rectangles(text: str, name: str) -> tuple[Rectangle, ...]:
    """Rectangles of a text; none of an empty one.

    Parameters
    ----------
    text : str
    name : str
        Parameter, for the error.

    Raises
    ------
    BadParameter
        A part is no rectangle, or there are too many.
    """
    parts = [part for part in plain(text).replace(" ", "").split(";") if part]
    if len(parts) > MOST:
        raise BadParameter(f"{name} has {len(parts):,} rectangles; it takes {MOST:,} at most.")
    return tuple(_rectangle(part, name) for part in parts)


def _rectangle(part: str, name: str) -> Rectangle:
    match = _ONE.fullmatch(part)
    module, top, bottom, left, right = map(int, match.groups()) if match else (0, 1, 0, 1, 0)
    if top > bottom or left > right:
        raise BadParameter(f"{name} {part} is none; it takes MODULE:ROW-ROW,COLUMN-COLUMN, such as 3:0-63,64-127.")
    return module, top, bottom, left, right


def mask_of(
    rectangles: Iterable[Rectangle], module: int, shape: Sequence[int], name: str
) -> NDArray[np.bool_]:
    """Which pixels of a module are in some rectangles, (slow_scan, fast_scan) bool.

    Parameters
    ----------
    rectangles : iterable of Rectangle
    module : int
    shape : (slow_scan, fast_scan)
        Of a module.
    name : str
        Parameter, for the error.

    Raises
    ------
    BadParameter
        One reaches beyond the module, or none is of it.
    """
    found = np.zeros(tuple(shape), bool)
    for _, top, bottom, left, right in (one for one in rectangles if one[0] == module):
        if bottom >= shape[0] or right >= shape[1]:
            raise BadParameter(f"{name}: module {module} has {shape[0]} x {shape[1]} pixels, and row {bottom}, "
                               f"column {right} is outside of them.")
        found[top:bottom + 1, left:right + 1] = True
    if not found.any():
        raise BadParameter(f"{name} has no pixel of module {module}; ask for the modules that it has pixels of.")
    return found


def format_spans(spans: Iterable[tuple[int, int, int, int]]) -> str:
    """Text of rows of pixels that :func:`parse_rectangles` reads; the same columns of rows below each other are one.

    Parameters
    ----------
    spans : iterable of (module, row, first, last)
        In the order of modules and rows.
    """
    made = list[list[int]]()
    for module, row, first, last in spans:
        above = next((one for one in reversed(made) if one == [module, one[1], row - 1, first, last]), None)
        if above is not None:
            above[2] = row
        else:
            made.append([module, row, row, first, last])
    return ";".join(f"{module}:{top}-{bottom},{left}-{right}" for module, top, bottom, left, right in made)
