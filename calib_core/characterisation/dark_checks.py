"""What is asked of each dark: does its offset drift, and are there enough frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import exp, lgamma, sqrt

import numpy as np

from calib_core.axes import Array
from calib_core.characterisation.checks import Check
from calib_core.characterisation.dark_unstable import FEWEST
from calib_core.characterisation.drift import FRAMES, drift_over_run
from calib_core.characterisation.finished import Finished
from calib_core.characterisation.unit import Context
from calib_core.numerics.middle import median
from calib_core.remarks import CheckText, Remark


class Drift(Check):
    """The offset does not change over a run by more than the noise.

    Codes that go through a step are not compared, since frames are as stored.
    """

    @property
    def text(self) -> CheckText:
        """The check in words."""
        return CheckText(
            "drift", "slope of a line through the median of frame − offset of the good pixels, in "
            f"{FRAMES} frames that are spread over the run, times its length",
            "more than the median noise of the good pixels",
            "none: the median of a frame has an error far below the noise of a pixel",
            "the offset of half of the trains is then wrong by a quarter of the noise or more")

    def remarks(self, context: Context, module: int, finished: Finished) -> Iterator[Remark]:
        """A sentence for each run whose offset drifts.

        Yields
        ------
        Remark
            In ADU from the first train to the last.

        Raises
        ------
        BadInput
            A run cannot be read.
        """
        for key, arranged in context.arranged.items():
            if arranged.run is None or context.is_prepared(module):
                continue
            drift, noise = _drift(context, key, finished)
            if abs(drift) > noise:
                yield Remark(
                    self.text.kind, module, context.stage_of(key), drift, noise, "ADU",
                    f"Module {module}: the offset of {arranged.run.label} drifts by {drift:+.1f} ADU over the run, "
                    f"more than the noise of {noise:.1f} ADU; look at the count map and at the light.")


def _drift(context: Context, key: str, finished: Finished) -> tuple[float, float]:
    frames, gain = finished.some(key, FRAMES), context.arranged[key].at["gain"]
    offsets: dict[int, Array] = {}
    good: dict[int, Array] = {}
    noises = []
    for cell in np.unique(frames.cell).tolist():
        at = {"gain": gain, "cell": context.axes["cell"].index(cell)}
        if not finished.has("offset", at):
            continue
        offsets[cell] = finished.filled("offset", at)
        good[cell] = finished.filled("bad_pixels", at) == 0
        noises.append(median(finished.filled("noise", at)[good[cell]]))
    noise = float(np.nanmedian(noises)) if np.isfinite(noises).any() else np.inf
    return drift_over_run(frames, offsets, good), noise


@dataclass(frozen=True)
class FewFrames(Check):
    """There are enough frames for a noise without much bias, to find pixels that blink, and to compare halves.

    Attributes
    ----------
    kept : int
        Most samples that a gate is taken from; 0 without a gate, where neither is done with any number of frames.
    """

    kept: int

    @property
    def text(self) -> CheckText:
        """The check in words."""
        return CheckText(
            "few frames", "fewest frames n of a memory cell; the standard deviation of n normal samples is low by "
            "1 − c₄(n) on average, c₄(n) = √(2/(n − 1)) Γ(n/2) / Γ((n − 1)/2)", f"fewer than {FEWEST}", "none",
            f"1 − c₄ is {1 - unbiasing(FEWEST):.1%} at {FEWEST} frames, and fewer do not tell whether a pixel blinks "
            "and whether halves of them agree")

    def remarks(self, context: Context, module: int, finished: Finished) -> Iterator[Remark]:
        """A sentence for each run of few frames, the same for all modules that have as many.

        Yields
        ------
        Remark
            In frames of a memory cell.
        """
        for key, arranged in context.arranged.items():
            n = 0 if arranged.run is None else finished.fewest(key)
            stage = context.stage_of(key)
            if arranged.run is not None and 0 < n < FEWEST:
                yield Remark(self.text.kind, module, stage, float(n), float(FEWEST), "frames",
                             f"Few frames per memory cell of {arranged.run.label}, {stage}: {n}; {self._means(n)}")
            elif arranged.run is not None and 0 < self.kept < FEWEST <= n:
                yield Remark(self.text.kind, module, stage, float(self.kept), float(FEWEST), "frames",
                             f"The gate of {arranged.run.label}, {stage}, is taken from {self.kept} frames per "
                             f"memory cell; whether halves of them agree is not tested below {FEWEST}.")

    def _means(self, n: int) -> str:
        noise = f"comes out too low by {1 - unbiasing(n):.1%}" if n > 1 else "cannot be told from 1 frame"
        more = f", and whether pixels blink and whether halves of the samples agree are not tested below {FEWEST}"
        return f"the noise {noise}{more if self.kept else ''}."


def unbiasing(n: int) -> float:
    """c₄(n) = √(2/(n − 1)) Γ(n/2) / Γ((n − 1)/2): expected standard deviation of n normal samples over σ."""
    return sqrt(2 / (n - 1)) * exp(lgamma(n / 2) - lgamma((n - 1) / 2))
