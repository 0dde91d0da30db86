"""Forced gain: samples of a gain stage are taken for the one before where their code is that of a small signal."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from calib_core.constants.constant import NOISE, OFFSET, ConstantKind
from calib_core.correction.of_samples import OfSamples
from calib_core.correction.step import Bound, CannotBeDone, Constants, Given, Images, Step
from calib_core.detector import DetectorType
from calib_core.params import knob
from calib_core.ranges import format_numbers

#: Noise by which the offset of the lower stage must lie above the threshold.
_APART = 5


class ForceMedium(Step):
    """Take samples of low gain for medium gain where they lie little above its offset."""

    word: ClassVar[str] = "force_mg_if_below"
    title: ClassVar[str] = "Medium gain forced"
    unit_in: ClassVar[str] = ""
    unit_out: ClassVar[str] = ""
    needs: ClassVar[tuple[ConstantKind, ...]] = (OFFSET, NOISE)
    use_when: ClassVar[str] = "Low gain is told of samples that have none, and its offset lies far above."
    caution: ClassVar[str] = "Samples change their gain stage by a rule."

    threshold: float = knob(1000.0, ge=0, le=16383, unit="ADU",
                            help="Smallest sample of low gain above the offset of medium gain")

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
        _check(bound, 2, self.threshold)
        return bound

    def apply(self, images: Images, given: Given, kind: DetectorType) -> None:
        """Change stages; nothing is found on the way.

        Parameters
        ----------
        images : Images
            Raw samples, ADU, with their stages.
        given : mapping
            Offset in ADU.
        kind : DetectorType
            Not asked.
        """
        _force(images, given, 2, self.threshold)


class ForceHigh(Step):
    """Take samples of medium gain for high gain where they lie little above its offset."""

    word: ClassVar[str] = "force_hg_if_below"
    title: ClassVar[str] = "High gain forced"
    unit_in: ClassVar[str] = ""
    unit_out: ClassVar[str] = ""
    needs: ClassVar[tuple[ConstantKind, ...]] = (OFFSET, NOISE)
    use_when: ClassVar[str] = "Medium gain is told of samples that have none, and its offset lies far above."
    caution: ClassVar[str] = "Samples change their gain stage by a rule."

    threshold: float = knob(1000.0, ge=0, le=16383, unit="ADU",
                            help="Smallest sample of medium gain above the offset of high gain")

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
        _check(bound, 1, self.threshold)
        return bound

    def apply(self, images: Images, given: Given, kind: DetectorType) -> None:
        """Change stages; nothing is found on the way.

        Parameters
        ----------
        images : Images
            Raw samples, ADU, with their stages.
        given : mapping
            Offset in ADU.
        kind : DetectorType
            Not asked.
        """
        _force(images, given, 1, self.threshold)


def _check(bound: Bound, stage: int, threshold: float) -> None:
    """Raise CannotBeDone where samples without signal would change their stage."""
    offset, noise = (bound.given[one.name].read() for one in bound.step.needs)
    assert isinstance(offset, OfSamples)
    assert isinstance(noise, OfSamples)
    apart = [float(np.nanmedian(one - before)) for before, one in zip(*offset.data[stage - 1:stage + 1], strict=True)]
    sigma = [float(np.nanmedian(one)) for one in noise.data[stage]]
    near = [i for i, (a, s) in enumerate(zip(apart, sigma, strict=True)) if not a > threshold + _APART * s]
    if near:
        cells = near if offset.cells is None else [offset.cells[i] for i in near]
        one, before = bound.kind.stages[stage].short, bound.kind.stages[stage - 1].short
        raise CannotBeDone(
            f"{bound.step.title} is left out: offsets of {one} lie {min(apart):.0f} ADU above those of {before} "
            f"(memory cells {format_numbers(cells)}), so that samples without signal would be taken for {before}; "
            f"more than {threshold:g} ADU and {_APART} σ of the noise are needed.")


def _force(images: Images, given: Given, stage: int, threshold: float) -> None:
    offset = given[OFFSET.name]
    assert isinstance(offset, OfSamples)
    small = images.values - offset.entry(stage - 1, images) < threshold
    images.stage[(images.stage == stage) & small] = stage - 1
