"""Runs with light: photons make charge, which a pixel converts in the gain stage that it takes for it.

A sample is baseline + gain · charge + noise, all of its gain stage, cut at 0 and at the largest code; the baseline is
the offset, but where that of a dark with a forced stage is another. No signal is lost or added where a pixel changes
its stage.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from calib_core.detector import DetectorType
from calib_core.errors import BadParameter
from calib_core.numerics.kernels import njit
from calib_core.simulate.common_mode import frame_key
from calib_core.simulate.frames import Frame, FrameSource, working
from calib_core.simulate.light import LARGEST_CLOUD
from calib_core.simulate.noise import fill_frame
from calib_core.simulate.scene import Scene
from calib_core.simulate.settings import Settings, simulated
from calib_core.simulate.truth import ModuleTruth

Array = npt.NDArray[Any]

#: Distinguish the random numbers of a frame.
_ADC, _SIGNAL = 32, 33
#: Settings that darks alone have.
_OF_DARKS = ("fixed_gain", "swap_runs", "cosmic_rate", "blinking_share")


class LitScene(Scene):
    """Runs whose charge in each pixel and frame is known.

    Attributes
    ----------
    key : int
        In place of a gain stage in the keys of random numbers.
    """

    key: ClassVar[int]

    @abstractmethod
    def mean_of(self, settings: Settings, module: int) -> npt.NDArray[np.float64]:
        """Mean number of photons in a frame of a module.

        Parameters
        ----------
        settings : Settings
        module : int

        Returns
        -------
        (slow_scan, fast_scan) float64
        """

    @abstractmethod
    def charge(self, settings: Settings, module: int, frame: Frame, mean: Array) -> npt.NDArray[np.float32]:
        """Charge in each pixel of a frame.

        Parameters
        ----------
        settings : Settings
        module : int
        frame : Frame
        mean : (slow_scan, fast_scan) float64
            From :meth:`mean_of`.

        Returns
        -------
        (slow_scan, fast_scan) float32
            keV, after sharing.
        """

    def shift_of(self, settings: Settings, module: int, train: int, cell: int, repeat: int = 0) -> float:
        """Shift of the baseline of a frame, in ADU of the first gain stage; of others it is worth as much charge.

        Parameters
        ----------
        settings : Settings
        module, train, cell : int
        repeat : int
            Counts the frames of one memory cell within a train from 0.
        """
        return 0.0

    def source(self, settings: Settings, truth: ModuleTruth, part: int, cells: Array) -> FrameSource:
        """Frames with light, in parallel gain of one gain stage."""
        return LitSource(self, settings, truth, part, cells)

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
        mean, limits = self.mean_of(settings, module), _limits(ModuleTruth(settings, module), cell)
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
            From :meth:`mean_of`.
        limits : (stages - 1, slow_scan, fast_scan) float32
            Charge above which a pixel takes the next stage, keV.
        """
        charge = self.charge(settings, module, frame, mean)
        return charge, (charge > limits).sum(axis=0, dtype=np.uint8)

    def check_light(self, settings: Settings, cloud: str) -> None:
        """Refuse settings without light.

        Parameters
        ----------
        settings : Settings
        cloud : str
            Name of the parameter with the standard deviation of a photon's charge, µm.

        Raises
        ------
        BadParameter
            The type has no conversion, or a setting belongs to darks or to larger pixels.
        """
        kind = settings.detector
        if not settings.levels.gain:
            raise BadParameter(f"kind = {self.word} is not allowed; {kind.title} is simulated in the dark only, as "
                               "its gain is not declared.")
        for name in _OF_DARKS:
            if value := getattr(settings, name):
                raise BadParameter(f"{name} = {value} is not allowed in runs with light; it is of darks.")
        if self.in_pixels(cloud, kind) > LARGEST_CLOUD:
            most = LARGEST_CLOUD * simulated(kind).hardware.pixel_size
            raise BadParameter(f"{cloud} = {self.value(cloud):g} is not allowed; it takes 0 to {most:g} µm for "
                               f"the pixels of {kind.title}.")

    def in_pixels(self, cloud: str, detector: DetectorType) -> float:
        """Standard deviation of a photon's charge in units of the pixel.

        Parameters
        ----------
        cloud : str
            Name of the parameter that has it in µm.
        detector : DetectorType
        """
        wide, size = float(self.value(cloud)), simulated(detector).hardware.pixel_size
        return 0.0 if not wide else wide / size if size else math.inf


class LitSource(FrameSource):
    """Makes the raw frames of one module with light."""

    def __init__(self, scene: LitScene, settings: Settings, truth: ModuleTruth, part: int, cells: Array) -> None:
        super().__init__(settings, truth, part, cells)
        self._scene, self._module, self._mean = scene, truth.module, scene.mean_of(settings, truth.module)
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
        self._only = part - scene.key if settings.parallel_gain else None

    def fill(self, planes: Array, gain: Array | None, frame: Frame, place: float) -> None:
        """Charge, gain stage, and what the converter makes of them."""
        index, top, scene = self.index(frame), self.detector.saturation, self._scene
        of_gain = index % len(self._gain)
        charge, stage = scene.charge_of(self.settings, self._module, frame, self._mean, self._limits[of_gain])
        if self._only is not None:
            stage = np.full_like(stage, self._only)
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
    """Charge above which pixels take the next stage, (stages - 1, slow_scan, fast_scan) float32, keV."""
    limits = [truth.switch_charge(stage, cell) for stage in range(len(truth.detector.stages) - 1)]
    return np.array(limits, np.float32).reshape(-1, *truth.detector.shape)


def _taken(maps: Array, stage: Array) -> Array:
    """Of maps of all stages, in each pixel the value of its stage."""
    return np.ascontiguousarray(np.take_along_axis(maps, stage[np.newaxis].astype(np.intp), axis=0)[0], np.float32)


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
