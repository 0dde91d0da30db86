"""A constant in a file as steps take it: checked against the detector when it is chosen, read when it is used."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np

from calib_core.axes import Array
from calib_core.constants.badpixels import BadPixels
from calib_core.constants.constant import INTERNAL_DIMS, ConstantKind
from calib_core.correction.images import Images
from calib_core.correction.of_samples import OfSamples
from calib_core.detector import Calibration, DetectorType
from calib_core.errors import BadInput
from calib_core.jobs.said import cells_of, names_cells
from calib_core.ranges import format_numbers
from calib_core.store.by_cell import ByCell, Layout, free_bytes
from calib_core.store.constants import StoredConstant
from calib_core.store.stated import understood


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
    dtype : str
        Of values that are no flags, as they come by memory cell.
    """

    stored: StoredConstant
    kind: ConstantKind
    detector: DetectorType
    guessed: bool = False
    dtype: str = "f4"

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
    def identity(self) -> str:
        """SHA-256 of its file."""
        return self.stored.identity

    @property
    def attributes(self) -> Mapping[str, Any]:
        """What the file tells beside the values."""
        return self.stored.attributes

    @property
    def first_alone(self) -> bool:
        """Whether it has the first gain stage alone, though the detector has more of them."""
        return self._calibration().first_alone and "gain" not in self.stored.dims and len(self.detector.stages) > 1

    @property
    def is_of_a_condition(self) -> bool:
        """Whether constants of its kind are told apart by an operating condition."""
        return bool(self.detector.condition_of(self._calibration()))

    @property
    def _of_all_stages(self) -> bool:
        """Whether what it has holds for all gain stages."""
        return self._calibration().of_all and "gain" not in self.stored.dims

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
        own, part = self.cells, self._part(cells)
        missing: float = int(BadPixels.NO_DARK_DATA) if self._is_flags else np.nan
        values = self.by_cell.read(part)
        if self.first_alone:
            nothing = np.full((len(self.detector.stages) - 1, *values.shape[1:]), missing, values.dtype)
            values = np.concatenate([values, nothing])
        return OfSamples(values, None if own is None else own[part], missing, self.why)

    @cached_property
    def by_cell(self) -> ByCell:
        """Its values by memory cell; who is done with them closes it."""
        order, lengths = self._order(), self._lengths()
        entries = tuple(self.kind.used or range(lengths[order[0]]))
        return ByCell(self.stored, Layout(
            order[0], entries, self.detector.shape, lengths["cell"], "u4" if self._is_flags else self.dtype))

    def is_ready(self, cell: int) -> bool:
        """Whether a memory cell can be read without the whole file."""
        return self.by_cell.is_ready(self._part([cell]))

    def _part(self, cells: Sequence[int]) -> slice:
        """Places of memory cells; where it has none of them, any one stands for what it lacks."""
        own = self.cells
        asked = [i for i, cell in enumerate(own or ()) if cell in set(cells)] if cells else []
        return slice(asked[0], asked[-1] + 1) if asked else slice(None if own is None or not cells else 1)

    @property
    def _is_flags(self) -> bool:
        return self.kind.dtype.startswith("u")

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
        elif order[0] in self._declared() and not self.kind.used and not self.first_alone and not self._of_all_stages:
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


def turned(constants: Mapping[int, Sequence[FileConstant]]) -> Iterator[str]:
    """Sentence on files of which no memory cell can be read alone, and the space that their memory cells take.

    Parameters
    ----------
    constants : mapping of int to sequence of FileConstant
        By module.

    Yields
    ------
    str
    """
    modules: dict[int, None] = {}
    names: dict[str, None] = {}
    size = 0
    for number, of_module in constants.items():
        for one in of_module:
            if one.by_cell.scratch_bytes:
                modules[number] = names[one.kind.name] = None
                size += one.by_cell.scratch_bytes
    if size:
        plural = "s" if len(modules) > 1 else ""
        yield (f"In files of {' and '.join(names)} of module{plural} {format_numbers(modules)} no memory cell lies "
               f"alone; each is read once as a whole and kept by memory cell in {tempfile.gettempdir()} while it is "
               f"used, up to {size / (1 << 30):.1f} GiB{_short_of(size)}.")


def _short_of(size: int) -> str:
    """Words on a disk that has not so much space."""
    free = free_bytes()
    return "" if size <= free else (
        f", where {free / (1 << 30):.1f} GiB may be used; of what does not fit, memory cells near the shown one are "
        "kept, and a job reads the files again and again")
