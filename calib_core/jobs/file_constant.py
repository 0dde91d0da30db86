"""A constant in a file as steps take it: checked against the detector when it is chosen, read when it is used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from calib_core.axes import Array
from calib_core.constants.badpixels import BadPixels
from calib_core.constants.constant import INTERNAL_DIMS, ConstantKind
from calib_core.correction.of_samples import OfSamples
from calib_core.correction.step import Images
from calib_core.detector import DetectorType
from calib_core.errors import BadInput
from calib_core.jobs.said import cells_of, names_cells
from calib_core.store.constants import StoredConstant


@dataclass(frozen=True, eq=False)
class FileConstant:
    """A constant of one module in a file.

    Attributes
    ----------
    stored : StoredConstant
    kind : ConstantKind
    detector : DetectorType
    """

    stored: StoredConstant
    kind: ConstantKind
    detector: DetectorType

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
        number = self._lengths().get("cell", 1)
        if number == 1 and not names_cells(self.stored):
            return None
        return cells_of(self.stored) if self.stored.dims else tuple(range(number))

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

    def read(self) -> OfSamples:
        """The constant in memory, by gain stage and memory cell."""
        flags = self.kind.dtype.startswith("u")
        values = self._in_order().astype(np.uint32 if flags else np.float32)
        missing = int(BadPixels.NO_DARK_DATA) if flags else np.nan
        return OfSamples(values, self.cells, missing, self.why)

    def _in_order(self) -> Array:
        """Values with the axes in the usual order, which files of the facility do not name."""
        if self.stored.dims:
            return self.stored.values()
        values, names = self.stored.data(), self._names()
        order = [names.index(name) for name in INTERNAL_DIMS if name in names]
        missing = tuple(i for i, name in enumerate(INTERNAL_DIMS) if name not in names)
        return np.expand_dims(values.transpose(order), missing)

    def _lengths(self) -> dict[str, int]:
        """Length of each axis; BadInput where they are not those of the detector."""
        names, kind = self._names(), self.detector
        wanted = dict(zip(INTERNAL_DIMS[2:], kind.shape, strict=True))
        if "gain" in self._declared():
            wanted["gain"] = len(kind.stages)
        found = {name: 1 for name in wanted} | dict(zip(names, self.stored.shape, strict=False))
        if len(names) != len(self.stored.shape) or any(found[name] != length for name, length in wanted.items()):
            lengths = ", ".join(f"{name} of {length}" for name, length in wanted.items())
            raise BadInput(f"{self.why} has the shape {self.stored.shape} with the axes {', '.join(names)}; "
                           f"a constant {self.stored.calibration} of {kind.title} has {lengths}.")
        return found

    def _names(self) -> list[str]:
        """Names of the axes in the order of the file: as it names them, or those of the kind that it has."""
        if self.stored.dims:
            return list(self.stored.dims)
        names, kind = list(self._declared()), self.detector
        for axis, length in (("cell", kind.max_cells), ("gain", len(kind.stages))):
            if len(names) > len(self.stored.shape) and axis in names and (length == 1 or axis == "cell"):
                names.remove(axis)
        return names

    def _declared(self) -> tuple[str, ...]:
        return next(one.dims for one in self.detector.calibrations.values() if one.name == self.stored.calibration)
