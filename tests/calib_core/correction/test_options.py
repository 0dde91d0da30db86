"""Small options of a correction, each against a loop over samples or against NumPy."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from calib_core.characterisation.correct import Correct
from calib_core.characterisation.family import families
from calib_core.constants.badpixels import BadPixels
from calib_core.correction.images import Images
from calib_core.correction.low_medium_gap import LowMediumGap
from calib_core.correction.noisy_converters import NoisyConverters
from calib_core.correction.of_samples import OfSamples
from calib_core.correction.offset import Offset
from calib_core.correction.pipeline import Pipeline
from calib_core.correction.round_photons import RoundPhotons
from calib_core.correction.step import Step
from calib_core.correction.xray_gain import XrayGain
from calib_core.correction.zeros import ZeroNans, ZeroOrange
from calib_core.detectors.agipd import AGIPD1M
from calib_core.errors import BadParameter

SHAPE, CELLS = (8, 12), (0, 3)
KIND = replace(AGIPD1M, shape=SHAPE, asic_shape=(4, 6), converter_shape=(4, 3))
NOISY, SEPARATION = int(BadPixels.NOISE_OUT_OF_THRESHOLD), int(BadPixels.GAIN_THRESHOLDING_ERROR)


class Memory:
    """Constants of a module in memory."""

    def __init__(self, **found: OfSamples) -> None:
        self._found = found

    def get(self, kind: Any) -> Any:
        return self._found.get(kind.name)


def images(values: Any = 0.0, stage: Any = 0) -> Images:
    """Two frames of each memory cell, and one of a memory cell of which constants know nothing."""
    shape = (5, *SHAPE)
    cells = np.array([0, 3, 3, 0, 7])
    made = Images.of(np.broadcast_to(values, shape).astype(np.float32), cells, np.arange(5)).copy()
    made.stage[...] = stage
    return made


def done(step: Step, one: Images, flags: Any = None, kind: Any = KIND) -> Any:
    memory = {} if flags is None else {"BadPixelsDark": OfSamples(flags, CELLS, int(BadPixels.NO_DARK_DATA))}
    bound = Pipeline([step]).bind(Memory(**memory), kind).read()
    bound.apply(one)
    return bound


def test_low_gain_is_told_only_where_the_darks_could_tell_it() -> None:
    rng = np.random.default_rng(1)
    flags = rng.choice(np.array([0, SEPARATION, NOISY, SEPARATION | NOISY], np.uint32), (3, 2, *SHAPE))
    stage = rng.integers(0, 3, (5, *SHAPE)).astype(np.uint8)
    one = images(stage=stage)
    done(LowMediumGap(), one, flags)
    changed = 0
    for frame, y, x in np.ndindex(5, *SHAPE):
        cell = int(one.cell[frame])
        near = cell in CELLS and bool(flags[2, CELLS.index(cell), y, x] & SEPARATION)
        assert one.stage[frame, y, x] == (1 if near and stage[frame, y, x] == 2 else stage[frame, y, x])
        changed += one.stage[frame, y, x] != stage[frame, y, x]
    assert changed > 20


def test_in_fixed_gain_there_is_no_gap() -> None:
    flags = np.zeros((3, 2, *SHAPE), np.uint32)
    bound = done(LowMediumGap(), images(), flags, replace(KIND, fixed_stage=2))
    assert [one.reason for one in bound.skipped] == [
        "Low gain where it can be told is left out: in fixed gain no gain stage is told by a signal."]


@pytest.mark.parametrize("threshold", [0.25, 0.5, 1.0])
def test_all_pixels_of_a_noisy_converter_are_flagged(threshold: float) -> None:
    rng = np.random.default_rng(2)
    flags = np.zeros((3, 2, *SHAPE), np.uint32)
    for stage, cell, row, column in np.ndindex(3, 2, 2, 4):  # from none to all of the 12 pixels of each converter
        pixels = rng.permutation(12)[:rng.integers(0, 13)]
        block = flags[stage, cell, 4 * row:4 * row + 4, 3 * column:3 * column + 3]
        block[np.unravel_index(pixels, (4, 3))] = NOISY
    flags |= (rng.random(flags.shape) < 0.3).astype(np.uint32) << np.uint32(13)
    stage = rng.integers(0, 3, (5, *SHAPE)).astype(np.uint8)
    one = images(stage=stage)
    one.mask[...] = 4
    done(NoisyConverters(threshold=threshold), one, flags)
    found = 0
    for frame, y, x in np.ndindex(5, *SHAPE):
        cell, noisy = int(one.cell[frame]), False
        if cell in CELLS:
            part = flags[stage[frame, y, x], CELLS.index(cell), y // 4 * 4:y // 4 * 4 + 4, x // 3 * 3:x // 3 * 3 + 3]
            noisy = sum(bool(flag & NOISY) for flag in part.ravel().tolist()) > threshold * 12
        assert one.mask[frame, y, x] == 4 | int(BadPixels.NOISY_ADC) * noisy
        found += noisy
    assert found > 20 if threshold < 1 else found == 0


def test_converters_that_are_not_known_are_not_looked_for() -> None:
    flags = np.zeros((3, 2, *SHAPE), np.uint32)
    bound = done(NoisyConverters(), images(), flags, replace(KIND, converter_shape=None))
    assert [one.reason for one in bound.skipped] == [
        "Noisy converters are left out: which pixels of AGIPD 1M share one is not known."]


@pytest.mark.parametrize(("energy", "threshold"), [(9.2, 0.5), (6.0, 0.7), (12.0, 0.3)])
def test_photons_are_counted_from_the_threshold_on(energy: float, threshold: float) -> None:
    rng = np.random.default_rng(3)
    photons = rng.poisson(2, (5, *SHAPE))
    values = photons * energy + rng.normal(0, 1.4, photons.shape)
    values[0, 0, :3] = np.nan, np.inf, -1e5
    one = images(values)
    done(RoundPhotons(energy=energy, threshold=threshold), one)
    for found, value in zip(one.values.ravel().tolist(), values.astype(np.float32).ravel().tolist(), strict=True):
        if not math.isfinite(value):
            assert math.isnan(found) == math.isnan(value)
            continue
        whole = math.floor(value / energy)
        expected = max(0, whole + (value / energy - whole >= threshold))
        edge = abs(value / energy - whole - threshold) < 1e-6
        assert found == expected or (edge and abs(found - expected) == 1)
    if threshold == 0.5:
        assert (one.values == photons)[1:].mean() > 0.99


def test_photons_need_an_energy_and_a_chain_that_gives_kev() -> None:
    with pytest.raises(BadParameter, match="needs the energy of a photon; give --round-photons-energy in keV"):
        Correct(steps=(Offset(), XrayGain(), RoundPhotons()))
    with pytest.raises(BadParameter, match="Rounding to photons takes keV, but Offset gives ADU"):
        Correct(steps=(Offset(), XrayGain(on=False), RoundPhotons(energy=9.2)))
    off = Correct(steps=(Offset(), XrayGain(), RoundPhotons(on=False)))
    for order in (("round_photons", "round_photons_energy"), ("round_photons_energy", "round_photons")):
        values = {"round_photons": True, "round_photons_energy": 9.2}
        on = off.with_changes({name: values[name] for name in order})
        assert on.results(AGIPD1M)[0].unit == "photons"
    with pytest.raises(BadParameter, match="needs the energy"):
        off.with_changes({"round_photons": True})


def test_zeros_stand_for_what_is_no_number() -> None:
    values = np.random.default_rng(4).normal(0, 1, (5, *SHAPE)).astype(np.float32)
    values[0, 0, :3] = np.nan, np.inf, -np.inf
    one = images(values)
    one.mask[...] = 1
    done(ZeroNans(), one)
    none = ~np.isfinite(values)
    np.testing.assert_array_equal(one.values, np.where(none, 0, values))
    np.testing.assert_array_equal(one.mask, np.where(none, 1 | int(BadPixels.VALUE_IS_NAN), 1))


def test_zeros_stand_for_what_is_far_out() -> None:
    values = np.zeros((5, *SHAPE), np.float32)
    values[0, 0, :8] = np.nan, np.inf, -np.inf, -100, -100.5, 1e6, 1.1e6, 5
    one = images(values)
    done(ZeroOrange(), one)
    np.testing.assert_array_equal(one.values[0, 0, :8], [np.nan, 0, 0, -100, 0, 1e6, 0, 5])
    far = int(BadPixels.VALUE_OUT_OF_RANGE)
    np.testing.assert_array_equal(one.mask[0, 0, :8], [0, far, far, 0, far, 0, far, 0])


STEPS = [step for family in families() for method in family.methods for step in method.steps_before()]
#: Those that look for what no frame of plain noise has are tried on frames of their own, in files of their own.
OWN_FRAMES = {"blc_stripes", "corr_asic_diag", "blc_hmatch", "cosmics"}
FINDING = [step for step in STEPS if step.of_frames and step.word not in OWN_FRAMES]


@pytest.mark.parametrize("step", FINDING, ids=lambda step: step.word)
def test_what_a_step_finds_is_what_it_declares_and_is_of_high_or_medium_gain(step: Step) -> None:
    kind = replace(AGIPD1M, shape=(64, 128), asic_shape=(32, 64))
    rng = np.random.default_rng(5)
    one = Images.of((rng.normal(-8, 9, (5, 64, 128))).astype(np.float32), np.zeros(5, np.int64), np.arange(5)).copy()
    one.stage[:, :, 100:], one.stage[:, :, 120:] = 1, 2
    before = one.values.copy()
    noise = OfSamples(np.full((3, 1, 64, 128), 9, np.float32), (0,))
    Pipeline([step.with_changes({"on": True})]).bind(Memory(Noise=noise), kind).read().apply(one)
    found = one.found[step.word]
    assert step.of_frames is not None
    assert found.dtype == np.float32
    assert found.shape == (5, *step.of_frames.shape(kind))
    assert np.isfinite(found).all()
    assert np.abs(found).max() > 0
    np.testing.assert_array_equal(one.values[:, :, 120:], before[:, :, 120:])
    assert not np.array_equal(one.values[:, :, :120], before[:, :, :120])
    assert not one.mask.any()
