"""Chosen pixels over time: a region or one pixel of a module in each version, read alone of each file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calib_core.axes import Label
from calib_core.constants.history import change_rule, judged, share_line
from calib_core.errors import BadInput
from calib_core.store.about import is_flags, is_stack, part_of, shape_of
from calib_core.store.constants import StoredConstant
from calib_core.subjects.listed import Listed, Rows
from calib_core.subjects.region import Box, RegionOfInterest
from calib_core.subjects.timeline import Asked, ModuleLine
from calib_core.subjects.version_list import VersionList, map_of, stored_of

_Float = NDArray[np.float64]


@dataclass(frozen=True)
class ChosenPixels:
    """Pixels of a module in one memory cell.

    Attributes
    ----------
    module : int
    box : Box
        The least rectangle about them.
    inside : tuple of tuple of bool
        Which of its pixels are chosen, row by row.
    cell : str or number
        Label of the memory cell.
    words : str
        Such as ``region of 1200 pixels``.
    """

    module: int
    box: Box
    inside: tuple[tuple[bool, ...], ...]
    cell: Label
    words: str

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Which pixels of the box are chosen."""
        return np.array(self.inside)


def chosen_region(region: RegionOfInterest | None, module: int, cell: Label) -> ChosenPixels | None:
    """A module's part of a region; None where it has none.

    Parameters
    ----------
    region : RegionOfInterest, optional
    module : int
    cell : str or number
        Label of the memory cell.
    """
    if region is None or module not in region.modules:
        return None
    box = region.box(module)
    mask = region.masks([module])[0][box.slices]
    return ChosenPixels(module, box, tuple(map(tuple, mask.tolist())), cell,
                        f"region of {(number := int(mask.sum()))} pixel{'s' * (number > 1)}")


def chosen_pixel(module: int, row: int, column: int, cell: Label) -> ChosenPixels:
    """One pixel.

    Parameters
    ----------
    module, row, column : int
    cell : str or number
        Label of the memory cell.
    """
    return ChosenPixels(module, Box((row, column), (row + 1, column + 1)), ((True,),), cell,
                        f"pixel {row}, {column}")


@dataclass(frozen=True, eq=False)
class PixelNumbers:
    """Numbers of chosen pixels in one version, by entry, such as gain stage.

    Attributes
    ----------
    mean, median, std : (entries,) float64
        Of those without a flag; NaN where there is none.
    bad, total : (entries,) int64
        Pixels with a flag, and all; none of none where there is no bad-pixel map.
    """

    mean: _Float
    median: _Float
    std: _Float
    bad: NDArray[np.int64]
    total: NDArray[np.int64]


def numbers_of_pixels(one: Listed, among: VersionList, chosen: ChosenPixels) -> PixelNumbers:
    """Read chosen pixels of a version, and their flags.

    Parameters
    ----------
    one : Listed
        Of their module.
    among : VersionList
        That it is of.
    chosen : ChosenPixels

    Raises
    ------
    BadInput
        Its file is gone or damaged, is no stack of images, or has no such pixels.
    """
    stored = stored_of(one)
    if not is_stack(stored):
        raise BadInput(f"{one.path} is no stack of images, so that it has no pixels to look at.")
    place = _cell(stored, chosen.cell, shape_of(stored)[1])
    if any(stop > length for stop, length in zip(chosen.box.stop, shape_of(stored)[2:], strict=True)):
        raise BadInput(f"{one.path} has {' × '.join(map(str, shape_of(stored)[2:]))} pixels, and not those chosen.")
    values = part_of(stored, place, *chosen.box.slices)[:, chosen.mask]
    map_ = stored if is_flags(stored) else map_of(one, stored, among)
    flags = None if map_ is None else part_of(map_, place, *chosen.box.slices)[:, chosen.mask].astype(np.uint32)
    return _numbers(values if not is_flags(stored) else np.full(values.shape, np.nan), flags)


def _cell(stored: StoredConstant, cell: Label, number: int) -> int:
    """Place of a memory cell in a file by its label, where the file has labels; the only one of a file has any."""
    labels = list(stored.attributes.get("axes", {}).get("cell", range(number)))
    if cell not in labels and number > 1:
        raise BadInput(f"{stored.path} has memory cells {labels[0]} to {labels[-1]}, and no {cell}.")
    return labels.index(cell) if cell in labels else 0


def _numbers(values: _Float, flags: NDArray[np.uint32] | None) -> PixelNumbers:
    """Numbers of values (entries, pixels) and their flags; those of another axis count all together."""
    if flags is not None and len(flags) not in (1, len(values)):
        flags = np.bitwise_or.reduce(flags, axis=0, keepdims=True)
    bad = np.zeros(values.shape, bool) if flags is None else np.broadcast_to(flags != 0, values.shape)
    good = [row[~flagged & np.isfinite(row)] for row, flagged in zip(values, bad, strict=True)]
    mean, median, std = (np.array([float(of(row)) if len(row) else np.nan for row in good])
                         for of in (np.mean, np.median, np.std))
    total = np.full(len(values), 0 if flags is None else values.shape[1])
    return PixelNumbers(mean, median, std, bad.sum(axis=1), total)


def pixel_line(
    line: ModuleLine, numbers: Mapping[Path, PixelNumbers], asked: Asked
) -> ModuleLine | None:
    """Line of chosen pixels over the versions of their module's line, as far as they are known.

    Parameters
    ----------
    line : ModuleLine
        Of the module.
    numbers : mapping
        By the files of the versions.
    asked : Asked

    Returns
    -------
    ModuleLine or None
        None where nothing is known.
    """
    rows = Rows(one for one in line.rows if one.path in numbers)
    if not rows:
        return None
    known = [numbers[one.path] for one in rows]
    values, errors = _line_of(known, asked)
    begins = {line.rows[begin].begin for begin, _ in line.judged.references[1:]}
    confirmed = [place for place, one in enumerate(rows) if one.begin in begins]
    return ModuleLine(line.module, line.unit, rows, line.kind, rows.seconds, values,
                      judged(values, errors, change_rule(), confirmed))


def _line_of(known: Sequence[PixelNumbers], asked: Asked) -> tuple[_Float, _Float]:
    """Numbers of an entry, and the counting errors of shares."""
    place = [min(asked.entry, len(one.mean) - 1) for one in known]
    if asked.quantity == "bad":
        counts = np.array([(one.bad[i], one.total[i]) for one, i in zip(known, place, strict=True)])
        logits, errors = share_line(*counts.T)
        return logits, np.nan_to_num(errors)
    values = np.array([getattr(one, asked.quantity)[i] for one, i in zip(known, place, strict=True)])
    return values, np.zeros(len(values))
