"""One run with light: photons make charge, which a pixel converts in the gain stage that it takes for it.

A sample is baseline + gain · charge + noise, all of its gain stage, cut at 0 and at the largest code; the baseline is
the offset, but where that of a dark with a forced stage is another. No signal is lost or added where a pixel changes
its stage. What the runs were made of comes back from :meth:`Photons.truth_of`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from calib_core.detector import DetectorType
from calib_core.params import knob
from calib_core.simulate.common_mode import frame_key
from calib_core.simulate.frames import Frame
from calib_core.simulate.light import poisson_numbers, shared_photons
from calib_core.simulate.lit_scene import LitScene
from calib_core.simulate.noise import key_of, uniforms
from calib_core.simulate.scene import SceneRun
from calib_core.simulate.settings import Settings

Array = npt.NDArray[Any]

#: In place of a gain stage in the keys of random numbers; no type has so many.
SOURCE = 100
#: Distinguish the random numbers of a frame; those between are of what pixels make of it.
_PHOTONS, _PLACES, _SHIFT = 30, 31, 34
#: Distinguishes the energies of a train's pulses from all else that is drawn.
_ENERGY = 39
#: Pulses of a train for which a monitor has room, and the spread of their energies.
_MOST_PULSES, _JITTER = 1000, 0.1
#: Decades of the mean along the ramp.
_DECADES = 4
_RINGS = 8


class Photons(LitScene):
    """One run in the gain mode in which each pixel takes the stage that its charge asks for."""

    word: ClassVar[str] = "photons"
    title: ClassVar[str] = "with light, one run in which the gain stage follows the signal"
    key: ClassVar[int] = SOURCE

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

    xgm_energy: float = knob(0.0, ge=0, le=1e5, unit="µJ", help="Mean energy of a pulse, which an X-ray gas monitor "
                             "records beside the detector; none unless given. The light does not follow it")
    xgm_pulses: int = knob(0, ge=0, le=1000, help="Pulses of a train that the monitor has; as many as the detector "
                                                  "has frames unless given")

    def check(self, settings: Settings) -> None:
        """Raise BadParameter where the type has no conversion, or a setting belongs to darks or to larger pixels."""
        self.check_light(settings, "charge_cloud")

    def runs(self, settings: Settings) -> tuple[SceneRun, ...]:
        """The one run; in parallel gain each train holds the frames of all gain stages."""
        stages = len(settings.detector.stages) if settings.parallel_gain else 1
        return (SceneRun(self.word, tuple(range(SOURCE, SOURCE + stages)), SOURCE, None),)

    def devices(self, settings: Settings, trains: Array, slots: Array) -> Mapping[str, Mapping[str, Array]]:
        """Energies of pulses, as a monitor records them: 10 % of jitter, and ones behind the last pulse."""
        if not self.xgm_energy:
            return {}
        pulses = self.xgm_pulses or min(len(slots), _MOST_PULSES)
        found = np.ones((len(trains), _MOST_PULSES), np.float32)
        for row, train in zip(found, trains.tolist(), strict=True):
            u, v = uniforms(key_of(settings.seed, train, _ENERGY), 2 * pulses).reshape(2, -1)
            normal = np.sqrt(-2 * np.log1p(-u)) * np.cos(2 * np.pi * v)
            row[:pulses] = self.xgm_energy * np.maximum(1 + _JITTER * normal, 0.01)
        return {f"{settings.instrument}_XTD_XGM/DOOCS/MAIN:output": {"data.intensityTD": found}}

    def mean(self, detector: DetectorType) -> npt.NDArray[np.float64]:
        """Mean number of photons in a frame, (slow_scan, fast_scan), the same in all modules.

        Parameters
        ----------
        detector : DetectorType
        """
        return self.photons * _PATTERNS[self.pattern](*detector.shape)

    def mean_of(self, settings: Settings, module: int) -> npt.NDArray[np.float64]:
        """Mean number of photons in a frame of a module, (slow_scan, fast_scan)."""
        return self.mean(settings.detector)

    def charge(self, settings: Settings, module: int, frame: Frame, mean: Array) -> npt.NDArray[np.float32]:
        """Charge in each pixel, (slow_scan, fast_scan) float32, keV, after sharing."""
        key = partial(frame_key, (settings.seed, module, self.key), frame=frame)
        photons, cloud = poisson_numbers(mean, key(what=_PHOTONS)), self.in_pixels("charge_cloud", settings.detector)
        shared = shared_photons(photons, cloud, key(what=_PLACES)) if cloud else photons
        return (shared * self.photon_energy).astype(np.float32)

    def shift_of(self, settings: Settings, module: int, train: int, cell: int, repeat: int = 0) -> float:
        """Shift of the baseline of a frame."""
        key = frame_key((settings.seed, module, SOURCE), _SHIFT, (train, cell, repeat))
        return self.baseline_shift * float(uniforms(key, 1)[0])


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


SCENE = Photons
