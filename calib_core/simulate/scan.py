"""Scans of a source on the chip that charges some pixels more and more: what their scenes share.

A sample of a charged pixel is on the line of its gain stage over the position in the scan. The gain signal has the
level of the stage, and anything between two of them near a switch. Pixels that are not charged stay in the dark.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from calib_core.detector import DetectorType
from calib_core.detector.injection import Injection
from calib_core.errors import BadParameter
from calib_core.numerics.kernels import njit
from calib_core.params import knob
from calib_core.ranges import parse_ranges
from calib_core.simulate.common_mode import frame_key
from calib_core.simulate.frames import Frame, FrameSource, working
from calib_core.simulate.noise import DEAD_OFFSET, fill_frame, key_of, uniforms, word_at
from calib_core.simulate.scene import Scene
from calib_core.simulate.settings import Settings
from calib_core.simulate.truth import ModuleTruth

Array = npt.NDArray[Any]

#: Distinguish the random numbers of a frame, and of a module.
_ADC, _SIGNAL, _NEAR, _LOST = range(40, 44)
_RISE = 53
#: Settings that darks alone have.
_OF_DARKS = ("fixed_gain", "swap_runs", "cosmic_rate", "blinking_share", "outlier_share")


@dataclass(frozen=True)
class Charged:
    """What pixels do when they are charged, flat maps float32.

    Attributes
    ----------
    lines : (stages, 2, pixels), ADU and ADU per step
        Beginnings of the lines at position 0, and their slopes.
    switch : (stages - 1, pixels), steps
        Where a pixel takes the next stage.
    hook : (2, pixels), ADU and steps
        Height and length of what lies above the lines behind the first switch.
    compression : float
        Share of the signal of the first stage that is lacking just before its switch.
    """

    lines: Array
    switch: Array
    hook: Array
    compression: float = 0.0


class ScanScene(Scene):
    """Scans in which each run charges the pixels of a pattern, or of two."""

    #: What charges the pixels, among the detector type's injections, and where its random numbers begin.
    injection: ClassVar[str]
    first_key: ClassVar[int]

    steps: int = knob(0, ge=0, le=100000, unit="steps", help="Steps of a scan, one a train; 0 takes all trains")
    phase: int = knob(0, ge=0, le=100000, unit="trains", help="Trains of each run before the first whole scan begins")
    switch_scale: float = knob(1.0, ge=0.01, le=10, help="Charge at which pixels switch, in units of that with light")
    transition: int = knob(5, ge=0, le=100, unit="steps",
                           help="Steps before and after the switch in which both stages and codes between them occur")
    code_rise: float = knob(0.0, ge=0, le=10, unit="ADU", help="Most by which the gain signal rises with each step")
    lost_samples: float = knob(0.003, ge=0, le=0.5, help="Share of the samples that are 0")
    order: str = knob("", help="Patterns in the order of recording, such as 1,0,2-7; all unless given")
    charged_twice: int = knob(-1, ge=-1, le=63, help="Pattern that the run of the next one charges too; -1 for none")

    def check(self, settings: Settings) -> None:
        """Raise BadParameter where the type has no such source, or a setting belongs to darks."""
        kind = settings.detector
        if self.injection not in kind.injections or not settings.levels.switch:
            raise BadParameter(f"kind = {self.word} is not allowed; {kind.title} has no {self.injection_title}.")
        for name in _OF_DARKS:
            if value := getattr(settings, name):
                raise BadParameter(f"{name} = {value} is not allowed in scans; it is of darks.")
        patterns = range(len(self.source_of(kind).patterns))
        if strange := [one for one in self.recorded(kind) if one not in patterns]:
            raise BadParameter(f"order = {self.order!r} is not allowed; there is no pattern {strange[0]}, they are 0 "
                               f"to {patterns[-1]}.")

    #: What the source is called.
    injection_title: ClassVar[str]

    @abstractmethod
    def charged(self, truth: ModuleTruth, part: int, cell: int) -> Charged:
        """What the pixels of a memory cell do in a run.

        Parameters
        ----------
        truth : ModuleTruth
        part : int
            Of the run.
        cell : int
        """

    @abstractmethod
    def pattern_of(self, kind: DetectorType, part: int) -> int:
        """Pattern that a run charges.

        Parameters
        ----------
        kind : DetectorType
        part : int
            Of the run.
        """

    def position(self, index: int) -> int:
        """Position in the scan of a step by its number.

        Parameters
        ----------
        index : int
        """
        return index

    def source(self, settings: Settings, truth: ModuleTruth, part: int, cells: Array) -> FrameSource:
        """Frames of a run."""
        return ScanSource(self, settings, truth, part, cells)

    def length(self, settings: Settings) -> int:
        """Steps of a scan."""
        return self.steps or max(1, settings.trains - self.phase)

    def source_of(self, kind: DetectorType) -> Injection:
        """What charges the pixels of a type that has it.

        Parameters
        ----------
        kind : DetectorType
        """
        return kind.injections[self.injection]

    def pixels(self, kind: DetectorType, pattern: int) -> npt.NDArray[np.bool_]:
        """Pixels that the run of a pattern charges, (slow_scan, fast_scan).

        Parameters
        ----------
        kind : DetectorType
        pattern : int
        """
        source = self.source_of(kind)
        twice = self.charged_twice if (self.charged_twice + 1) % len(source.patterns) == pattern else -1
        return source.charged(kind.shape, pattern, *([twice] if twice >= 0 else []))

    def rise(self, truth: ModuleTruth) -> Array:
        """By how much the gain signal of each pixel rises with a step, (slow_scan, fast_scan) float32, ADU."""
        pixels = uniforms(key_of(truth.settings.seed, truth.module, self.first_key, _RISE), truth.detector.pixels)
        return np.asarray(self.code_rise * pixels.reshape(truth.detector.shape), np.float32)

    def recorded(self, kind: DetectorType) -> tuple[int, ...]:
        """Patterns in the order of recording.

        Parameters
        ----------
        kind : DetectorType
        """
        if not self.order:
            return tuple(range(len(self.source_of(kind).patterns)))
        return tuple(one for first, last in parse_ranges(self.order) for one in range(first, last + 1))


class ScanSource(FrameSource):
    """Makes the raw frames of one module in a run of a scan."""

    def __init__(self, scene: ScanScene, settings: Settings, truth: ModuleTruth, part: int, cells: Array) -> None:
        super().__init__(settings, truth, part, cells)
        self._scene, self._length = scene, scene.length(settings)
        self._charged = scene.pixels(truth.detector, scene.pattern_of(truth.detector, part)).reshape(-1)
        self._dead, every = truth.dead.reshape(-1), self.cells.tolist()
        self._own = [scene.charged(truth, part, cell) for cell in every]
        stages = range(len(self._own[0].lines) if self._own else 0)
        self._offset = [working([truth.offset(0, cell)], truth.dead)[0] for cell in every]
        self._sigma = np.array([truth.sigma(stage).reshape(-1) for stage in stages])
        levels = [[truth.gain_signal(stage, cell) for stage in stages] for cell in every]
        self._signal = [working(one, truth.dead).reshape(len(stages), -1) for one in levels]
        self._signal_sigma = np.ascontiguousarray(truth.gain_signal_sigma(0), np.float32)
        self._rise = scene.rise(truth).reshape(-1)

    def step(self, place: float) -> int:
        """Number of a train's step by its place in the run, -0.5 to 0.5."""
        train = round((place + 0.5) * (self.settings.trains - 1))
        return (train - self._scene.phase) % self._length

    def fill(self, planes: Array, gain: Array | None, frame: Frame, place: float) -> None:
        """Samples of charged pixels on their lines, those of the others in the dark."""
        index, top, scene = self.index(frame), self.detector.saturation, self._scene
        shape, plane, own = planes.shape[1:], self.detector.signal_plane, self._own[index]
        mean, sigma, signal = (np.empty(shape, np.float32) for _ in range(3))
        key = frame_key(self.key, _NEAR, frame)
        _charge(scene.position(self.step(place)), self._charged, self._offset[index].reshape(-1), own.lines,
                own.switch, own.hook, self._sigma, self._signal[index], self._rise, np.float32(own.compression),
                scene.transition, np.uint64(key), mean.reshape(-1), sigma.reshape(-1), signal.reshape(-1))
        mean.reshape(-1)[self._dead] = DEAD_OFFSET
        common, _ = self.shifts(frame)
        fill_frame(planes[0], mean, sigma, self.settings.drift * place + common, top,
                   frame_key(self.key, _ADC, frame))
        fill_frame(planes[plane], signal, self._signal_sigma, 0.0, top, frame_key(self.key, _SIGNAL, frame))
        if scene.lost_samples:
            lost = uniforms(frame_key(self.key, _LOST, frame), mean.size).reshape(shape) < scene.lost_samples
            planes[:, lost] = 0


