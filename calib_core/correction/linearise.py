"""Look-up table: codes of a converter that is not linear become linear ones, before anything else is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from calib_core.axes import Array
from calib_core.constants.constant import LUT, ConstantKind
from calib_core.correction.bound_constant import Constants, Given
from calib_core.correction.images import Images
from calib_core.correction.step import Bound, Step
from calib_core.detector import DetectorType
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
    data : (cells, codes, pixels) uint16, ADU
        New code of each code.
    why : str
        File that it comes from.
    """

    data: Array
    why: str
    dims: Sequence[str] = _ORDER

    @classmethod
    def checked(cls, stored: Array, dims: Sequence[str], kind: DetectorType, name: str) -> Lut:
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

    def read(self, cells: Sequence[int] = ()) -> Self:
        """It lies in memory already."""
        return self

    @property
    def saturation(self) -> int:
        """Largest code that comes out."""
        return int(self.data.max())

    @property
    def falling(self) -> int:
        """Pixels whose codes fall somewhere, which no converter's should, counted over memory cells."""
        return int((self.data[:, 1:] < self.data[:, :-1]).any(axis=1).sum())

    def of(self, images: Images) -> Array:
        """New codes are looked up by memory cell and code, so there is no one value of a pixel.

        Parameters
        ----------
        images : Images
            Not looked at.

        Raises
        ------
        NotImplementedError
            Always; use :attr:`data`.
        """
        raise NotImplementedError("a look-up table has no value of a pixel")


class Linearise(Step):
    """Make linear codes of those of a converter that is not linear, by its look-up table."""

    word: ClassVar[str] = "linearise"
    title: ClassVar[str] = "Linear codes"
    use_when: ClassVar[str] = "Converters that are not linear, before anything else is done."
    caution: ClassVar[str] = "Constants with and without look-up table are in different codes; never mix them."
    needs: ClassVar[tuple[ConstantKind, ...]] = (LUT,)
    whole_numbers: ClassVar[bool] = True

    def bind(self, constants: Constants, kind: DetectorType) -> Bound:
        """Take the module's look-up table, checked against the detector type.

        Parameters
        ----------
        constants : Constants
            Of one module; the table may have its axes in any order.
        kind : DetectorType
            Says how many memory cells, codes and pixels a table has.

        Raises
        ------
        BadInput
            There is no table, or it is none of this detector type; the message names the file.
        """
        found = constants.get(LUT)
        if found is None:
            raise BadInput(self.without(kind))
        return Bound(self, {LUT.name: Lut.checked(found.data, found.dims, kind, found.why)}, kind)

    def without(self, kind: DetectorType) -> str:
        """What the codes are without a table.

        Parameters
        ----------
        kind : DetectorType
            Says how many codes its converter has.

        Returns
        -------
        str
            A sentence that names the flag by which a table is given.
        """
        return (f"No look-up table was given (--constants-lut): offset and noise are codes 0 to {kind.saturation} of "
                "the converter, which is not linear.")

    def saturation(self, given: Given, kind: DetectorType) -> int:
        """Largest code that comes out.

        Parameters
        ----------
        given : mapping
            What :meth:`bind` took.
        kind : DetectorType
            Not asked: a table need not reach the largest code of the converter.

        Returns
        -------
        int
            ADU, over all memory cells and pixels of the module.
        """
        return _table(given).saturation

    def told(self, given: Given, kind: DetectorType) -> Sequence[str]:
        """What looks wrong in a table, without keeping it from being used.

        Parameters
        ----------
        given : mapping
            What :meth:`bind` took.
        kind : DetectorType
            Not asked.

        Returns
        -------
        sequence of str
            At most one, on strips whose codes fall somewhere; words that follow the name of the table and of the
            module.
        """
        falling = _table(given).falling
        return (f"falls somewhere in {falling} strips, counted over memory cells",) if falling else ()

    def apply(self, images: Images, given: Given, kind: DetectorType) -> None:
        """Replace codes in place; nothing is found on the way.

        Parameters
        ----------
        images : Images
            Values (n, slow_scan, fast_scan) uint16, C-contiguous, so of a type with one plane; or the same codes as
            float32.
        given : mapping
            What :meth:`bind` took.
        kind : DetectorType
            Not asked.

        Raises
        ------
        ValueError
            The values are no codes or not contiguous, or a memory cell or code is not in the table; nothing is
            changed then.
        """
        as_numbers = images.values.dtype == np.float32
        codes = images.values.astype(np.uint16) if as_numbers else images.values
        look_up(codes.reshape(len(codes), -1), images.cell, _table(given).data)
        if as_numbers:
            images.values[...] = codes

    def of_pixel(self, samples: Array, given: Given, kind: DetectorType, at: tuple[int, int, int]) -> Array:
        """Linear codes of one pixel, for its inspector.

        Parameters
        ----------
        samples : (n,) uint16, ADU
            Codes of the converter; they stay as they are.
        given : mapping
            What :meth:`bind` took.
        kind : DetectorType
            Says how long a row is.
        at : (int, int, int)
            Memory cell, row and column.

        Returns
        -------
        (n,) uint16, ADU

        Raises
        ------
        IndexError
            The memory cell or a code is not in the table.
        """
        cell, row, col = at
        return np.asarray(_table(given).data[cell, samples, row * kind.shape[1] + col])


def _table(given: Given) -> Lut:
    found = given[LUT.name]
    assert isinstance(found, Lut)  # what bind() makes
    return found


def _by_length(shape: tuple[int, ...], lengths: dict[str, int]) -> list[str]:
    """Names of the axes by their lengths; none where they do not fit or cannot be told apart."""
    found = [[axis for axis, length in lengths.items() if length == n] for n in shape]
    alone = len(shape) == len(lengths) and all(len(axes) == 1 for axes in found)
    return [axes[0] for axes in found] if alone else list(_ORDER) if len(shape) == len(lengths) else []
