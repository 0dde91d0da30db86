"""Offset: the dark signal of each pixel is taken off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np

from calib_core.constants.badpixels import BadPixels
from calib_core.constants.constant import OFFSET, ConstantKind
from calib_core.correction.bound_constant import Constants, Given
from calib_core.correction.images import Images
from calib_core.correction.of_samples import images_of
from calib_core.correction.step import Bound, Step
from calib_core.detector import DetectorType
from calib_core.numerics.operations import GiveUp, Operation, Subtract


class Offset(Step):
    """Take the dark signal off; a pixel whose offset is not known has no signal (NaN)."""

    word: ClassVar[str] = "offset"
    title: ClassVar[str] = "Offset"
    required: ClassVar[bool] = True
    needs: ClassVar[tuple[ConstantKind, ...]] = (OFFSET,)
    use_when: ClassVar[str] = "Always, and first: every later step works on signals about 0."

    def apply(self, images: Images, given: Given, kind: DetectorType) -> None:
        """Subtract the offset; nothing is found on the way.

        Parameters
        ----------
        images : Images
            Values (n, slow_scan, fast_scan) float32, ADU. NaN in the offset makes them NaN; ``use`` does not change.
        given : mapping
            Offset in ADU.
        kind : DetectorType
            Not asked.

        Raises
        ------
        TypeError
            The values are still codes, which cannot be below 0.
        """
        np.subtract(images.values, given[OFFSET.name].of(images), out=images.values, casting="same_kind")

    def operations(self, given: Given, kind: DetectorType, one_scale: bool) -> Sequence[Operation] | None:
        """Subtract the offset.

        Returns
        -------
        sequence of named tuples
            One operation, of each sample's own stage.
        """
        return [Subtract(images_of(given[OFFSET.name], np.float32))]


class OffsetOrFlag(Offset):
    """Take the dark signal off; samples of a module that has no offsets, though others do, are NaN and flagged."""

    if_some_lack: ClassVar[Literal["refuse", "leave out", "flag"]] = "flag"

    def bind(self, constants: Constants, kind: DetectorType) -> Bound:
        """Take the offset, if there is one.

        Parameters
        ----------
        constants : Constants
        kind : DetectorType
        """
        found = constants.get(OFFSET)
        return Bound(self, {} if found is None else {OFFSET.name: found}, kind)

    def apply(self, images: Images, given: Given, kind: DetectorType) -> None:
        """Subtract the offset; nothing is found on the way.

        Parameters
        ----------
        images : Images
            As :meth:`Offset.apply` takes them. Without an offset values become NaN and get the flag NO_DARK_DATA.
        given : mapping
            Offset in ADU, or nothing.
        kind : DetectorType
            Not asked.
        """
        if given:
            super().apply(images, given, kind)
            return
        images.values[...] = np.nan
        images.mask |= np.uint32(BadPixels.NO_DARK_DATA)

    def operations(self, given: Given, kind: DetectorType, one_scale: bool) -> Sequence[Operation] | None:
        """Subtract the offset, or give up.

        Returns
        -------
        sequence of named tuples
            One operation; without an offset it flags.
        """
        flag = np.uint32(BadPixels.NO_DARK_DATA)
        return super().operations(given, kind, one_scale) if given else [GiveUp(flag)]
