"""Charge transfer: what a pixel's charge lost on its way to the read-out is given back."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from calib_core.axes import Array
from calib_core.constants.badpixels import BadPixels
from calib_core.constants.constant import CTE, GAIN_MAP, WITH_CTE, ConstantKind
from calib_core.correction.bound_constant import Constants, Given, shared
from calib_core.correction.gain_map import WithAttributes
from calib_core.correction.images import Images
from calib_core.correction.step import Bound, CannotBeDone, Step
from calib_core.detector import DetectorType
from calib_core.params import knob


class ChargeTransfer(Step):
    """Divide each signal by the share of its charge that reaches the read-out."""

    word: ClassVar[str] = "cti_corr"
    title: ClassVar[str] = "Charge transfer"
    needs: ClassVar[tuple[ConstantKind, ...]] = (CTE,)
    optional: ClassVar[tuple[ConstantKind, ...]] = (GAIN_MAP,)
    use_when: ClassVar[str] = (
        "Lines lie lower the further a pixel is from its read-out, and the gain map does not give that back.")
    caution: ClassVar[str] = (
        "The map must hold what is left after all transfers of a pixel, not after one: its range is told. Noise of "
        "the read-out, which was not transferred, grows with it.")

    lowest: float = knob(0.5, ge=0, le=1, help="Pixels that keep less of their charge have no signal (NaN), and the "
                         "flag FF_GAIN_DEVIATION")

    def bind(self, constants: Constants, kind: DetectorType) -> Bound:
        """Take efficiencies.

        Parameters
        ----------
        constants : Constants
        kind : DetectorType

        Raises
        ------
        BadInput
            There are none.
        CannotBeDone
            The gain map says that it holds them too.
        """
        found = constants.get(GAIN_MAP)
        if found is not None and isinstance(found, WithAttributes) and found.attributes.get(WITH_CTE):
            raise CannotBeDone(f"{self.title} is left out: {found.why} says by {WITH_CTE} that it gives back what is "
                               "lost on the way already.")
        bound = super().bind(constants, kind)
        return Bound(self, {CTE.name: bound.given[CTE.name]}, kind)

    def missing(self, given: Given, kind: DetectorType) -> tuple[str, ...]:
        """None: without a gain map nothing else gives back what is lost."""
        return ()

    def told(self, given: Given, kind: DetectorType) -> tuple[str, ...]:
        """The smallest and the median efficiency, by which one sees what the map holds.

        Parameters
        ----------
        given : mapping
        kind : DetectorType
        """
        known = (values := np.asarray(given[CTE.name].data, float))[np.isfinite(values) & (values > 0)]
        if not known.size:
            return ("keeps no charge on its way to the read-out",)
        return (f"keeps {known.min():.4f} to {known.max():.4f} of a pixel's charge on its way to the read-out, half "
                f"of the pixels more than {np.median(known):.4f}",)

    def apply(self, images: Images, given: Given, kind: DetectorType) -> None:
        """Divide; nothing is found on the way.

        Parameters
        ----------
        images : Images
            Values (n, slow_scan, fast_scan) float32, ADU about 0.
        given : mapping
            Shares of the charge.
        kind : DetectorType
            Not asked.
        """
        kept: Array = shared(given[CTE.name].of(images)).astype(np.float32)
        lost = ~((kept >= self.lowest) & (kept > 0))
        np.divide(images.values, np.where(lost, np.float32(np.nan), kept), out=images.values)
        images.mask[:, lost] |= np.uint32(BadPixels.FF_GAIN_DEVIATION)
