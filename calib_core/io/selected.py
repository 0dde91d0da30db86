"""Which frames of a module are used: those of wanted files, trains and pulses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from calib_core.detector import DetectorType, FrameSelection
from calib_core.errors import BadParameter
from calib_core.io.layout import Part
from calib_core.io.module_index import ModuleIndex
from calib_core.ranges import ALL, Steps

_Mask = npt.NDArray[np.bool_]


def selected(index: ModuleIndex, selection: FrameSelection, kind: DetectorType) -> ModuleIndex:
    """Index of the frames that are used; the others are counted by their reason.

    Parameters
    ----------
    index : ModuleIndex
        Of the frames that can be read.
    selection : FrameSelection
    kind : DetectorType

    Returns
    -------
    ModuleIndex

    Raises
    ------
    BadParameter
        Pulses are chosen of a type that stores those of a train together.
    """
    if selection.parts > 1:
        index = index.kept(index.piece == selection.part)
    if not selection.keep_suspect:
        index = index.left_out(index.suspect, "of suspect trains")
    if selection.sequences:
        sequence = np.asarray(index.sequences, np.uint64)[index.part]
        index = index.left_out(~_among(sequence, selection.sequences), "of files that are not wanted")
    if selection.trains:
        index = index.left_out(~_among(index.train, selection.trains), "of trains that are not wanted")
    if selection.pulses != ALL:
        if kind.raw.frames_per_entry:
            raise BadParameter(f"Pulses cannot be chosen of {kind.title}: a row of its files has all memory cells of "
                               "a train. Leave --pulses out.")
        index = index.left_out(~_at(places_in_train(index), selection.pulses), "of pulses that are not wanted")
    trains = np.unique(index.train)
    stop = None if selection.max_trains is None else selection.skip_first + selection.max_trains
    place = np.searchsorted(trains, index.train)
    index, place = index.left_out(place < selection.skip_first, "first trains skipped"), place[
        place >= selection.skip_first]
    return index if stop is None else index.left_out(place >= stop, "beyond the trains wanted")


def _among(numbers: npt.NDArray[np.uint64], wanted: Sequence[tuple[int, int]]) -> _Mask:
    """Whether numbers lie in one of the ranges."""
    found = np.zeros(len(numbers), bool)
    for first, last in wanted:
        found |= (numbers >= first) & (numbers <= last)
    return found


def places_in_train(index: ModuleIndex) -> npt.NDArray[np.int64]:
    """Place of each frame among the rows of its train, those that cannot be used among them where files tell."""
    place = np.zeros(len(index.row), np.int64)
    for number, part in enumerate(index.parts):
        mine = np.flatnonzero(index.part == number)
        place[mine] = index.row[mine] - _first_rows(part, index.train[mine], index.row[mine])
    return place


def _first_rows(part: Part, train: npt.NDArray[np.uint64], row: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """First row of the train of each frame."""
    known, rows = (train, row) if part.train is None else (part.train, np.arange(len(part.train)))
    trains, where = np.unique(known, return_inverse=True)
    first = np.full(len(trains), np.iinfo(np.int64).max)
    np.minimum.at(first, where, rows)
    return np.asarray(first[np.searchsorted(trains, train)])


def _at(place: npt.NDArray[np.int64], wanted: Steps) -> _Mask:
    """Whether places are wanted."""
    first, end, step = wanted
    inside = (place >= first) & (place < (np.iinfo(np.int64).max if end is None else end))
    return np.asarray(inside & ((place - first) % step == 0))
