"""Constants as input of a characterisation: entry by entry of the axis along which its work is cut."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from calib_core.axes import Array, Label
from calib_core.characterisation.unit import Block
from calib_core.jobs.file_constant import FileConstant
from calib_core.jobs.room import CELLS_AT_ONCE
from calib_core.store.constants import StoredConstant


class Entries(Protocol):
    """One constant, entry by entry."""

    @property
    def labels(self) -> tuple[Label, ...]:
        """What its entries are called; none where the only one is that of all."""

    def entry(self, index: int) -> Array:
        """Values of one of them, its first axis before the pixels."""


@dataclass(frozen=True)
class OfCells:
    """A constant by memory cell; a file whose memory cells lie all over it is read once as a whole."""

    constant: FileConstant

    @property
    def labels(self) -> tuple[Label, ...]:
        """Numbers of the memory cells; none where one image is that of all."""
        return self.constant.cells or ()

    def entry(self, index: int) -> Array:
        """Values (first axis, slow_scan, fast_scan) of a memory cell, in double precision where they are no flags."""
        values: Array = self.constant.by_cell.read(slice(index, index + 1))[:, 0]
        return values


@dataclass(frozen=True)
class OfAxis:
    """A constant along an axis of its file, with its other axes in their order and pixels last."""

    stored: StoredConstant
    axis: str

    @property
    def labels(self) -> tuple[Label, ...]:
        """As the file tells them, else counted from 0."""
        number = dict(zip(self.stored.dims, self.stored.shape, strict=True)).get(self.axis, 1)
        return tuple(self.stored.attributes.get("axes", {}).get(self.axis, range(number)))

    def entry(self, index: int) -> Array:
        """Values (other axes, slow_scan, fast_scan) of an entry."""
        pixels = ("slow_scan", "fast_scan")
        others = tuple(dim for dim in self.stored.dims if dim not in (self.axis, *pixels))
        part = self.stored.entries(slice(index, index + 1), (self.axis, *others, *pixels), self.axis)
        return np.ascontiguousarray(part[0])


@dataclass(frozen=True)
class OfGroups:
    """A constant by groups of memory cells, as that of each of these.

    Attributes
    ----------
    stored : StoredConstant
    groups : tuple of tuples of int
        Memory cells of each group.
    used : tuple of int
        Entries of its other axis that are read.
    """

    stored: StoredConstant
    groups: tuple[tuple[int, ...], ...]
    used: tuple[int, ...]

    @property
    def labels(self) -> tuple[Label, ...]:
        """Numbers of the memory cells of all groups."""
        return tuple(cell for group in self.groups for cell in group)

    def entry(self, index: int) -> Array:
        """Values (entries, slow_scan, fast_scan) of the group that a memory cell is in, in double precision."""
        places = [place for place, group in enumerate(self.groups) for _ in group]
        return OfAxis(self.stored, "group").entry(places[index])[list(self.used)].astype(np.float64)


@dataclass(frozen=True)
class ConstantBlocks:
    """Constants of one module and input.

    Attributes
    ----------
    stored : mapping
        Files by their kinds.
    entries : mapping
        The same entry by entry.
    """

    stored: Mapping[str, StoredConstant]
    entries: Mapping[str, Entries] = field(repr=False)

    def blocks(self, labels: Mapping[int, Label]) -> Iterator[Block]:
        """One entry after the other, so that large constants need little memory.

        Parameters
        ----------
        labels : mapping
            Of the entries that are wanted, by their index along the axis.

        Yields
        ------
        Block
            Where a constant lacks an entry, the nearest one of the same row of memory cells stands for it; a constant
            without such is not in the block.
        """
        for index, label in labels.items():
            taken = {kind: nearest(one.labels, label) for kind, one in self.entries.items()}
            there = {kind: place for kind, place in taken.items() if place is not None}
            names = {kind: self.entries[kind].labels[place] for kind, place in there.items()
                     if self.entries[kind].labels}
            yield Block(index, {kind: self.entries[kind].entry(place) for kind, place in there.items()},
                        {kind: name for kind, name in names.items() if name != label})

    @property
    def _turned(self) -> Iterator[FileConstant]:
        return (one.constant for one in self.entries.values() if isinstance(one, OfCells))

    @property
    def bytes_beside(self) -> int:
        """Memory while one of the files is read as a whole."""
        return max((one.by_cell.turning_bytes for one in self._turned), default=0)

    @property
    def files(self) -> tuple[FileConstant, ...]:
        """Constants by memory cell."""
        return tuple(self._turned)

    def stop(self) -> None:
        """Have a file that is being read as a whole left, since nobody wants it any more."""
        for one in self._turned:
            one.by_cell.stop()

    def close(self) -> None:
        """Free the space of what was read as a whole."""
        for one in self._turned:
            one.by_cell.close()


def nearest(labels: tuple[Label, ...], wanted: Label) -> int | None:
    """Index of a label, or of the memory cell nearest to it in its row; the lower of two.

    Parameters
    ----------
    labels : tuple
    wanted : int, float or str

    Returns
    -------
    int or None
        None where there is neither; 0 where the only entry is that of all.
    """
    if not labels:
        return 0
    if wanted in labels:
        return labels.index(wanted)
    in_row = [(abs(one - wanted), place) for place, one in enumerate(labels)
              if isinstance(one, int) and isinstance(wanted, int) and one // CELLS_AT_ONCE == wanted // CELLS_AT_ONCE]
    return min(in_row)[1] if in_row else None
