"""Where the frames of one file lie, for whoever writes something beside each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from calib_core.axes import Array
from calib_core.detector import DetectorType
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
    """

    file: RunFile
    train: Array
    cell: Array
    slot: Array
    per_row: int
    pulse: Array | None = None


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
    return SequenceFrames(of.file, index.train[mine], index.cell[mine], index.slot[mine], per_row,
                          _pulses(kind, index, part, index.row[mine]))


def _pulses(kind: DetectorType, index: ModuleIndex, part: int, rows: Array) -> Array | None:
    if kind.raw.pulse is None or not len(rows):
        return None
    path = f"INSTRUMENT/{index.module.source}/{kind.raw.pulse.replace('.', '/')}"
    found = first_rows(index.parts[part].file, path, int(rows.max()) + 1)
    if found is None or len(found) <= rows.max():
        return None
    return np.asarray(found.reshape(len(found), -1)[rows, 0], np.uint64)
