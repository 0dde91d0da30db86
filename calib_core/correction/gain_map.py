"""Gain map: signals of all pixels, and of all gain stages, come onto one scale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np

from calib_core.constants.constant import GAIN_MAP, ConstantKind
from calib_core.correction.bound_constant import Constants, Given
from calib_core.correction.images import Images
from calib_core.correction.step import Bound, Step
from calib_core.detector import DetectorType
from calib_core.errors import BadInput


@runtime_checkable
class WithAttributes(Protocol):
    """A constant of a file with attributes beside its values."""

    @property
    def attributes(self) -> Mapping[str, Any]:
        """Numbers and texts by their names."""


class GainMap(Step):
    """Multiply each signal by the factor of its pixel and gain stage; a pixel without one has no signal (NaN)."""

    word: ClassVar[str] = "gain_map"
    title: ClassVar[str] = "Relative gain"
    needs: ClassVar[tuple[ConstantKind, ...]] = (GAIN_MAP,)
    use_when: ClassVar[str] = "Pixels answer differently to the same charge, and a map of that is known."
    one_scale: ClassVar[bool] = True
    caution: ClassVar[str] = "Signals stay in ADU, of the median pixel: absolute gain makes energies of them."

    def bind(self, constants: Constants, kind: DetectorType) -> Bound:
        """Take factors.

        Parameters
        ----------
        constants : Constants
        kind : DetectorType

        Raises
        ------
        BadInput
            There are none, or the constant says that it has a unit, so that it holds something else.
        """
        bound = super().bind(constants, kind)
        found = bound.given[GAIN_MAP.name]
        unit = found.attributes.get("unit", "") if isinstance(found, WithAttributes) else ""
        if unit not in ("", "relative"):
            raise BadInput(f"{GAIN_MAP.title.capitalize()} of {found.why} is in “{unit}”; {self.title.lower()} "
                           "multiplies by numbers without a unit (--no-gain-map leaves it out).")
        return bound

    def apply(self, images: Images, given: Given, kind: DetectorType) -> None:
        """Multiply by the factors, (n or 1, slow_scan, fast_scan), which are what is found.

        Parameters
        ----------
        images : Images
            Values (n, slow_scan, fast_scan) float32, ADU about 0. A factor of 0 or NaN gives NaN.
        given : mapping
            Factors.
        kind : DetectorType
            Not asked.
        """
        factor = given[GAIN_MAP.name].of(images)
        factor = np.where(factor == 0, np.float32(np.nan), factor)
        np.multiply(images.values, factor, out=images.values, casting="same_kind")
        images.found[self.word] = factor
