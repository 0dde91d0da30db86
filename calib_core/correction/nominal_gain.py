"""Nominal gain: signals of all gain stages become energies by what the design says of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from calib_core.correction.bound_constant import Constants, Given
from calib_core.correction.images import Images
from calib_core.correction.step import Bound, CannotBeDone, Step
from calib_core.detector import DetectorType
from calib_core.numerics.operations import DivideStages, Operation


class NominalGain(Step):
    """Divide each signal by the nominal gain of its stage, which is the same for all pixels."""

    word: ClassVar[str] = "nominal_gain"
    title: ClassVar[str] = "Nominal gain"
    unit_out: ClassVar[str] = "keV"
    use_when: ClassVar[str] = "Energies are wanted that may be wrong by as much as pixels and detectors differ."
    one_scale: ClassVar[bool] = True
    caution: ClassVar[str] = "It is no measurement of this detector: look for gain maps before."

    def bind(self, constants: Constants, kind: DetectorType) -> Bound:
        """Make sure that the gain of each stage is known.

        Parameters
        ----------
        constants : Constants
            Not asked.
        kind : DetectorType

        Raises
        ------
        CannotBeDone
            A stage has no nominal gain.
        """
        if unknown := [stage.label for stage in kind.stages if not stage.nominal_gain]:
            raise CannotBeDone(f"{self.title} is left out: none is known of {' and '.join(unknown)} of {kind.title}.")
        return super().bind(constants, kind)

    def apply(self, images: Images, given: Given, kind: DetectorType) -> None:
        """Divide by the gain; nothing is found on the way.

        Parameters
        ----------
        images : Images
            Values (n, slow_scan, fast_scan) float32, ADU about 0; energies in keV after it, on one scale.
        given : mapping
            Empty.
        kind : DetectorType
            Its stages have their gains.
        """
        gains = np.array([stage.nominal_gain for stage in kind.stages], np.float32)
        np.divide(images.values, gains[images.stage], out=images.values)

    def operations(self, given: Given, kind: DetectorType, one_scale: bool) -> Sequence[Operation] | None:
        """Divide by the gain.

        Returns
        -------
        sequence of named tuples
            One operation, with a number of each stage.
        """
        return [DivideStages(tuple(np.float32(one.nominal_gain) for one in kind.stages))]
