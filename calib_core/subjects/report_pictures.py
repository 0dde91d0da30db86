"""Pictures of a report as PNG files in memory: maps of a detector in colours, and histograms."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence

import numpy as np

from calib_core.axes import Array
from calib_core.geometry import NO_PIXEL, Placement

#: Colours of the map viridis at equal steps; those between are mixed.
_VIRIDIS = ((68, 1, 84), (71, 44, 122), (59, 81, 139), (44, 113, 142), (33, 144, 141), (39, 173, 129), (92, 200, 99),
            (170, 220, 50), (253, 231, 37))
#: Okabe and Ito's colours, which people tell apart.
COLOURS = ((0, 114, 178), (230, 159, 0), (0, 158, 115), (213, 94, 0), (204, 121, 167), (86, 180, 233))
_WHITE, _GREY, _BAD = (255, 255, 255), (150, 150, 150), (213, 94, 0)
#: Indices of the palette beyond the colours: around the detector, without data, flagged.
_AROUND, _NOTHING, _FLAGGED = 253, 254, 255
_SHADES = 253
#: Per cent of the good values that colours leave out at both ends.
_ENDS = (1.0, 99.0)


def png(indices: Array, palette: Sequence[tuple[int, int, int]]) -> bytes:
    """A picture by indices of a palette.

    Parameters
    ----------
    indices : (height, width) uint8
    palette : sequence of (red, green, blue)
        At most 256.
    """
    height, width = indices.shape
    rows = np.zeros((height, width + 1), np.uint8)  # each row begins with its filter, none
    rows[:, 1:] = indices
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"PLTE", bytes(part for colour in palette for part in colour)),
              (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks)


def levels(values: Array, good: Array) -> tuple[float, float]:
    """What the colours of a map begin and end with: 1 and 99 % of the good values.

    Parameters
    ----------
    values : array
    good : bool array
    """
    known = values[good & np.isfinite(values)]
    if not known.size:
        return 0.0, 1.0
    low, high = np.percentile(known, _ENDS)
    return float(low), float(high if high > low else low + 1)


def map_png(values: Array, flags: Array, placement: Placement, most: int) -> bytes:
    """A map of a detector, flagged pixels in a colour of their own.

    Parameters
    ----------
    values : (module, slow_scan, fast_scan) array
        In the order of the modules of the placement.
    flags : (module, slow_scan, fast_scan) uint32
    placement : Placement
    most : int
        Largest width or height, pixels; of larger ones some pixels are drawn.
    """
    low, high = levels(values, flags == 0)
    with np.errstate(invalid="ignore"):
        shade = np.nan_to_num((values - low) / (high - low) * (_SHADES - 1)).clip(0, _SHADES - 1).astype(np.uint8)
    shade[~np.isfinite(values)] = _NOTHING
    shade[flags != 0] = _FLAGGED
    return png(_drawn(shade, placement, most), [*shades(), _WHITE, _GREY, _BAD])


def flags_png(flags: Array, placement: Placement, most: int) -> bytes:
    """Bad pixels of a detector; where some pixels stand for several, a bad one does.

    Parameters
    ----------
    flags : (module, slow_scan, fast_scan) uint32
    placement : Placement
    most : int
    """
    bad = np.where(flags != 0, 2, 1).astype(np.uint8)
    step = _step(placement, most)
    shown = _looked_up(bad, placement, 0)
    high, wide = (-(-side // step) * step for side in shown.shape)
    padded = np.zeros((high, wide), np.uint8)
    padded[:shown.shape[0], :shown.shape[1]] = shown
    return png(padded.reshape(high // step, step, wide // step, step).max(axis=(1, 3)),
               [_WHITE, (225, 225, 225), _BAD])


def histogram_png(
    found: Mapping[str, Array], ends: tuple[float, float], width: int = 420, height: int = 150
) -> bytes:
    """Histograms of values as lines, each in a colour of its own; heights are logarithmic.

    Parameters
    ----------
    found : mapping of str to array
        By what they are of, in the order of :data:`COLOURS`.
    ends : (float, float)
        Values at the left and at the right end.
    width, height : int
    """
    picture = np.zeros((height, width), np.uint8)
    picture[-1], picture[:, 0] = 1, 1
    counts = [np.histogram(one[np.isfinite(one)], width, ends)[0] for one in found.values()]
    highest = np.log1p(max((int(one.max(initial=0)) for one in counts), default=0)) or 1.0
    for number, one in enumerate(counts):
        tops = (height - 2 - np.log1p(one) / highest * (height - 6)).astype(int)
        for x in range(1, width):
            start, stop = sorted((int(tops[x - 1]), int(tops[x])))
            picture[start:stop + 1, x] = 2 + number % len(COLOURS)
    return png(picture, [_WHITE, (120, 120, 120), *COLOURS])


def shades() -> list[tuple[int, int, int]]:
    """Colours of maps from the lowest value to the highest."""
    place = np.linspace(0, len(_VIRIDIS) - 1, _SHADES)
    mixed = np.stack([np.interp(place, range(len(_VIRIDIS)), part) for part in zip(*_VIRIDIS, strict=True)], axis=1)
    return [(int(r), int(g), int(b)) for r, g, b in np.rint(mixed).tolist()]


def _step(placement: Placement, most: int) -> int:
    return max(1, -(-int(max(placement.index.shape)) // most))


def _drawn(values: Array, placement: Placement, most: int) -> Array:
    step = _step(placement, most)
    return _looked_up(values, placement, _AROUND)[::step, ::step]


def _looked_up(values: Array, placement: Placement, around: int) -> Array:
    index = placement.index
    found: Array = np.where(index == NO_PIXEL, around, values.ravel()[np.maximum(index, 0)]).astype(np.uint8)
    return found
