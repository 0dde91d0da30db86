"""Baseline by the noise peak, against shifts that were put into frames made with NumPy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from calib_core.constants.constant import NOISE
from calib_core.correction.force_gain import ForceHigh
from calib_core.correction.images import Images
from calib_core.correction.noise_peak import NoisePeak
from calib_core.correction.of_samples import OfSamples
from calib_core.correction.pipeline import Pipeline
from calib_core.detectors.agipd import AGIPD1M
from calib_core.errors import BadParameter

from ...lit_frames import PHOTON, SHAPE, frame

Array = Any


class Memory:
    """Constants of a module in memory."""

    def __init__(self, **found: OfSamples) -> None:
        self._found = found

    def get(self, kind: Any) -> Any:
        return self._found.get(kind.name)


def noise(sigma: float) -> OfSamples:
    """Of one memory cell, with some pixels without a noise."""
    values = np.full((3, 1, *SHAPE), sigma, np.float32)
    values[:, :, :3] = np.nan
    return OfSamples(values, (0,))


def corrected(frames: Array, sigma: float = 9.0, step: NoisePeak | None = None, **others: Any) -> Images:
    one = Images.of(np.array(frames, np.float32), np.zeros(len(frames), np.int64), np.arange(len(frames))).copy()
    for name in ("stage", "mask", "unforced"):
        if name in others:
            setattr(one, name, others.pop(name))
    Pipeline([step or NoisePeak()]).bind(Memory(Noise=noise(sigma), **others), AGIPD1M).read().apply(one)
    return one


def errors(photons: float, sigma: float, cloud: float, frames: int, step: NoisePeak | None = None) -> Array:
    """What was found less what was put in, ADU; shifts from 150 ADU down to none."""
    rng = np.random.default_rng([int(100 * photons), int(sigma), int(cloud)])
    shifts = rng.uniform(-150, 0, frames)
    one = corrected([frame(rng, photons, sigma, shift, cloud) for shift in shifts], sigma, step)
    return one.found["blc_noise"] - shifts


@pytest.mark.parametrize(("photons", "most"), [(0.1, 0.06), (1.0, 0.13), (2.0, 0.2), (3.0, 0.25), (4.0, 0.41)])
def test_the_shift_is_found_whatever_the_light(photons: float, most: float) -> None:
    """Without sharing of charge: as is known of this rule; the root of the mean of 30 squares is 13 % uncertain."""
    found = errors(photons, 9.0, 0.0, 30)
    rms = np.sqrt(np.mean(found**2))
    assert rms < 0.5
    assert rms < 1.4 * most
    assert np.abs(found).max() < 2


@pytest.mark.parametrize(("photons", "frames", "most"), [
    (0.5, 8, 0.5), (1.0, 8, 0.5), (2.0, 8, 0.5), (3.0, 8, 0.5), (4.0, 12, 1.0)])
def test_shared_charge_moves_the_peak_by_what_is_known(photons: float, frames: int, most: float) -> None:
    """0.95 ADU for each photon in a pixel, at a cloud of 8 µm."""
    found = errors(photons, 9.0, 8.0, frames)
    assert np.abs(found / photons - 0.95).max() < most, "no frame is off by a photon"
    assert abs(found.mean() / photons - 0.95) < 0.2


def test_a_filter_as_wide_as_a_large_noise_would_lose_a_photon() -> None:
    assert np.abs(errors(4.0, 13.0, 0.0, 12)).max() < 4
    wide = errors(4.0, 13.0, 0.0, 12, NoisePeak(widest_filter=13.0))
    assert (np.isnan(wide) | (np.abs(wide - PHOTON) < 10)).mean() > 0.2, "off by a photon, or refused"


def test_what_was_found_is_taken_off_and_medium_gain_gets_its_part() -> None:
    rng = np.random.default_rng(3)
    given = np.array([frame(rng, 0.5, 9.0, shift) for shift in (-80, -3)])
    stage = np.zeros(given.shape, np.uint8)
    stage[:, 100:110], stage[:, 110:112] = 1, 2
    one = corrected(given, stage=stage)
    found = one.found["blc_noise"]
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, (-80, -3), atol=0.3)
    shift = found[:, None, None]
    np.testing.assert_array_equal(one.values[:, :100], (given - shift)[:, :100])
    np.testing.assert_array_equal(one.values[:, 100:110], (given - shift / np.float32(45))[:, 100:110])
    np.testing.assert_array_equal(one.values[:, 110:112], given[:, 110:112])


REASONS = ("too high", "too low", "far too low", "too bright", "no pixel of high gain", "all flagged", "no noise",
           "few")


@pytest.mark.parametrize("why", REASONS)
def test_where_it_is_refused_nothing_changes_and_that_is_found(why: str) -> None:
    rng = np.random.default_rng(4)
    shift = {"too high": 25.0, "too low": -5100.0, "far too low": -9000.0}.get(why, -20.0)
    given = frame(rng, 0.1, 9.0, shift)[None]
    others: dict[str, Any] = {}
    if why == "too bright":
        given[:, :, :40] += 20_000
    if why == "no pixel of high gain":
        others["stage"] = np.ones(given.shape, np.uint8)
    if why == "all flagged":
        others["BadPixelsDark"] = OfSamples(np.ones((3, 1, *SHAPE), np.uint32), (0,), 0)
    if why == "few":
        given[0, 4:] = np.nan
        given[0, :4, 30:] = np.nan  # 120 pixels
    one = corrected(given, np.nan if why == "no noise" else 9.0, **others)
    assert np.isnan(one.found["blc_noise"]).all()
    np.testing.assert_array_equal(one.values, given)


def test_flagged_pixels_have_no_say() -> None:
    """A third of the pixels, 100 ADU below all others, would be the left-most peak."""
    given = frame(np.random.default_rng(5), 0.1, 9.0, -20.0)[None]
    given[:, :170] -= 100
    flags = np.zeros((3, 1, *SHAPE), np.uint32)
    flags[0, 0, :170] = 4
    assert corrected(given).found["blc_noise"][0] == pytest.approx(-120, abs=0.5)
    of_pixels = OfSamples(flags, (0,), 0)
    assert corrected(given, BadPixelsPC=of_pixels).found["blc_noise"][0] == pytest.approx(-20, abs=0.5)
    mask = np.zeros(given.shape, np.uint32)
    mask[:, :170] = 1
    assert corrected(given, mask=mask).found["blc_noise"][0] == pytest.approx(-20, abs=0.5)


def test_forced_samples_have_no_say_but_get_the_shift() -> None:
    rng = np.random.default_rng(6)
    values = np.full((3, 1, *SHAPE), 4900, np.float32)
    values[1] = 9000
    raw = frame(rng, 0.1, 9.0, -20.0)[None] + 4900
    raw[:, :170] -= 100
    told = np.zeros(raw.shape, np.uint8)
    told[:, :170] = 1
    one = Images.of(raw, np.zeros(1, np.int64), np.arange(1)).copy()
    one.stage = told.copy()
    memory = Memory(Noise=noise(9.0), Offset=OfSamples(values, (0,)))
    Pipeline([ForceHigh()]).bind(memory, AGIPD1M).read().apply(one)
    assert not one.stage.any()
    np.testing.assert_array_equal(one.unforced, told)
    one.values -= 4900
    before = one.values.copy()
    Pipeline([NoisePeak()]).bind(memory, AGIPD1M).read().apply(one)
    shift = one.found["blc_noise"][0]
    assert shift == pytest.approx(-20, abs=0.5)
    np.testing.assert_array_equal(one.values, before - shift)


def test_frames_do_not_know_of_each_other() -> None:
    rng = np.random.default_rng(7)
    given = [frame(rng, photons, 9.0, -30.0) for photons in (0.1, 3.0, 1.0)]
    together = corrected(given).found["blc_noise"]
    np.testing.assert_array_equal(together, [corrected([one]).found["blc_noise"][0] for one in given])


def test_in_fixed_medium_gain_it_is_left_out_and_told() -> None:
    bound = Pipeline([NoisePeak()]).bind(Memory(Noise=noise(9.0)), replace(AGIPD1M, fixed_stage=1))
    assert [one.reason for one in bound.skipped] == [
        "Baseline by noise peak is left out: in fixed gain MG there are no samples of HG."]
    assert Pipeline([NoisePeak()]).bind(Memory(Noise=noise(9.0)), replace(AGIPD1M, fixed_stage=0)).steps


def test_without_noise_it_is_left_out() -> None:
    bound = Pipeline([NoisePeak()]).bind(Memory(), AGIPD1M)
    assert [one.reason for one in bound.skipped] == [f"Baseline by noise peak is left out: there is no {NOISE.name}."]


def test_it_cannot_be_given_a_threshold_above_zero() -> None:
    with pytest.raises(BadParameter):
        NoisePeak().with_changes({"threshold": -10})


def test_light_in_some_pixels_is_not_taken_for_the_baseline_of_others_far_below() -> None:
    """Where samples lie below all that is looked at, the peak may be there; so nothing is believed."""
    given = frame(np.random.default_rng(8), 0.1, 9.0, -700.0)[None]
    given[:, :256] += 690
    step = NoisePeak(threshold=60)
    assert np.isnan(corrected(given, step=step).found["blc_noise"][0])
    given[:, 256:] = np.nan
    assert corrected(given, step=step).found["blc_noise"][0] == pytest.approx(-10, abs=0.5)
