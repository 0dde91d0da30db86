"""Constants of files of which something else is made when they are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from calib_core.axes import Array
from calib_core.constants.constant import identity_name
from calib_core.correction.bound_constant import BoundConstant
from calib_core.correction.images import Images
from calib_core.correction.of_samples import OfSamples


@runtime_checkable
class _WithUnit(Protocol):
    """A constant that tells its unit."""

    @property
    def unit(self) -> str: ...


@runtime_checkable
class _WithIdentity(Protocol):
    """A constant of a file."""

    @property
    def identity(self) -> str: ...

    @property
    def attributes(self) -> Mapping[str, Any]: ...


def goes_with(found: BoundConstant, other: BoundConstant, kind: str) -> bool | None:
    """Whether a constant was made with another one.

    Parameters
    ----------
    found : BoundConstant
        That may tell with which constants it goes.
    other : BoundConstant
    kind : str
        Of the other one.

    Returns
    -------
    bool or None
        None where nobody tells.
    """
    if not isinstance(found, _WithIdentity) or not isinstance(other, _WithIdentity):
        return None
    told = found.attributes.get(identity_name(kind))
    return None if told is None else told == other.identity


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
        Makes of it in memory, and of those beside it, what the step takes. It may take the memory of the first.
    beside : tuple of BoundConstant
        Constants that other steps may read as well.
    """

    found: BoundConstant
    make: Callable[..., BoundConstant]
    beside: tuple[BoundConstant, ...] = ()

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

    def read(self, cells: Sequence[int] = (), known: dict[int, BoundConstant] | None = None) -> BoundConstant:
        """What is made of it, in memory.

        Parameters
        ----------
        cells : sequence of int
            Memory cells that are asked for, neighbours; all unless given.
        known : dict, optional
            Constants that were read, by the identity of what they were read from; filled with those beside it.
        """
        known = {} if known is None else known
        for one in self.beside:
            if id(one) not in known:
                known[id(one)] = one.read(cells)
        found = (self.found.read(cells), *(known[id(one)] for one in self.beside))
        assert all(isinstance(one, OfSamples) for one in found)
        return self.make(*found)

    def of(self, images: Images) -> Array:
        """Values for images: they are asked of what :meth:`read` gives."""
        raise NotImplementedError("a constant of a file is read first")
