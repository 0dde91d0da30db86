"""The kernel that finds a gate from samples and sums up those inside, while a tile of them is near the core."""

from __future__ import annotations

import numpy as np

from calib_core.numerics._tiles import TILE, add_tile, near_of, whole_of, work_of
from calib_core.numerics.kernels import njit
from calib_core.numerics.robust import gates_of, medians_of


@njit(nogil=True, cache=True)
def gate_and_sums(  # type: ignore[no-untyped-def]
    samples, block, plane, grouped, lowest, highest, scale, floor, gate, near, whole, state
):
    """Fill in the gate of a memory cell and begin its sums, tile by tile.

    The samples are those of the block in that plane. No number is written out: with it, numba would compile what adds
    to a tile once more.
    """
    order, cells, first = grouped
    cell, part, pixels = cells[0], (first[0], first[1]), samples.shape[1]
    middle, mad, count = np.empty(TILE, np.float32), np.empty(TILE, np.float32), np.empty(TILE, np.uint32)
    work = work_of(None)
    for start in range(0, pixels, TILE):
        stop = min(start + TILE, pixels)
        ends = gate[0][cell, start:stop], gate[1][cell, start:stop]
        medians_of(samples, start, stop, lowest, highest, True, middle, mad, count)
        gates_of(middle[:stop - start], mad[:stop - start], scale, floor, np.float64(lowest), np.float64(highest),
                 *ends)
        if first[1]:
            add_tile(
                block, plane, order, part, start, None, None, None, ends, near_of(near, cell, start, stop),
                whole_of(whole, cell, start, stop), state[cell, start // TILE], work)
