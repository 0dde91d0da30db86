"""Rules by which darks flag pixels, each written once: for whole maps, and for the reasons of one pixel.

Rules look at maps of one module, memory cell and gain stage by name: ``offset``, ``noise``, ``samples`` and
``wrong_gain`` as the results are, ``deviation`` (noise from which nothing is subtracted), ``frames`` (one number:
frames of the run), ``tried`` (samples that could have been inside the gate) and ``chance`` (that one is not, by
chance or by what the ASIC has in common, 0 to 1).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import lru_cache
from math import erfc, inf, nan, sqrt

import numpy as np

from calib_core.axes import Array
from calib_core.characterisation.unit import Maps
from calib_core.constants.badpixels import BadPixels
from calib_core.detector import DetectorType
from calib_core.explanation import Reason, RuleText
from calib_core.numerics import limits
from calib_core.params import Limits

#: Rounding to whole ADU adds this variance, ADU².
ROUNDING_VARIANCE = 1 / 12
#: What raw samples prove; no correction takes it back.
PROOFS = BadPixels.NO_DARK_DATA | BadPixels.OFFSET_NOISE_EVAL_ERROR | BadPixels.DATA_STD_IS_ZERO
#: So it already spreads means by this much, ADU.
_SMALLEST_SPREAD = np.sqrt(ROUNDING_VARIANCE)


class Rule(ABC):
    """A rule of one gain stage; ``what`` and ``unit`` are those of the quantity that it is about."""

    flag: BadPixels
    needs: tuple[str, ...]
    what: str
    unit: str = ""
    limit: str
    alarms: str = "none"

    @property
    def text(self) -> RuleText:
        """The rule in words."""
        return RuleText(int(self.flag), self.what, self.limit, self.alarms)

    @abstractmethod
    def sets(self, maps: Maps) -> Array:
        """Where the flag is set.

        Parameters
        ----------
        maps : dict of (slow_scan, fast_scan) arrays
            With all that the rule needs.

        Returns
        -------
        (slow_scan, fast_scan) bool
        """

    @abstractmethod
    def reason(self, maps: Maps, row: int, col: int) -> Reason:
        """What the rule says of one pixel.

        Parameters
        ----------
        maps : dict of (slow_scan, fast_scan) arrays
            With all that the rule needs.
        row, col : int
        """

    def untold(self, missing: str, is_set: bool) -> Reason:
        """What can be said where something that the rule needs is not there.

        Parameters
        ----------
        missing : str
            Name of it.
        is_set : bool
            Whether the flag is set.
        """
        return self._reason(nan, is_set, untold(missing, is_set))

    def _at(self, maps: Maps, row: int, col: int) -> bool:
        """Whether the flag of one pixel is set, for rules that look at nothing but that pixel."""
        pixel = {name: maps[name][row : row + 1, col : col + 1] if maps[name].ndim else maps[name]
                 for name in self.needs}
        return bool(self.sets(pixel)[0, 0])

    def _reason(self, value: float, is_set: bool, words: str, low: float = -inf, high: float = inf,
                median: float = nan, sigmas: float = nan) -> Reason:
        return Reason(int(self.flag), self.what, value, self.unit, low, high, median, sigmas, is_set, words)


class NoData(Rule):
    """Not one sample is left."""

    flag = BadPixels.NO_DARK_DATA
    needs = ("samples",)
    what = "Samples"
    unit = "frames"
    limit = "at least one"

    def sets(self, maps: Maps) -> Array:
        """Where there are no samples."""
        return np.asarray(maps["samples"] == 0)

    def reason(self, maps: Maps, row: int, col: int) -> Reason:
        """How many samples there are."""
        value = float(maps["samples"][row, col])
        words = f"{value:.0f} samples are behind offset and noise; at least one is needed."
        return self._reason(value, self._at(maps, row, col), words, low=1.0)


class NotEvaluated(Rule):
    """There are samples, but no offset or noise comes out of them."""

    flag = BadPixels.OFFSET_NOISE_EVAL_ERROR
    needs = ("samples", "offset", "noise")
    what = "Noise"
    unit = "ADU"
    limit = "offset and noise are numbers"

    def sets(self, maps: Maps) -> Array:
        """Where there are samples, and offset or noise is no number."""
        finite = np.isfinite(maps["offset"]) & np.isfinite(maps["noise"])
        return np.asarray((maps["samples"] != 0) & ~finite)

    def reason(self, maps: Maps, row: int, col: int) -> Reason:
        """Which of the two is no number."""
        found = {name: float(maps[name][row, col]) for name in ("offset", "noise")}
        samples = int(maps["samples"][row, col])
        missing = " and ".join(name for name, value in found.items() if not np.isfinite(value))
        words = (f"No number comes out of {samples} samples for {missing}." if missing and samples else
                 f"Offset and noise must be numbers where there are samples, of which there are {samples}.")
        return self._reason(found["noise"], self._at(maps, row, col), words)


class Stuck(Rule):
    """All samples are the same code."""

    flag = BadPixels.DATA_STD_IS_ZERO
    needs = ("deviation", "samples")
    what = "Standard deviation"
    unit = "ADU"
    limit = "above 0"
    alarms = "where the noise is far below the rounding to whole ADU"

    def sets(self, maps: Maps) -> Array:
        """Where several samples have no deviation."""
        return np.asarray((maps["deviation"] == 0) & (maps["samples"] > 1))

    def reason(self, maps: Maps, row: int, col: int) -> Reason:
        """How much the samples deviate."""
        value = float(maps["deviation"][row, col])
        samples = int(maps["samples"][row, col])
        words = (f"The deviation of the {samples} samples cannot be told from these maps." if np.isnan(value) else
                 f"{samples} samples deviate by {value:.4g} ADU; a pixel is stuck where several deviate by 0.")
        return self._reason(value, self._at(maps, row, col), words)


@dataclass(frozen=True, eq=False)
class Limited(Rule):
    """Values of a map lie within median ± ``sigma`` scales of their group, and within hard limits.

    Attributes
    ----------
    flag : BadPixels
    needs : (str,)
        Result that is looked at, in ADU.
    what : str
        Its title.
    sigma : float
        Half width of the soft limits.
    hard : (float, float), ADU
    block : (int, int)
        Pixels (slow_scan, fast_scan) of a group.
    group : str
        What a group is called.
    robust : bool
        Whether the scale is 1.4826 MAD, or the standard deviation.
    ordinary : (slow_scan, fast_scan) bool
        Pixels that are in no region; the others have no limits and do not move those of their group.
    positive : bool
        Whether 0 is outside too.
    deviation : bool
        Whether values are standard deviations of the ``samples``, which spread by median / √(2 · median samples) at
        least; else they spread by the rounding to whole ADU.
    """

    flag: BadPixels
    needs: tuple[str]
    what: str
    sigma: float
    hard: Limits
    block: tuple[int, int]
    group: str
    robust: bool
    ordinary: Array
    positive: bool = False
    deviation: bool = False
    unit: str = "ADU"

    @property
    def limit(self) -> str:  # type: ignore[override]
        """Formula of the limits."""
        scale = "standard deviation" if not self.robust else (
            "1.4826 MAD, at least median / √(2 n) for n samples" if self.deviation else
            f"1.4826 MAD, at least {_SMALLEST_SPREAD:.3f} ADU")
        return (f"median ± {self.sigma:g} s of the {self.group}, s = {scale}; {self.hard[0]:g} to {self.hard[1]:g} "
                f"ADU{'; not 0' if self.positive else ''}")

    @property
    def alarms(self) -> str:  # type: ignore[override]
        """Those of a normal distribution."""
        return f"{erfc(self.sigma / sqrt(2)):.1g} of normal values"

    def sets(self, maps: Maps) -> Array:
        """Where an ordinary pixel is outside of the limits."""
        values = _left_out(maps[self.needs[0]], ~self.ordinary)
        floor, relative = self._least(maps)
        return self._outside(values, *limits.group_limits(
            values, self.block, self.sigma, self.robust, floor=floor, relative=relative))

    def reason(self, maps: Maps, row: int, col: int) -> Reason:
        """Limits and median of the pixel's group, and how far away the pixel is."""
        rows, cols = (slice(i - i % n, i - i % n + n) for i, n in zip((row, col), self.block, strict=True))
        values = maps[self.needs[0]][rows, cols]
        group, at = _left_out(values, ~self.ordinary[rows, cols]), (row - rows.start, col - cols.start)
        floor, relative = self._least(maps)
        spread, soft = (find(group, self.block, self.sigma, self.robust, floor=floor, relative=relative)
                        for find in (limits.group_spread, limits.group_limits))
        value = float(values[at])
        (centre, scale), (low, high) = ((float(one[0, 0]) for one in pair) for pair in (spread, soft))
        words = self._words(value, low, high, bool(self.ordinary[row, col]))
        return self._reason(
            value, bool(self._outside(group, *soft)[at]), words, float(np.fmax(low, self.hard[0])),
            float(np.fmin(high, self.hard[1])), centre, (value - centre) / scale if scale > 0 else nan)

    def _least(self, maps: Maps) -> tuple[float, float]:
        """By how much values spread at least, and by which share of their median."""
        if not self.deviation:
            return float(_SMALLEST_SPREAD), 0.0
        typical = _median_count(maps["samples"], self.ordinary) if "samples" in maps else 0
        return 0.0, 1 / float(np.sqrt(2 * typical)) if typical else 0.0

    def _outside(self, values: Array, low: Array, high: Array) -> Array:
        found = limits.outside(values, low, high, self.block, *self.hard)
        return found | (values == 0) if self.positive else found

    def _words(self, value: float, low: float, high: float, ordinary: bool) -> str:
        rule = (f"{self.what} within median ± {self.sigma:g} σ of the {self.group} and within "
                f"{self.hard[0]:g} and {self.hard[1]:g} ADU{', and not 0' if self.positive else ''}")
        if not ordinary:
            return f"{rule}: not asked of a pixel in a region of the detector type."
        if not np.isfinite(value):
            return f"{rule}: not asked where there is no number."
        soft, hard = low <= value <= high or np.isnan(low), self.hard[0] <= value <= self.hard[1]
        broken = [*(["outside of the soft limits"] if not soft else []),
                  *(["outside of the hard limits"] if not hard else []),
                  *(["it is 0"] if self.positive and value == 0 else [])]
        return f"{rule}: {' and '.join(broken) or 'inside'}."


