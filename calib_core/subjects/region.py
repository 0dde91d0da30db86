"""Pixels that are looked at together: marked in a picture, kept as pixels, so that they are the same in any other."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

Form = Literal["rectangle", "ring", "lasso"]
#: How a region can have come about: drawn, as a whole ASIC, or by values of a map.
Origin = Literal["rectangle", "ring", "lasso", "asic", "threshold"]
#: A place in a picture: to the right, downwards, in its pixels; the first pixel is from 0 to 1.
Point = tuple[float, float]
Mask = npt.NDArray[np.bool_]
#: Least number of points of each outline; more than that only a lasso has.
LEAST_POINTS: Mapping[Form, int] = {"rectangle": 2, "ring": 3, "lasso": 3}


@dataclass(frozen=True)
class Outline:
    """What was drawn in a picture.

    Attributes
    ----------
    form : str
        ``rectangle``, ``ring`` or ``lasso``.
    points : tuple of (float, float)
        Two corners of a rectangle; the middle of a ring, then a point of its one and one of its other circle; the
        corners of a lasso, which closes itself.
    """

    form: Form
    points: tuple[Point, ...]

    def inside(self, shape: tuple[int, int]) -> Mask:
        """Which pixels of a picture have their middle inside.

        Parameters
        ----------
        shape : (height, width)

        Returns
        -------
        (height, width) bool
            All False while there are too few points.
        """
        if len(self.points) < LEAST_POINTS[self.form]:
            return np.zeros(shape, bool)
        if self.form == "lasso":
            return _in_polygon(self.points, shape)
        y, x = (np.arange(n) + 0.5 for n in shape)
        if self.form == "rectangle":
            (left, right), (top, bottom) = (sorted(ends) for ends in zip(*self.points, strict=True))
            return np.asarray(np.logical_and.outer((y >= top) & (y <= bottom), (x >= left) & (x <= right)))
        (middle_x, middle_y), *_ = self.points
        away = np.hypot.outer(y - middle_y, x - middle_x)
        least, most = self.radii
        return np.asarray((away >= least) & (away <= most))

    @property
    def radii(self) -> tuple[float, float]:
        """Inner and outer radius of a ring."""
        middle, one, other = np.asarray(self.points[:3])
        least, most = sorted((float(np.hypot(*(one - middle))), float(np.hypot(*(other - middle)))))
        return least, most


@dataclass(frozen=True)
class Box:
    """A rectangle of a module's pixels.

    Attributes
    ----------
    start, stop : (slow_scan, fast_scan)
        The first pixel in it, and the first one after it.
    """

    start: tuple[int, int]
    stop: tuple[int, int]

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of pixels along both axes."""
        return self.stop[0] - self.start[0], self.stop[1] - self.start[1]

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index of an image of the module."""
        return slice(self.start[0], self.stop[0]), slice(self.start[1], self.stop[1])

    def has(self, row: int, col: int) -> bool:
        """Whether a pixel is in it."""
        return self.start[0] <= row < self.stop[0] and self.start[1] <= col < self.stop[1]


@dataclass(frozen=True)
class RegionOfInterest:
    """Pixels of modules.

    Attributes
    ----------
    form : str
        As it was drawn.
    shape : (slow_scan, fast_scan)
        Of a module.
    spans : tuple of (module, row, first, last)
        Pixels from column ``first`` to ``last``, both of them in it, in the order of modules, rows and columns.
    rule : str
        What chose its pixels where nobody drew it, such as ``Noise above 12 ADU``.
    """

    form: Origin
    shape: tuple[int, int]
    spans: tuple[tuple[int, int, int, int], ...]
    rule: str = ""

    @property
    def modules(self) -> tuple[int, ...]:
        """Numbers of the modules that have a part of it."""
        return tuple(dict.fromkeys(span[0] for span in self.spans))

    @property
    def size(self) -> int:
        """Number of pixels."""
        return sum(last - first + 1 for _, _, first, last in self.spans)

    @property
    def words(self) -> str:
        """Such as ``ring of 1200 pixels in modules 0, 3``."""
        modules = self.modules
        named = ", ".join(map(str, modules)) if len(modules) <= 8 else f"{modules[0]} to {modules[-1]}"
        pixels, whose = ("pixel" if self.size == 1 else "pixels"), ("module" if len(modules) == 1 else "modules")
        drawn = f"{self.rule}:" if self.rule else f"{'ASIC' if self.form == 'asic' else self.form} of"
        return f"{drawn} {self.size} {pixels} in {whose} {named}"

    def box(self, module: int) -> Box:
        """The least rectangle about its pixels in a module that has some.

        Parameters
        ----------
        module : int
        """
        rows, firsts, lasts = zip(*(span[1:] for span in self.spans if span[0] == module), strict=True)
        return Box((min(rows), min(firsts)), (max(rows) + 1, max(lasts) + 1))

    def within(self, modules: Collection[int]) -> RegionOfInterest | None:
        """The part of it in some modules; None where there is none.

        Parameters
        ----------
        modules : collection of int
        """
        spans = tuple(span for span in self.spans if span[0] in modules)
        return self if spans == self.spans else replace(self, spans=spans) if spans else None

    def masks(self, modules: Sequence[int]) -> Mask:
        """Which pixels of some modules are in it.

        Parameters
        ----------
        modules : sequence of int

        Returns
        -------
        (modules, slow_scan, fast_scan) bool
        """
        found = np.zeros((len(modules), *self.shape), bool)
        places = {module: place for place, module in enumerate(modules)}
        for module, row, first, last in self.spans:
            if module in places:
                found[places[module], row, first : last + 1] = True
        return found


def region_of(
    form: Origin, masks: Mask, modules: Sequence[int], rule: str = ""
) -> RegionOfInterest | None:
    """Region of the pixels of some modules.

    Parameters
    ----------
    form : str
    masks : (modules, slow_scan, fast_scan) bool
    modules : sequence of int
        Their numbers.
    rule : str
        What chose them where nobody drew it.

    Returns
    -------
    RegionOfInterest or None
        None where no pixel is in it.
    """
    slow, fast = masks.shape[1:]
    edges = np.diff(np.pad(masks, ((0, 0), (0, 0), (1, 1))).astype(np.int8), axis=2)
    begins, ends = (np.argwhere(edges == sign) for sign in (1, -1))
    spans = tuple((int(modules[place]), int(row), int(first), int(end) - 1)
                  for (place, row, first), (_, _, end) in zip(begins, ends, strict=True))
    return RegionOfInterest(form, (slow, fast), spans, rule) if spans else None


def outlined(
    outline: Outline, index: npt.NDArray[np.int32], modules: Sequence[int], shape: tuple[int, int]
) -> RegionOfInterest | None:
    """Region of the detector pixels that were outlined in a picture.

    Parameters
    ----------
    outline : Outline
    index : (height, width) int32
        Flat index into (modules, slow_scan, fast_scan) of the pixel at each place; negative where there is none.
    modules : sequence of int
    shape : (slow_scan, fast_scan)

    Returns
    -------
    RegionOfInterest or None
        None where no detector pixel is inside.
    """
    chosen = index[outline.inside(index.shape)]
    masks = np.zeros(len(modules) * shape[0] * shape[1], bool)
    masks[chosen[chosen >= 0]] = True
    return region_of(outline.form, masks.reshape(len(modules), *shape), modules)


def _in_polygon(points: Sequence[Point], shape: tuple[int, int]) -> Mask:
    """Pixels whose middle an odd number of the polygon's edges lies to the left of."""
    height, width = shape
    toggles = np.zeros((height, width + 1), bool)
    for (x, y), (next_x, next_y) in zip(points, (*points[1:], points[0]), strict=True):
        if y == next_y:
            continue
        low, high = sorted((y, next_y))
        first, last = (int(np.clip(np.ceil(end - 0.5), 0, height)) for end in (low, high))
        rows = np.arange(first, last)
        crossings = x + (rows + 0.5 - y) * (next_x - x) / (next_y - y)
        np.logical_xor.at(toggles, (rows, np.clip(np.ceil(crossings - 0.5), 0, width).astype(int)), True)
    return np.logical_xor.accumulate(toggles[:, :width], axis=1)
