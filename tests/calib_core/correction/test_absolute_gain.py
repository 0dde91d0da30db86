"""Relative gain, energies and photons against NumPy; a peak or an energy that nobody tells is said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from calib_core.constants.constant import ConstantKind
from calib_core.correction.absolute_gain import AbsoluteGain
from calib_core.correction.bound_constant import KnownConstant
from calib_core.correction.gain_map import GainMap
from calib_core.correction.pipeline import Pipeline
from calib_core.detector.registry import detector_type
from calib_core.errors import BadInput

from ...known import images_of

SHAPE = (6, 8)


@dataclass(frozen=True)
class OfFile(KnownConstant):
    """A gain map with what its file tells."""

    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Maps:
    """Constants of a module: a gain map."""

    found: OfFile

    def get(self, kind: ConstantKind) -> OfFile | None:
        """The gain map."""
        return self.found if kind.name == "GainMap" else None


def maps(**attributes: Any) -> Maps:
    factors = np.random.default_rng(3).normal(1, 0.05, SHAPE).astype(np.float32)
    factors[1, 2], factors[3, 4] = 0, np.nan
    return Maps(OfFile(factors, "gain.h5", attributes=attributes))


def test_signals_become_energies_and_photons() -> None:
    constants = maps(adu_per_photon=132.0, photon_energy=8.048)
    values = np.random.default_rng(4).normal(100, 9, (3, *SHAPE)).astype(np.float32)
    energies, photons = images_of(values.copy()), images_of(values.copy())
    steps = Pipeline([GainMap(), AbsoluteGain()])
    steps.bind(constants, detector_type("EPIX100")).apply(energies, kept=("gain_map",))
    counted = Pipeline([GainMap(), AbsoluteGain(photon_energy=4.0)])
    counted.bind(constants, detector_type("EPIX100")).apply(photons)
    factor = np.where(constants.found.data == 0, np.nan, constants.found.data)
    np.testing.assert_allclose(energies.kept["gain_map"], values * factor, rtol=1e-6)
    np.testing.assert_allclose(energies.values, values * factor * (8.048 / 132), rtol=1e-6)
    np.testing.assert_allclose(photons.values, values * factor * (8.048 / 132 / 4), rtol=1e-6)
    assert np.isnan(energies.values[:, [1, 3], [2, 4]]).all()
    assert (steps.unit, counted.unit) == ("keV", "photons")


def test_the_energy_may_be_given() -> None:
    bound = AbsoluteGain(line_energy=6.6).bind(maps(adu_per_photon=66.0), detector_type("EPIX100"))
    images = images_of(np.full((1, *SHAPE), 5, np.float32))
    bound.apply(images)
    np.testing.assert_allclose(images.values, 0.5, rtol=1e-6)


@pytest.mark.parametrize(("attributes", "given", "told"), [
    ({}, 8.0, "Absolute gain is left out: gain.h5 does not tell adu_per_photon, the peak of a line in ADU."),
    ({"adu_per_photon": 0.0}, 8.0, "Absolute gain is left out: gain.h5 does not tell adu_per_photon"),
    ({"adu_per_photon": 132.0}, None, "Absolute gain is left out: gain.h5 does not tell photon_energy"),
])
def test_it_is_left_out_where_peak_or_energy_is_not_told(
    attributes: dict[str, Any], given: float | None, told: str
) -> None:
    bound = Pipeline([GainMap(), AbsoluteGain(line_energy=given)]).bind(maps(**attributes), detector_type("EPIX100"))
    [skipped] = bound.skipped
    assert [one.step.word for one in bound.steps] == ["gain_map"]
    assert skipped.reason.startswith(told)


def test_another_line_than_that_of_the_map_is_refused() -> None:
    constants = maps(adu_per_photon=132.0, photon_energy=8.048)
    with pytest.raises(BadInput, match=r"gain\.h5 is of a line of 8\.048 keV, not 9 keV"):
        Pipeline([GainMap(), AbsoluteGain(line_energy=9.0)]).bind(constants, detector_type("EPIX100"))


def test_gains_in_another_unit_are_refused() -> None:
    with pytest.raises(BadInput, match=r"Gain map of gain\.h5 is in “ADU/keV”"):
        Pipeline([GainMap()]).bind(maps(unit="ADU/keV"), detector_type("EPIX100"))
