"""Where the chunks of a dataset lie in its file, made sure of before anything is read from there.

HDF5 itself trusts the table: two chunks at one place would be read as the same data twice, without a word.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from calib_core.io.datasets import UnfitError
from calib_core.io.libraries import h5py

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ChunkTable:
    """Chunks of a dataset that were written.

    Attributes
    ----------
    corner : (k, axes) int64
        Indices of the first value of each chunk.
    begin, size : (k,) int64
        First byte in the file, and bytes.
    """

    corner: Indices
    begin: Indices
    size: Indices


def chunk_table(dataset: h5py.Dataset, file_bytes: int) -> ChunkTable:
    """Table of the chunks of a dataset.

    Parameters
    ----------
    dataset : h5py.Dataset
        Chunked.
    file_bytes : int
        Size of its file.

    Raises
    ------
    UnfitError
        R01: chunks lie in each other, outside of the file or of the dataset, or are shorter than they should be.
    """
    found: list[tuple[int, ...]] = []
    dataset.id.chunk_iter(lambda chunk: found.append((*chunk.chunk_offset, chunk.byte_offset, chunk.size)))
    table = np.array(found, np.int64).reshape(len(found), dataset.ndim + 2)
    made = ChunkTable(table[:, :-2], table[:, -2], table[:, -1])
    if found and (wrong := _wrong(made, dataset, file_bytes)):
        raise UnfitError("R01", dataset.name.lstrip("/"), f"{wrong}; the file is damaged")
    return made


def _wrong(table: ChunkTable, dataset: h5py.Dataset, file_bytes: int) -> str:
    n, end = len(table.begin), table.begin + table.size
    outside = int(((table.begin < 0) | (table.size <= 0) | (end > file_bytes)).sum())
    if outside:
        return f"{outside} of its {n} chunks lie outside of the file"
    beyond = int(((table.corner >= dataset.shape) | (table.corner % dataset.chunks != 0)).any(axis=1).sum())
    if beyond or len(np.unique(table.corner, axis=0)) < n:
        return "its table of chunks names places that it does not have, or one of them twice"
    whole = math.prod(dataset.chunks) * dataset.dtype.itemsize
    short = int((table.size < whole).sum()) if dataset.id.get_create_plist().get_nfilters() == 0 else 0
    if short:
        return f"{short} of its {n} chunks are shorter than {whole} bytes"
    return _overlap(table)


def _overlap(table: ChunkTable) -> str:
    order = np.argsort(table.begin, kind="stable")
    begin, end = table.begin[order], (table.begin + table.size)[order]
    inside = np.flatnonzero(begin[1:] < end[:-1])
    if not inside.size:
        return ""
    first, second = int(begin[inside[0]]), int(begin[inside[0] + 1])
    where = f"both lie at byte {first}" if first == second else f"lie in each other, at bytes {first} and {second}"
    return f"two of its {len(begin)} chunks {where}"
