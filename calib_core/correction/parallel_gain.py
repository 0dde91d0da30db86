"""Parallel gain: of the samples that a pixel has in all gain stages, the most sensitive one that is not full."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np

from calib_core.axes import Array
from calib_core.constants.badpixels import BadPixels
from calib_core.constants.constant import NOISE, OFFSET, ConstantKind
from calib_core.correction.bound_constant import Constants, Given
from calib_core.correction.gain_stage import StageOfBits
from calib_core.correction.images import Images
from calib_core.correction.of_samples import OfSamples
from calib_core.correction.step import Bound
from calib_core.detector import DetectorType
from calib_core.errors import BadInput
from calib_core.numerics.operations import Operation
from calib_core.params import knob


class StageOfBitsOrParallel(StageOfBits):
    """Find the gain stage of each sample by its bits; in parallel gain take the sample of one stage of all three."""

    combines: ClassVar[bool] = True
    optional: ClassVar[tuple[ConstantKind, ...]] = (NOISE, OFFSET)
    # where gain is not parallel none is needed; where it is, binding refuses
    if_some_lack: ClassVar[Literal["refuse", "leave out", "flag"]] = "flag"

    rule: Literal["saturation", "handover"] = knob(
        "saturation", help="In parallel gain, saturation: the most sensitive stage that is not full. handover: a "
        "more sensitive stage only where the signal of the next is low; the same noise then chooses and is used, "
        "which makes signals too large where stages change, by 8 % from high to medium gain")
    margin_high: float = knob(
        5.0, ge=0, le=1000, unit="σ", help="In parallel gain, distance from full codes that high gain must keep; "
        "with handover the largest signal of medium gain at which high gain is taken; in its own noise")
    margin_mid: float = knob(
        100.0, ge=0, le=1000, unit="σ", help="In parallel gain, distance from full codes that medium gain must keep; "
        "with handover the largest signal of low gain at which medium gain is taken; in its own noise")
    drop_last: int = knob(1, ge=0, le=100, unit="frames",
                          help="In parallel gain, frames left out at the end of each gain stage of a train")

    @property
    def drops_last(self) -> int:
        """Frames left out at the end of each gain stage of a train."""
        return self.drop_last

    def bind(self, constants: Constants, kind: DetectorType) -> Bound:
        """Take noise and offset, which parallel gain alone needs.

        Parameters
        ----------
        constants : Constants
        kind : DetectorType
            Knows whether gain is parallel.

        Raises
        ------
        BadInput
            They are not there and are needed.
        """
        if not kind.in_parallel:
            return Bound(self, {}, kind)
        found = {one.name: constants.get(one) for one in self.optional}
        given = {name: one for name, one in found.items() if one is not None}
        if lacking := sorted(found.keys() - given.keys()):
            raise BadInput(f"In parallel gain the stages are combined by their noise and offset, but there is no "
                           f"{' and no '.join(lacking)}; give constants of a dark.")
        return Bound(self, given, kind)

    def missing(self, given: Given, kind: DetectorType) -> tuple[str, ...]:
        """None: where they are needed it is not done without."""
        return ()

    def apply(self, images: Images, given: Given, kind: DetectorType) -> None:
        """Set the stages; nothing is found on the way.

        Parameters
        ----------
        images : Images
            Codes as they are stored; in parallel gain of the first stage, with those of the others beside them, and
            those of the stage that is taken after it. Samples whose bits are of no stage, or in parallel gain of
            another one, get the flag WRONG_GAIN_VALUE, and are taken out of use.
        given : mapping
            Noise and offset in parallel gain, else nothing.
        kind : DetectorType
            Its stages have their codes, and it knows whether gain is parallel.
        """
        if not images.others:
            super().apply(images, given, kind)
            return
        noise, offset = given[NOISE.name], given[OFFSET.name]
        assert isinstance(noise, OfSamples)
        assert isinstance(offset, OfSamples)
        codes = [images.values, *(one.adc.astype(np.float32) for one in images.others)]
        choose = self._not_full if self.rule == "saturation" else self._low_enough
        taken = choose(codes, images, noise, offset, kind)
        images.stage[...] = len(codes) - 1
        for stage in range(len(codes) - 2, -1, -1):
            images.stage[taken[stage]] = stage
        bits = [images.bits, *(one.gain for one in images.others)]
        wrong = np.zeros(images.values.shape, bool)
        for stage, (code, own) in enumerate(zip(codes, bits, strict=True)):
            mine = images.stage == stage
            np.copyto(images.values, code, where=mine)
            if own is not None:
                wrong |= mine & (own != kind.stages[stage].code)
        images.mask[wrong] |= np.uint32(BadPixels.WRONG_GAIN_VALUE)
        images.use[wrong] = False

    def operations(self, given: Given, kind: DetectorType, one_scale: bool) -> Sequence[Operation] | None:
        """Tell the stages by bits; in parallel gain other frames are looked at too.

        Returns
        -------
        sequence of named tuples or None
            None in parallel gain.
        """
        return None if kind.in_parallel else super().operations(given, kind, one_scale)

    def _margins(self) -> tuple[float, float]:
        return self.margin_high, self.margin_mid

    def _not_full(
        self, codes: list[Array], images: Images, noise: OfSamples, offset: OfSamples, kind: DetectorType,
    ) -> list[Array]:
        """Where each stage but the last is far enough from full codes; pixels whose noise is not known keep none."""
        return [codes[stage] < kind.saturation - margin * np.nan_to_num(noise.entry(stage, images))
                for stage, margin in enumerate(self._margins())]

    def _low_enough(
        self, codes: list[Array], images: Images, noise: OfSamples, offset: OfSamples, kind: DetectorType,
    ) -> list[Array]:
        """Where the signal of the next stage is low, and the stage itself is not full."""
        low = [codes[stage + 1] - offset.entry(stage + 1, images) < margin * noise.entry(stage + 1, images)
               for stage, margin in enumerate(self._margins())]
        medium = low[1] & (codes[1] < kind.saturation)
        return [medium & low[0] & (codes[0] < kind.saturation), medium]