@njit(nogil=True, cache=True)
def _charge(step, charged, offset, lines, switch, hook, sigmas, levels, rise, compression, near, key, mean, sigma, signal):  # type: ignore[no-untyped-def]  # noqa: E501
    """Mean and noise of each pixel at a step, and mean of its gain signal; flat arrays."""
    for i in range(mean.size):
        mean[i], sigma[i], signal[i] = offset[i], sigmas[0, i], levels[0, i]
        if not charged[i]:
            continue
        stage = 0
        for s in range(len(switch)):
            stage += np.float32(step) - switch[s, i] > 0
        level = levels[stage, i]
        for s in range(len(switch)):
            past = np.float32(step) - switch[s, i]
            if abs(past) < near:
                word = word_at(key, np.uint64(i))
                stage = s + ((word & np.uint64(0xFFFF)) < (past / near + 1) * 32768)
                between = np.float32(word >> np.uint64(48)) / np.float32(65536)
                level = levels[s, i] + between * (levels[s + 1, i] - levels[s, i])
        signal[i] = level + rise[i] * step
        sigma[i] = sigmas[stage, i]
        if stage:
            past = np.float32(step) - switch[0, i]
            above = hook[0, i] * np.exp(-max(past, np.float32(0)) / hook[1, i])
            mean[i] = lines[stage, 0, i] + lines[stage, 1, i] * step + above
        else:
            lacking = compression * min(step / switch[0, i], np.float32(1))
            mean[i] = lines[0, 0, i] + lines[0, 1, i] * step * (1 - lacking)
