"""Gain stage of each sample, by its gain bits or by its gain signal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from calib_core.constants.badpixels import BadPixels
from calib_core.constants.constant import THRESHOLDS_DARK, THRESHOLDS_GAIN, ConstantKind
from calib_core.correction.bound_constant import Constants, Given
from calib_core.correction.images import Images
from calib_core.correction.of_samples import OfSamples, images_of
from calib_core.correction.step import Bound, Step
from calib_core.detector import DetectorType
from calib_core.errors import BadInput
from calib_core.numerics.operations import Fixed, OfBits, OfSignal, Operation


class StageOfBits(Step):
    """Find the gain stage of each sample by the gain bits that are stored with it."""

    word: ClassVar[str] = "stage"
    title: ClassVar[str] = "Gain stage"
    required: ClassVar[bool] = True
    unit_in: ClassVar[str] = ""
    unit_out: ClassVar[str] = ""
    use_when: ClassVar[str] = "Always, and first: constants are of gain stages."
    caution: ClassVar[str] = "Samples whose bits are of no stage are flagged, and are no measurement."

    def apply(self, images: Images, given: Given, kind: DetectorType) -> None:
        """Set the stages; nothing is found on the way.

        Parameters
        ----------
        images : Images
            With gain bits. Samples of no stage get stage 0, the flag WRONG_GAIN_VALUE, and are taken out of use.
        given : mapping
            Not asked.
        kind : DetectorType
            Its stages have their codes; where bits say nothing, all samples are of its fixed stage.

        Raises
        ------
        ValueError
            The images have no gain bits.
        """
        if not kind.has_gain_bits and kind.fixed_stage is not None:
            images.stage[...] = kind.fixed_stage
            return
        if images.bits is None:
            raise ValueError("these frames have no gain bits")
        stages, wrong = np.zeros(256, np.uint8), np.ones(256, bool)
        for index, stage in enumerate(kind.stages):
            stages[stage.code], wrong[stage.code] = index, False
        images.stage[...] = stages[images.bits]
        refused = wrong[images.bits]
        images.mask[refused] |= np.uint32(BadPixels.WRONG_GAIN_VALUE)
        images.use[refused] = False

    def operations(self, given: Given, kind: DetectorType, one_scale: bool) -> Sequence[Operation] | None:
        """Tell the stages by bits, or by fixed gain.

        Returns
        -------
        sequence of named tuples
            One that tells stages.
        """
        if not kind.has_gain_bits and kind.fixed_stage is not None:
            return [Fixed(np.uint8(kind.fixed_stage))]
        return [OfBits(tuple(np.uint8(one.code) for one in kind.stages), np.uint32(BadPixels.WRONG_GAIN_VALUE))]


class StageOfSignal(Step):
    """Find the gain stage of each sample by the analogue gain signal beside it; in fixed gain all have the same."""

    word: ClassVar[str] = "stage_of_signal"
    title: ClassVar[str] = "Gain stage"
    required: ClassVar[bool] = True
    unit_in: ClassVar[str] = ""
    unit_out: ClassVar[str] = ""
    optional: ClassVar[tuple[ConstantKind, ...]] = (THRESHOLDS_DARK,)
    instead: ClassVar[tuple[ConstantKind, ...]] = (THRESHOLDS_GAIN,)
    use_when: ClassVar[str] = "Always, and first: constants are of gain stages."
    caution: ClassVar[str] = "Samples whose stage cannot be told are flagged, and are no measurement."

    def bind(self, constants: Constants, kind: DetectorType) -> Bound:
        """Take combined thresholds, else those of darks; fixed gain has none.

        Parameters
        ----------
        constants : Constants
        kind : DetectorType
            Knows whether gain is fixed.

        Raises
        ------
        BadInput
            There are no thresholds.
        """
        known = constants.get(THRESHOLDS_GAIN) or constants.get(THRESHOLDS_DARK)
        found = None if kind.fixed_stage is not None else known
        if found is None and kind.fixed_stage is None:
            raise BadInput(self.without(kind))
        return Bound(self, {} if found is None else {THRESHOLDS_DARK.name: found}, kind)

    def missing(self, given: Given, kind: DetectorType) -> tuple[str, ...]:
        """None: in fixed gain there is nothing to be told, and otherwise it is not done without thresholds."""
        return ()

    def without(self, kind: DetectorType) -> str:
        """Say that nothing can be corrected without thresholds.

        Parameters
        ----------
        kind : DetectorType
        """
        return (f"Nothing was given for {THRESHOLDS_DARK.title}, without which gain stages of {kind.title} cannot be "
                f"told; give --constants-{THRESHOLDS_DARK.name.lower()}.")

    def apply(self, images: Images, given: Given, kind: DetectorType) -> None:
        """Set the stages; nothing is found on the way.

        Parameters
        ----------
        images : Images
            With a gain signal. Samples whose signal is full get the flag WRONG_GAIN_VALUE, those whose thresholds are
            not known GAIN_THRESHOLDING_ERROR; both are taken out of use, and keep the stage that is known of them.
        given : mapping
            Thresholds between neighbouring stages, ADU; none in fixed gain.
        kind : DetectorType
            Its code of a full signal, and the stage of fixed gain.

        Raises
        ------
        ValueError
            The images have no gain signal.
        """
        if kind.fixed_stage is not None:
            images.stage[...] = kind.fixed_stage
            return
        if images.signal is None:
            raise ValueError("these frames have no gain signal")
        thresholds = given[THRESHOLDS_DARK.name]
        assert isinstance(thresholds, OfSamples)
        above = np.ones(images.signal.shape, bool)
        unknown = np.zeros_like(above)
        for index in range(len(kind.stages) - 1):
            threshold = thresholds.entry(index, images)
            unknown |= above & np.isnan(threshold)  # where the one before was not passed, this one does not matter
            above &= images.signal > threshold
            images.stage += above
        full = images.signal >= kind.saturation
        images.mask[full] |= np.uint32(BadPixels.WRONG_GAIN_VALUE)
        images.mask[unknown] |= np.uint32(BadPixels.GAIN_THRESHOLDING_ERROR)
        images.use &= ~(full | unknown)

    def operations(self, given: Given, kind: DetectorType, one_scale: bool) -> Sequence[Operation] | None:
        """Tell the stages by the signal, or by fixed gain.

        Returns
        -------
        sequence of named tuples
            One that tells stages.
        """
        if kind.fixed_stage is not None:
            return [Fixed(np.uint8(kind.fixed_stage))]
        between = images_of(given[THRESHOLDS_DARK.name], np.float32, *range(len(kind.stages) - 1))
        return [OfSignal(between, np.uint16(kind.saturation), np.uint32(BadPixels.WRONG_GAIN_VALUE),
                         np.uint32(BadPixels.GAIN_THRESHOLDING_ERROR))]
