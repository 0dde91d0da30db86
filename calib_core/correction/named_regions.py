"""Regions of modules as parameters of steps name them: groups of whole numbers, with commas between."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from calib_core.detector import DetectorType
from calib_core.errors import BadParameter
from calib_core.typed import plain


@dataclass(frozen=True)
class NamedRegion:
    """Pixels of one module, from a first row and column to before another, and what else is said of them."""

    module: int
    rows: tuple[int, int]
    columns: tuple[int, int]
    more: int = 0

    @property
    def place(self) -> tuple[slice, slice]:
        """Where they are in an image of the module."""
        return slice(*self.rows), slice(*self.columns)


def groups_of(text: str, name: str, order: str, example: str) -> Iterator[tuple[int, ...]]:
    """Numbers of each region.

    Parameters
    ----------
    text : str
    name : str
        Of the parameter.
    order : str
        What the numbers of a region are, with commas between.
    example : str

    Raises
    ------
    BadParameter
        They are no whole numbers, or not so many.
    """
    words, number = [word.strip() for word in plain(text).split(",")] if plain(text) else [], order.count(",") + 1
    if len(words) % number or not all(word.removeprefix("-").isdecimal() for word in words):
        raise BadParameter(f"{name} = {text!r} is not allowed; it takes {number} numbers for each region: {order}, "
                           f"such as {example}.")
    values = [int(word) for word in words]
    yield from (tuple(values[first:first + number]) for first in range(0, len(values), number))


def check_on(region: NamedRegion, kind: DetectorType, name: str) -> None:
    """Refuse a region that is not on a module, with BadParameter.

    Parameters
    ----------
    region : NamedRegion
    kind : DetectorType
    name : str
        Of the parameter.
    """
    (top, bottom), (left, right), (rows, columns) = region.rows, region.columns, kind.shape
    if not (0 <= left < right <= columns and 0 <= top < bottom <= rows):
        raise BadParameter(f"{name}: columns {left} to {right} and rows {top} to {bottom} are not on a module of "
                           f"{kind.title}, which has {columns} columns and {rows} rows.")
