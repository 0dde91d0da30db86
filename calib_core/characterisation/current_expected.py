"""Which errors scans through three gain stages allow, said before they are fitted by what their frames show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, product

import numpy as np

from calib_core.axes import Array
from calib_core.numerics.scan_errors import slope_error

#: Least frames of high gain, and of each later stage: those of high gain are few where a current is large.
_LEAST = (2, 3, 3)
#: Lines are those of three stages where no frame is so far off them, in units of the range of the signal.
_STRAIGHT = 0.05
#: Part of that distance of which nothing is told.
_SMALL = 0.02


@dataclass(frozen=True)
class SeenStages:
    """What frames of a scan show of its gain stages.

    Attributes
    ----------
    slope : (3,) float64, ADU per step
        Of high, medium and low gain.
    switch : ((float, float), (float, float)), steps
        Frames between which pixels take the next stage.
    """

    slope: Array
    switch: tuple[tuple[float, float], tuple[float, float]]

    @property
    def ends(self) -> tuple[float, float]:
        """Where the stages end, as the middle between two frames, steps."""
        (first, second), (third, fourth) = self.switch
        return (first + second) / 2, (third + fourth) / 2


def seen_stages(x: Array, signal: Array) -> SeenStages | None:
    """Slopes and switches of a scan by a few of its frames: three rising lines, each flatter and lower than the last.

    At each switch a frame may be left out, in which some pixels have switched and others not.

    Parameters
    ----------
    x : (n,) array, steps
        Ascending.
    signal : (n,) float64, ADU
        Of charged lines above the others.

    Returns
    -------
    SeenStages or None
        None where there are no three such lines.
    """
    x, first = np.unique(x, return_index=True)
    signal = signal[first]
    most = _STRAIGHT * float(np.ptp(signal)) if len(x) else 0.0
    least, best = np.inf, None
    for cuts in combinations(range(_LEAST[0], len(x) - _LEAST[2] + 1), 2):
        for left in product((0, 1), repeat=2):
            parts = (slice(0, cuts[0]), slice(cuts[0] + left[0], cuts[1]), slice(cuts[1] + left[1], None))
            enough = all(len(x[part]) >= number for part, number in zip(parts, _LEAST, strict=True))
            off, found = _in_three(x, signal, parts) if enough else (np.inf, None)
            # a frame is left out where all others are twice as near to their lines without it
            worth = (off + _SMALL * most) * 2 ** sum(left)
            if off < most and worth < least:
                least, best = worth, found
    return best


@lru_cache(256)
def seen_of(course: tuple[tuple[int, float], ...]) -> SeenStages | None:
    """As :func:`seen_stages`, of pairs of a step and a signal; kept, since a form asks at each change of a value.

    Parameters
    ----------
    course : tuple of (int, float)
    """
    steps, signal = np.array(course, float).reshape(-1, 2).T
    return seen_stages(steps, signal)


def _in_three(x: Array, signal: Array, parts: tuple[slice, slice, slice]) -> tuple[float, SeenStages]:
    """How far frames are off three lines at most, infinite where these are no gain stages, and what they say."""
    lines = [_line(x[part], signal[part]) for part in parts]
    slopes = np.array([slope for slope, _ in lines])
    off = max(float(np.abs(signal[part] - slope * x[part] - begin).max())
              for part, (slope, begin) in zip(parts, lines, strict=True))
    first = [part.start for part in parts[1:]]
    falls = all(slope * x[at] + begin > signal[at] for at, (slope, begin) in zip(first, lines, strict=False))
    steps = [(float(x[part.stop - 1]), float(x[at])) for part, at in zip(parts, first, strict=False)]
    is_one = falls and slopes[2] > 0 and bool((np.diff(slopes) < 0).all())
    return off if is_one else np.inf, SeenStages(slopes, (steps[0], steps[1]))


def _line(x: Array, y: Array) -> tuple[float, float]:
    """Slope and intercept of the line of least squares."""
    centre = x - x.mean()
    slope = float(centre @ y / (centre @ centre))
    return slope, float(y.mean() - slope * x.mean())


@dataclass(frozen=True)
class StageErrors:
    """Standard errors of one pixel and memory cell, each in units of its value; NaN where samples are too few.

    Attributes
    ----------
    slope : (3,) float64
        Of the slopes of high, medium and low gain.
    samples : (3,) int64
        That the lines are fitted to.
    """

    slope: Array
    samples: Array

    @property
    def ratio(self) -> float:
        """Of the slope of medium gain over that of low gain."""
        return float(np.hypot(*self.slope[1:]))


def stage_errors(x: Array, seen: SeenStages, noise: Sequence[float], trim: float, least: int) -> StageErrors:
    """Errors that a scan allows.

    Parameters
    ----------
    x : (s,) int32, steps
        Positions of its samples.
    seen : SeenStages
    noise : sequence of float, ADU
        Of a sample of each stage.
    trim : float
        Part of the samples of a stage that is left out at either end.
    least : int
        Samples that a line takes.
    """
    edges = np.searchsorted(x, seen.ends)
    parts = [_middle(part, trim) for part in np.split(x, edges)]
    errors = [slope_error(part, of) / slope if len(part) >= least else np.nan
              for part, of, slope in zip(parts, noise, seen.slope, strict=True)]
    return StageErrors(np.array(errors), np.array([len(part) for part in parts]))


def _middle(part: Array, trim: float) -> Array:
    left = int(trim * len(part))
    return part[left:len(part) - left]


def sentence(errors: StageErrors, names: Sequence[str], least: int) -> str:
    """Errors in per cent, two digits each; what has none is named with its samples.

    Parameters
    ----------
    errors : StageErrors
    names : sequence of str
        Of the stages.
    least : int
        Samples that a line takes.
    """
    parts = [f"slope {name} ± {100 * error:.2g} %" if np.isfinite(error) else
             f"no slope {name} ({number} samples, it takes {least})"
             for name, error, number in zip(names, errors.slope, errors.samples, strict=True)]
    ratio = f"ratio M/L ± {100 * errors.ratio:.2g} %" if np.isfinite(errors.ratio) else "no ratio M/L"
    return f"{', '.join(parts)}, {ratio}"
