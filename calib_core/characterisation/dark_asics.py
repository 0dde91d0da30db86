"""What ASICs of a module are compared by, made with the maps of each memory cell and kept without pixels."""

from __future__ import annotations

from functools import cache

import numpy as np

from calib_core.axes import Array, Axis, Result
from calib_core.characterisation.dark_rules import PROOFS, ordinary_pixels, region_flags
from calib_core.characterisation.unit import Maps
from calib_core.detector import DetectorType
from calib_core.numerics.middle import row_medians
from calib_core.remarks import Box

#: Pixels, spread evenly, from which the medians of an ASIC are taken: their error is 8 % of the spread.
_PIXELS = 256

#: Pixels with these give no number that counts.
_NEVER = np.uint32(PROOFS)
_OVER = ("gain", "cell", "asic")


def _result(name: str, title: str, unit: str, words: str) -> Result:
    return Result(name, title, unit, "f4", words, over=_OVER, pixels=False, hidden=True)


OFFSET = _result("asic_offset", "Offset of an ASIC", "ADU", "Median of its pixels")
SPREAD = _result("asic_spread", "Spread of the offset of an ASIC", "ADU", "1.4826 MAD of its pixels")
NOISE = _result("asic_noise", "Noise of an ASIC", "ADU", "Median of its pixels")
BAD = _result("asic_bad", "Bad pixels of an ASIC", "", "Share of its ordinary pixels that are flagged")
COMMON = _result("asic_common", "Outside the gate in an ASIC", "", "Share of its samples that lie outside the gate "
                 "beyond chance, of the pixels that do not stand out")
STATISTICS = (OFFSET, SPREAD, NOISE, BAD)


def axis_of(kind: DetectorType) -> Axis:
    """ASICs of a module, row by row from 0.

    Returns
    -------
    Axis
        ``asic``, which is no place that somebody looks at.
    """
    return Axis("asic", "ASIC", tuple(range(len(boxes_of(kind)))), of_slot=True)


def boxes_of(kind: DetectorType) -> list[Box]:
    """Pixels of each ASIC, row by row.

    Returns
    -------
    list of Box
    """
    (slow, fast), (high, wide) = kind.shape, kind.asic_shape
    return [(top, top + high, left, left + wide) for top in range(0, slow, high) for left in range(0, fast, wide)]


def with_statistics(kind: DetectorType, maps: Maps) -> Maps:
    """Maps with what ASICs are compared by.

    Parameters
    ----------
    kind : DetectorType
    maps : dict of (slow_scan, fast_scan) arrays
        Offset and noise, ADU, and flags of one memory cell.

    Returns
    -------
    dict
        The maps, and (asic,) float32 by the names of :data:`STATISTICS`; NaN where no pixel of
        an ASIC gives a number.
    """
    index = spread_pixels(kind.shape, kind.asic_shape, _PIXELS)
    # what rules flag stays: a median does not see a few of them, and is wanted where they are all
    good = ((maps["bad_pixels"].take(index) & _NEVER) | region_flags(kind).take(index)) == 0
    offset, noise = (np.where(good, maps[name].take(index), np.float32(np.nan)) for name in ("offset", "noise"))
    middle = row_medians(offset)
    return {**maps, OFFSET.name: middle, SPREAD.name: 1.4826 * row_medians(np.abs(offset - middle[:, None])),
            NOISE.name: row_medians(noise), BAD.name: bad_shares(kind, maps["bad_pixels"])}


def bad_shares(kind: DetectorType, flags: Array) -> Array:
    """Share of the ordinary pixels of each ASIC that are flagged.

    Parameters
    ----------
    kind : DetectorType
    flags : (..., slow_scan, fast_scan) uint32

    Returns
    -------
    (..., asic) float32
        NaN where an ASIC has no ordinary pixel.
    """
    ordinary = ordinary_pixels(kind)
    number = _in_asics(kind, ordinary)
    bad = _in_asics(kind, (flags != 0) & ordinary)
    return np.asarray(bad / np.where(number > 0, number, np.nan), np.float32)


@cache
def spread_pixels(shape: tuple[int, int], block: tuple[int, int], number: int) -> Array:
    """Pixels of each block of a module, in steps that come by all of its columns.

    Parameters
    ----------
    shape, block : (int, int)
        Of the module and of each block, such as an ASIC.
    number : int
        About how many pixels of a block are wanted.

    Returns
    -------
    (blocks, n) int64
        Flat indices, blocks row by row.
    """
    step = max(1, block[0] * block[1] // number)
    while np.gcd(step, block[1]) > 1 and step > 1:
        step += 1
    rows, columns = np.divmod(np.arange(0, block[0] * block[1], step), block[1])
    tops, lefts = (np.arange(0, size, one) for size, one in zip(shape, block, strict=True))
    first = (tops[:, None] * shape[1] + lefts).ravel()
    return np.asarray(first[:, None] + rows * shape[1] + columns)


def _in_asics(kind: DetectorType, some: Array) -> Array:
    """Number of pixels of each ASIC, (..., slow_scan, fast_scan) bool to (..., asic)."""
    (slow, fast), (high, wide) = kind.shape, kind.asic_shape
    # rows first, in the smallest numbers: whole vectors of pixels, and a seventh of the time
    columns = np.add.reduce(some.reshape(*some.shape[:-2], slow // high, high, fast), axis=-2,
                            dtype=np.uint8 if high < 256 else np.uint16)
    parts = columns.reshape(*some.shape[:-2], slow // high, fast // wide, wide)
    return np.asarray(parts.sum(axis=-1, dtype=np.intp).reshape(*some.shape[:-2], -1))
