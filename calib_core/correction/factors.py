"""Factors: signals are multiplied by what maps of gains say of each pixel and gain stage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np

from calib_core.constants.constant import FF_MAP, GAIN_AMP_MAP, RELATIVE_GAIN, ConstantKind
from calib_core.correction.bound_constant import Constants, Given
from calib_core.correction.images import Images
from calib_core.correction.of_samples import images_of
from calib_core.correction.step import Bound, Step
from calib_core.correction.when_read import unit_of
from calib_core.detector import DetectorType
from calib_core.errors import BadInput
from calib_core.numerics.operations import Multiply, Operation


class Factor(Step):
    """Multiply each signal by the factor of its pixel, memory cell and gain stage.

    Subclasses need one constant, whose values are plain numbers.
    """

    if_some_lack: ClassVar[Literal["refuse", "leave out", "flag"]] = "leave out"

    def bind(self, constants: Constants, kind: DetectorType) -> Bound:
        """Take the factors.

        Parameters
        ----------
        constants : Constants
        kind : DetectorType

        Raises
        ------
        BadInput
            There are none, or they say that they have a unit, so that they are no factors.
        """
        bound = super().bind(constants, kind)
        for name, found in bound.given.items():
            if unit := unit_of(found, ""):
                flag = f"--no-{self.word.replace('_', '-')}"
                raise BadInput(f"{name} of {found.why} is in “{unit}”; {self.title.lower()} takes factors, which "
                               f"have no unit ({flag} leaves it out).")
        return bound

    def without(self, kind: DetectorType) -> str:
        """Say that the factor is 1 where there is no map.

        Parameters
        ----------
        kind : DetectorType
        """
        return f"{super().without(kind).rstrip('.')}, so the factor is 1."

    def apply(self, images: Images, given: Given, kind: DetectorType) -> None:
        """Multiply by the factors; nothing is found on the way.

        Parameters
        ----------
        images : Images
            Values (n, slow_scan, fast_scan) float32, ADU about 0. NaN in the factors makes them NaN.
        given : mapping
            The factors.
        kind : DetectorType
            Not asked.
        """
        [factors] = given.values()
        np.multiply(images.values, factors.of(images), out=images.values, casting="same_kind")

    def operations(self, given: Given, kind: DetectorType, one_scale: bool) -> Sequence[Operation] | None:
        """Multiply by the factors.

        Returns
        -------
        sequence of named tuples
            One operation.
        """
        [factors] = given.values()
        return [Multiply(images_of(factors, np.float32))]


class GainFactor(Factor):
    """Bring signals of all gain stages onto the scale of the first by factors of each pixel."""

    word: ClassVar[str] = "gain_factor"
    title: ClassVar[str] = "Relative gain"
    needs: ClassVar[tuple[ConstantKind, ...]] = (RELATIVE_GAIN,)
    use_when: ClassVar[str] = "Maps of relative gain are known: signals of gain stages become comparable."
    caution: ClassVar[str] = "Without it signals of different gain stages are not to be compared."
    one_scale: ClassVar[bool] = True

    def without(self, kind: DetectorType) -> str:
        """Say which signals are on no common scale.

        Parameters
        ----------
        kind : DetectorType
            Names its gain stages.
        """
        first, *others = (stage.short for stage in kind.stages)
        apart = f" Signals of {' and '.join(others)} are not on the scale of {first}." if others else ""
        return super().without(kind) + apart


class AmplifierFactor(Factor):
    """Make signals of all pixels those of one amplifier by a map of their factors."""

    word: ClassVar[str] = "gain_amp_map"
    title: ClassVar[str] = "Amplifiers"
    needs: ClassVar[tuple[ConstantKind, ...]] = (GAIN_AMP_MAP,)
    use_when: ClassVar[str] = "A map of the amplifiers' factors is known: pixels become comparable."
    caution: ClassVar[str] = "Factors about 1: whatever they were divided by is part of the unit."


class FlatFieldFactor(Factor):
    """Make signals of all pixels and memory cells those of flat light by a map of their factors."""

    word: ClassVar[str] = "ff_map"
    title: ClassVar[str] = "Flat field"
    needs: ClassVar[tuple[ConstantKind, ...]] = (FF_MAP,)
    use_when: ClassVar[str] = "A flat-field map is known: pixels and memory cells become comparable."
    caution: ClassVar[str] = "Factors about 1: whatever they were divided by is part of the unit."
