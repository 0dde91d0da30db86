"""Look-up table: codes of a converter that is not linear become linear ones, before anything else is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from calib_core.correction.step import Array
from calib_core.detector import DetectorType, Frames
from calib_core.errors import BadInput
from calib_core.numerics.lut import look_up

#: Axis of a stored table that counts the codes of the converter; the others have the names of constants' axes.
CODES = "adc"
#: How tables are stored by their shape where the axes have no names.
_ORDER = ("cell", CODES, "fast_scan")


@dataclass(frozen=True, eq=False)
class Lut:
    """A look-up table of one module.

    Attributes
    ----------
    table : (cells, codes, pixels) uint16, ADU
        New code of each code.
    name : str
        File that it comes from.
    """

    table: Array
    name: str

    @classmethod
    def of(cls, stored: Array, dims: Sequence[str], kind: DetectorType, name: str) -> Lut:
        """Look-up table from the array of a constant file.

        Parameters
        ----------
        stored : ndarray of whole numbers
            Axes are memory cells, codes and pixels of a line, in any order.
        dims : sequence of str
            Names of the axes; where they do not tell, the axes are known by their lengths.
        kind : DetectorType
        name : str
            File, for messages and provenance.

        Raises
        ------
        BadInput
            The array is no look-up table of this detector type.
        """
        lengths = {"cell": kind.max_cells, CODES: kind.saturation + 1, "fast_scan": kind.pixels}
        named = sorted(dims) == sorted(_ORDER)
        axes = list(dims) if named else _by_length(stored.shape, lengths)
        if not axes or stored.shape != tuple(lengths[axis] for axis in axes):
            want = f"{kind.max_cells} memory cells, {kind.saturation + 1} codes and {kind.pixels} strips"
            raise BadInput(f"{name} holds an array of {stored.shape}; a look-up table of {kind.title} has {want}.")
        with np.errstate(invalid="ignore"):
            codes = stored.astype(np.uint16)
        if codes.max() > kind.saturation or not np.array_equal(codes, stored):
            raise BadInput(f"{name} holds values that are no codes from 0 to {kind.saturation}.")
        order = [axes.index(axis) for axis in _ORDER]
        return cls(np.ascontiguousarray(codes.transpose(order)), name)

    @property
    def saturation(self) -> int:
        """Largest code that comes out."""
        return int(self.table.max())

    @property
    def falling(self) -> int:
        """Pixels whose codes fall somewhere, which no converter's should, counted over memory cells."""
        return int((self.table[:, 1:] < self.table[:, :-1]).any(axis=1).sum())

    def apply(self, frames: Frames) -> Frames:
        """Replace the samples of frames with one plane, in place; the frames are handed on."""
        look_up(frames.block.reshape(len(frames), -1), frames.cell, self.table)
        return frames

    def of_pixel(self, samples: Array, cell: int, pixel: int) -> Array:
        """New codes (n,) uint16 of the samples of one pixel, counted along the module's rows."""
        return np.asarray(self.table[cell, samples, pixel])


def _by_length(shape: tuple[int, ...], lengths: dict[str, int]) -> list[str]:
    """Names of the axes by their lengths; none where they do not fit or cannot be told apart."""
    found = [[axis for axis, length in lengths.items() if length == n] for n in shape]
    alone = len(shape) == len(lengths) and all(len(axes) == 1 for axes in found)
    return [axes[0] for axes in found] if alone else list(_ORDER) if len(shape) == len(lengths) else []
