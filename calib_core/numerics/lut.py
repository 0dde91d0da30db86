"""Look-up tables: the code of each sample replaced by what its converter really means by it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from calib_core.numerics._arrays import check_array
from calib_core.numerics.kernels import njit

_Array = NDArray[Any]


def look_up(samples: _Array, cell: _Array, table: _Array) -> None:
    """Replace samples by their entries of a table, in place.

    Entries of neighbouring pixels lie side by side, as tables are stored. With those of one pixel side by side all
    pixels would compete for the same few lines of the cache, since the number of codes is a power of two.

    Parameters
    ----------
    samples : (n, pixels) uint16, C-contiguous, ADU
        Changed in place.
    cell : (n,) int64
        Memory cell of each frame.
    table : (cells, codes, pixels) uint16, C-contiguous, ADU

    Raises
    ------
    ValueError
        A shape or type does not fit, or a memory cell or code is not in the table; nothing is changed then.
    """
    cells, codes, pixels = table.shape
    check_array(table, "table", (cells, codes, pixels), np.uint16)
    check_array(samples, "samples", (len(samples), pixels), np.uint16)
    check_array(cell, "cell", (len(samples),), np.int64)
    if not samples.size:
        return
    if cell.min() < 0 or cell.max() >= cells or samples.max() >= codes:
        raise ValueError(f"memory cells to {cell.max()} or codes to {samples.max()} are not in table {table.shape}")
    _look_up(samples, cell, table)


@njit(nogil=True, cache=True)
def _look_up(samples, cell, table):  # type: ignore[no-untyped-def]
    """Kernel of :func:`look_up`: samples (n, pixels) uint16, cell (n,) int64, table (cells, codes, pixels) uint16."""
    for frame in range(samples.shape[0]):
        row, entries = samples[frame], table[cell[frame]]
        for pixel in range(row.size):
            row[pixel] = entries[row[pixel], pixel]
