"""The rule that gain signals of neighbouring stages can be told apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf, nan

import numpy as np

from calib_core.axes import Array
from calib_core.characterisation.dark_rules import untold
from calib_core.constants.badpixels import BadPixels
from calib_core.detector import DetectorType
from calib_core.explanation import Reason, RuleText

#: Results that the rule is about.
GAIN_SIGNAL = ("gain_signal", "gain_signal_noise")


@dataclass(frozen=True)
class Separation:
    """Gain signals of neighbouring stages are apart by at least ``least`` σ of both; else both are flagged."""

    flag = BadPixels.GAIN_THRESHOLDING_ERROR
    least: float

    @property
    def text(self) -> RuleText:
        """The rule in words."""
        return RuleText(int(self.flag), "Gain signal of neighbouring stages",
                        f"at least {self.least:g} √(σ₁² + σ₂²) apart", "none where stages are set")

    def flags(self, signal: Array, noise: Array) -> Array:
        """Flags of all stages.

        Parameters
        ----------
        signal, noise : (stages, ...) arrays, ADU
            Mean of the gain signal and its deviation; NaN for a stage without a run.

        Returns
        -------
        (stages, ...) uint32
        """
        close = self._distances(signal, noise) < self.least
        flag = np.zeros(signal.shape, np.uint32)
        flag[:-1][close] |= np.uint32(self.flag)
        flag[1:][close] |= np.uint32(self.flag)
        return flag

    def reasons(
        self, detector: DetectorType, stage: int, signals: Mapping[str, Array], is_set: bool
    ) -> Iterator[Reason]:
        """What the distances of a pixel's gain signal from those of its neighbouring stages say.

        Parameters
        ----------
        detector : DetectorType
        stage : int
            Number of the gain stage.
        signals : mapping of (stages,) arrays, ADU
            ``gain_signal`` and ``gain_signal_noise`` of all stages; NaN for a stage without a run.
        is_set : bool
            Whether the flag is set, for where signals are missing.

        Yields
        ------
        Reason
            One for each neighbour.
        """
        missing = next((name for name in GAIN_SIGNAL if name not in signals), "")
        unknown = np.full(len(detector.stages) - 1, np.nan)
        distances = unknown if missing else self._distances(*(signals[name] for name in GAIN_SIGNAL))
        close = distances < self.least
        for other in (stage - 1, stage + 1):
            if 0 <= other < len(detector.stages):
                between, short = min(stage, other), detector.stages[other].short
                value, found = float(distances[between]), bool(close[between])
                words = untold(missing, is_set) if missing else self._words(value, found, short)
                yield Reason(int(self.flag), f"Separation from {short}", value, "σ", self.least, inf, nan, nan,
                             is_set if missing else found, words)

    def _distances(self, signal: Array, noise: Array) -> Array:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(np.diff(signal, axis=0) / np.hypot(noise[:-1], noise[1:]))

    def _words(self, value: float, close: bool, short: str) -> str:
        said = ("not known, since one of both signals is missing" if np.isnan(value) else
                "too close to be told apart" if close else "far enough")
        return f"Gain signal at least {self.least:g} σ away from that of {short}: {said}."


def among_all_stages(values: Array, present: Sequence[int], stages: int) -> Array:
    """Values of the gain stages that have a run, among all stages.

    Parameters
    ----------
    values : (stages that have a run, ...) array
    present : sequence of int
        Their numbers.
    stages : int
        How many there are.

    Returns
    -------
    (stages, ...) array
        NaN for the others.
    """
    whole = np.full((stages, *values.shape[1:]), np.nan, values.dtype)
    whole[list(present)] = values
    return whole
