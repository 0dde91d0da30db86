"""From values and flags to the colours of device pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from calib_core.numerics.kernels import njit

#: Name on the screen → name of the map in pyqtgraph's collection.
COLOUR_MAPS = {
    "viridis": "viridis",
    "cividis": "cividis",
    "inferno": "inferno",
    "magma": "magma",
    "grey": "CET-L1",
    "CET-CBL1": "CET-CBL1",
    "CET-CBD1": "CET-CBD1",
    "cool–warm": "CET-D1",
    "diverging": "",
}
#: Ends and middle of the map for differences: blue and orange, which colour-blind eyes tell apart, from a middle that
#: is dark and no glare, brighter the further away.
_DIVERGING = (
    (0.0, (0xC9, 0xEA, 0xFF)), (0.25, (0x3B, 0x9A, 0xE8)), (0.5, (0x20, 0x22, 0x26)), (0.75, (0xD9, 0x6B, 0x00)),
    (1.0, (0xFF, 0xE9, 0xA8)),
)

#: Maps whose middle would be a glare, or a hole, in a light theme: those that stand for them there.
IN_LIGHT = {"diverging": "CET-CBD1"}

#: Curves on the position between the levels, 0 … 1 to 0 … 1; the constants are those of SAOImage DS9.
SCALES = {
    "linear": lambda t: t,
    "log": lambda t: np.log1p(1000 * t) / math.log(1001),
    "sqrt": np.sqrt,
    "asinh": lambda t: np.arcsinh(10 * t) / math.asinh(10),
}

#: Colours of Okabe and Ito, in the order in which neighbouring flags are told apart best.
OKABE_ITO = (0x56B4E9, 0xE69F00, 0xF0E442, 0xD55E00, 0x009E73, 0xCC79A7, 0x0072B2)


@dataclass(frozen=True)
class Ground:
    """Colours that are not in the colour map, as 0xAARRGGBB."""

    gap: int
    nan: int
    good: int


DARK_GROUND = Ground(gap=0xFF121417, nan=0xFF7A7D82, good=0xFF2C3138)
LIGHT_GROUND = Ground(gap=0xFFADB3BC, nan=0xFF75787D, good=0xFFF7F8FA)


@dataclass(frozen=True)
class Viewport:
    """Part of a placement that a canvas of ``width`` × ``height`` device pixels shows.

    ``x`` and ``y`` are the placement point in the middle, ``scale`` device pixels per placement pixel.
    """

    width: int
    height: int
    x: float
    y: float
    scale: float

    def window(self, shape: tuple[int, int]) -> tuple[int, int, int, int]:
        """First row, last row + 1, first column, last column + 1 of a placement that are in sight."""
        rows, columns = shape
        half_w, half_h = self.width / 2 / self.scale, self.height / 2 / self.scale
        top, bottom = _clip(self.y - half_h, self.y + half_h, rows)
        left, right = _clip(self.x - half_w, self.x + half_w, columns)
        return top, bottom, left, right


def _clip(first: float, last: float, size: int) -> tuple[int, int]:
    start = min(max(math.floor(first), 0), size)
    return start, max(start, min(math.ceil(last), size))


@dataclass(frozen=True)
class Paint:
    """How values become colours.

    Parameters
    ----------
    table : (n,) uint32
        Colours from ``low`` to ``high``, 0xAARRGGBB.
    under, over : int or None
        Colours of values outside the levels; by default the ends of the table.
    """

    table: np.ndarray
    low: float
    high: float
    ground: Ground
    under: int | None = None
    over: int | None = None

    def colours(self) -> np.ndarray:
        """Colours of no value, of values under and over the levels, then the table."""
        under = self.table[0] if self.under is None else self.under
        over = self.table[-1] if self.over is None else self.over
        return np.concatenate([np.array([self.ground.nan, under, over], np.uint32), self.table])


@lru_cache(maxsize=64)
def colour_table(name: str, scale: str = "linear", reverse: bool = False) -> np.ndarray:
    """Return the colours of a named map under a scale, from the low to the high level.

    Returns
    -------
    (n,) uint32, read-only, as 0xAARRGGBB; n is larger for curved scales, whose first colours are close.
    """
    from pyqtgraph import colormap

    if name not in COLOUR_MAPS or scale not in SCALES:
        offered = f"{', '.join(COLOUR_MAPS)} with {', '.join(SCALES)}"
        raise ValueError(f"no colours for {name!r} on a {scale!r} scale; use one of {offered}")
    size = 256 if scale == "linear" else 8192
    positions = SCALES[scale](np.linspace(0, 1, size))
    if COLOUR_MAPS[name]:
        known = colormap.get(COLOUR_MAPS[name])
    else:
        known = colormap.ColorMap(*map(np.array, zip(*_DIVERGING, strict=True)))
    rgb = known.map(positions, mode="byte").astype(np.uint32)
    table = 0xFF000000 | rgb[:, 0] << 16 | rgb[:, 1] << 8 | rgb[:, 2]
    return _frozen((table[::-1] if reverse else table).astype(np.uint32))


@lru_cache(maxsize=1)
def flag_table() -> np.ndarray:
    """Return the default colour of each of 32 flag bits: Okabe–Ito, then lighter and darker variants.

    Returns
    -------
    (32,) uint32, read-only, as 0xAARRGGBB.
    """
    mixes = ((0xFFFFFF, 0.0), (0xFFFFFF, 0.5), (0x000000, 0.35), (0xFFFFFF, 0.75), (0x000000, 0.55))
    colours = [_mix(base, towards, part) for towards, part in mixes for base in OKABE_ITO]
    return _frozen(np.array(colours[:32], np.uint32))


def _mix(colour: int, towards: int, part: float) -> int:
    def channel(shift: int) -> int:
        return round((colour >> shift & 255) * (1 - part) + (towards >> shift & 255) * part) << shift

    return 0xFF000000 | channel(16) | channel(8) | channel(0)


def _frozen(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array


def given(array: np.ndarray) -> np.ndarray:
    """An array as kernels take it: as one that is not written to, so that they are compiled for one type alone."""
    return _frozen(array.view())


def first_bit(bits: int) -> int:
    """Return the number of the lowest set bit, -1 when none is set."""
    return (bits & -bits).bit_length() - 1


def footprints(view_size: int, centre: float, scale: float, size: int) -> np.ndarray:
    """Return which placement pixels lie under each device pixel along one axis.

    Returns
    -------
    (view_size, 3) int64
        Pixel under the middle (-1 outside), first pixel, last pixel + 1 of the footprint.
    """
    edges = np.floor((np.arange(view_size + 1) - view_size / 2) / scale + centre)
    middle = np.floor((np.arange(view_size) + 0.5 - view_size / 2) / scale + centre)
    first = np.minimum(edges[:-1], middle) if scale < 1 else middle
    last = np.maximum(edges[1:], middle + 1) if scale < 1 else middle + 1
    middle[(middle < 0) | (middle >= size)] = -1
    return np.stack([middle, first.clip(0, size), last.clip(0, size)], axis=1).astype(np.int64)


def lay_flags(
    out: np.ndarray,
    view: Viewport,
    index: np.ndarray,
    flags: np.ndarray,
    selected: int,
    flag_colours: np.ndarray,
) -> None:
    """Colour the device pixels of a view that cover a flagged pixel.

    A flag that is set anywhere under a device pixel is shown, so that single bad pixels survive zooming out.

    Parameters
    ----------
    out : (height, width) uint32
        Written, as 0xAARRGGBB, 0 where no selected flag is set.
    index : (rows, columns) int32
        Flat index of the pixel shown at each place, -1 for none; must be within ``flags``.
    flags : (n,) uint32
        Bad-pixel flags.
    selected : int
        Bits that count.
    flag_colours : (32,) uint32
        Colour of each bit; the lowest one that is set wins.
    """
    rows = footprints(view.height, view.y, view.scale, index.shape[0])
    columns = footprints(view.width, view.x, view.scale, index.shape[1])
    columns[columns[:, 0] < 0, 1:] = 0
    _lay_flags(out, rows, columns, given(index), given(flags), np.uint32(selected), given(flag_colours))


@njit(nogil=True, cache=True)
def _lowest(bits):
    bit = 0
    while bits & np.uint32(1) == 0:
        bits >>= np.uint32(1)
        bit += 1
    return bit


@njit(nogil=True, cache=True)
def _lay_flags(out, rows, columns, index, flags, selected, flag_colours):
    bits = np.empty(out.shape[1], np.uint32)
    for i in range(out.shape[0]):
        bits[:] = 0
        if rows[i, 0] >= 0:
            for y in range(rows[i, 1], rows[i, 2]):  # row by row, as they lie in memory
                for j in range(out.shape[1]):
                    for x in range(columns[j, 1], columns[j, 2]):
                        source = index[y, x]
                        if source >= 0:
                            bits[j] |= flags[source]
        for j in range(out.shape[1]):
            found = bits[j] & selected
            out[i, j] = flag_colours[_lowest(found)] if found != 0 else np.uint32(0)


def render(
    out: np.ndarray,
    view: Viewport,
    index: np.ndarray,
    values: np.ndarray | None,
    layer: np.ndarray | None,
    paint: Paint,
) -> None:
    """Colour every device pixel of a view by the value of the placement pixel under its middle.

    Parameters
    ----------
    out : (height, width) uint32
        Written, as 0xAARRGGBB.
    index : (rows, columns) int32
        Flat index of the pixel shown at each place, -1 for none; must be within ``values``.
    values : (n,) float32 or None
        Without values all pixels have the colour of good ones, so that only flags are seen.
    layer : (height, width) uint32 or None
        Colours that go over the values, 0 where the values are seen; made by ``lay_flags``.
    """
    rows = footprints(view.height, view.y, view.scale, index.shape[0])[:, 0]
    columns = footprints(view.width, view.x, view.scale, index.shape[1])[:, 0]
    span = paint.high - paint.low
    _render(
        out, rows, np.ascontiguousarray(columns), given(index),
        given(np.empty(0, np.float32) if values is None else values), values is not None,
        given(np.empty((0, 0), np.uint32) if layer is None else layer), layer is not None,
        given(paint.colours()), float(paint.low), len(paint.table) / span if span > 0 else 0.0,
        np.uint32(paint.ground.gap), np.uint32(paint.ground.good),
    )  # fmt: skip


@njit(nogil=True, cache=True)
def _place(value, low, factor, size):
    """Place in [nan, under, over, table…]; only numbers come and go, for arrays cost reference counts."""
    if np.isnan(value):
        return 0
    position = (value - low) * factor
    if position < 0:
        return 1
    if position > size:
        return 2
    # the high level itself is inside the levels
    return 3 + min(int(position), size - 1)


@njit(nogil=True, cache=True)
def _render(out, rows, columns, index, values, has_values, layer, has_layer, colours, low, factor, gap, good):
    size = len(colours) - 3
    for i in range(out.shape[0]):
        y = rows[i]
        for j in range(out.shape[1]):
            x = columns[j]
            source = index[y, x] if y >= 0 and x >= 0 else -1
            if has_layer and layer[i, j] != 0:
                out[i, j] = layer[i, j]
            elif source < 0:
                out[i, j] = gap
            elif has_values:
                out[i, j] = colours[_place(values[source], low, factor, size)]
            else:
                out[i, j] = good
