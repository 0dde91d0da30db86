"""Scans of the pulse capacitor: a source on the chip charges some columns a step more in each train of a run.

A sample of a charged pixel is on the line of high gain over the charge, a little below it before the pixel switches,
and on that of medium gain with a hook that dies away after it. What the runs were made of comes back from
:meth:`PulseCapacitor.truth_of`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from calib_core.detector import DetectorType
from calib_core.params import knob
from calib_core.simulate.noise import key_of, normals
from calib_core.simulate.scan import Charged, ScanScene
from calib_core.simulate.scene import SceneRun
from calib_core.simulate.settings import Settings
from calib_core.simulate.truth import ModuleTruth

Array = npt.NDArray[Any]

#: In place of a gain stage in the keys of random numbers, for the first pattern; no scene has so many parts.
SOURCE = 200
#: Distinguish the random numbers of a module.
_CAPACITOR, _HEIGHT, _LENGTH = range(50, 53)
_HIGH, _MEDIUM = 0, 1
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


class PulseCapacitor(ScanScene):
    """A scan for each pattern of charged columns."""

    word: ClassVar[str] = "pc"
    title: ClassVar[str] = "scans of the pulse capacitor, one run for each pattern of charged columns"
    injection: ClassVar[str] = "capacitor"
    injection_title: ClassVar[str] = "pulse capacitor"
    first_key: ClassVar[int] = SOURCE

    step_charge: float = knob(4.17, ge=0.01, le=1000, unit="keV", help="Charge of a step")
    capacitor_spread: float = knob(0.026, ge=0, le=0.2, help="Spread of this charge between pixels, in units of it")
    compression: float = knob(0.0, ge=0, le=0.2, help="Share of the signal that is lacking just before the switch")
    hook_height: float = knob(120.0, ge=0, le=2000, unit="ADU", help="Mean height of the hook after the switch")
    hook_length: float = knob(45.0, ge=1, le=1000, unit="steps", help="Mean length of the hook")

    def runs(self, settings: Settings) -> tuple[SceneRun, ...]:
        """A run for each pattern, in the order of recording."""
        return tuple(SceneRun(f"{self.word}{one}", (SOURCE + one,), SOURCE + one, None, {"pattern": one})
                     for one in self.recorded(settings.detector))

    def pattern_of(self, kind: DetectorType, part: int) -> int:
        """Pattern that a run charges."""
        return part - SOURCE

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

    def charged(self, truth: ModuleTruth, part: int, cell: int) -> Charged:
        """What the pixels of a memory cell do, in all runs the same."""
        own = self.truth_of(truth, cell)
        lines = [[own.intercept_high, own.slope_high], [own.intercept_medium, own.slope_medium]]
        pixels = truth.detector.pixels
        return Charged(np.array(lines, np.float32).reshape(2, 2, pixels), own.switch.reshape(1, pixels),
                       np.array([own.hook_height, own.hook_length], np.float32).reshape(2, pixels), self.compression)


SCENE = PulseCapacitor
