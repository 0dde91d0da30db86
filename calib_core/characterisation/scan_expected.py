"""Which errors a scan of two gain stages allows, said before it is fitted by what its runs show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from calib_core.characterisation.inputs import RunFacts
from calib_core.detector.injection import UsualScan

#: A course is a line up to the switch where no sample is so far from it, in units of its range.
_STRAIGHT = 0.1
_LEAST_SAMPLES = 3


@dataclass(frozen=True)
class Seen:
    """What frames of runs show of high gain and where it ends.

    Attributes
    ----------
    slope : float, ADU per step
    last_high, first_medium : float, steps
        The frames between which pixels switch.
    """

    slope: float
    last_high: float
    first_medium: float


@dataclass(frozen=True)
class Expected:
    """What a scan will be like as far as it is known: its steps, where pixels switch, and who says so.

    Attributes
    ----------
    steps : int
    switch : float, steps
    slope : float, ADU per step
    told : str
        Where pixels switch, in words.
    """

    steps: int
    switch: float
    slope: float
    told: str


def seen_switch(course: Sequence[tuple[int, float]]) -> Seen | None:
    """Where charged pixels switch by a few frames of a run.

    Parameters
    ----------
    course : sequence of (int, float)
        Trains after the first, ascending, and the signal of charged lines above that of others, ADU.

    Returns
    -------
    Seen or None
        None where the signal does not rise in a line from the first train on and then fall.
    """
    if len(course) <= _LEAST_SAMPLES:
        return None
    steps, signal = np.array(course, float).T
    at, span = int(np.argmin(np.diff(signal))), float(np.ptp(signal))
    before = slice(0, at + 1)
    if at + 1 < _LEAST_SAMPLES or signal[at] - signal[at + 1] < span / 2 or (np.diff(signal[before]) <= 0).any():
        return None
    slope, begin = np.polyfit(steps[before], signal[before], 1)
    apart = np.abs(signal[before] - slope * steps[before] - begin).max()
    return None if apart > _STRAIGHT * span else Seen(float(slope), float(steps[at]), float(steps[at + 1]))


def expected(runs: Sequence[RunFacts], usual: UsualScan, most_steps: int) -> Expected:
    """What the scans of runs will be like, each run being one scan.

    Parameters
    ----------
    runs : sequence of RunFacts
        With their evidence of scans, at least one.
    usual : UsualScan
        What is taken where frames show no switch.
    most_steps : int
        That are used of each run.
    """
    scans = [run.scan for run in runs if run.scan is not None]
    steps = min(most_steps, *(one.last_train - one.first_train + 1 for one in scans))
    seen = [one for one in (seen_switch(scan.course) for scan in scans) if one is not None]
    if not seen:
        return Expected(steps, usual.switch, usual.slope,
                        f"for a switch at step {usual.switch:g} as usual, since the frames that were looked at show "
                        "none")
    low, high = (float(np.median([getattr(one, name) for one in seen])) for name in ("last_high", "first_medium"))
    return Expected(steps, (low + high) / 2, float(np.median([one.slope for one in seen])),
                    f"for a switch between steps {low:.0f} and {high:.0f}, by frames of the runs")
