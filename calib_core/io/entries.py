"""Trains of one module: where each train's rows are, and which train ids and index rows cannot be trusted."""

from __future__ import annotations

from bisect import bisect_left
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from calib_core.io.datasets import find, read_all, read_values
from calib_core.io.files import HDF5_ERRORS, RunFile

Mask = npt.NDArray[np.bool_]

#: A jump of the train id beyond this (10 minutes) does not belong to the same run.
MAX_TRAIN_JUMP = 6000


@dataclass(frozen=True)
class Entries:
    """Index of one module in one file, one value per train of the file.

    Attributes
    ----------
    train : (m,) uint64
    suspect : (m,) bool
        True where the train id did not come from the time server.
    first, count : (m,) int64
        Rows of the train; -1 where the index has no row for it.
    unnamed : (k,) int64
        Rows of further trains, which the index counts and the file has no train id for.
    """

    train: npt.NDArray[np.uint64]
    suspect: Mask
    first: npt.NDArray[np.int64]
    count: npt.NDArray[np.int64]
    unnamed: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))


def read_entries(file: RunFile, source: str, group: str) -> Entries:
    """Read the index of a source in one file.

    Parameters
    ----------
    file : RunFile
    source : str
        Instrument source.
    group : str
        Index group, such as ``image`` or ``data``.

    Returns
    -------
    Entries
        One value for each train id of the file, also where the index of the source is shorter.

    Raises
    ------
    calib_core.io.files.HDF5_ERRORS
        As h5py raises them: the source has no such index, or the file is damaged.
    """
    train = train_ids(file)
    first, count = _first_and_count(file, f"INDEX/{source}/{group}")
    beyond = count[len(train):]
    return Entries(train, suspect_trains(file, train), _fitted(first, len(train)), _fitted(count, len(train)),
                   beyond[beyond > 0])


def confirmed_trains(file: RunFile) -> npt.NDArray[np.uint64]:
    """Ids of a file's trains that the time server confirmed and that can be of one run.

    Parameters
    ----------
    file : RunFile

    Returns
    -------
    (m,) uint64
        Ascending; empty where the file has no index that can be read.
    """
    with suppress(*HDF5_ERRORS):  # a file that holds no detector is asked for what else there is, not judged
        train = train_ids(file)
        return np.unique(train[~suspect_trains(file, train) & ~absurd_trains(train)])
    return np.empty(0, np.uint64)


def train_ids(file: RunFile) -> npt.NDArray[np.uint64]:
    """Train ids of a file without the zeros that pad their end.

    Parameters
    ----------
    file : RunFile

    Returns
    -------
    (m,) uint64
        Zeros in between stay, so that places agree with the rows of the index; empty where all are zero.

    Raises
    ------
    ValueError
        The dataset has more than one axis, holds no whole numbers, or claims an absurd number of them.
    """
    stored = read_all(file, "INDEX/trainId")
    if stored.ndim != 1 or stored.dtype.kind not in "ui":
        raise ValueError(f"INDEX/trainId holds {stored.dtype} with {stored.ndim} axes instead of train ids")
    used = np.flatnonzero(stored)
    return np.asarray(stored[: used[-1] + 1 if used.size else 0], np.uint64)


def suspect_trains(file: RunFile, train: npt.NDArray[np.uint64]) -> Mask:
    """Find train ids that the DAQ marked as not from the time server.

    Parameters
    ----------
    file : RunFile
        Its format version says what a flag means: 1 is suspect in version 1.1, and confirmed in others. Version 0.5
        has no flags, and EXtra-data guesses.
    train : (m,) uint64
        From :func:`train_ids` of this file.

    Returns
    -------
    (m,) bool
        True where suspect; False where the flags are fewer than the trains.
    """
    flags = find(file, "INDEX/flag")
    suspect = np.zeros(len(train), bool)
    if flags is None or file.access.format_version == "0.5":
        known = train != 0
        suspect[known] = ~file.access.validity_flag[: int(known.sum())]
        return suspect
    valid = read_values(file, flags, len(train)).astype(bool)
    suspect[: len(valid)] = valid if file.access.format_version == "1.1" else ~valid
    return suspect


def _first_and_count(file: RunFile, index: str) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    first, count = read_all(file, f"{index}/first").astype(np.int64), find(file, f"{index}/count")
    if count is not None:
        return first, read_values(file, count).astype(np.int64)
    last, status = read_all(file, f"{index}/last").astype(np.int64), read_all(file, f"{index}/status")
    return first, (last - first + 1) * (status != 0)


def _fitted(values: npt.NDArray[np.int64], n: int) -> npt.NDArray[np.int64]:
    fitted = np.full(n, -1, np.int64)
    fitted[: len(values)] = values[:n]
    return fitted


def bad_rows(entries: Entries, rows: int) -> Mask:
    """Trains whose index lies outside the data, overlaps the train before, or is missing.

    Parameters
    ----------
    rows : int
        Rows that the data have.

    Returns
    -------
    (m,) bool
    """
    first, count = entries.first, entries.count
    outside = (first < 0) | (count < 0) | (count > rows) | ((count > 0) & (first > rows - np.clip(count, 0, rows)))
    held = ~outside & (count > 0)
    end = np.where(held, first + count, 0)
    before = np.concatenate([[0], np.maximum.accumulate(end)[:-1]]) if len(end) else end
    return np.asarray(outside | (held & (first < before)))


def repeated_trains(train: npt.NDArray[np.uint64]) -> Mask:
    """Find every occurrence of a train id after its first.

    Parameters
    ----------
    train : (m,) uint64
        In any order.

    Returns
    -------
    (m,) bool
        False for zeros, which are no train ids.
    """
    repeated = np.ones(len(train), bool)
    repeated[np.unique(train, return_index=True)[1]] = False
    return np.asarray(repeated & (train != 0))


def absurd_trains(train: npt.NDArray[np.uint64]) -> Mask:
    """Find train ids that cannot be of this run.

    Parameters
    ----------
    train : (m,) uint64
        In any order. Sorted, they are cut into groups where two are more than `MAX_TRAIN_JUMP` trains apart.

    Returns
    -------
    (m,) bool
        True for zeros and all ids outside the largest group, of equally large ones the earliest.
    """
    ordered = np.sort(train[train != 0])
    if ordered.size == 0:
        return np.ones(len(train), bool)
    groups = np.split(ordered, np.flatnonzero(np.diff(ordered) > np.uint64(MAX_TRAIN_JUMP)) + 1)
    largest = max(groups, key=len)
    return np.asarray((train < largest[0]) | (train > largest[-1]) | (train == 0))


def unordered_trains(train: npt.NDArray[np.uint64]) -> Mask:
    """Find the fewest trains without which the ids increase.

    Parameters
    ----------
    train : (m,) uint64
        All different from each other.

    Returns
    -------
    (m,) bool
        Where several choices are equally few, one of them.
    """
    if np.all(train[1:] > train[:-1]):
        return np.zeros(len(train), bool)
    tails: list[int] = []
    where: list[int] = []
    before = np.full(len(train), -1)
    for i, tid in enumerate(train.tolist()):
        at = bisect_left(tails, tid)
        tails[at:at + 1] = [tid]
        where[at:at + 1] = [i]
        before[i] = where[at - 1] if at else -1
    unordered = np.ones(len(train), bool)
    i = where[-1]
    while i >= 0:
        unordered[i] = False
        i = int(before[i])
    return unordered
