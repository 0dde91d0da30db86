"""Whole ASICs: where many pixels of one are noisy or silent in the dark, all of its samples are flagged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar

import numpy as np

from calib_core.axes import Array
from calib_core.constants.badpixels import BadPixels
from calib_core.constants.constant import NOISE, OFFSET, ConstantKind
from calib_core.correction.bound_constant import Constants, Given
from calib_core.correction.images import Images
from calib_core.correction.of_samples import NotBySample, OfSamples, images_of
from calib_core.correction.step import Bound, Step
from calib_core.correction.when_read import WhenRead
from calib_core.detector import DetectorType
from calib_core.numerics.operations import AddFlags, Operation
from calib_core.params import knob


class WholeAsics(Step):
    """Flag all samples of an ASIC in a memory cell in which too many of its pixels are noisy, or have no offset."""

    word: ClassVar[str] = "whole_asics"
    title: ClassVar[str] = "Whole ASICs"
    unit_in: ClassVar[str] = ""
    unit_out: ClassVar[str] = ""
    needs: ClassVar[tuple[ConstantKind, ...]] = (NOISE,)
    optional: ClassVar[tuple[ConstantKind, ...]] = (OFFSET,)
    use_when: ClassVar[str] = "ASICs fail as a whole, but not all of their pixels are flagged by the darks."
    caution: ClassVar[str] = "Good pixels of such an ASIC are flagged too; values stay."

    noisy_share: float = knob(0.25, ge=0, le=1, help="Share of the pixels of an ASIC that may be noisy; 1 allows all")
    noisy_above: float = knob(1.0, ge=0, le=1e6, unit="ADU", help="Noise above which a pixel is noisy")
    cold_share: float = knob(0.25, ge=0, le=1, help="Share of the pixels of an ASIC whose offset may be 0, so that "
                             "nothing comes from them; 1 allows all")

    def bind(self, constants: Constants, kind: DetectorType) -> Bound:
        """Take noise, and offsets, of which flags are made when they are read.

        Parameters
        ----------
        constants : Constants
        kind : DetectorType

        Raises
        ------
        BadInput
            There is no noise.
        """
        found = super().bind(constants, kind).given
        rules: dict[str, tuple[Callable[[Array], Array], float, BadPixels]] = {
            NOISE.name: (partial(np.less, self.noisy_above), self.noisy_share, BadPixels.NOISY_ADC),
            OFFSET.name: (partial(np.equal, 0), self.cold_share, BadPixels.ASIC_STD_BELOW_NOISE)}
        return Bound(self, {name: WhenRead(found[name], partial(_flags, kind.asic_shape, *rule))
                            for name, rule in rules.items() if name in found}, kind)

    def apply(self, images: Images, given: Given, kind: DetectorType) -> None:
        """Add the flags NOISY_ADC and ASIC_STD_BELOW_NOISE; nothing is found on the way.

        Parameters
        ----------
        images : Images
            With their stages.
        given : mapping
            Flags of noisy and of silent ASICs.
        kind : DetectorType
            Not asked.
        """
        for flags in given.values():
            images.mask |= flags.of(images)

    def operations(self, given: Given, kind: DetectorType, one_scale: bool) -> Sequence[Operation] | None:
        """Add flags.

        Returns
        -------
        sequence of named tuples
            One operation for noisy and one for silent ASICs.
        """
        if not all(isinstance(flags, OfSamples) for flags in given.values()):
            raise NotBySample("flags are made when constants are read")
        return [AddFlags(images_of(flags, np.uint32)) for flags in given.values()]


def _flags(
    shape: tuple[int, int], is_bad: Callable[[Array], Array], allowed: float, flag: BadPixels, found: OfSamples
) -> OfSamples:
    """The flag for all pixels of ASICs of which more than a share is bad, by stage and memory cell."""
    *axes, slow, fast = found.data.shape
    blocks = (*axes, slow // shape[0], shape[0], fast // shape[1], shape[1])
    bad = is_bad(found.data).reshape(blocks).mean(axis=(-3, -1), keepdims=True) > allowed
    values = np.where(np.broadcast_to(bad, blocks), np.uint32(flag), np.uint32(0)).reshape(found.data.shape)
    return OfSamples(values, found.cells, 0, found.why)
