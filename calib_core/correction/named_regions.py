"""Regions of modules as parameters of steps name them: groups of whole numbers, with commas between."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from calib_core.correction.bound_constant import Constants
from calib_core.correction.step import Bound, Step
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


class OfRegions(Step):
    """A step on regions that a parameter of that name has; it takes no constants.

    Subclasses set ``order``, what the numbers of a region are with commas between, and ``example``.
    """

    order: ClassVar[str] = ""
    example: ClassVar[str] = ""

    regions: str

    @property
    def modules(self) -> tuple[int, ...]:
        """Modules that have regions."""
        return tuple(one.module for one in self.named())

    def check(self) -> None:
        """Refuse regions that are written otherwise, with BadParameter."""
        list(self.named())
        if self.on and not plain(self.regions):
            raise BadParameter(f"{self.word} is not allowed without {self._name}, such as {self.example}.")

    def bind(self, constants: Constants, kind: DetectorType) -> Bound:
        """Take no constants.

        Parameters
        ----------
        constants : Constants
        kind : DetectorType
            Of the module.

        Raises
        ------
        BadParameter
            A region is on no module of its type.
        """
        for region in self.named():
            _check_on(region, kind, self._name)
        return super().bind(constants, kind)

    def named(self) -> Iterator[NamedRegion]:
        """Regions of all modules.

        Yields
        ------
        NamedRegion

        Raises
        ------
        BadParameter
            They are no whole numbers, or not so many.
        """
        text, number = plain(self.regions), self.order.count(",") + 1
        words = [word.strip() for word in text.split(",")] if text else []
        if len(words) % number or not all(word.removeprefix("-").isdecimal() for word in words):
            raise BadParameter(f"{self._name} = {self.regions!r} is not allowed; it takes {number} numbers for each "
                               f"region: {self.order}, such as {self.example}.")
        values = [int(word) for word in words]
        yield from (self.region_of(*values[first:first + number]) for first in range(0, len(values), number))

    @abstractmethod
    def region_of(self, *numbers: int) -> NamedRegion:
        """The region that some numbers in the step's order are."""

    @property
    def _name(self) -> str:
        return f"{self.word}_regions"


def _check_on(region: NamedRegion, kind: DetectorType, name: str) -> None:
    (top, bottom), (left, right), (rows, columns) = region.rows, region.columns, kind.shape
    if not (0 <= left < right <= columns and 0 <= top < bottom <= rows):
        raise BadParameter(f"{name}: columns {left} to {right} and rows {top} to {bottom} are not on a module of "
                           f"{kind.title}, which has {columns} columns and {rows} rows.")
