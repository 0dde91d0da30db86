"""Frames that hold nothing: found by few of their samples, and taken out of a buffer."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

#: Samples at the start of a frame that are looked at first when all-zero frames are sought.
_PROBE = 64


def all_zero(block: Array) -> npt.NDArray[np.bool_]:
    """Frames without any sample above zero; a few samples settle it for nearly all.

    Parameters
    ----------
    block : (n, planes, slow_scan, fast_scan) uint16, C-contiguous

    Returns
    -------
    (n,) bool
    """
    flat = block.reshape(len(block), -1)
    zero: npt.NDArray[np.bool_] = np.logical_not(flat[:, :_PROBE].any(axis=1))
    for i in np.flatnonzero(zero):
        zero[i] = not flat[i].any()
    return zero


def close_up(buffer: Array | None, gone: npt.NDArray[np.bool_]) -> None:
    """Move the frames that stay to the front of a buffer, in order and in place.

    Parameters
    ----------
    buffer : (m, …) array, optional
        Nothing is done without one.
    gone : (n,) bool
        True for those of its first frames that do not stay.
    """
    if buffer is None:
        return
    for target, source in enumerate(np.flatnonzero(~gone)):
        if target != source:
            buffer[target] = buffer[source]
