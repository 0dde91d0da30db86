"""One run with light: photons make charge, which a pixel converts in the gain stage that it takes for it.

A sample is baseline + gain · charge + noise, all of its gain stage, cut at 0 and at the largest code; the baseline is
the offset, but where that of a dark with a forced stage is another. No signal is lost or added where a pixel changes
its stage. What the runs were made of comes back from :meth:`Photons.truth_of`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from calib_core.detector import DetectorType
from calib_core.errors import BadParameter
from calib_core.numerics.kernels import njit
from calib_core.params import knob
from calib_core.simulate.common_mode import frame_key
from calib_core.simulate.frames import Frame, FrameSource, working
from calib_core.simulate.light import LARGEST_CLOUD, poisson_numbers, shared_photons
from calib_core.simulate.noise import fill_frame, uniforms
from calib_core.simulate.scene import Scene, SceneRun
from calib_core.simulate.settings import Settings, simulated
from calib_core.simulate.truth import ModuleTruth

Array = npt.NDArray[Any]

#: In place of a gain stage in the keys of random numbers; no type has so many.
SOURCE = 100
#: Distinguish the random numbers of a frame.
_PHOTONS, _PLACES, _ADC, _SIGNAL, _SHIFT = range(30, 35)
#: Settings that darks alone have.
_OF_DARKS = ("fixed_gain", "parallel_gain", "swap_runs", "cosmic_rate", "blinking_share")
#: Decades of the mean along the ramp.
_DECADES = 4
_RINGS = 8


class Photons(Scene):
    """One run in the gain mode in which each pixel takes the stage that its charge asks for."""

    word: ClassVar[str] = "photons"
    title: ClassVar[str] = "with light, one run in which the gain stage follows the signal"

    photon_energy: float = knob(9.2, ge=0.1, le=100, unit="keV", help="Energy of a photon")
    photons: float = knob(10000.0, ge=0, le=1e6, help="Mean photons of a frame in the brightest pixels")
    pattern: Literal["ramp", "flat", "spot", "rings"] = knob(
        "ramp", help="How the mean goes over a module: over four decades along fast scan, the same everywhere, a "
                     "round spot, or rings")
    charge_cloud: float = knob(0.0, ge=0, le=100, unit="µm",
                               help="Standard deviation of a photon's charge, shared with the pixels around")
    baseline_shift: float = knob(0.0, ge=-1000, le=1000, unit="ADU",
                                 help="Largest shift of all pixels of a frame, in ADU of the first gain stage; each "
                                      "frame has from none to all of it")

    def check(self, settings: Settings) -> None:
        """Raise BadParameter where the type has no conversion, or a setting belongs to darks or to larger pixels."""
        kind = settings.detector
        if not settings.levels.gain:
            raise BadParameter(f"kind = {self.word} is not allowed; {kind.title} is simulated in the dark only, as "
                               "its gain is not declared.")
        for name in _OF_DARKS:
            if value := getattr(settings, name):
                raise BadParameter(f"{name} = {value} is not allowed in runs with light; it is of darks.")
        if self._cloud(kind) > LARGEST_CLOUD:
            most = LARGEST_CLOUD * simulated(kind).hardware.pixel_size
            raise BadParameter(f"charge_cloud = {self.charge_cloud:g} is not allowed; it takes 0 to {most:g} µm for "
                               f"the pixels of {kind.title}.")

    def runs(self, settings: Settings) -> tuple[SceneRun, ...]:
        """The one run."""
        return (SceneRun(self.word, (SOURCE,), SOURCE, None),)

    def source(self, settings: Settings, truth: ModuleTruth, part: int, cells: Array) -> FrameSource:
        """Frames with light."""
        return PhotonSource(self, settings, truth, part, cells)

    def mean(self, detector: DetectorType) -> npt.NDArray[np.float64]:
        """Mean number of photons in a frame, (slow_scan, fast_scan), the same in all modules.

        Parameters
        ----------
        detector : DetectorType
        """
        return self.photons * _PATTERNS[self.pattern](*detector.shape)

    def truth_of(
        self, settings: Settings, module: int, train: int, cell: int, repeat: int = 0,
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
        """Charge in each pixel and the gain stage that it takes for it, whatever was written.

        Parameters
        ----------
        settings : Settings
        module, train, cell : int
        repeat : int
            Counts the frames of one memory cell within a train from 0.

        Returns
        -------
        charge : (slow_scan, fast_scan) float32
            keV, after sharing.
        stage : (slow_scan, fast_scan) uint8
            Number of the gain stage; also of pixels that are dead.
        """
        mean, limits = self.mean(settings.detector), _limits(ModuleTruth(settings, module), cell)
        return self.charge_of(settings, module, (train, cell, repeat), mean, limits)

    def charge_of(
        self, settings: Settings, module: int, frame: Frame, mean: Array, limits: Array,
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
        """As :meth:`truth_of`, with what all frames of a memory cell share.

        Parameters
        ----------
        settings : Settings
        module : int
        frame : Frame
        mean : (slow_scan, fast_scan) float64
            From :meth:`mean`.
        limits : (stages - 1, slow_scan, fast_scan) float32
            Charge above which a pixel takes the next stage, keV.
        """
        key = partial(frame_key, (settings.seed, module, SOURCE), frame=frame)
        photons, cloud = poisson_numbers(mean, key(what=_PHOTONS)), self._cloud(settings.detector)
        shared = shared_photons(photons, cloud, key(what=_PLACES)) if cloud else photons
        charge = (shared * self.photon_energy).astype(np.float32)
        return charge, (charge > limits).sum(axis=0, dtype=np.uint8)

    def shift_of(self, settings: Settings, module: int, train: int, cell: int, repeat: int = 0) -> float:
        """Shift of the baseline of a frame, in ADU of the first gain stage; of others it is worth as much charge.

        Parameters
        ----------
        settings : Settings
        module, train, cell : int
        repeat : int
            Counts the frames of one memory cell within a train from 0.
        """
        key = frame_key((settings.seed, module, SOURCE), _SHIFT, (train, cell, repeat))
        return self.baseline_shift * float(uniforms(key, 1)[0])

    def _cloud(self, detector: DetectorType) -> float:
        """Standard deviation of the charge in units of the pixel."""
        if not self.charge_cloud:
            return 0.0
        size = simulated(detector).hardware.pixel_size
        return self.charge_cloud / size if size else math.inf


class PhotonSource(FrameSource):
    """Makes the raw frames of one module with light."""

    def __init__(self, scene: Photons, settings: Settings, truth: ModuleTruth, part: int, cells: Array) -> None:
        super().__init__(settings, truth, part, cells)
        self._scene, self._module, self._mean = scene, truth.module, scene.mean(truth.detector)
        self._offset = [working(_stages(truth.baseline, truth, cell), truth.dead) for cell in self.cells.tolist()]
        stages = range(len(self.detector.stages))
        # once where memory cells do not differ
        of_gain = self.cells.tolist() if truth.levels.gain_of_cells else self.cells.tolist()[:1]
        self._gain = [np.array(_stages(truth.gain, truth, cell)) for cell in of_gain]
        self._limits = [_limits(truth, cell) for cell in of_gain]
        self._sigma = np.array([truth.sigma(stage) for stage in stages])
        self._signal: list[Array] = []
        if self.detector.signal_plane is not None:
            maps = (_stages(truth.gain_signal, truth, cell) for cell in self.cells.tolist())
            self._signal = [working(one, truth.dead) for one in maps]
            self._signal_sigma = np.array([truth.gain_signal_sigma(stage) for stage in stages])
        self._codes = np.array([stage.code for stage in self.detector.stages], np.uint8)

    def fill(self, planes: Array, gain: Array | None, frame: Frame, place: float) -> None:
        """Charge, gain stage, and what the converter makes of them."""
        index, top, scene = self.index(frame), self.detector.saturation, self._scene
        of_gain = index % len(self._gain)
        charge, stage = scene.charge_of(self.settings, self._module, frame, self._mean, self._limits[of_gain])
        shift = scene.shift_of(self.settings, self._module, *frame)
        mean, sigma = _converted(charge, stage, self._offset[index], self._gain[of_gain], self._sigma, shift)
        common, map_ = self.shifts(frame)
        mean, common = mean if map_ is None else mean + map_, self.settings.drift * place + common
        fill_frame(planes[0], mean, sigma, common, top, frame_key(self.key, _ADC, frame))
        if self._signal:
            self._fill_signal(planes[self.detector.signal_plane], stage, frame)
        if gain is not None:
            gain[...] = self._codes[stage]
            self._spoil(gain, stage, frame)
        self.add_signals(planes[0], frame)

    def _fill_signal(self, plane: Array, stage: Array, frame: Frame) -> None:
        """The gain signal has the level of the stage."""
        mean, sigma = (_taken(maps, stage) for maps in (self._signal[self.index(frame)], self._signal_sigma))
        fill_frame(plane, mean, sigma, 0.0, self.detector.saturation, frame_key(self.key, _SIGNAL, frame))

    def _spoil(self, gain: Array, stage: Array, frame: Frame) -> None:
        """Bits of the next stage beside the sample of the true one."""
        if self.wrong.size:
            pixels = self.wrong[self.wrong_now(frame)]
            gain.reshape(-1)[pixels] = self._codes[(stage.reshape(-1)[pixels] + 1) % len(self._codes)]


def _stages(make: Callable[[int, int], Array], truth: ModuleTruth, cell: int) -> list[Array]:
    """Maps of all gain stages for a memory cell."""
    return [make(stage, cell) for stage, _ in enumerate(truth.detector.stages)]


def _limits(truth: ModuleTruth, cell: int) -> Array:
    found = [truth.switch_charge(stage, cell) for stage in range(len(truth.detector.stages) - 1)]
    return np.array(found, np.float32).reshape(-1, *truth.detector.shape)


def _taken(maps: Array, stage: Array) -> Array:
    """Of maps of all stages, in each pixel the value of its stage."""
    return np.ascontiguousarray(np.take_along_axis(maps, stage[np.newaxis].astype(np.intp), axis=0)[0], np.float32)


def _centred(slow: int, fast: int) -> Array:
    """Distance from the middle in units of half of the longer side."""
    row, column = np.arange(slow) - (slow - 1) / 2, np.arange(fast) - (fast - 1) / 2
    return np.asarray(np.hypot(row[:, np.newaxis], column) / (max(slow, fast) / 2))


def _ramp(slow: int, fast: int) -> Array:
    column = 10.0 ** np.linspace(-_DECADES, 0, fast)
    return np.broadcast_to(column, (slow, fast))


_PATTERNS: dict[str, Callable[[int, int], Array]] = {
    "ramp": _ramp,
    "flat": lambda slow, fast: np.ones((slow, fast)),
    "spot": lambda slow, fast: np.exp(-((_centred(slow, fast) / 0.2) ** 2) / 2),
    "rings": lambda slow, fast: (1 + np.cos(2 * np.pi * _RINGS * _centred(slow, fast))) / 2,
}


def _converted(
    charge: Array, stage: Array, offset: Array, gain: Array, sigma: Array, shift: float,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Mean and noise of each sample by its charge and gain stage; maps come stage by stage."""
    mean, deviation = np.empty_like(charge), np.empty_like(charge)
    maps = (np.ascontiguousarray(one, np.float32).reshape(len(one), -1) for one in (offset, gain, sigma))
    _convert(charge.reshape(-1), stage.reshape(-1), *maps, np.float32(shift), mean.reshape(-1), deviation.reshape(-1))
    return mean, deviation


@njit(nogil=True, cache=True)
def _convert(charge, stage, offset, gain, sigma, shift, mean, deviation):  # type: ignore[no-untyped-def]
    """Kernel of :func:`_converted`: flat arrays; a shift is worth as much charge in every stage."""
    for i in range(charge.size):
        s = stage[i]
        mean[i] = offset[s, i] + gain[s, i] * (charge[i] + shift / gain[0, i])
        deviation[i] = sigma[s, i]


SCENE = Photons
