"""Common mode of simulated frames: shifts that all pixels of one amplifier share for one read-out.

The electronics of a detector type say what shares a shift (``common_mode_axis``). Where it is several things, their
shifts are independent and each has the standard deviation of the setting ``common_mode``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from calib_core.detector import DetectorType
from calib_core.simulate.noise import key_of, normals
from calib_core.simulate.settings import Settings, simulated

Array = npt.NDArray[Any]

#: Distinguishes these random numbers from the others of a frame.
_COMMON = 13
_AXES = {"bank": 1, "row": 2, "column": 3}


def common_mode_of(
    settings: Settings, module: int, stage: int, train: int, cell: int, repeat: int = 0,
) -> npt.NDArray[np.float32]:
    """True shift of every pixel of a frame, (slow_scan, fast_scan) float32, ADU.

    ``repeat`` counts the frames of one memory cell within a train from 0.
    """
    detector = settings.detector
    number, map_ = shifts_of(detector, settings.common_mode, (settings.seed, module, stage), (train, cell, repeat))
    whole = np.full(detector.shape, number, np.float32)
    return whole if map_ is None else whole + map_


def shifts_of(
    detector: DetectorType, sigma: float, source: tuple[int, ...], frame: tuple[int, int, int],
) -> tuple[float, npt.NDArray[np.float32] | None]:
    """Shift of a whole frame, and where parts of it have their own a map (slow_scan, fast_scan) of those, ADU.

    ``source`` is (seed, module, gain stage), ``frame`` (train, memory cell, repeat).
    """
    number, map_ = 0.0, None
    if not sigma:
        return number, map_
    for axis in simulated(detector).hardware.common_mode_axis:
        if axis == "frame":
            number = sigma * float(normals(frame_key(source, _COMMON, frame), 1)[0])
        else:
            part = _map(detector, axis, key_of(frame_key(source, _COMMON, frame), _AXES[axis])) * np.float32(sigma)
            map_ = part if map_ is None else map_ + part
    return number, map_


def frame_key(source: tuple[int, ...], what: int, frame: tuple[int, int, int]) -> int:
    """Key of the random numbers ``what`` of a frame; a repeat of 0 is not part of it."""
    return key_of(*source, what, *(frame if frame[2] else frame[:2]))


def _map(detector: DetectorType, axis: str, key: int) -> npt.NDArray[np.float32]:
    high, wide = detector.bank_shape or detector.asic_shape
    slow, fast = detector.shape
    step = {"bank": (high, wide), "row": (1, wide), "column": (high, 1)}[axis]
    drawn = normals(key, -(-slow // step[0]), -(-fast // step[1]))
    return drawn.repeat(step[0], axis=0).repeat(step[1], axis=1)[:slow, :fast]
