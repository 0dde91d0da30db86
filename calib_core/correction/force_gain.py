"""Forced gain: samples of a gain stage are taken for the one before where their code is that of a small signal."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from calib_core.axes import Array
from calib_core.constants.constant import NOISE, OFFSET, ConstantKind
from calib_core.correction.bound_constant import Constants, Given
from calib_core.correction.images import Images
from calib_core.correction.of_samples import OfSamples
from calib_core.correction.step import Bound, CannotBeDone, Step
from calib_core.detector import DetectorType
from calib_core.params import knob
from calib_core.ranges import format_numbers

#: Noise by which the offset of the lower stage must lie above the threshold.
_APART = 5


class ForceBefore(Step):
    """Take samples of a gain stage for the one before where they lie little above its offset."""

    unit_in: ClassVar[str] = ""
    unit_out: ClassVar[str] = ""
    needs: ClassVar[tuple[ConstantKind, ...]] = (OFFSET, NOISE)
    use_when: ClassVar[str] = "A gain stage is told of samples that have another, and its offset lies far above."
    caution: ClassVar[str] = (
        "Samples change their gain stage by a rule; docs/corrections.md has how many good ones do.")
    #: Gain stage whose samples may change.
    stage: ClassVar[int]

    threshold: float = knob(1000.0, ge=0, le=16383, unit="ADU",
                            help="Smallest sample above the offset of the stage before that keeps its stage")

    def bind(self, constants: Constants, kind: DetectorType) -> Bound:
        """Take offset and noise, which must allow it in every memory cell.

        Parameters
        ----------
        constants : Constants
        kind : DetectorType

        Raises
        ------
        BadInput
            One is not there.
        CannotBeDone
            Offsets of both stages lie too near.
        """
        bound = super().bind(constants, kind)
        _check(bound, self.stage, self.threshold)
        return bound

    def apply(self, images: Images, given: Given, kind: DetectorType) -> None:
        """Change stages; nothing is found on the way.

        Parameters
        ----------
        images : Images
            Raw samples, ADU, with their stages; what these were at first is kept.
        given : mapping
            Offset in ADU.
        kind : DetectorType
            Not asked.
        """
        offset = given[OFFSET.name]
        assert isinstance(offset, OfSamples)
        images.unforced = images.stage.copy() if images.unforced is None else images.unforced
        small = images.values - offset.entry(self.stage - 1, images) < self.threshold
        images.stage[(images.stage == self.stage) & small] = self.stage - 1


class ForceMedium(ForceBefore):
    """Take samples of low gain for medium gain where they lie little above its offset."""

    word: ClassVar[str] = "force_mg_if_below"
    title: ClassVar[str] = "Medium gain forced"
    stage: ClassVar[int] = 2


class ForceHigh(ForceBefore):
    """Take samples of medium gain for high gain where they lie little above its offset."""

    word: ClassVar[str] = "force_hg_if_below"
    title: ClassVar[str] = "High gain forced"
    stage: ClassVar[int] = 1


def _check(bound: Bound, stage: int, threshold: float) -> None:
    """Raise CannotBeDone where samples without signal would change their stage; without offsets there are none."""
    offset, noise = (bound.given[one.name].read() for one in bound.step.needs)
    assert isinstance(offset, OfSamples)
    assert isinstance(noise, OfSamples)
    apart = [_median(one - before) for before, one in zip(*offset.data[stage - 1:stage + 1], strict=True)]
    sigma = [_median(one) for one in noise.data[stage]]
    near = {i: a for i, (a, s) in enumerate(zip(apart, sigma, strict=True))
            if np.isfinite(a) and not a > threshold + _APART * s}
    if near:
        cells = list(near) if offset.cells is None else [offset.cells[i] for i in near]
        one, before = bound.kind.stages[stage].short, bound.kind.stages[stage - 1].short
        raise CannotBeDone(
            f"{bound.step.title} is left out: offsets of {one} lie {min(near.values()):.0f} ADU above those of "
            f"{before} (memory cells {format_numbers(cells)}), so that samples without signal would be taken for "
            f"{before}; more than {threshold:g} ADU and {_APART} σ of the noise are needed.")


def _median(values: Array) -> float:
    """Of what is known; NaN where nothing is."""
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else np.nan
