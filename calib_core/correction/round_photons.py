"""Rounding to photons: energies become whole numbers of photons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from calib_core.correction.bound_constant import Given
from calib_core.correction.images import Images
from calib_core.correction.step import Step
from calib_core.detector import DetectorType
from calib_core.errors import BadParameter
from calib_core.numerics.operations import Operation, Round
from calib_core.params import knob


class RoundPhotons(Step):
    """Make whole numbers of photons of energies; what lies below 0 has none."""

    word: ClassVar[str] = "round_photons"
    title: ClassVar[str] = "Rounding to photons"
    unit_in: ClassVar[str] = "keV"
    unit_out: ClassVar[str] = "photons"
    use_when: ClassVar[str] = "Light has one energy, and a photon is many times the noise."
    caution: ClassVar[str] = "Shared charge is lost in pixels below the threshold, and a whole photon in those above."

    energy: float = knob(0.0, ge=0, le=1000, unit="keV", help="Energy of a photon; it must be given")
    threshold: float = knob(0.5, ge=0, le=1, help="Share of a photon from which on it is counted")

    def check(self) -> None:
        """Refuse to round without an energy.

        Raises
        ------
        BadParameter
            There is none.
        """
        if not self.energy:
            raise BadParameter(f"{self.title} needs the energy of a photon; give --round-photons-energy in keV.")

    def apply(self, images: Images, given: Given, kind: DetectorType) -> None:
        """Round; nothing is found on the way.

        Parameters
        ----------
        images : Images
            Values (n, slow_scan, fast_scan) float32, keV; whole numbers of photons after it. What is no number stays.
        given : mapping
            Not asked.
        kind : DetectorType
            Not asked.
        """
        values = images.values
        np.divide(values, np.float32(self.energy), out=values)
        np.add(values, np.float32(1 - self.threshold), out=values)
        np.floor(values, out=values)
        np.maximum(values, np.float32(0), out=values)

    def operations(self, given: Given, kind: DetectorType, one_scale: bool) -> Sequence[Operation] | None:
        """Round.

        Returns
        -------
        sequence of named tuples
            One operation.
        """
        return [Round(np.float32(self.energy), np.float32(1 - self.threshold))]
