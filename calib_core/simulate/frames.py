"""Frames of one module and gain stage, made from the truth."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from calib_core.simulate.noise import DEAD_OFFSET, add_outliers, fill_frame, key_of, normals, uniforms
from calib_core.simulate.settings import Settings
from calib_core.simulate.truth import BadKind, ModuleTruth

Array = npt.NDArray[Any]

#: Share of the frames in which a wrong-gain pixel shows another stage.
WRONG_GAIN_RATE = 0.25
#: Distinguish the random numbers of a frame.
_ADC, _SIGNAL, _OUTLIERS, _COMMON, _WRONG = range(10, 15)


class StageSource:
    """Makes the raw frames of one module in one gain stage; each depends on its train and memory cell only."""

    def __init__(self, settings: Settings, truth: ModuleTruth, stage: int, cells: Array) -> None:
        self._settings = settings
        self.detector = truth.detector
        self.stage = stage
        self._key = (settings.seed, truth.module, stage)
        self._place = {int(cell): index for index, cell in enumerate(cells)}
        self._offset = _working([truth.offset(stage, int(cell)) for cell in cells], truth.dead)
        self._sigma = np.ascontiguousarray(truth.sigma(stage), np.float32)
        self._signal = self._signal_truth(truth, cells)
        self._wrong = np.flatnonzero(truth.bad & BadKind.WRONG_GAIN)
        self._other = (stage + 1) % len(self.detector.stages)
        self._other_offset = truth.offset(self._other, int(cells[0])).reshape(-1)[self._wrong]

    def block(self, trains: Array, cells: Array, position: Array) -> tuple[Array, Array | None]:
        """Frames of all ``cells`` of each of some trains.

        Parameters
        ----------
        trains : (t,) uint64
            Train ids.
        cells : (c,) int64
            Memory cells in the order of recording, -1 for a missing frame.
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
        row = 0
        for train, place in zip(trains, position, strict=True):
            for cell in cells:
                if cell >= 0:
                    self._frame(block[row], None if gain is None else gain[row], int(train), int(cell), place)
                row += 1
        return block, gain

    def _frame(self, planes: Array, gain: Array | None, train: int, cell: int, place: float) -> None:
        settings, top = self._settings, self.detector.saturation
        index = self._place[cell]
        shift = settings.drift * place + self._common(train, cell)
        fill_frame(planes[0], self._offset[index], self._sigma, shift, top, self._frame_key(train, cell, _ADC))
        if self._signal is not None:
            plane, maps, sigma = self._signal
            fill_frame(planes[plane], maps[index], sigma, 0.0, top, self._frame_key(train, cell, _SIGNAL))
        if gain is not None and self._wrong.size:
            self._spoil(planes[0], gain, train, cell)
        key = self._frame_key(train, cell, _OUTLIERS)
        add_outliers(planes[0], settings.outlier_share, settings.outlier_mean, top, key)

    def _spoil(self, adc: Array, gain: Array, train: int, cell: int) -> None:
        drawn = uniforms(self._frame_key(train, cell, _WRONG), self._wrong.size) < WRONG_GAIN_RATE
        pixels = self._wrong[drawn]
        gain.reshape(-1)[pixels] = self.detector.stages[self._other].code
        adc.reshape(-1)[pixels] = self._other_offset[drawn] + 0.5

    def _common(self, train: int, cell: int) -> float:
        if not self._settings.common_mode:
            return 0.0
        return self._settings.common_mode * float(normals(self._frame_key(train, cell, _COMMON), 1)[0])

    def _frame_key(self, train: int, cell: int, what: int) -> int:
        return key_of(*self._key, what, train, cell)

    def _gain_bits(self, n: int) -> Array | None:
        if not self.detector.has_gain_bits:
            return None
        return np.full((n, *self.detector.shape), self.detector.stages[self.stage].code, np.uint8)

    def _signal_truth(self, truth: ModuleTruth, cells: Array) -> tuple[int, Array, Array] | None:
        plane = self.detector.signal_plane
        if plane is None:
            return None
        signal = [truth.gain_signal(self.stage, int(cell)) for cell in cells]
        sigma = np.ascontiguousarray(truth.gain_signal_sigma(self.stage), np.float32)
        return plane, _working(signal, truth.dead), sigma


def _working(maps: list[Array], dead: Array) -> Array:
    return np.where(dead, DEAD_OFFSET, np.asarray(maps, np.float32).reshape(-1, *dead.shape))
