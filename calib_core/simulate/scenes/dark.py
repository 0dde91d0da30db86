"""Runs without light, one for each gain stage."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from calib_core.simulate.common_mode import frame_key
from calib_core.simulate.frames import Frame, FrameSource, working
from calib_core.simulate.noise import fill_frame, uniforms
from calib_core.simulate.scene import Scene, SceneRun
from calib_core.simulate.settings import Settings
from calib_core.simulate.truth import BadKind, ModuleTruth

Array = npt.NDArray[Any]

#: Distinguish the random numbers of a frame.
_ADC, _SIGNAL, _BLINKS = 10, 11, 16


class Dark(Scene):
    """Runs without light, one for each gain stage, or one of all of them in turn."""

    word: ClassVar[str] = "dark"
    title: ClassVar[str] = "without light, one run for each gain stage"

    def runs(self, settings: Settings) -> tuple[SceneRun, ...]:
        """Runs of the gain stages in their order, in the reverse one, or one of all."""
        stages = settings.detector.stages
        order = [(stage,) for stage in range(len(stages))]
        if settings.swap_runs:
            order.reverse()
        chosen = [tuple(range(len(stages)))] if settings.parallel_gain else order
        return tuple(SceneRun(stages[one[0]].role, one, one[0], one[0]) for one in chosen)

    def source(self, settings: Settings, truth: ModuleTruth, part: int, cells: Array) -> FrameSource:
        """Frames of a gain stage."""
        return DarkSource(settings, truth, part, cells)


class DarkSource(FrameSource):
    """Makes the raw frames of one module in one gain stage."""

    def __init__(self, settings: Settings, truth: ModuleTruth, stage: int, cells: Array) -> None:
        super().__init__(settings, truth, stage, cells)
        self.stage = stage
        self._offset = working([truth.offset(stage, int(cell)) for cell in self.cells], truth.dead)
        self._sigma = np.ascontiguousarray(truth.sigma(stage), np.float32)
        self._signal = self._signal_truth(truth)
        self._blinking = np.flatnonzero(truth.bad & BadKind.BLINKING)
        self._height = self._sigma.reshape(-1)[self._blinking] * np.float32(settings.blinking_height)
        self._other = (stage + 1) % len(self.detector.stages)
        self._other_offset = truth.offset(self._other, int(self.cells[0])).reshape(-1)[self.wrong]

    def fill(self, planes: Array, gain: Array | None, frame: Frame, place: float) -> None:
        """Noise about the offset, then what else is in a frame."""
        top, index = self.detector.saturation, self.index(frame)
        common, map_ = self.shifts(frame)
        offset = self._offset[index] if map_ is None else self._offset[index] + map_
        shift = self.settings.drift * place + common
        fill_frame(planes[0], offset, self._sigma, shift, top, frame_key(self.key, _ADC, frame))
        if self._signal is not None:
            plane, maps, sigma = self._signal
            fill_frame(planes[plane], maps[index], sigma, 0.0, top, frame_key(self.key, _SIGNAL, frame))
        if gain is not None and self.wrong.size:
            self._spoil(planes[0], gain, frame)
        if self._blinking.size:
            self._blink(planes[0], frame)
        self.add_signals(planes[0], frame)

    def _spoil(self, adc: Array, gain: Array, frame: Frame) -> None:
        drawn = self.wrong_now(frame)
        pixels = self.wrong[drawn]
        gain.reshape(-1)[pixels] = self.detector.stages[self._other].code
        adc.reshape(-1)[pixels] = self._other_offset[drawn] + 0.5

    def _blink(self, adc: Array, frame: Frame) -> None:
        on = uniforms(frame_key(self.key, _BLINKS, frame), self._blinking.size) < self.settings.blinking_time
        flat, pixels = adc.reshape(-1), self._blinking[on]
        flat[pixels] = np.minimum(np.floor(flat[pixels] + self._height[on] + 0.5), self.detector.saturation)

    def _signal_truth(self, truth: ModuleTruth) -> tuple[int, Array, Array] | None:
        plane = self.detector.signal_plane
        if plane is None:
            return None
        signal = [truth.gain_signal(self.stage, int(cell)) for cell in self.cells]
        sigma = np.ascontiguousarray(truth.gain_signal_sigma(self.stage), np.float32)
        return plane, working(signal, truth.dead), sigma


SCENE = Dark
