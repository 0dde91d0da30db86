"""Writes the frames of one module into one file, a few trains at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from calib_core.simulate.channels import ModuleTrains
from calib_core.simulate.frames import FrameSource
from calib_core.store.exdf import ExdfFile

Array = npt.NDArray[Any]

_BLOCK_BYTES = 16 << 20
#: Frames smaller than this are stored several to a chunk, bytes.
_SMALL = 64 << 10


def write_frames(
    file: ExdfFile, name: str, sources: Sequence[FrameSource], data: ModuleTrains, position: Array,
    advance: Callable[[int], None],
) -> None:
    """Write all large keys of a module's source.

    Parameters
    ----------
    file : ExdfFile
    name : str
        Instrument source.
    sources : sequence of FrameSource
        Whose frames follow each other in each train.
    data : ModuleTrains
    position : (n,) float64
        Place of each train that has frames in the run, -0.5 to 0.5.
    advance : callable
        Told the number of frames after each block; may raise.
    """
    detector, n_cells = sources[0].detector, len(data.cells)
    entry = detector.raw.frames_per_entry
    step = max(1, _BLOCK_BYTES // max(1, n_cells * detector.frame_bytes))
    nothing = _encoded(sources, data, position, slice(0, 0))
    stored = {key: _dataset(file, name, key, like, data, entry) for key, like in nothing.items()}
    row = 0
    for begin in range(0, len(data.ids), step):
        part = slice(begin, begin + step)
        kept = data.stored[part]
        rows = len(kept) if entry else int(kept.sum())
        for key, values in _encoded(sources, data, position, part).items():
            stored[key][row:row + rows] = values if entry else values[kept]
        row += rows
        advance(kept.size)


def _encoded(sources: Sequence[FrameSource], data: ModuleTrains, position: Array, part: slice) -> dict[str, Array]:
    """Arrays (trains, frames, …) of some trains by key, all stages behind each other."""
    stages = [_of_stage(source, data, position, part) for source in sources]
    if len(stages) == 1:
        return stages[0]
    return {key: np.concatenate([arrays[key] for arrays in stages], axis=1) for key in stages[0]}


def _of_stage(source: FrameSource, data: ModuleTrains, position: Array, part: slice) -> dict[str, Array]:
    block, gain = source.block(data.ids[part], data.cells, position[part])
    empty = np.repeat(data.empty[part], len(data.cells))
    for array in (block, gain):
        if array is not None and empty.any():
            array[empty] = 0
    encoded = source.detector.encode(block, source.stage, gain)
    return {key: v.reshape(len(data.ids[part]), len(data.cells), *v.shape[1:]) for key, v in encoded.items()}


def _dataset(file: ExdfFile, name: str, key: str, like: Array, data: ModuleTrains, entry: bool) -> Any:
    frame, n = like.shape[2:], len(data.cells)
    size = math.prod(frame) * like.dtype.itemsize
    if entry:
        chunk = (1, n if size < _SMALL else 1, *frame)
        return file.frames(name, key, (len(data.ids), n, *frame), like.dtype, chunk)
    return file.frames(name, key, (int(data.stored.sum()), *frame), like.dtype, (max(1, _SMALL // size), *frame))
