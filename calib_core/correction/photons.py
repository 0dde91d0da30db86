"""Photons: energies are counted in those of a photon."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from calib_core.correction.step import Given, Images, Step
from calib_core.detector import DetectorType
from calib_core.params import knob


class InPhotons(Step):
    """Divide energies by that of a photon; nothing is rounded."""

    word: ClassVar[str] = "photons"
    title: ClassVar[str] = "Photons"
    unit_in: ClassVar[str] = "keV"
    unit_out: ClassVar[str] = "photons"
    use_when: ClassVar[str] = "All light is of one energy."
    caution: ClassVar[str] = "Takes energies, so it needs absolute gain."

    energy: float = knob(8.048, ge=0.01, le=1000, unit="keV", help="Energy of a photon")

    def apply(self, images: Images, given: Given, kind: DetectorType) -> None:
        """Divide; nothing is found on the way.

        Parameters
        ----------
        images : Images
            Values float32, keV; photons after it.
        given : mapping
            Not asked.
        kind : DetectorType
            Not asked.
        """
        np.divide(images.values, np.float32(self.energy), out=images.values)