@dataclass(frozen=True, eq=False)
class WrongGain(Rule):
    """No more than a share of the frames has gain bits of another stage."""

    flag = BadPixels.WRONG_GAIN_VALUE
    needs = ("wrong_gain", "frames")
    what = "Wrong gain bits"
    unit = "frames"
    share: float

    @property
    def limit(self) -> str:  # type: ignore[override]
        """Share that may be wrong."""
        return f"at most {self.share:g} of the frames have gain bits of another stage"

    def sets(self, maps: Maps) -> Array:
        """Where more samples than that have wrong bits; nowhere while it is not known how many frames there are."""
        return np.asarray(maps["wrong_gain"] > self._most(maps))

    def reason(self, maps: Maps, row: int, col: int) -> Reason:
        """How many samples have wrong bits, and how many may."""
        value, most = float(maps["wrong_gain"][row, col]), self._most(maps)
        known = "" if np.isfinite(most) else "; how many frames the run has of this cell is not known"
        words = (f"{value:.0f} samples have gain bits of another stage; a share of {self.share:g} of the frames "
                 f"may{known}.")
        return self._reason(value, self._at(maps, row, col), words, high=inf if np.isnan(most) else most)

    def _most(self, maps: Maps) -> float:
        return self.share * float(maps["frames"]) if self.share else 0.0


