"""Frames of one module, made from the truth: what all scenes share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt

from calib_core.simulate.common_mode import frame_key, shifts_of
from calib_core.simulate.cosmics import add_tracks, tracks_of
from calib_core.simulate.noise import DEAD_OFFSET, add_outliers, uniforms
from calib_core.simulate.settings import Settings
from calib_core.simulate.truth import BadKind, ModuleTruth

Array = npt.NDArray[Any]

#: Share of the frames in which a wrong-gain pixel shows another stage.
WRONG_GAIN_RATE = 0.25
#: Distinguish the random numbers of a frame.
_OUTLIERS, _WRONG = 12, 14
#: Train, memory cell, and how many frames of this cell the train has before.
Frame = tuple[int, int, int]


class FrameSource(ABC):
    """Makes the raw frames of one module; each depends on what it is only.

    Parameters
    ----------
    settings : Settings
    truth : ModuleTruth
    part : int
        Distinguishes its random numbers from those of others of the module, such as the gain stage.
    cells : (n,) int64
        Memory cells that may be asked for.

    Attributes
    ----------
    stage : int
        Gain stage of all samples, where they have one.
    wrong : (n,) int64
        Flat indices of the pixels that show wrong gain bits in some frames.
    """

    stage: int = 0

    def __init__(self, settings: Settings, truth: ModuleTruth, part: int, cells: Array) -> None:
        self.settings = settings
        self.detector = truth.detector
        self.key = (settings.seed, truth.module, part)
        self.cells = np.array(list(dict.fromkeys(cells.tolist())))
        self._place = {int(cell): index for index, cell in enumerate(self.cells)}
        self.wrong = np.flatnonzero(truth.bad & BadKind.WRONG_GAIN)

    def block(self, trains: Array, cells: Array, position: Array) -> tuple[Array, Array | None]:
        """Frames of all ``cells`` of each of some trains.

        Parameters
        ----------
        trains : (t,) uint64
            Train ids.
        cells : (c,) int64
            Memory cells in the order of recording, -1 for a missing frame; a cell may come several times.
        position : (t,) float64
            Place of the train in the run, -0.5 to 0.5, for the drift.

        Returns
        -------
        block : (t·c, planes, slow_scan, fast_scan) uint16
        gain : (t·c, slow_scan, fast_scan) uint8 or None
            Gain bits where the detector has them.
        """
        shape = self.detector.shape
        block = np.zeros((len(trains) * len(cells), self.detector.planes, *shape), np.uint16)
        gain = self._gain_bits(len(block))
        row, repeats = 0, _repeats(cells)
        for train, place in zip(trains.tolist(), position, strict=True):
            for cell, repeat in zip(cells.tolist(), repeats, strict=True):
                if cell >= 0:
                    self.fill(block[row], None if gain is None else gain[row], (train, cell, repeat), place)
                row += 1
        return block, gain

    @abstractmethod
    def fill(self, planes: Array, gain: Array | None, frame: Frame, place: float) -> None:
        """Fill one frame.

        Parameters
        ----------
        planes : (planes, slow_scan, fast_scan) uint16
        gain : (slow_scan, fast_scan) uint8 or None
            Gain bits where the detector has them.
        frame : Frame
        place : float
            Of the train in the run, -0.5 to 0.5.
        """

    def index(self, frame: Frame) -> int:
        """Index of a frame's memory cell in :attr:`cells`."""
        return self._place[frame[1]]

    def shifts(self, frame: Frame) -> tuple[float, Array | None]:
        """Common mode of a frame: what all pixels share, and a map where parts have their own, ADU."""
        return shifts_of(self.detector, self.settings.common_mode, self.key, frame)

    def wrong_now(self, frame: Frame) -> Array:
        """Which of :attr:`wrong` show wrong gain bits in a frame, (n,) bool."""
        return uniforms(frame_key(self.key, _WRONG, frame), self.wrong.size) < WRONG_GAIN_RATE

    def add_signals(self, adc: Array, frame: Frame) -> None:
        """Add outliers and cosmic rays to a frame (slow_scan, fast_scan) uint16."""
        settings, top = self.settings, self.detector.saturation
        if settings.outlier_share:
            key = frame_key(self.key, _OUTLIERS, frame)
            add_outliers(adc, settings.outlier_share, settings.outlier_mean, top, key)
        add_tracks(adc, tracks_of(self.detector, settings.cosmic_rate, self.key, frame), top)

    def _gain_bits(self, n: int) -> Array | None:
        """Bits of the stage, also of frames that are missing."""
        if not self.detector.has_gain_bits:
            return None
        return np.full((n, *self.detector.shape), self.detector.stages[self.stage].code, np.uint8)


def working(maps: list[Array], dead: Array) -> Array:
    """Means with which frames are filled, (maps, slow_scan, fast_scan) float32; dead pixels give 0."""
    return np.where(dead, DEAD_OFFSET, np.asarray(maps, np.float32).reshape(-1, *dead.shape))


def _repeats(cells: Array) -> list[int]:
    """How many frames of the same memory cell come before each one."""
    seen: Counter[int] = Counter()
    repeats = []
    for cell in cells.tolist():
        repeats.append(seen[cell])
        seen[cell] += 1
    return repeats
