"""What is on the screen: a subject, a picture of it, and the place in that picture, as one value."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from calib_core.axes import Axis, Label, Picture, Result
from calib_core.detector import DetectorType
from calib_core.subjects.base import Subject
from calib_core.subjects.region import RegionOfInterest

#: Name of the map, of subjects that have one, that tells the gain stage of each value by its number.
STAGE = "stage"
#: Module number, row, column.
Pixel = tuple[int, int, int]


@dataclass(frozen=True)
class Shown:
    """All that labels, tables and exports may read: replaced whole, so that a number and its name belong together.

    The place along axes is the picture's own, never one that was wished since.

    Attributes
    ----------
    subject : Subject, optional
        None where nothing is looked at.
    picture : Picture, optional
        None until the first picture of the subject has come.
    module : int
        That is looked at; one of the picture's, where there is a picture of modules.
    cross : (row, column), optional
        Selected pixel of that module.
    marked : RegionOfInterest, optional
        Pixels that were marked, also on another detector.
    """

    subject: Subject | None = None
    picture: Picture | None = None
    module: int = 0
    cross: tuple[int, int] | None = None
    marked: RegionOfInterest | None = None

    @property
    def axes(self) -> Mapping[str, Axis]:
        """Axes of the subject by name."""
        return {} if self.subject is None else self.subject.axes

    @property
    def results(self) -> tuple[Result, ...]:
        """Results of the subject."""
        return () if self.subject is None else self.subject.results

    @property
    def kind(self) -> DetectorType | None:
        """Type of the subject's detector."""
        return None if self.subject is None else self.subject.kind

    @cached_property
    def at(self) -> dict[str, int]:
        """Indices of the picture along all axes that are not looked at side by side; empty without a picture."""
        if self.picture is None:
            return {}
        wished = self.picture.view.at
        return {name: min(max(wished.get(name, 0), 0), len(axis) - 1)
                for name, axis in self.axes.items() if not axis.of_slot and len(axis)}

    @property
    def pixel(self) -> Pixel | None:
        """Selected pixel, None where there is none or the subject's modules have no such pixel."""
        if self.cross is None or self.kind is None:
            return None
        pixel = (self.module, *self.cross)
        return pixel if self.has_pixel(pixel) else None

    @property
    def region(self) -> RegionOfInterest | None:
        """Marked pixels of the modules in the picture, None where they have none, or no such pixels."""
        return None if self.picture is None else self.region_in(self.picture.modules)

    def region_in(self, modules: Collection[int]) -> RegionOfInterest | None:
        """Marked pixels of some modules, None where they have none, or no such pixels."""
        fits = self.marked is not None and self.kind is not None and self.marked.shape == self.kind.shape
        return self.marked.within(modules) if self.marked is not None and fits else None

    @property
    def flags(self) -> Result | None:
        """Final bad-pixel flags of the subject."""
        return final_flags(self.results)

    def has_pixel(self, pixel: Pixel) -> bool:
        """Whether the subject's modules have a pixel.

        Parameters
        ----------
        pixel : (int, int, int)
            Module number, row, column.
        """
        if self.subject is None or self.kind is None:
            return False
        slow, fast = self.kind.shape
        return pixel[0] in self.subject.modules and 0 <= pixel[1] < slow and 0 <= pixel[2] < fast

    def label(self, axis: str) -> Label:
        """Label of the picture along an axis.

        Parameters
        ----------
        axis : str

        Returns
        -------
        str or number
            Empty where it has none.
        """
        index = self.at.get(axis)
        return "" if index is None else self.axes[axis].labels[index]

    @property
    def place_text(self) -> str:
        """Place along all axes in words, such as ``HG · memory cell 17``; empty without a picture."""
        return self.place()

    def place(self, but: str = "") -> str:
        """Place in words along all axes but one."""
        return " · ".join(in_words(self.axes[name], self.axes[name].labels[i])
                          for name, i in self.at.items() if name != but)


def final_flags(results: Sequence[Result]) -> Result | None:
    """Final bad-pixel flags among results; those over more axes tell how they came about."""
    found = [one for one in results if one.role == "flags"]
    return min(found, key=lambda one: len(one.over)) if found else None


def in_words(axis: Axis, label: Label) -> str:
    """A label in words: names speak for themselves, numbers need the name of their axis.

    Parameters
    ----------
    axis : Axis
    label : str or number

    Returns
    -------
    str
        Such as ``HG`` or ``memory cell 17``.
    """
    return str(label) if isinstance(label, str) else f"{axis.title.lower()} {label} {axis.unit}".rstrip()