def untold(missing: str, is_set: bool) -> str:
    """Why a rule says nothing, and what the flags have instead.

    Parameters
    ----------
    missing : str
        Result that is not there.
    is_set : bool
        Whether the flag is set.
    """
    name = {"outside": "share of samples outside the gate"}.get(missing, missing.replace("_", " "))
    state = "set" if is_set else "not set"
    return f"It cannot be told from these maps, since there is no {name}; the flag is {state}."


@lru_cache(8)
def region_flags(detector: DetectorType) -> Array:
    """Flags of the parts that are no ordinary pixels.

    Parameters
    ----------
    detector : DetectorType

    Returns
    -------
    (slow_scan, fast_scan) uint32
        Not to be written to: it is made once.
    """
    flags = np.zeros(detector.shape, np.uint32)
    for region in detector.regions:
        region.mark(flags)
    flags.flags.writeable = False
    return flags


@lru_cache(8)
def ordinary_pixels(detector: DetectorType) -> Array:
    """Where pixels are of no such part.

    Parameters
    ----------
    detector : DetectorType

    Returns
    -------
    (slow_scan, fast_scan) bool
        Not to be written to: it is made once.
    """
    ordinary = np.asarray(region_flags(detector) == 0)
    ordinary.flags.writeable = False
    return ordinary


def flags_of(detector: DetectorType, rules: tuple[Rule, ...], maps: Maps) -> Array:
    """Flags of the regions, and those that rules set.

    Parameters
    ----------
    detector : DetectorType
    rules : tuple of Rule
    maps : dict of (slow_scan, fast_scan) arrays
        With all that the rules need.

    Returns
    -------
    (slow_scan, fast_scan) uint32
    """
    bad = region_flags(detector).copy()
    for rule in rules:
        found = rule.sets(maps)
        if found.any():
            np.bitwise_or(bad, np.uint32(rule.flag), out=bad, where=found)
    return bad


def _median_count(samples: Array, ordinary: Array) -> int:
    """Median of the samples of ordinary pixels that have any, the lower of two; 0 where there are none."""
    taken = (samples if ordinary.all() else samples[ordinary]).ravel()
    if taken.size and taken.min() == taken.max():
        return int(taken[0])
    numbers = np.bincount(taken)
    numbers[:1] = 0
    below = numbers.cumsum()
    return int(np.searchsorted(below, (below[-1] + 1) // 2)) if below.size and below[-1] else 0


def _left_out(values: Array, region: Array) -> Array:
    """Values without those of regions, so that they do not move the limits of the ordinary pixels beside them."""
    return np.where(region, np.float32(np.nan), values) if region.any() else values
