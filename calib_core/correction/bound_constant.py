"""Constants of one module as correction steps ask for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np

from calib_core.axes import Array
from calib_core.constants.constant import ConstantKind
from calib_core.correction.images import Images


class BoundConstant(Protocol):
    """One constant of one module."""

    @property
    def why(self) -> str:
        """Where it comes from."""

    @property
    def dims(self) -> Sequence[str]:
        """Names of the axes of :attr:`data`; none where they have no names."""

    @property
    def data(self) -> Array:
        """The whole array."""

    def read(self, cells: Sequence[int] = ()) -> BoundConstant:
        """Bring it into memory.

        Parameters
        ----------
        cells : sequence of int
            Memory cells that are asked for, neighbours; all unless given.

        Returns
        -------
        BoundConstant
            One of which :meth:`of` reads no file: itself, where it lies in memory already.
        """

    def of(self, images: Images) -> Array:
        """Values that go with the samples of images.

        Parameters
        ----------
        images : Images
            Memory cells and gain stages of their samples say which values those are.

        Returns
        -------
        (n or 1, slow_scan, fast_scan) array
            Each sample's own; one for all frames where it is the same. Not to be changed.

        Raises
        ------
        NotImplementedError
            The constant has no one value of a pixel, as look-up tables have not.
        """


class Constants(Protocol):
    """Constants of one module that steps may ask for."""

    def get(self, kind: ConstantKind) -> BoundConstant | None:
        """Ask for a constant.

        Parameters
        ----------
        kind : ConstantKind
            Known by its name.

        Returns
        -------
        BoundConstant or None
            None where the module has none.
        """


@dataclass(frozen=True)
class KnownConstant:
    """What is known of the pixels of one memory cell and gain stage: (slow_scan, fast_scan)."""

    data: Array
    why: str = "the pass before"
    dims: Sequence[str] = ("slow_scan", "fast_scan")

    def read(self, cells: Sequence[int] = ()) -> Self:
        """It lies in memory already."""
        return self

    def of(self, images: Images) -> Array:
        """The same for all images.

        Parameters
        ----------
        images : Images
            Not looked at; they must be of the memory cell and gain stage of which this is known.

        Returns
        -------
        (1, slow_scan, fast_scan) array
            A view of :attr:`data`.
        """
        return self.data[None]


@dataclass(frozen=True)
class Known:
    """Constants of one memory cell and gain stage that a pass before found, by the name of their kind."""

    values: Mapping[str, Array]

    def get(self, kind: ConstantKind) -> KnownConstant | None:
        """Ask for a constant that the pass before found.

        Parameters
        ----------
        kind : ConstantKind
            Known by its name.

        Returns
        -------
        KnownConstant or None
            None where the pass found none of this kind.
        """
        found = self.values.get(kind.name)
        return None if found is None else KnownConstant(found)


def shared(values: Array) -> Array:
    """The one image of a constant that all images share.

    Parameters
    ----------
    values : (n or 1, slow_scan, fast_scan) array
        What :meth:`BoundConstant.of` gave.

    Returns
    -------
    (slow_scan, fast_scan) array
        A view, of the same dtype and unit.

    Raises
    ------
    ValueError
        Images of several memory cells or gain stages were given to a step that takes one at a time.
    """
    if len(values) != 1:
        raise ValueError("this step takes images of one memory cell and gain stage at a time")
    return np.asarray(values[0])


#: Constants that a step was bound to, by the name of their kind.
Given = Mapping[str, BoundConstant]


def is_flagged(given: Given, images: Images, *kinds: ConstantKind) -> Array:
    """Which pixels have a flag of some constants, of images that share what is known of them.

    Parameters
    ----------
    given : mapping
    images : Images
        Of one memory cell and gain stage.
    *kinds : ConstantKind
        Flags; those that are not given flag nothing.

    Returns
    -------
    (slow_scan, fast_scan) bool
    """
    found = np.zeros(images.values.shape[1:], bool)
    for one in kinds:
        if (flags := given.get(one.name)) is not None:
            found |= shared(flags.of(images)) != 0
    return found
