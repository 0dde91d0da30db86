"""Damage to frames: cells, ids beside the frames, values that no dark has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .catalogue import kind
from .raw import Raw, Source

WITH_CELLS = ("AGIPD", "LPD", "DSSC", "JUNGFRAU", "GOTTHARD2")
SEVERAL_CELLS = ("AGIPD", "LPD", "DSSC")


def _cells(raw: Raw, change: Callable[[Any], None]) -> tuple[str, ...]:
    """Change the memory cells of the chosen file."""
    path = raw.file()
    with raw.opened(path) as source:
        assert source.cells is not None
        values = source.cells[()]
        change(values)
        source.cells[...] = values
    return (*raw.names(path), *source.words)


@kind("cells beyond all that exist", *WITH_CELLS)
def _(raw: Raw) -> tuple[str, ...]:
    return _cells(raw, lambda cells: cells.__setitem__(slice(0, 4), np.iinfo(cells.dtype).max - 1))


@kind("cell of no frame at the end of a file", *WITH_CELLS)
def _(raw: Raw) -> tuple[str, ...]:
    return _cells(raw, lambda cells: cells.__setitem__(slice(-2, None), np.iinfo(cells.dtype).max))


@kind("all cells of a file of no frame", *WITH_CELLS)
def _(raw: Raw) -> tuple[str, ...]:
    return _cells(raw, lambda cells: cells.__setitem__(..., np.iinfo(cells.dtype).max))


@kind("one stray frame of another cell", *WITH_CELLS)
def _(raw: Raw) -> tuple[str, ...]:
    return _cells(raw, lambda cells: cells.__setitem__(5, 9))


@kind("one cell twice in a train", *SEVERAL_CELLS)
def _(raw: Raw) -> tuple[str, ...]:
    return _cells(raw, lambda cells: cells.__setitem__(9, cells[8]))


@kind("one cell twice in every train", *SEVERAL_CELLS)
def _(raw: Raw) -> tuple[str, ...]:
    return _cells(raw, lambda cells: cells.__setitem__(slice(1, None, 4), cells[::4]))


@kind("cells of a file in another order", *SEVERAL_CELLS)
def _(raw: Raw) -> tuple[str, ...]:
    return _cells(raw, lambda cells: cells.__setitem__(..., cells[::-1].copy()))


@kind("cells of a file one too high", *WITH_CELLS)
def _(raw: Raw) -> tuple[str, ...]:
    return _cells(raw, lambda cells: np.add(cells, 1, out=cells))


@kind("train ids beside the frames of another train", *SEVERAL_CELLS, "JUNGFRAU")
def _(raw: Raw) -> tuple[str, ...]:
    path = raw.file()
    with raw.opened(path) as source:
        ids = source.group["trainId"]
        ids[...] = ids[()] + np.uint64(3)
    return (*raw.names(path), *source.words)


@kind("train ids beside the frames all 0", *SEVERAL_CELLS)
def _(raw: Raw) -> tuple[str, ...]:
    path = raw.file()
    with raw.opened(path) as source:
        source.group["trainId"][...] = 0
    return (*raw.names(path), *source.words)


def _frames(raw: Raw, change: Callable[[Any], None], everywhere: bool = False) -> tuple[str, ...]:
    """Change the frames of the chosen file, or of all files of the module."""
    for path in raw.everywhere() if everywhere else [raw.file()]:
        with raw.opened(path) as source:
            values = source.pixels[()]
            change(values)
            source.pixels[...] = values
    return (*raw.names(path), *source.words)


@kind("frames of a file all 0")
def _(raw: Raw) -> tuple[str, ...]:
    return _frames(raw, lambda values: values.__setitem__(..., 0))


@kind("frames of a module all 0 in all runs")
def _(raw: Raw) -> tuple[str, ...]:
    return _frames(raw, lambda values: values.__setitem__(..., 0), everywhere=True)


@kind("frames of a file saturated")
def _(raw: Raw) -> tuple[str, ...]:
    return _frames(raw, lambda values: values.__setitem__(..., np.iinfo(values.dtype).max))


@kind("all frames of a file the same")
def _(raw: Raw) -> tuple[str, ...]:
    return _frames(raw, lambda values: values.__setitem__(slice(1, None), values[:1]))


@kind("light on the detector in the second half")
def _(raw: Raw) -> tuple[str, ...]:
    path = raw.file(1)
    with raw.opened(path) as source:
        values = source.pixels[()]
        source.pixels[...] = values + np.uint16(120)
    return (*raw.names(path), *source.words)


@kind("gain bits of a file all of another stage", "JUNGFRAU", "GOTTHARD2")
def _(raw: Raw) -> tuple[str, ...]:
    path = raw.file()
    with raw.opened(path) as source:
        gain = source.group["gain"]
        gain[...] = np.where(gain[()] == 1, 0, 1).astype(gain.dtype)
    return (*raw.names(path), *source.words)


@kind("gain bits that do not exist", "JUNGFRAU", "GOTTHARD2")
def _(raw: Raw) -> tuple[str, ...]:
    path = raw.file()
    with raw.opened(path) as source:
        source.group["gain"][...] = 77
    return (*raw.names(path), *source.words)


@kind("fewer rows of cells than of frames", *WITH_CELLS)
def _(raw: Raw) -> tuple[str, ...]:
    path = raw.file()

    def shorten(source: Source) -> None:
        assert source.cells is not None
        name, values = source.cells.name.rpartition("/")[2], source.cells[:-3]
        source.replace(name, lambda group, old: group.create_dataset(name, data=values))

    with raw.opened(path) as source:
        shorten(source)
    return (*raw.names(path), *source.words)
