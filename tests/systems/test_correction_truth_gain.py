"""Where gain switches, and where one photon lies: means over pixels against the charge that was put in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calib_core.simulate import BadKind
from calib_core.simulate.scenes.photons import Photons

from .corrected_light import Found, Light

Array = Any
pytestmark = pytest.mark.usefixtures("few_columns")
#: Samples so near the switch of their pixel, as a part of the charge there, are looked at.
NEAR = 0.1


@dataclass(frozen=True)
class Case:
    """A family in light, what is asked of its correction, and whether its samples are in keV."""

    light: Light
    words: tuple[str, ...] = ()
    energies: bool = True

    def lit(self, scene: Photons, tmp_path: Path, capsys: Any, **changes: Any) -> Found:
        light = replace(self.light, scene=scene)
        return light.corrected(light.simulated(tmp_path / "raw", **changes), tmp_path / "out", capsys, *self.words)

    def kev(self, found: Found, values: Array) -> Array:
        return values if self.energies else values / found.settings.levels.gain[0].mean


XTDF = ("image.data", "image.mask", "image.gain")
EVENTS = ("--no-common-mode", "--no-split-events")
DARK = Photons()
SWITCHING = {
    "AGIPD": Case(Light("AGIPD1M", "AGIPD", "SPB_DET_AGIPD1M-1/CORR/3CH0:output", XTDF, 3, DARK,
                        {"memory_cells": 4, "trains": 8})),
    "LPD": Case(Light("LPD1M", "LPD", "FXE_DET_LPD1M-1/CORR/3CH0:output", XTDF, 3, DARK,
                      {"memory_cells": 4, "trains": 8}), energies=False),
    "JUNGFRAU": Case(Light("JUNGFRAU", "JUNGFRAU", "FXE_XAD_JF1M/CORR/JNGFR02:daqOutput",
                           ("data.adc", "data.mask", "data.gain"), 2, DARK,
                           {"identifier": "FXE_XAD_JF1M", "instrument": "FXE", "memory_cells": 1, "trains": 8})),
    "GOTTHARD2": Case(Light("GOTTHARD2", "GOTTHARD2", "SPB_50UM_GH2/CORR/RECEIVER:daqOutput",
                            ("data.adc", "data.mask", "data.gain"), 1, DARK,
                            {"trains": 40, "frames_per_train": 40}), energies=False),
    "FASTCCD": Case(Light("FASTCCD", "FASTCCD", "SCS_CDIDET_FCCD2M/CORR/FCCD:daqOutput",
                          ("data.image.pixels_rg", "data.image.mask", "data.image.gain"), 0, DARK,
                          {"trains": 4, "common_mode": 0}), EVENTS),
}
OTHERS = {
    "EPIX100": Case(Light("EPIX100", "EPIX100", "MID_EXP_EPIX-1/CORR/RECEIVER:daqOutput",
                          ("data.image.pixels_rg", "data.image.mask", ""), 1, DARK,
                          {"trains": 4, "common_mode": 0}), EVENTS),
    "PNCCD": Case(Light("PNCCD", "PNCCD", "SQS_NQS_PNCCD1MP/CAL/PNCCD_FMT-0:output",
                        ("data.pixels_rg", "data.mask", ""), 0, DARK, {"trains": 4, "common_mode": 0}), EVENTS),
}
#: Energy of a photon, keV, and photons of the brightest pixels, of which the ramp over four decades crosses all
#: switches.
ENERGY = {"FASTCCD": 1.2, "PNCCD": 1.6, "EPIX100": 8.048}
MOST = {"AGIPD": 10_000.0, "LPD": 10_000.0, "JUNGFRAU": 3000.0, "GOTTHARD2": 3000.0, "FASTCCD": 600.0}


@pytest.mark.parametrize(("name", "changes"), [
    *((name, {}) for name in SWITCHING), pytest.param("AGIPD", {"level_set": "separate"}, id="AGIPD-separate")])
def test_no_signal_is_lost_or_added_where_gain_switches(
    name: str, changes: dict[str, str], tmp_path: Path, capsys: Any
) -> None:
    """Less than 1 % of the signal in the mean of both sides of each switch, to a quarter of that."""
    case = SWITCHING[name]
    found = case.lit(Photons(photon_energy=ENERGY.get(name, 9.2), photons=MOST[name]), tmp_path, capsys, **changes)
    off: dict[tuple[int, int], list[Array]] = {}
    for values, mask, gain, charge, stage, cell in found.frames():
        good = mask == 0
        np.testing.assert_array_equal(gain[good], stage[good])
        for switch in range(found.stages - 1):
            place = charge / found.truth.switch_charge(switch, cell)
            for side, low, high in ((0, 1 - NEAR, 1.0), (1, 1.0, 1 + NEAR)):
                mine = good & (stage == switch + side) & (place > low) & (place <= high)
                energy = case.kev(found, values[mine].astype(float))
                off.setdefault((switch, side), []).append(energy / charge[mine] - 1)
    assert len(off) == 2 * (found.stages - 1)
    for at, kept in off.items():
        of_side = np.concatenate(kept)
        assert of_side.std() / np.sqrt(of_side.size) < 0.0025, (at, of_side.size)
        assert abs(of_side.mean()) < 0.01, (at, of_side.mean())


@pytest.mark.parametrize("name", [*SWITCHING, *OTHERS])
def test_photons_lie_at_their_energy(name: str, tmp_path: Path, capsys: Any) -> None:
    """Pixels with one photon, and with none: their difference is right within 0.5 %, to a fifth of that."""
    case, energy = {**SWITCHING, **OTHERS}[name], ENERGY.get(name, 9.2)
    found = case.lit(Photons(photon_energy=energy, photons=0.5, pattern="flat"), tmp_path, capsys)
    by_number: dict[int, list[Array]] = {0: [], 1: []}
    for values, mask, _, charge, *_ in found.frames():
        for number, kept in by_number.items():
            kept.append(case.kev(found, values[(mask == 0) & (np.rint(charge / energy) == number)].astype(float)))
    none, one = (np.concatenate(kept) for kept in by_number.values())
    error = np.hypot(none.std() / np.sqrt(none.size), one.std() / np.sqrt(one.size)) / energy
    assert error < 0.001
    assert (one.mean() - none.mean()) / energy == pytest.approx(1, abs=0.005)
    assert abs(none.mean()) / energy < 0.005


def test_bad_pixels_were_among_those_that_were_looked_past(tmp_path: Path, capsys: Any) -> None:
    """So that masks matter: pixels whose bits are wrong would be off by the ratio of gains."""
    found = SWITCHING["JUNGFRAU"].lit(Photons(photon_energy=9.2, photons=3000.0), tmp_path, capsys, trains=2)
    wrong = (found.truth.bad & BadKind.WRONG_GAIN) > 0
    assert wrong.any()
    values, _, _, charge, *_ = next(iter(found.frames()))
    bright = wrong & (charge > 100)
    assert (abs(values[bright] / charge[bright] - 1) > 0.01).mean() > 0.1
