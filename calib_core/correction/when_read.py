"""Constants of files of which something else is made when they are read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from calib_core.axes import Array
from calib_core.correction.bound_constant import BoundConstant
from calib_core.correction.images import Images
from calib_core.correction.of_samples import OfSamples


@runtime_checkable
class _WithUnit(Protocol):
    """A constant that tells its unit."""

    @property
    def unit(self) -> str: ...


def unit_of(found: BoundConstant, usual: str) -> str:
    """Unit that a constant tells.

    Parameters
    ----------
    found : BoundConstant
    usual : str
        That of constants which nobody reads from files.

    Returns
    -------
    str
        Empty where a file tells none.
    """
    return found.unit if isinstance(found, _WithUnit) else usual


@dataclass(frozen=True, eq=False)
class WhenRead:
    """A constant in a file that a step makes ready once for the memory cells that are read.

    Attributes
    ----------
    found : BoundConstant
        As it is in the file.
    make : callable
        Makes of it in memory what the step takes.
    """

    found: BoundConstant
    make: Callable[[OfSamples], BoundConstant]

    @property
    def why(self) -> str:
        """Its file."""
        return self.found.why

    @property
    def dims(self) -> Sequence[str]:
        """Names of the axes in the file."""
        return self.found.dims

    @property
    def data(self) -> Array:
        """Values as they are in the file."""
        return self.found.data

    def read(self, cells: Sequence[int] = ()) -> BoundConstant:
        """What is made of it, in memory.

        Parameters
        ----------
        cells : sequence of int
            Memory cells that are asked for, neighbours; all unless given.
        """
        found = self.found.read(cells)
        assert isinstance(found, OfSamples)
        return self.make(found)

    def of(self, images: Images) -> Array:
        """Values for images: they are asked of what :meth:`read` gives."""
        raise NotImplementedError("a constant of a file is read first")
