"""Samples of a module in its files: which of them were written, and how they are read from where they lie."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from calib_core.detector import DetectorType
from calib_core.io.layout import Part
from calib_core.io.module_index import ModuleIndex
from calib_core.io.storage import FrameStore, open_store
from calib_core.io.words import are_signed, clip_negative, samples_of, split_words

Array = npt.NDArray[Any]
Indices = npt.NDArray[np.int64]


class FrameFiles:
    """Files that frames are read from; where these lie in them is told by an index of the same parts.

    Parameters
    ----------
    detector : DetectorType
    parts : sequence
        Of the index, a file each.
    """

    def __init__(self, detector: DetectorType, parts: Sequence[Part]) -> None:
        self._detector, slots = detector, detector.raw.frames_per_entry
        self._pixels = [open_store(p.file, p.pixels, slots) for p in parts]
        self._gain = [open_store(p.file, p.gain, slots) for p in parts if p.gain is not None]
        self._signed = [are_signed(detector.raw, p.pixels.dtype) for p in parts]

    @property
    def have_gain(self) -> bool:
        """Whether gain bits have a dataset of their own."""
        return bool(self._gain)

    def never_written(self, index: ModuleIndex) -> npt.NDArray[np.bool_]:
        """Frames that the index has and no file.

        Parameters
        ----------
        index : ModuleIndex

        Returns
        -------
        (n,) bool
        """
        missing = np.zeros(len(index.cell), bool)
        for stores in (self._pixels, self._gain):
            for i, store in enumerate(stores):
                mine = index.part == i
                missing[mine] |= ~store.present(index.row[mine], index.slot[mine])
        return missing

    def fill(self, index: ModuleIndex, chosen: Indices, block: Array, gain: Array | None) -> None:
        """Read frames.

        Parameters
        ----------
        index : ModuleIndex
        chosen : (k,) int64
            Frames of the index.
        block : (k or more, planes, slow_scan, fast_scan) uint16
            Where to.
        gain : (k or more, slow_scan, fast_scan) uint8, optional
            Where to, of detectors with gain bits.

        Raises
        ------
        BadInput
            A file cannot be read; the message names it.
        """
        _fill(self._pixels, index, chosen, block)
        if self._gain and gain is not None:
            _fill(self._gain, index, chosen, gain)
        words, bits = block[:len(chosen)], None if gain is None else gain[:len(chosen)]
        split_words(self._detector.raw, words, bits)
        for part, first, last in _by_file(index, chosen) if any(self._signed) else ():
            if self._signed[part]:
                clip_negative(words[first:last])

    def samples(
        self, index: ModuleIndex, chosen: Indices, plane: int, row: int, col: int
    ) -> tuple[Array, Array | None]:
        """Read samples of one pixel.

        Parameters
        ----------
        index, chosen
            As for :meth:`fill`.
        plane, row, col : int

        Returns
        -------
        samples : (k,) uint16, ADU
        bits : (k,) uint8 or None
            Gain bits, where they are in the same words.

        Raises
        ------
        BadInput
            A file cannot be read; the message names it.
        """
        words = _points(self._pixels, index, chosen, (plane, *self._place(row, col)))
        return samples_of(self._detector.raw, words)

    def bits(self, index: ModuleIndex, chosen: Indices, row: int, col: int) -> Array:
        """Read gain bits of one pixel that have a dataset of their own.

        Parameters
        ----------
        index, chosen, row, col
            As for :meth:`samples`.

        Returns
        -------
        (k,) uint8

        Raises
        ------
        BadInput
            A file cannot be read; the message names it.
        """
        return np.asarray(_points(self._gain, index, chosen, self._place(row, col)).astype(np.uint8))

    def advise(self, index: ModuleIndex, chosen: Indices) -> None:
        """Tell the system which frames are read next.

        Parameters
        ----------
        index, chosen
            As for :meth:`fill`.
        """
        for stores in (self._pixels, self._gain):
            for part, first, last in _by_file(index, chosen) if stores else ():
                which = chosen[first:last]
                stores[part].advise(index.row[which], index.slot[which])

    def close(self) -> None:
        """Close the files until they are read again."""
        for store in (*self._pixels, *self._gain):
            store.close()

    def _place(self, row: int, col: int) -> tuple[int, ...]:
        """Indices within a stored plane."""
        return (col,) if self._detector.raw.strips else (row, col)


def _by_file(index: ModuleIndex, chosen: Indices) -> Iterator[tuple[int, int, int]]:
    """File, first and last (exclusive) of neighbouring frames from the same file."""
    part = index.part[chosen]
    edges = [0, *(np.flatnonzero(np.diff(part)) + 1).tolist(), len(chosen)] if len(chosen) else []
    for first, last in pairwise(edges):
        yield int(part[first]), first, last


def _fill(stores: Sequence[FrameStore], index: ModuleIndex, chosen: Indices, out: Array) -> None:
    for part, first, last in _by_file(index, chosen):
        which = chosen[first:last]
        stores[part].read(index.row[which], index.slot[which], out[first:last])


def _points(
    stores: Sequence[FrameStore], index: ModuleIndex, chosen: Indices, point: tuple[int, ...]
) -> Array:
    found = [np.empty(0, np.uint16)]
    for part, first, last in _by_file(index, chosen):
        which = chosen[first:last]
        found.append(stores[part].read_points(index.row[which], index.slot[which], point))
    return np.concatenate(found[1:] or found)
