"""Isolated samples: those whose neighbours have no signal, so that no charge of others is in them."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from calib_core.constants.constant import NOISE, ConstantKind
from calib_core.correction.bound_constant import Given
from calib_core.correction.images import Images
from calib_core.correction.step import Step
from calib_core.detector import DetectorType
from calib_core.numerics.histograms import isolated
from calib_core.params import knob


class Isolated(Step):
    """Find samples whose eight neighbours have no signal; it changes none."""

    word: ClassVar[str] = "isolated"
    title: ClassVar[str] = "Isolated samples"
    needs: ClassVar[tuple[ConstantKind, ...]] = (NOISE,)
    unit_in: ClassVar[str] = ""
    unit_out: ClassVar[str] = ""
    use_when: ClassVar[str] = ("Histograms of samples without charge of their neighbours are wanted too, for light "
                               "of less than about one photon in ten pixels.")
    caution: ClassVar[str] = ("Charge below the limit is still shared: at a cloud of 8 µm in pixels of 200 µm the "
                              "distance of peaks stays 2 % low. It takes as much memory again.")

    sigma: float = knob(3.0, ge=0.5, le=100, unit="σ", help="Noise of a neighbour from which on it has a signal")

    def without(self, kind: DetectorType) -> str:
        """Say that they are not found without a noise.

        Parameters
        ----------
        kind : DetectorType
        """
        return f"{self.title} are left out: there is no {NOISE.name} that tells what a signal is."

    def apply(self, images: Images, given: Given, kind: DetectorType) -> None:
        """Look at the neighbours; (n, slow_scan, fast_scan) bool is found.

        Parameters
        ----------
        images : Images
            Values (n, slow_scan, fast_scan) float32, ADU about 0. A neighbour that is no number, not of high gain or
            no measurement may have a signal.
        given : mapping
            Noise in ADU.
        kind : DetectorType
            Not asked.
        """
        limit = np.float32(self.sigma) * given[NOISE.name].of(images).astype(np.float32, copy=False)
        images.found[self.word] = isolated(images.values, images.use & (images.stage == 0), limit)
