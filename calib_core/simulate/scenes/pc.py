"""Scans of the pulse capacitor: a source on the chip charges some columns a step more in each train of a run.

A sample of a charged pixel is on the line of high gain over the charge, a little below it before the pixel switches,
and on that of medium gain with a hook that dies away after it. The gain signal has the level of the stage, and
anything between both near the switch. What the runs were made of comes back from :meth:`PulseCapacitor.truth_of`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from calib_core.detector import DetectorType
from calib_core.errors import BadParameter
from calib_core.numerics.kernels import njit
from calib_core.params import knob
from calib_core.ranges import parse_ranges
from calib_core.simulate.common_mode import frame_key
from calib_core.simulate.frames import Frame, FrameSource, working
from calib_core.simulate.noise import DEAD_OFFSET, fill_frame, key_of, normals, uniforms, word_at
from calib_core.simulate.scene import Scene, SceneRun
from calib_core.simulate.settings import Settings
from calib_core.simulate.truth import ModuleTruth

Array = npt.NDArray[Any]

#: In place of a gain stage in the keys of random numbers, for the first pattern; no scene has so many parts.
SOURCE = 200
#: Distinguish the random numbers of a frame, and of a module.
_ADC, _SIGNAL, _NEAR, _LOST = range(40, 44)
_CAPACITOR, _HEIGHT, _LENGTH, _RISE = range(50, 54)
_HIGH, _MEDIUM = 0, 1
#: Settings that darks alone have.
_OF_DARKS = ("fixed_gain", "swap_runs", "cosmic_rate", "blinking_share", "outlier_share")
#: Hooks that would be shorter, in steps, or lower, in ADU, are cut there.
_SHORTEST, _LOWEST = 10.0, 0.0


@dataclass(frozen=True)
class CapacitorTruth:
    """What the pixels of a module and memory cell do when they are charged, each (slow_scan, fast_scan) float32.

    Attributes
    ----------
    slope_high, slope_medium : array, ADU per step
    intercept_high, intercept_medium : array, ADU
        Of the lines at step 0; the medium one is what is left of the hook far from the switch.
    hook_height, hook_length : array, ADU and steps
        Of the exponential that begins at the switch.
    switch : array, steps
        Where a pixel changes from high to medium gain.
    """

    slope_high: Array
    intercept_high: Array
    slope_medium: Array
    intercept_medium: Array
    hook_height: Array
    hook_length: Array
    switch: Array

    @property
    def ratio(self) -> Array:
        """Slope of high gain in units of that of medium gain."""
        return np.asarray(self.slope_high / self.slope_medium)


class PulseCapacitor(Scene):
    """A scan for each pattern of charged columns."""

    word: ClassVar[str] = "pc"
    title: ClassVar[str] = "scans of the pulse capacitor, one run for each pattern of charged columns"

    steps: int = knob(0, ge=0, le=100000, unit="steps", help="Steps of a scan, one a train; 0 takes all trains")
    phase: int = knob(0, ge=0, le=100000, unit="trains", help="Trains of each run before the first whole scan begins")
    step_charge: float = knob(4.17, ge=0.01, le=1000, unit="keV", help="Charge of a step")
    capacitor_spread: float = knob(0.026, ge=0, le=0.2, help="Spread of this charge between pixels, in units of it")
    switch_scale: float = knob(1.0, ge=0.01, le=10, help="Charge at which pixels switch, in units of that with light")
    compression: float = knob(0.0, ge=0, le=0.2, help="Share of the signal that is lacking just before the switch")
    hook_height: float = knob(120.0, ge=0, le=2000, unit="ADU", help="Mean height of the hook after the switch")
    hook_length: float = knob(45.0, ge=1, le=1000, unit="steps", help="Mean length of the hook")
    transition: int = knob(5, ge=0, le=100, unit="steps",
                           help="Steps before and after the switch in which both stages and codes between them occur")
    code_rise: float = knob(0.0, ge=0, le=10, unit="ADU", help="Most by which the gain signal rises with each step")
    lost_samples: float = knob(0.003, ge=0, le=0.5, help="Share of the samples that are 0")
    order: str = knob("", help="Patterns in the order of recording, such as 1,0,2-7; all unless given")
    charged_twice: int = knob(-1, ge=-1, le=63, help="Pattern that the run of the next one charges too; -1 for none")

    def check(self, settings: Settings) -> None:
        """Raise BadParameter where the type has no such source, or a setting belongs to darks."""
        kind = settings.detector
        if kind.injection is None or not settings.levels.switch:
            raise BadParameter(f"kind = {self.word} is not allowed; {kind.title} has no pulse capacitor.")
        for name in _OF_DARKS:
            if value := getattr(settings, name):
                raise BadParameter(f"{name} = {value} is not allowed in scans; it is of darks.")
        patterns = range(len(kind.injection.patterns))
        if strange := [one for one in self._order(kind) if one not in patterns]:
            raise BadParameter(f"order = {self.order!r} is not allowed; there is no pattern {strange[0]}, they are 0 "
                               f"to {patterns[-1]}.")

    def runs(self, settings: Settings) -> tuple[SceneRun, ...]:
        """A run for each pattern, in the order of recording."""
        return tuple(SceneRun(f"{self.word}{one}", (SOURCE + one,), SOURCE + one, None, {"pattern": one})
                     for one in self._order(settings.detector))

    def source(self, settings: Settings, truth: ModuleTruth, part: int, cells: Array) -> FrameSource:
        """Frames of the run of a pattern."""
        return ScanSource(self, settings, truth, part, cells)

    def length(self, settings: Settings) -> int:
        """Steps of a scan."""
        return self.steps or max(1, settings.trains - self.phase)

    def columns(self, kind: DetectorType, pattern: int) -> tuple[int, ...]:
        """Columns that the run of a pattern charges.

        Parameters
        ----------
        kind : DetectorType
        pattern : int
        """
        assert kind.injection is not None  # it was checked
        patterns = kind.injection.patterns
        twice = self.charged_twice if (self.charged_twice + 1) % len(patterns) == pattern else -1
        return tuple(sorted({*patterns[pattern], *(patterns[twice] if twice >= 0 else ())}))

    def truth_of(self, truth: ModuleTruth, cell: int) -> CapacitorTruth:
        """What the pixels of a memory cell do.

        Parameters
        ----------
        truth : ModuleTruth
        cell : int
        """
        key, shape = (truth.settings.seed, truth.module), truth.detector.shape

        def drawn(field: int, mean: float, spread: float) -> Array:
            spreads = np.clip(normals(key_of(*key, SOURCE, field), *shape), -2, 2)
            return np.asarray(mean + spread * spreads, np.float32)

        charge = self.step_charge * drawn(_CAPACITOR, 1.0, self.capacitor_spread)
        high, medium = (truth.gain(stage, cell) * charge for stage in (_HIGH, _MEDIUM))
        begin = [truth.offset(stage, cell) - truth.above_line(stage) for stage in (_HIGH, _MEDIUM)]
        return CapacitorTruth(
            high, begin[_HIGH], medium, begin[_MEDIUM],
            np.maximum(drawn(_HEIGHT, self.hook_height, self.hook_height / 3), _LOWEST),
            np.maximum(drawn(_LENGTH, self.hook_length, self.hook_length / 4.5), min(_SHORTEST, self.hook_length)),
            np.asarray(truth.switch_charge(_HIGH, cell) * self.switch_scale / charge))

    def rise(self, truth: ModuleTruth) -> Array:
        """By how much the gain signal of each pixel rises with a step, (slow_scan, fast_scan) float32, ADU."""
        pixels = uniforms(key_of(truth.settings.seed, truth.module, SOURCE, _RISE), truth.detector.pixels)
        return np.asarray(self.code_rise * pixels.reshape(truth.detector.shape), np.float32)

    def _order(self, kind: DetectorType) -> tuple[int, ...]:
        assert kind.injection is not None  # it was checked
        if not self.order:
            return tuple(range(len(kind.injection.patterns)))
        return tuple(one for first, last in parse_ranges(self.order) for one in range(first, last + 1))


class ScanSource(FrameSource):
    """Makes the raw frames of one module in the run of a pattern."""

    def __init__(
        self, scene: PulseCapacitor, settings: Settings, truth: ModuleTruth, part: int, cells: Array,
    ) -> None:
        super().__init__(settings, truth, part, cells)
        self._scene, self._length = scene, scene.length(settings)
        charged = np.zeros(truth.detector.shape, np.bool_)
        charged[:, scene.columns(truth.detector, part - SOURCE)] = True
        self._charged, self._dead = charged.reshape(-1), truth.dead.reshape(-1)
        every = self.cells.tolist()
        self._lines = [_flat(scene.truth_of(truth, cell)) for cell in every]
        self._offset = [working([truth.offset(_HIGH, cell)], truth.dead)[0] for cell in every]
        self._sigma = np.array([truth.sigma(stage).reshape(-1) for stage in (_HIGH, _MEDIUM)])
        levels = [[truth.gain_signal(stage, cell) for stage in (_HIGH, _MEDIUM)] for cell in every]
        self._signal = [working(one, truth.dead).reshape(2, -1) for one in levels]
        self._signal_sigma = np.ascontiguousarray(truth.gain_signal_sigma(_HIGH), np.float32)
        self._rise = scene.rise(truth).reshape(-1)

    def step(self, place: float) -> int:
        """Step of a train by its place in the run, -0.5 to 0.5."""
        train = round((place + 0.5) * (self.settings.trains - 1))
        return (train - self._scene.phase) % self._length

    def fill(self, planes: Array, gain: Array | None, frame: Frame, place: float) -> None:
        """Samples of charged pixels on their lines, those of the others in the dark."""
        index, step, top, scene = self.index(frame), self.step(place), self.detector.saturation, self._scene
        shape, plane = planes.shape[1:], self.detector.signal_plane
        mean, sigma, signal = (np.empty(shape, np.float32) for _ in range(3))
        key = frame_key(self.key, _NEAR, frame)
        _charge(step, self._charged, self._offset[index].reshape(-1), self._lines[index], self._sigma,
                self._signal[index], self._rise, np.float32(scene.compression), scene.transition, np.uint64(key),
                mean.reshape(-1), sigma.reshape(-1), signal.reshape(-1))
        mean.reshape(-1)[self._dead] = DEAD_OFFSET
        common, _ = self.shifts(frame)
        fill_frame(planes[0], mean, sigma, self.settings.drift * place + common, top,
                   frame_key(self.key, _ADC, frame))
        fill_frame(planes[plane], signal, self._signal_sigma, 0.0, top, frame_key(self.key, _SIGNAL, frame))
        if scene.lost_samples:
            lost = uniforms(frame_key(self.key, _LOST, frame), mean.size).reshape(shape) < scene.lost_samples
            planes[:, lost] = 0


def _flat(truth: CapacitorTruth) -> Array:
    """Lines, hook and switch of each pixel, (7, pixels) float32."""
    maps = (truth.intercept_high, truth.slope_high, truth.intercept_medium, truth.slope_medium, truth.hook_height,
            truth.hook_length, truth.switch)
    return np.array([one.reshape(-1) for one in maps], np.float32)


@njit(nogil=True, cache=True)
def _charge(step, charged, offset, lines, sigmas, levels, rise, compression, near, key, mean, sigma, signal):  # type: ignore[no-untyped-def]
    """Mean and noise of each pixel at a step, and mean of its gain signal; flat arrays."""
    for i in range(mean.size):
        mean[i], sigma[i], signal[i] = offset[i], sigmas[0, i], levels[0, i]
        if not charged[i]:
            continue
        switch = lines[6, i]
        past = np.float32(step) - switch
        medium = past > 0
        signal[i] = (levels[1, i] if medium else levels[0, i]) + rise[i] * step
        if abs(past) < near:
            word = word_at(key, np.uint64(i))
            medium = (word & np.uint64(0xFFFF)) < (past / near + 1) * 32768
            between = np.float32(word >> np.uint64(48)) / np.float32(65536)
            signal[i] = levels[0, i] + between * (levels[1, i] - levels[0, i]) + rise[i] * step
        if medium:
            hook = lines[4, i] * np.exp(-max(past, np.float32(0)) / lines[5, i])
            mean[i], sigma[i] = lines[2, i] + lines[3, i] * step + hook, sigmas[1, i]
        else:
            lacking = compression * min(step / switch, np.float32(1))
            mean[i] = lines[0, i] + lines[1, i] * step * (1 - lacking)


SCENE = PulseCapacitor
