"""Groups of pixels of a module, such as its ASICs, over the versions of its line: all of them, and one as a line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calib_core.constants.history import change_rule, judged, share_line
from calib_core.constants.statistics import VersionStatistics
from calib_core.numerics.group_statistics import GOOD
from calib_core.subjects.timeline import Asked, ModuleLine

_Float = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Groups:
    """Numbers of the groups of pixels of a module, row by row as they lie in it.

    Attributes
    ----------
    line : ModuleLine
        Of their module.
    asked : Asked
    down, across : int
        Groups along the slow and the fast axis; one each for a region.
    cell_rows : int
        Rows of memory cells, of whose numbers the median is taken.
    values, errors : (groups, versions) float64
        As those of the line; NaN without a value.
    others : int
        Versions that were cut into other groups, and have no value.
    """

    line: ModuleLine
    asked: Asked
    down: int
    across: int
    cell_rows: int
    values: _Float
    errors: _Float
    others: int

    @property
    def shifts(self) -> _Float:
        """Shift of each group from its own median over the reference of the line, (groups, versions) float64."""
        begin, reference = self.line.reference
        known = self.values[:, begin:begin + max(1, reference.versions)]
        return self.values - _median(known.T)[:, None]

    @property
    def block_shape(self) -> tuple[int, int]:
        """Pixels of a group along the slow and the fast axis."""
        height, width = self.line.kind.block_shape
        return height, width

    def row_of(self, row: int, column: int) -> int | None:
        """The group that a pixel of the module is in; None where the groups are no tiles of it.

        Parameters
        ----------
        row, column : int
        """
        height, width = self.block_shape
        found = row // height * self.across + column // width
        return found if self.down * self.across > 1 and found < len(self.values) else None

    def middle_of(self, group: int) -> tuple[int, int]:
        """Row and column of the pixel in the middle of a group.

        Parameters
        ----------
        group : int
        """
        down, across = divmod(group, self.across)
        height, width = self.block_shape
        return down * height + height // 2, across * width + width // 2

    def line_of(self, group: int) -> ModuleLine:
        """Line of a group over the versions of its module, judged by the same rule.

        Parameters
        ----------
        group : int
        """
        line = self.line
        values, errors = self.values[group], np.nan_to_num(self.errors[group])
        begins = [begin for begin, _ in line.judged.references[1:]]
        return ModuleLine(line.module, line.unit, line.rows, line.kind, line.times, values,
                          judged(values, errors, change_rule(), begins))

    def name(self, asic_shape: tuple[int, int] | None) -> str:
        """What the groups are.

        Parameters
        ----------
        asic_shape : (int, int), optional
            Pixels of an ASIC, where the detector is known.
        """
        height, width = self.block_shape
        return "ASIC" if self.block_shape == asic_shape else f"block of {height} × {width} pixels"

    @property
    def made(self) -> str:
        """How numbers of groups of several rows of memory cells are made, and how many versions have other groups."""
        several, number = self.cell_rows > 1 and self.asked.quantity != "bad", self.others
        return ", ".join(filter(None, (
            f"median over {self.cell_rows} rows of memory cells" if several else "",
            f"{number} version{'s' * (number != 1)} cut into other groups left out" if number else "")))


def groups_over_time(line: ModuleLine, groups: Mapping[Path, VersionStatistics], asked: Asked) -> Groups:
    """Put together what is known of the groups of a line's versions.

    Parameters
    ----------
    line : ModuleLine
    groups : mapping
        By the files of the versions; those of others are not known.
    asked : Asked
    """
    known = [(place, found) for place, one in enumerate(line.rows) if (found := groups.get(one.path)) is not None]
    shape = next((shape for _, one in reversed(known) if (shape := _shape_of(one))), (1, 0, 0))
    values, errors = np.full((2, len(line.rows), shape[1] * shape[2]), np.nan)
    alike = [(place, found) for place, found in known if _shape_of(found)[1:] == shape[1:]]
    for place, found in alike:
        _put(values[place], errors[place], found, asked)
    return Groups(line, asked, shape[1], shape[2], shape[0], values.T, errors.T, len(known) - len(alike))


def _shape_of(version: VersionStatistics) -> tuple[int, ...]:
    """Rows of memory cells, and groups along both axes."""
    if version.groups is not None:
        return version.groups.median.shape[2:]
    return version.flags.number.shape[1:] if version.flags is not None else ()


def _put(values: _Float, errors: _Float, version: VersionStatistics, asked: Asked) -> None:
    """Numbers of groups, (groups,) float64, and errors of shares; what there is none of stays as it is."""
    if asked.quantity != "bad" and version.groups is not None:
        values[:] = _median(getattr(version.groups, asked.quantity)[GOOD, asked.entry]).ravel()
    elif version.flags is not None:
        bad, total = (getattr(version.flags, name)[asked.entry].sum(axis=0) for name in ("number", "total"))
        values[:], errors[:] = share_line(bad.ravel(), total.ravel())


def _median(values: NDArray[Any]) -> _Float:
    """Median along the first axis of what is a number; NaN where nothing is."""
    ordered, count = np.sort(values, axis=0), np.isfinite(values).sum(axis=0)
    if not len(ordered):
        return np.full(ordered.shape[1:], np.nan)
    middle = [np.take_along_axis(ordered, place.clip(0)[None], axis=0)[0] for place in ((count - 1) // 2, count // 2)]
    found: _Float = np.where(count > 0, (middle[0] + middle[1]) / 2, np.nan)
    return found
