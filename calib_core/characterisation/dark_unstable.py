"""Pixels that blink: more of their samples lie outside the gate than chance and the ASIC explain."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

import numpy as np

from calib_core.axes import Array
from calib_core.characterisation.accumulators import Statistics
from calib_core.characterisation.dark_asics import COMMON
from calib_core.characterisation.dark_rules import Rule, ordinary_pixels
from calib_core.characterisation.unit import Maps
from calib_core.constants.badpixels import BadPixels
from calib_core.detector import DetectorType
from calib_core.explanation import Reason
from calib_core.numerics import stability

#: Fewer samples do not tell whether a pixel blinks.
FEWEST = 20


@dataclass(frozen=True, eq=False)
class Unstable(Rule):
    """No more samples lie outside the gate than chance and what the ASIC has in common explain.

    Attributes
    ----------
    alpha : float
        Probability below which nothing is explained any more.
    least : float
        Share of the samples that must be left unexplained.
    """

    flag = BadPixels.NOISE_OUT_OF_THRESHOLD
    needs = ("outside", "samples", "tried", "chance")
    what = "Samples outside the gate"
    unit = "frames"
    alpha: float
    least: float

    @property
    def limit(self) -> str:  # type: ignore[override]
        """Formula of the limit."""
        return (f"k of n samples outside, n ≥ {FEWEST}: k < 2, or P(X ≥ k of Binomial(n, p + q)) ≥ {self.alpha:g}, "
                f"or k − n (p + q) < {self.least:g} n; p by chance, q by what the ASIC has in common")

    @property
    def alarms(self) -> str:  # type: ignore[override]
        """What the rule allows, and what the scatter of the gates of few frames adds."""
        return f"below {self.alpha:g} where gates are known, up to 4e-4 at {FEWEST} frames and 2e-5 from 60 on"

    def sets(self, maps: Maps) -> Array:
        """Where more lie outside; nowhere where there are fewer than :data:`FEWEST` samples."""
        found = np.zeros(maps["tried"].shape, bool)
        some = np.flatnonzero((maps["tried"] >= FEWEST) & (maps["tried"] - maps["samples"] >= 2))
        tried, chance = (maps[name].take(some).astype(np.float64) for name in ("tried", "chance"))
        outside = tried - maps["samples"].take(some)
        with np.errstate(invalid="ignore"):
            asked = outside - tried * chance >= self.least * tried
        found.ravel()[some[asked]] = (
            stability.improbable(outside[asked], tried[asked], chance[asked]) < self.alpha)
        return found

    def reason(self, maps: Maps, row: int, col: int) -> Reason:
        """How many samples lie outside, and how many are explained."""
        tried, samples, chance = (float(maps[name][row, col]) for name in ("tried", "samples", "chance"))
        outside = tried - samples
        if np.isnan(chance) or tried < FEWEST:
            why = f"fewer than {FEWEST} samples do not tell" if tried < FEWEST else "there is no gate or no spread"
            return self._reason(outside, False, f"Whether the pixel blinks is not asked: {why}.")
        words = (f"Outside of its gate in {outside:.0f} of {tried:.0f} samples ({outside / tried:.1%}); chance and "
                 f"ASIC explain {tried * chance:.2g}.")
        return self._reason(outside, self._at(maps, row, col), words, high=self._most(tried, chance))

    def _most(self, tried: float, chance: float) -> float:
        """Most samples outside that set no flag."""
        numbers = np.arange(int(tried) + 1)
        unlikely = stability.improbable(numbers, np.full(len(numbers), int(tried)), np.full(len(numbers), chance))
        bad = (numbers >= 2) & (numbers - tried * chance >= self.least * tried) & (unlikely < self.alpha)
        return float(bad.argmax() - 1) if bad.any() else inf


def judged(kind: DetectorType, statistics: Statistics) -> Maps:
    """What the rule on unstable pixels looks at.

    Parameters
    ----------
    kind : DetectorType
    statistics : Statistics
        Of one memory cell; while there is no gate yet, nothing lies outside.

    Returns
    -------
    dict of (slow_scan, fast_scan) arrays
        ``tried``, uint32: samples that could have been inside; ``count``, uint32: those that were; ``chance``,
        float32, 0 to 1: that a sample is outside by chance or by what the ASIC has in common, NaN where it is not
        known; ``common``, (asic,) float32: what an ASIC has in common.
    """
    shape, count = kind.shape, np.ascontiguousarray(statistics.count[0]).reshape(kind.shape)
    if statistics.gate is None:
        none = np.full(shape[0] // kind.asic_shape[0] * (shape[1] // kind.asic_shape[1]), np.nan, np.float32)
        return {"tried": count, "count": count, "chance": np.full(shape, np.nan, np.float32), "common": none}
    mean, std, low, high = (np.ascontiguousarray(one, np.float32).reshape(shape)
                            for one in (statistics.mean[0], statistics.std[0], *statistics.gate))
    tried = statistics.tried.reshape(shape)
    chance, common = stability.explained(mean, std, low, high, count, tried, ordinary_pixels(kind), kind.asic_shape)
    return {"tried": tried, "count": count, "chance": chance, "common": common.ravel()}


def shares(maps: Maps) -> Maps:
    """Results that tell of it: shares of the samples outside, and of those that are explained, in per cent.

    Parameters
    ----------
    maps : dict
        Of :func:`judged`.

    Returns
    -------
    dict of (slow_scan, fast_scan) float16
        ``outside`` and ``explained``; NaN where there is no sample, or nothing is known. ``asic_common``, (asic,)
        float32, 0 to 1.
    """
    tried = maps["tried"].astype(np.float32)
    with np.errstate(divide="ignore", invalid="ignore"):
        outside = np.float32(100) * (1 - maps["count"] / np.where(tried > 0, tried, np.float32(np.nan)))
    return {"outside": outside.astype(np.float16), "explained": (100 * maps["chance"]).astype(np.float16),
            COMMON.name: maps["common"]}
