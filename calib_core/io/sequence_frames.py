"""Where the frames of one file lie, for whoever writes something beside each."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from calib_core.axes import Array
from calib_core.detector import DetectorType
from calib_core.io.datasets import find
from calib_core.io.files import RunFile
from calib_core.io.first_rows import first_rows
from calib_core.io.module_index import ModuleIndex


@dataclass(frozen=True)
class SequenceFrames:
    """Where the valid frames of a module lie in one file.

    Attributes
    ----------
    file : RunFile
    train : (n,) uint64
        In train order.
    cell : (n,) int64
    slot : (n,) int64
        Position within the entry of its train; 0 for detectors whose entries are frames.
    per_row : int
        Frames that an entry has.
    pulse : (n,) uint64, optional
        Pulse ids, where the file has them.
    copied : dict
        Other numbers of frames by key, as far as the file has them: (n,), or (entries · per_row,) of all frames that
        its entries have room for, the entries in the order of their trains.
    cell_type : numpy dtype
        Of memory cells in the file.
    """

    file: RunFile
    train: Array
    cell: Array
    slot: Array
    per_row: int
    pulse: Array | None = None
    copied: dict[str, Array] = field(default_factory=dict)
    cell_type: np.dtype[np.generic] = field(default_factory=lambda: np.dtype(np.uint16))


def frames_of_part(kind: DetectorType, index: ModuleIndex, part: int) -> SequenceFrames:
    """Frames of one file of a module.

    Parameters
    ----------
    kind : DetectorType
    index : ModuleIndex
        Of the frames that are used.
    part : int
        Number of the file among those of the index.

    Returns
    -------
    SequenceFrames

    Raises
    ------
    BadInput
        The file cannot be read; the message names it.
    """
    mine, of = index.part == part, index.parts[part]
    per_row = of.pixels.shape[1] if kind.raw.frames_per_entry else 1
    train, rows = index.train[mine], index.row[mine]
    pulses = None if kind.raw.pulse is None else numbers_beside(index, part, kind.raw.pulse, rows, 1)
    entries = rows[np.unique(train, return_index=True)[1]] if kind.raw.frames_per_entry else rows
    copied = {key: numbers_beside(index, part, key, entries, per_row) for key in kind.raw.copied}
    return SequenceFrames(
        of.file, train, index.cell[mine], index.slot[mine], per_row,
        None if pulses is None else pulses.astype(np.uint64),
        {key: values for key, values in copied.items() if values is not None}, _cell_type(kind, index, part))


def numbers_beside(index: ModuleIndex, part: int, key: str, rows: Array, per_row: int) -> Array | None:
    """Numbers beside the pixels of some rows of a file.

    Parameters
    ----------
    index : ModuleIndex
    part : int
        Number of the file among those of the index.
    key : str
        Of the numbers, within the source of the module.
    rows : (n,) int64
    per_row : int
        Numbers that a row has.

    Returns
    -------
    (n · per_row,) array or None
        None where the file has none for each.
    """
    if not len(rows):
        return None
    found = first_rows(index.parts[part].file, _path(index, key), int(rows.max()) + 1)
    if found is None or len(found) <= rows.max() or found.dtype.kind not in "iuf" or found[0].size != per_row:
        return None
    return np.ascontiguousarray(found.reshape(len(found), per_row)[rows]).reshape(-1)


def _cell_type(kind: DetectorType, index: ModuleIndex, part: int) -> np.dtype[np.generic]:
    """As the file has memory cells, if it has them as whole numbers from 0 on."""
    found = None if kind.raw.cell is None else find(index.parts[part].file, _path(index, kind.raw.cell))
    return np.dtype(np.uint16) if found is None or found.dtype.kind != "u" else np.dtype(found.dtype)


def _path(index: ModuleIndex, key: str) -> str:
    return f"INSTRUMENT/{index.module.source}/{key.replace('.', '/')}"
