"""What can be done with samples one by one: operations, of which a chain is done in one pass.

Each is what one correction step does, or part of it, in single precision and in the order of the step. Names of
operations are those of the methods that emit their instructions (:mod:`calib_core.numerics._operations`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from calib_core.numerics._arrays import check_array
from calib_core.numerics._frames import writable
from calib_core.numerics.kernels import CORRECTED

_Array = NDArray[Any]


class Constant(NamedTuple):
    """Images of a constant, and which of them goes with which memory cell.

    Attributes
    ----------
    images : tuple of (cells, pixels) arrays
        One for each gain stage, or whatever the first axis of the constant is.
    table : (n,) int64
        Place of each memory cell among the images, negative where it is none.
    last : int
        Index of its last entry, which counts for all memory cells from there on.
    missing : (tile,) array
        What stands for memory cells that are not there.
    """

    images: tuple[_Array, ...]
    table: _Array
    last: int
    missing: _Array

    @classmethod
    def of(cls, data: _Array, cells: Sequence[int] | None, missing: float) -> Constant:
        """A constant in memory.

        Parameters
        ----------
        data : (entries, cells, ...) float32, uint32 or uint8
            It is not copied where it is C-contiguous and can be written.
        cells : sequence of int or None
            Memory cells in the order of their axis; None where there is one image for all.
        missing : float
            What stands for memory cells that are not there.
        """
        table = np.zeros(1, np.int64)
        if cells is not None:
            table = np.full(max(cells, default=-1) + 2, -1, np.int64)
            table[list(cells)] = np.arange(len(cells))
        flat = writable(np.ascontiguousarray(data)).reshape(*data.shape[:2], -1)
        return cls(tuple(flat), table, len(table) - 1, np.full(CORRECTED, missing, data.dtype))


class Kept(NamedTuple):
    """Stages are those that were found before."""

    number: int = 0


class Fixed(NamedTuple):
    """All samples are of one stage."""

    stage: np.uint8


class OfBits(NamedTuple):
    """Stages are told by gain bits; samples of none are of the first, are flagged, and out of use."""

    codes: tuple[np.uint8, ...]
    wrong: np.uint32


class OfSignal(NamedTuple):
    """Stages are told by a signal and thresholds between them; samples of none are flagged, and out of use."""

    thresholds: Constant
    full: np.uint16
    wrong: np.uint32
    unknown: np.uint32


class Subtract(NamedTuple):
    """Take an image of the sample's stage off."""

    images: Constant


class Multiply(NamedTuple):
    """Multiply by an image of the sample's stage."""

    images: Constant


class Divide(NamedTuple):
    """Divide by an image of the sample's stage."""

    images: Constant


class DivideKnown(NamedTuple):
    """Divide by an image of the sample's stage, in which 0 stands for nothing known."""

    images: Constant


class DivideStages(NamedTuple):
    """Divide by the number of the sample's stage."""

    numbers: tuple[np.float32, ...]


class OntoScale(NamedTuple):
    """Bring signals of other stages onto the scale of the first: multiply, then add.

    Attributes
    ----------
    factors, shifts : Constant
        Of each stage after the first.
    guessed : Constant
        uint8, sum of 1 where the factor of the second stage is a guess, and 2 where that of the third is.
    flag, flag_low : uint32
        For samples of other stages where the first is a guess, and for those of the third where the second is.
    """

    factors: Constant
    shifts: Constant
    guessed: Constant
    flag: np.uint32
    flag_low: np.uint32


class GiveUpOthers(NamedTuple):
    """Samples of other stages than the first are no numbers, and are flagged."""

    flag: np.uint32


class GiveUp(NamedTuple):
    """Samples are no numbers, and are flagged."""

    flag: np.uint32


class Round(NamedTuple):
    """Divide by a number, add another, and take the whole part of what is above 0."""

    by: np.float32
    up: np.float32


class GiveUpFlagged(NamedTuple):
    """Samples with one of the flags are no numbers."""

    flag: np.uint32


class LeaveOut(NamedTuple):
    """Flags that no sample has any more."""

    flag: np.uint32


class AddFlags(NamedTuple):
    """Add flags of the sample's stage."""

    images: Constant


class FlagFrom(NamedTuple):
    """Flag samples from a value on."""

    value: np.float32
    flag: np.uint32


class RefuseFrom(NamedTuple):
    """Flag samples from a value on, and take them out of use."""

    value: np.float32
    flag: np.uint32


class FlagNotFinite(NamedTuple):
    """Flag samples that are no finite number."""

    flag: np.uint32


class ZeroNotFinite(NamedTuple):
    """Flag samples that are no finite number, and make them 0."""

    flag: np.uint32


class ZeroOutside(NamedTuple):
    """Flag samples below or above limits, and make them 0."""

    low: np.float32
    high: np.float32
    flag: np.uint32


#: Who tells the stages, and what is done then.
Stages = Kept | Fixed | OfBits | OfSignal
Operation = tuple[Any, ...]


def check_constants(operations: Sequence[Operation], pixels: int) -> None:
    """Refuse operations with images that a kernel would read beyond.

    Parameters
    ----------
    operations : sequence of named tuples
    pixels : int
        That each image must have.

    Raises
    ------
    ValueError
        One has others, or no image where a memory cell has its place.
    """
    for one in (one for operation in operations for one in operation if isinstance(one, Constant)):
        for image in one.images:
            check_array(image, "an image", (len(one.images[0]), pixels), one.missing.dtype)
        check_array(one.missing, "what is missing", (CORRECTED,), one.missing.dtype)
        if one.table.max(initial=-1) >= len(one.images[0]) or one.last != len(one.table) - 1:
            raise ValueError(f"place {one.table.max()} is none of {len(one.images[0])} images")


def images_of(*operations: Operation) -> int:
    """How many images operations look at.

    Parameters
    ----------
    *operations : named tuples
    """
    return sum(len(one.images) for operation in operations for one in operation if isinstance(one, Constant))
