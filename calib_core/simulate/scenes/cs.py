"""Scans of the current source: a current on the chip charges every fourth row of a half for longer and longer.

The integration time is the position in the scan: from the first on by single steps, then by several at once. A
sample of a charged pixel is on the line of its gain stage, of which it goes through all three. Charge flows from a
dead time on, so that lines begin elsewhere than where there is none. What the runs were made of comes back from
:meth:`CurrentSource.truth_of`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from calib_core.detector import DetectorType
from calib_core.errors import BadParameter
from calib_core.params import knob
from calib_core.simulate.noise import key_of, normals
from calib_core.simulate.scan import Charged, ScanScene
from calib_core.simulate.scene import SceneRun
from calib_core.simulate.settings import Settings
from calib_core.simulate.truth import ModuleTruth
from calib_core.typed import parse_list

Array = npt.NDArray[Any]

#: In place of a gain stage in the keys of random numbers, for the first pattern of the first current.
SOURCE = 300
#: Runs of a current are counted by so many.
_RUNS = 16
#: Distinguishes the random numbers of a module.
_CURRENT = 50


@dataclass(frozen=True)
class CurrentTruth:
    """What the pixels of a module and memory cell do under a current, over the integration time.

    Attributes
    ----------
    slope, intercept : (stages, slow_scan, fast_scan) float32, ADU per step and ADU
        Of the line of each gain stage, at integration time 0.
    switch : (stages - 1, slow_scan, fast_scan) float32, steps
        Where a pixel takes the next stage.
    """

    slope: Array
    intercept: Array
    switch: Array

    @property
    def ratio(self) -> Array:
        """Slope of medium gain in units of that of low gain, (slow_scan, fast_scan)."""
        return np.asarray(self.slope[1] / self.slope[2])


class CurrentSource(ScanScene):
    """A scan for each current and each pattern of charged pixels."""

    word: ClassVar[str] = "cs"
    title: ClassVar[str] = "scans of the current source, one run for each current and pattern of charged pixels"
    injection: ClassVar[str] = "current"
    injection_title: ClassVar[str] = "current source"
    first_key: ClassVar[int] = SOURCE

    currents: str = knob("80,150", help="Currents in the order of recording, with commas between")
    charge: float = knob(0.17, ge=0.0001, le=100, unit="keV",
                         help="Charge that a current of 1 gives in a step of integration time")
    current_spread: float = knob(0.03, ge=0, le=0.2, help="Spread of this charge between pixels, in units of it")
    dead_time: float = knob(1.5, ge=0, le=100, unit="steps", help="Integration time before charge flows")
    first_time: int = knob(3, ge=0, le=1000, unit="steps", help="First integration time")
    single_steps: int = knob(200, ge=1, le=10000, help="Trains whose integration time grows by a single step each")
    spacing: int = knob(10, ge=1, le=1000, unit="steps", help="By how much it grows with each train after them")

    def check(self, settings: Settings) -> None:
        """Raise BadParameter where scans cannot be made, or currents are none."""
        super().check(settings)
        if not self.in_order or min(self.in_order) <= 0:
            raise BadParameter(f"currents = {self.currents!r} is not allowed; it takes numbers above 0 with commas "
                               "between.")

    @property
    def in_order(self) -> tuple[float, ...]:
        """Currents in the order of recording."""
        return parse_list(self.currents, "currents")

    def runs(self, settings: Settings) -> tuple[SceneRun, ...]:
        """A run for each current and pattern, in the order of recording."""
        return tuple(
            SceneRun(f"{self.word}{number}_{one}", (part,), part, None, {"charged": one, "current": current})
            for number, current in enumerate(self.in_order) for one in self.recorded(settings.detector)
            for part in (SOURCE + _RUNS * number + one,))

    def pattern_of(self, kind: DetectorType, part: int) -> int:
        """Pattern that a run charges."""
        return (part - SOURCE) % _RUNS

    def position(self, index: int) -> int:
        """Integration time of a step of the scan."""
        return self.first_time + min(index, self.single_steps) + self.spacing * max(index - self.single_steps, 0)

    def truth_of(self, truth: ModuleTruth, current: float, cell: int) -> CurrentTruth:
        """What the pixels of a memory cell do.

        Parameters
        ----------
        truth : ModuleTruth
        current : float
        cell : int
        """
        key = key_of(truth.settings.seed, truth.module, SOURCE, _CURRENT)
        spreads = np.clip(normals(key, *truth.detector.shape), -2, 2)
        charge = np.asarray(self.charge * current * (1 + self.current_spread * spreads), np.float32)
        stages = range(len(truth.detector.stages))
        slope = np.array([truth.gain(stage, cell) * charge for stage in stages], np.float32)
        begin = np.array([truth.offset(stage, cell) - truth.above_line(stage) for stage in stages], np.float32)
        switch = [truth.switch_charge(stage, cell) * self.switch_scale / charge + self.dead_time
                  for stage in stages[:-1]]
        return CurrentTruth(slope, begin - slope * np.float32(self.dead_time), np.array(switch, np.float32))

    def charged(self, truth: ModuleTruth, part: int, cell: int) -> Charged:
        """What the pixels of a memory cell do under the current of a run."""
        own, pixels = self.truth_of(truth, self.in_order[(part - SOURCE) // _RUNS], cell), truth.detector.pixels
        stages = len(own.slope)
        lines = np.stack([own.intercept, own.slope], axis=1).reshape(stages, 2, pixels)
        hook = np.ones((2, pixels), np.float32)
        hook[0] = 0
        return Charged(lines, own.switch.reshape(stages - 1, pixels), hook)


SCENE = CurrentSource
