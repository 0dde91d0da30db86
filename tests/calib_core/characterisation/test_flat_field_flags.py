"""Flags of pixels in flat light that are bad in known ways, and of good ones between them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from calib_core.characterisation.flat_field_model import Model, start_of
from calib_core.characterisation.flat_field_rules import FlatFieldRules, median_of
from calib_core.characterisation.photon_peaks import PhotonPeaks
from calib_core.constants.badpixels import BadPixels

from ..numerics.flat_light import EDGES, GAIN, expected

Array = Any
ENERGY, CLOUD, PHOTONS, ENTRIES = 9.2, 8.0, 0.3, 20_000
GOOD, MANY = 5000, 100
DEVIATES, NOT_FITTED, EMPTY = (int(flag) for flag in (
    BadPixels.FF_GAIN_DEVIATION, BadPixels.FF_GAIN_EVAL_ERROR, BadPixels.FF_NO_ENTRIES))
DRAW = np.random.default_rng(7)


def counts(number: int, *, gain: float = 1.0, entries: float = ENTRIES, photons: float = PHOTONS, zero: float = 0.0,
           spread: float = 0.04) -> Array:
    """Histograms (number, bins) that are drawn from the density, five of each; gains in units of the usual one."""
    near = DRAW.normal(1, spread, (number // 5, 2)).clip(1 - 4 * spread, 1 + 4 * spread)
    density = np.array([expected(entries, photons, GAIN * gain * own, zero, 9.0 * noise, CLOUD)
                        for own, noise in near])
    return DRAW.poisson(np.repeat(density.clip(0), 5, axis=0)).astype(np.uint32)


def two_gains(number: int) -> Array:
    """Half of the frames have another gain, so that the model is wrong."""
    return counts(number, gain=0.8, entries=ENTRIES / 2) + counts(number, gain=1.2, entries=ENTRIES / 2)


def at_one_signal(number: int) -> Array:
    found = np.zeros((number, len(EDGES) - 1), np.uint32)
    found[:, 60] = ENTRIES
    return found


BAD = {
    "gain x 1.3": (lambda: counts(MANY, gain=1.3, spread=0.02), DEVIATES),
    "gain x 0.7": (lambda: counts(MANY, gain=0.7, spread=0.02), DEVIATES),
    "no photon at 32 ADU": (lambda: counts(MANY, zero=32.0), DEVIATES),
    "no photon at 60 ADU": (lambda: counts(MANY, zero=60.0), DEVIATES, NOT_FITTED),  # some fits do not end
    "two gains": (lambda: two_gains(MANY), DEVIATES),
    "no light": (lambda: counts(MANY, photons=0.003), NOT_FITTED),
    "too much light": (lambda: counts(MANY, photons=4.0), NOT_FITTED),
    "stuck": (lambda: at_one_signal(MANY), NOT_FITTED),
    "few entries": (lambda: counts(MANY, entries=700), EMPTY),
    "no entries": (lambda: counts(MANY, entries=0), EMPTY),
}


@pytest.fixture(scope="module")
def flags() -> dict[str, Array]:
    """Flags of good pixels and of each kind of bad ones, all of one module."""
    some = {"good": counts(GOOD), **{name: one() for name, (one, *_) in BAD.items()}}
    together = np.concatenate(list(some.values()))
    method, model = PhotonPeaks(), Model("F3")
    # of a whole module bad pixels are too few to hide its peaks
    start, doubt = start_of(EDGES, some["good"].sum(axis=0, dtype=np.int64), GAIN)
    assert not doubt
    fits = model.table(model.fit(together, EDGES, start, model.templates(EDGES, start, CLOUD / 200)), ENERGY)
    rules = FlatFieldRules(
        method.gain_lim, method.d0_lim, method.peak_lim, method.chi2_lim, method.min_entries, ENERGY)
    ends = np.cumsum([len(one) for one in some.values()])[:-1]
    return dict(zip(some, np.split(rules.flags(fits, median_of(fits)), ends), strict=True))


@pytest.mark.parametrize("name", BAD)
def test_bad_pixels_in_flat_light_have_their_flag_and_no_other(name: str, flags: dict[str, Array]) -> None:
    assert np.isin(flags[name], BAD[name][1:]).mean() >= 0.99


def test_good_pixels_in_flat_light_have_none(flags: dict[str, Array]) -> None:
    assert (flags["good"] != 0).mean() < 0.001
