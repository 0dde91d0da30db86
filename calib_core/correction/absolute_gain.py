"""Absolute gain: signals become energies by the peak of a line whose energy is known."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from calib_core.constants.constant import ADU_PER_PHOTON, GAIN_MAP, LINE_ENERGY, ConstantKind
from calib_core.correction.bound_constant import Constants, Given, KnownConstant
from calib_core.correction.gain_map import GainMap, WithAttributes
from calib_core.correction.images import Images
from calib_core.correction.step import Bound, CannotBeDone, Step
from calib_core.detector import DetectorType
from calib_core.errors import BadInput
from calib_core.params import knob

#: Energies that differ by no more than this part are the same line.
_SAME = 1e-3


class AbsoluteGain(Step):
    """Multiply by the energy of a line over the place of its peak in the signals of single pixels."""

    word: ClassVar[str] = "absolute_gain"
    title: ClassVar[str] = "Absolute gain"
    unit_out: ClassVar[str] = "keV"
    needs: ClassVar[tuple[ConstantKind, ...]] = (GAIN_MAP,)
    follows: ClassVar[str] = GainMap.word
    use_when: ClassVar[str] = "The gain map tells where the peak of a line of known energy lies."
    caution: ClassVar[str] = "The peak is that of events of one sample; others lie up to 3 % beside it."

    line_energy: float | None = knob(None, ge=0.01, le=1000, unit="keV", help="Energy of the line of the gain map, "
                                     "where it does not tell it")
    photon_energy: float | None = knob(None, ge=0.01, le=1000, unit="keV", help="Energy of a photon; energies become "
                                       "numbers of photons, and nothing is rounded")

    @property
    def unit_after(self) -> str:
        """Photons, where their energy is given."""
        return "photons" if self.photon_energy else self.unit_out

    def bind(self, constants: Constants, kind: DetectorType) -> Bound:
        """Take the place of the peak from the gain map.

        Parameters
        ----------
        constants : Constants
        kind : DetectorType

        Raises
        ------
        BadInput
            There is no gain map, or it is of another line than was given.
        CannotBeDone
            It does not tell the peak, and nobody the energy.
        """
        found = super().bind(constants, kind).given[GAIN_MAP.name]
        peak, energy = (_number(found, name) for name in (ADU_PER_PHOTON, LINE_ENERGY))
        given = self.line_energy
        if peak is None:
            raise CannotBeDone(f"{self.title} is left out: {found.why} does not tell {ADU_PER_PHOTON}, the peak of a "
                               "line in ADU.")
        if energy is None and given is None:
            raise CannotBeDone(f"{self.title} is left out: {found.why} does not tell {LINE_ENERGY}, the energy of "
                               "its line; give --absolute-gain-line-energy.")
        if energy is not None and given is not None and abs(energy / given - 1) > _SAME:
            raise BadInput(f"{found.why} is of a line of {energy:g} keV, not {given:g} keV; leave "
                           "--absolute-gain-line-energy out.")
        factor = np.full((1, 1), (energy or given or 0.0) / peak / (self.photon_energy or 1.0), np.float32)
        return Bound(self, {GAIN_MAP.name: KnownConstant(factor, found.why)}, kind)

    def photon(self, given: Given) -> float | None:
        """What a photon is before this step, ADU; None where its energy is not given.

        Parameters
        ----------
        given : mapping
            Of the bound step.
        """
        factor = given[GAIN_MAP.name]
        assert isinstance(factor, KnownConstant)
        return 1 / float(factor.data[0, 0]) if self.photon_energy else None

    def apply(self, images: Images, given: Given, kind: DetectorType) -> None:
        """Multiply; nothing is found on the way.

        Parameters
        ----------
        images : Images
            Values float32, ADU of the median pixel; keV, or photons, after it.
        given : mapping
            Energy of an ADU, keV, or photons, the same for all pixels.
        kind : DetectorType
            Not asked.
        """
        np.multiply(images.values, given[GAIN_MAP.name].of(images), out=images.values, casting="same_kind")


def _number(constant: object, name: str) -> float | None:
    """A number above 0 that a constant tells; None where it tells none."""
    told = constant.attributes.get(name) if isinstance(constant, WithAttributes) else None
    return float(told) if isinstance(told, int | float) and 0 < told < np.inf else None
