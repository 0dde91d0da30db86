"""Where the pixels of a detector lie in a picture.

A picture is not assembled: a :class:`Placement` says once for each of its pixels which detector pixel is there,
and whoever draws looks the values up. Another map or memory cell then costs one look-up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from calib_core.detector import DetectorType
from calib_core.errors import BadParameter

#: Value of an index where the picture shows no detector pixel.
NO_PIXEL = -1
_ASPECT = 4 / 3
_GAP_SHARE = 0.04


@dataclass(frozen=True, eq=False)
class Placement:
    """Which detector pixel each pixel of a picture shows.

    Attributes
    ----------
    index : (height, width) int32, read-only
        Flat index into an array (modules, slow_scan, fast_scan), or :data:`NO_PIXEL`. Row 0 is the top of the
        picture and column 0 its left.
    modules : tuple of int
        Module numbers in the order of the first axis of that array.
    title : str
        For the screen.
    note : str
        How the modules are arranged and how one looks at them.
    """

    index: npt.NDArray[np.int32]
    modules: tuple[int, ...]
    title: str
    note: str = ""

    def __post_init__(self) -> None:
        self.index.setflags(write=False)


def assembled(kind: DetectorType, modules: Sequence[int]) -> Placement:
    """Modules where they are in the detector, seen along the beam: up is up, and x grows to the left.

    This is how EXtra-geom draws a detector (``frontview``). Pixels are snapped to a grid; modules of the detector
    that are not in ``modules`` stay gaps. Modules of families without such a geometry are stacked.

    Parameters
    ----------
    kind : DetectorType
    modules : sequence of int
        Numbers of the modules whose data there are.

    Raises
    ------
    BadParameter
        A module number lies outside the detector.
    """
    chosen = _checked(kind, modules)
    geometry = kind.geometry(max(chosen) - kind.raw.first_module + 1)
    if geometry is None:
        return stacked(kind, modules)
    sources = _sources(kind, chosen, max(1, int(np.prod(geometry.expected_data_shape)) // kind.pixels))
    return Placement(placed(geometry, sources), chosen, "Assembled", f"{kind.geometry_note}; seen along the beam")


def placed(geometry: Any, sources: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Picture of pixel numbers by an EXtra-geom geometry, seen along the beam.

    Parameters
    ----------
    geometry
        Any geometry of EXtra-geom.
    sources : (modules, slow_scan, fast_scan) int32
        Number of each pixel of all the modules that the geometry has.

    Returns
    -------
    (height, width) int32
        Gaps are :data:`NO_PIXEL`.
    """
    picture = geometry.output_array_for_position(dtype=np.int32)
    picture.fill(NO_PIXEL)
    geometry.position_modules(_modules_of(geometry, sources), out=picture)
    return np.ascontiguousarray(picture[::-1, ::-1])


def _modules_of(geometry: Any, sources: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Pixels in the geometry's modules, which a family may store as one; rows without pixels are the geometry's."""
    shape = geometry.expected_data_shape
    return sources.reshape(shape) if sources.size == np.prod(shape) else sources


def stacked(kind: DetectorType, modules: Sequence[int]) -> Placement:
    """Modules side by side in rows with gaps, each as it is stored: slow_scan downwards, fast_scan to the right.

    The number of columns makes the picture roughly 4 : 3 with few empty places.

    Raises
    ------
    BadParameter
        A module number lies outside the detector.
    """
    chosen = _checked(kind, modules)
    slow, fast = kind.shape
    gap = max(1, round(_GAP_SHARE * min(slow, fast)))
    columns = _columns(len(chosen), kind.shape)
    rows = -(-len(chosen) // columns)
    picture = np.full((rows * (slow + gap) - gap, columns * (fast + gap) - gap), NO_PIXEL, np.int32)
    for place, source in enumerate(_sources(kind, chosen)):
        top, left = place // columns * (slow + gap), place % columns * (fast + gap)
        picture[top:top + slow, left:left + fast] = source
    return Placement(picture, chosen, "Stacked", "modules in rows, as they are stored")


def single(kind: DetectorType, modules: Sequence[int], module: int) -> Placement:
    """One of the modules as it is stored: slow_scan downwards, fast_scan to the right.

    Raises
    ------
    BadParameter
        ``module`` is none of ``modules``, or a number lies outside the detector.
    """
    chosen = _checked(kind, modules)
    if module not in chosen:
        raise BadParameter(f"Module {module} is not there; there are {', '.join(map(str, chosen))}.")
    return Placement(_sources(kind, chosen)[chosen.index(module)], chosen, f"Module {module}", "as it is stored")


def _checked(kind: DetectorType, modules: Sequence[int]) -> tuple[int, ...]:
    first, last = kind.raw.first_module, kind.raw.first_module + kind.max_modules - 1
    wrong = [m for m in modules if not first <= m <= last]
    if wrong or not modules:
        what = f"module {wrong[0]}" if wrong else "picture without modules"
        raise BadParameter(f"{kind.title} has no {what}; its modules are {first} to {last}.")
    return tuple(modules)


def _sources(kind: DetectorType, modules: tuple[int, ...], places: int | None = None) -> npt.NDArray[np.int32]:
    """Pixel numbers (modules, slow_scan, fast_scan), or with ``places`` those of a whole detector with gaps."""
    numbers = np.arange(len(modules) * kind.pixels, dtype=np.int32).reshape(-1, *kind.shape)
    if places is None:
        return numbers
    whole = np.full((places, *kind.shape), NO_PIXEL, np.int32)
    whole[[m - kind.raw.first_module for m in modules]] = numbers
    return whole


def _columns(count: int, shape: tuple[int, int]) -> int:
    def cost(columns: int) -> float:
        rows = -(-count // columns)
        aspect = columns * shape[1] / (rows * shape[0])
        return float(abs(np.log(aspect / _ASPECT)) + 1 - count / (rows * columns))

    return min(range(1, count + 1), key=cost)
