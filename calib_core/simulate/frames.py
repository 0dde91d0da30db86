"""Frames of one module and gain stage, made from the truth."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt

from calib_core.simulate.common_mode import frame_key, shifts_of
from calib_core.simulate.cosmics import add_tracks, tracks_of
from calib_core.simulate.noise import DEAD_OFFSET, add_outliers, fill_frame, uniforms
from calib_core.simulate.settings import Settings
from calib_core.simulate.truth import BadKind, ModuleTruth

Array = npt.NDArray[Any]

#: Share of the frames in which a wrong-gain pixel shows another stage.
WRONG_GAIN_RATE = 0.25
#: Distinguish the random numbers of a frame.
_ADC, _SIGNAL, _OUTLIERS, _WRONG, _BLINKS = 10, 11, 12, 14, 16
#: Train, memory cell, and how many frames of this cell the train has before.
_Frame = tuple[int, int, int]


class StageSource:
    """Makes the raw frames of one module in one gain stage; each depends on what it is only."""

    def __init__(self, settings: Settings, truth: ModuleTruth, stage: int, cells: Array) -> None:
        self._settings = settings
        self.detector = truth.detector
        self.stage = stage
        self._key = (settings.seed, truth.module, stage)
        cells = np.array(list(dict.fromkeys(cells.tolist())))
        self._place = {int(cell): index for index, cell in enumerate(cells)}
        self._offset = _working([truth.offset(stage, int(cell)) for cell in cells], truth.dead)
        self._sigma = np.ascontiguousarray(truth.sigma(stage), np.float32)
        self._signal = self._signal_truth(truth, cells)
        self._wrong = np.flatnonzero(truth.bad & BadKind.WRONG_GAIN)
        self._blinking = np.flatnonzero(truth.bad & BadKind.BLINKING)
        self._height = self._sigma.reshape(-1)[self._blinking] * np.float32(settings.blinking_height)
        self._other = (stage + 1) % len(self.detector.stages)
        self._other_offset = truth.offset(self._other, int(cells[0])).reshape(-1)[self._wrong]

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
                    self._frame(block[row], None if gain is None else gain[row], (train, cell, repeat), place)
                row += 1
        return block, gain

    def _frame(self, planes: Array, gain: Array | None, frame: _Frame, place: float) -> None:
        settings, top = self._settings, self.detector.saturation
        index = self._place[frame[1]]
        common, map_ = shifts_of(self.detector, settings.common_mode, self._key, frame)
        offset = self._offset[index] if map_ is None else self._offset[index] + map_
        shift = settings.drift * place + common
        fill_frame(planes[0], offset, self._sigma, shift, top, frame_key(self._key, _ADC, frame))
        if self._signal is not None:
            plane, maps, sigma = self._signal
            fill_frame(planes[plane], maps[index], sigma, 0.0, top, frame_key(self._key, _SIGNAL, frame))
        if gain is not None and self._wrong.size:
            self._spoil(planes[0], gain, frame)
        self._add_signals(planes[0], frame)

    def _add_signals(self, adc: Array, frame: _Frame) -> None:
        settings, top = self._settings, self.detector.saturation
        if self._blinking.size:
            self._blink(adc, frame)
        if settings.outlier_share:
            key = frame_key(self._key, _OUTLIERS, frame)
            add_outliers(adc, settings.outlier_share, settings.outlier_mean, top, key)
        add_tracks(adc, tracks_of(self.detector, settings.cosmic_rate, self._key, frame), top)

    def _spoil(self, adc: Array, gain: Array, frame: _Frame) -> None:
        drawn = uniforms(frame_key(self._key, _WRONG, frame), self._wrong.size) < WRONG_GAIN_RATE
        pixels = self._wrong[drawn]
        gain.reshape(-1)[pixels] = self.detector.stages[self._other].code
        adc.reshape(-1)[pixels] = self._other_offset[drawn] + 0.5

    def _blink(self, adc: Array, frame: _Frame) -> None:
        on = uniforms(frame_key(self._key, _BLINKS, frame), self._blinking.size) < self._settings.blinking_time
        flat, pixels = adc.reshape(-1), self._blinking[on]
        flat[pixels] = np.minimum(np.floor(flat[pixels] + self._height[on] + 0.5), self.detector.saturation)

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


def _repeats(cells: Array) -> list[int]:
    """How many frames of the same memory cell come before each one."""
    seen: Counter[int] = Counter()
    repeats = []
    for cell in cells.tolist():
        repeats.append(seen[cell])
        seen[cell] += 1
    return repeats


def _working(maps: list[Array], dead: Array) -> Array:
    return np.where(dead, DEAD_OFFSET, np.asarray(maps, np.float32).reshape(-1, *dead.shape))
