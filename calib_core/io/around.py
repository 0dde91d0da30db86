"""Frames around one that is looked at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from calib_core.axes import Array


@dataclass(frozen=True)
class Around:
    """Frames around one.

    Attributes
    ----------
    sequence : int
        Of the file that they are in.
    which : slice
        Frames of each memory cell, by their number in the run.
    trains_of_file : int
        With a frame of the memory cell.
    """

    sequence: int
    which: slice
    trains_of_file: int


def around_of(sequence: Array, place: int, n: int) -> Around:
    """Frames of one memory cell around one of them, the same for half as many neighbours.

    Parameters
    ----------
    sequence : (frames,) int64
        Of the file of each frame, in train order.
    place : int
        Of the frame.
    n : int
        Most frames.

    Returns
    -------
    Around
    """
    same = np.flatnonzero(sequence == sequence[place])
    within, step = int(np.searchsorted(same, place)), max(1, n // 2)
    first = max(0, min(within // step * step - step // 2, len(same) - n))
    last = min(first + n, len(same)) - 1
    return Around(int(sequence[place]), slice(int(same[first]), int(same[last]) + 1), len(same))
