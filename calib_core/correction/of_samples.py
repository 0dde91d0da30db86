"""Constants of one module in memory, and which of their values goes with which sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from calib_core.axes import Array
from calib_core.correction.images import Images
from calib_core.numerics.operations import Constant

if TYPE_CHECKING:
    from calib_core.correction.bound_constant import BoundConstant


@dataclass(frozen=True, eq=False)
class OfSamples:
    """A constant whose values are known by gain stage and memory cell.

    Attributes
    ----------
    data : (gain, cell, slow_scan, fast_scan) array
        Or over something else than gain stages, of which :meth:`entry` gives one.
    cells : tuple of int or None
        Memory cells in the order of their axis; None where the only image is that of all frames.
    missing : float
        What stands for a memory cell that the constant does not have.
    why : str
        Where it comes from.
    """

    data: Array
    cells: tuple[int, ...] | None
    missing: float = float("nan")
    why: str = ""
    dims: Sequence[str] = ("gain", "cell", "slow_scan", "fast_scan")

    def read(self, cells: Sequence[int] = ()) -> Self:
        """It lies in memory already."""
        return self

    def of(self, images: Images) -> Array:
        """Values of the samples' own stages and memory cells.

        Parameters
        ----------
        images : Images

        Returns
        -------
        (n or 1, slow_scan, fast_scan) array
            Of the only stage where the constant has but one. Where one image is that of all frames it comes once, and
            is the constant's own; else the array is a new one.
        """
        stages, place = len(self.data), places_of(self.cells, images.cell)
        if len(place) and place[0] >= 0 and (place == place[0]).all() and (stages == 1 or not images.stage.any()):
            own: Array = self.data[:1, place[0]]
            return own
        found: Array = self.data[0, place]
        for stage in range(1, stages):
            np.copyto(found, self.data[stage, place], where=images.stage == stage)
        found[place < 0] = self.missing
        return found

    def entry(self, index: int, images: Images) -> Array:
        """One entry of the first axis, of the samples' own memory cells.

        Parameters
        ----------
        index : int
        images : Images

        Returns
        -------
        (n, slow_scan, fast_scan) array
            A new one.
        """
        place = places_of(self.cells, images.cell)
        found: Array = self.data[index, place]
        found[place < 0] = self.missing
        return found


class NotBySample(TypeError):
    """A constant is not in memory, has other values, or is not known by memory cells: no kernel takes it."""


def images_of(found: BoundConstant, dtype: type, *entries: int) -> Constant:
    """Images of a constant as kernels take them.

    Parameters
    ----------
    found : BoundConstant
    dtype : type
        Of its values.
    *entries : int
        Of the first axis; all unless given.

    Returns
    -------
    Constant

    Raises
    ------
    NotBySample
        It has none.
    """
    if not isinstance(found, OfSamples) or found.data.dtype != dtype:
        raise NotBySample(f"a kernel takes images of {np.dtype(dtype)}, not what {found.why or 'memory'} has")
    constant = Constant.of(found.data, found.cells, found.missing)
    return constant._replace(images=tuple(constant.images[one] for one in entries)) if entries else constant


def together(flags: Sequence[BoundConstant]) -> Sequence[BoundConstant]:
    """Flags of several constants, those that have the same images in one array.

    Parameters
    ----------
    flags : sequence of BoundConstant

    Returns
    -------
    sequence of BoundConstant
        As few as there are sorts of images; those that are not in memory as they are given.
    """
    alike: dict[object, list[OfSamples]] = {}
    for one in flags:
        if isinstance(one, OfSamples):
            alike.setdefault((one.cells, one.data.shape), []).append(one)
    return [*(one for one in flags if not isinstance(one, OfSamples)), *map(_united, alike.values())]


def _united(flags: Sequence[OfSamples]) -> OfSamples:
    first, *others = flags
    if not others:
        return first
    missing = np.bitwise_or.reduce([int(one.missing) for one in flags])
    return OfSamples(np.bitwise_or.reduce([one.data for one in flags]), first.cells, int(missing))


def places_of(own: tuple[int, ...] | None, cells: Array) -> Array:
    """Where memory cells are among those of a constant.

    Parameters
    ----------
    own : tuple of int or None
        Memory cells of the constant; None where its only image is that of all frames.
    cells : (n,) array
        Memory cells of frames.

    Returns
    -------
    (n,) int64
        Indices, -1 of those that are not there.
    """
    if own is None:
        return np.zeros(len(cells), np.int64)
    table = np.full(max([int(cells.max(initial=0)), *own]) + 1, -1, np.int64)
    table[list(own)] = np.arange(len(own))
    return np.asarray(table[cells])
