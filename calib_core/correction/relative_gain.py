"""Gain: signals become energies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from calib_core.constants.constant import RELATIVE_GAIN, ConstantKind
from calib_core.correction.bound_constant import Given
from calib_core.correction.images import Images
from calib_core.correction.of_samples import images_of
from calib_core.correction.step import Step
from calib_core.detector import DetectorType
from calib_core.numerics.operations import DivideKnown, Operation


class GainPerEnergy(Step):
    """Divide each signal by the gain of its pixel and stage; a pixel without one has no energy (NaN)."""

    word: ClassVar[str] = "relative_gain"
    title: ClassVar[str] = "Relative gain"
    unit_out: ClassVar[str] = "keV"
    needs: ClassVar[tuple[ConstantKind, ...]] = (RELATIVE_GAIN,)
    use_when: ClassVar[str] = "Gain maps are known: stages and pixels become comparable."
    caution: ClassVar[str] = "Without it signals of different gain stages are not to be compared."

    def apply(self, images: Images, given: Given, kind: DetectorType) -> None:
        """Divide by the gain; nothing is found on the way.

        Parameters
        ----------
        images : Images
            Values (n, slow_scan, fast_scan) float32, ADU about 0; energies in keV after it. A gain of 0 or NaN gives
            NaN.
        given : mapping
            Gain in ADU/keV, negative where the signal falls with the charge.
        kind : DetectorType
            Not asked.
        """
        gain = given[RELATIVE_GAIN.name].of(images)
        known = np.where(gain == 0, np.float32(np.nan), gain)
        np.divide(images.values, known, out=images.values, casting="same_kind")

    def operations(self, given: Given, kind: DetectorType, one_scale: bool) -> Sequence[Operation] | None:
        """Divide by the gain.

        Returns
        -------
        sequence of named tuples
            One operation, for which a gain of 0 is none.
        """
        return [DivideKnown(images_of(given[RELATIVE_GAIN.name], np.float32))]
