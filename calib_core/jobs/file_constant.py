"""A constant in a file as steps take it: checked against the detector when it is chosen, read when it is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from calib_core.axes import Array
from calib_core.constants.badpixels import BadPixels
from calib_core.constants.constant import INTERNAL_DIMS, ConstantKind
from calib_core.correction.images import Images
from calib_core.correction.of_samples import OfSamples
from calib_core.detector import Calibration, DetectorType
from calib_core.errors import BadInput
from calib_core.jobs.said import cells_of, names_cells, understood
from calib_core.store.constants import StoredConstant


@dataclass(frozen=True, eq=False)
class FileConstant:
    """A constant of one module in a file.

    Attributes
    ----------
    stored : StoredConstant
        With names of its axes, but for look-up tables.
    kind : ConstantKind
    detector : DetectorType
    guessed : bool
        Whether the names of the axes were found by their lengths.
    """

    stored: StoredConstant
    kind: ConstantKind
    detector: DetectorType
    guessed: bool = False

    @property
    def why(self) -> str:
        """Its file."""
        return str(self.stored.path)

    @property
    def dims(self) -> Sequence[str]:
        """Names of the axes as they are in the file."""
        return self.stored.dims

    @property
    def data(self) -> Array:
        """The whole array as it is in the file."""
        return self.stored.data()

    @property
    def cells(self) -> tuple[int, ...] | None:
        """Memory cells of the values; None where there is one image for all frames and the file names no cell."""
        if self._lengths()["cell"] == 1 and not names_cells(self.stored):
            return None
        return cells_of(self.stored)

    def checked(self) -> Self:
        """The same, once its shape was found to be that of the detector's constants.

        Raises
        ------
        BadInput
            It is not, or the file names other memory cells than it has.
        """
        self._lengths()
        return self

    def of(self, images: Images) -> Array:
        """Values for images: they are asked of what :meth:`read` gives, so that nobody holds them for ever."""
        raise NotImplementedError("a constant of a file is read first")

    @property
    def unit(self) -> str:
        """Unit that the file tells; empty where it tells none."""
        return str(self.attributes.get("unit", ""))

    @property
    def attributes(self) -> Mapping[str, Any]:
        """What the file tells beside the values."""
        return self.stored.attributes

    @property
    def first_alone(self) -> bool:
        """Whether it has the first gain stage alone, though the detector has more of them."""
        return self._calibration().first_alone and "gain" not in self.stored.dims and len(self.detector.stages) > 1

    @property
    def codes_after(self) -> frozenset[str] | None:
        """Words of the steps that the codes went through which it was made of; None where the file does not tell."""
        with understood(self.stored):
            said = self.stored.attributes.get("provenance")
            return None if said is None else frozenset(said.get("constants", ()))

    def read(self, cells: Sequence[int] = ()) -> OfSamples:
        """The constant in memory, by gain stage, or what else is used of it, and memory cell.

        Parameters
        ----------
        cells : sequence of int
            Memory cells that are asked for, neighbours; all unless given.
        """
        own = self.cells
        asked = [i for i, cell in enumerate(own or ()) if cell in set(cells)] if cells else []
        # where it has none of them, any one stands for what it lacks
        part = slice(asked[0], asked[-1] + 1) if asked else slice(None if own is None or not cells else 1)
        flags = self.kind.dtype.startswith("u")
        dtype = np.uint32 if flags else np.float32
        missing = int(BadPixels.NO_DARK_DATA) if flags else np.nan
        values = self._values(dtype, part)
        if self.first_alone:
            nothing = np.full((len(self.detector.stages) - 1, *values.shape[1:]), missing, dtype)
            values = np.concatenate([values, nothing])
        return OfSamples(values, None if own is None else own[part], missing, self.why)

    def _values(self, dtype: type, cells: slice) -> Array:
        """Values with the axes in the usual order; entries of the first are read one after the other."""
        order, lengths = self._order(), self._lengths()
        entries = self.kind.used or range(lengths[order[0]])
        values: Array = np.empty((len(entries), len(range(lengths["cell"])[cells]), *self.detector.shape), dtype)
        for out, entry in zip(values, entries, strict=True):
            out[...] = self.stored.entries([entry], order[0], order, cells)[0]
        return values

    def _order(self) -> tuple[str, ...]:
        """The usual order of the axes, the first as it is called here."""
        first = next((name for name in self._declared() if name not in INTERNAL_DIMS), INTERNAL_DIMS[0])
        return (first, *INTERNAL_DIMS[1:])

    def _lengths(self) -> dict[str, int]:
        """Length of each axis; BadInput where they are not those of the detector."""
        order, kind = self._order(), self.detector
        found = dict.fromkeys(order, 1) | dict(zip(self.stored.dims, self.stored.shape, strict=True))
        wanted = dict(zip(INTERNAL_DIMS[2:], kind.shape, strict=True))
        if few := self.kind.used and found[order[0]] <= max(self.kind.used):
            wanted[order[0]] = max(self.kind.used) + 1
        elif order[0] in self._declared() and not self.kind.used and not self.first_alone:
            wanted[order[0]] = len(kind.stages)
        if few or not set(self.stored.dims) <= set(order) or any(found[name] != n for name, n in wanted.items()):
            lengths = ", ".join(f"{name} of {length}" for name, length in wanted.items())
            axes = ", ".join(self.stored.dims)
            raise BadInput(f"{self.why} has the shape {self.stored.shape} with the axes {axes}; a constant "
                           f"{self.stored.calibration} of {kind.title} has {lengths}.")
        return found

    def _declared(self) -> tuple[str, ...]:
        return self._calibration().dims

    def _calibration(self) -> Calibration:
        return next(one for one in self.detector.calibrations.values() if one.name == self.stored.calibration)
