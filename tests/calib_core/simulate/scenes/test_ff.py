"""Flat light: what the scene says of itself, against sums over frames and NumPy's own random numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from scipy.special import ndtr

import resources
from calib_core.errors import BadParameter
from calib_core.simulate import default_settings
from calib_core.simulate.scenes.ff import FlatField, elements
from calib_core.simulate.truth import ModuleTruth

Array = Any
SETTINGS = default_settings("AGIPD500K").with_changes({"modules": "1-2", "memory_cells": 2})
FRAMES = 60


def charges(scene: FlatField, module: int = 1, frames: int = FRAMES) -> Array:
    """Charge of some frames, keV, (frames, slow_scan, fast_scan)."""
    return np.stack([scene.truth_of(SETTINGS, module, 1000 + i, i % 2)[0] for i in range(frames)]).astype(float)


def test_the_mean_is_that_of_the_lines_and_of_each_pixel() -> None:
    scene = FlatField(light=0.5)
    for module in (1, 2):
        mean, found = scene.mean_of(SETTINGS, module), charges(scene, module)
        energy = scene.lines.alpha * (1 - scene.lines.beta_share) + scene.lines.beta * scene.lines.beta_share
        inner = found[:, 1:-1, 1:-1]  # the outermost pixels lose charge
        sigma = np.sqrt(0.5 * energy**2 / inner.size)
        assert inner.mean() == pytest.approx(energy * mean[1:-1, 1:-1].mean(), abs=4 * sigma)
        low, high = found[:, 1:100].mean(), found[:, -100:-1].mean()
        assert high / low == pytest.approx(mean[-100:-1].mean() / mean[1:100].mean(), rel=0.02)
    assert scene.mean_of(SETTINGS, 1).mean() != pytest.approx(scene.mean_of(SETTINGS, 2).mean(), rel=1e-3)
    assert abs(scene.mean_of(SETTINGS, 1).mean() / 0.5 - 1) < 0.1 + 1e-9  # two of the spread


def test_without_a_cloud_charges_are_sums_of_two_lines_with_poisson_numbers() -> None:
    scene = FlatField(light=0.8, cloud=0, light_slope=0, light_modules=0)
    found, alpha, beta = charges(scene), scene.lines.alpha, scene.lines.beta
    share = scene.lines.beta_share
    rng = np.random.default_rng(5)
    drawn = alpha * rng.poisson(0.8 * (1 - share), found.size) + beta * rng.poisson(0.8 * share, found.size)
    levels = [i * alpha + j * beta for i in range(15) for j in range(9)]
    assert max(np.abs(np.subtract(levels, one)).min() for one in np.unique(np.round(found, 3))) < 2e-3
    for level in (0, alpha, beta, 2 * alpha, alpha + beta, 3 * alpha):
        ours, theirs = (np.count_nonzero(np.abs(one - level) < 1e-3) for one in (found, drawn))
        assert abs(ours - theirs) < 5 * np.sqrt(ours + theirs), level
    assert np.unique(np.round(charges(FlatField(beta=False, cloud=0)) / alpha, 4) % 1).tolist() == [0]


@pytest.mark.parametrize("cloud", [5.0, 13.0])
def test_a_cloud_shares_charge_as_clouds_thrown_with_numpy_do(cloud: float) -> None:
    scene = FlatField(light=0.05, cloud=cloud, beta=False, light_slope=0, light_modules=0)
    found = charges(scene)[:, 1:-1, 1:-1] / scene.lines.alpha
    rng, size = np.random.default_rng(6), 400_000
    # electrons of a photon that hits a pixel anywhere: the share that stays in it
    place = rng.random((size, 2))
    s = cloud / 200
    stays = np.prod(ndtr((1 - place) / s) - ndtr(-place / s), axis=1)
    # of samples with more than half a photon nearly all are single photons of their own pixel
    ours = found[(found > 0.6) & (found < 1.001)]
    bins = np.linspace(0.6, 1, 9)
    counts, expected = np.histogram(ours.clip(max=1 - 1e-9), bins)[0], np.histogram(stays.clip(max=1 - 1e-9), bins)[0]
    shares = expected / expected.sum()
    pull = (counts - counts.sum() * shares) / np.sqrt(counts.sum() * shares)
    # a twentieth has some of a second photon's charge as well, which moves it up by a bin
    assert np.abs(pull[:-1]).max() < 4 + 0.03 * np.sqrt(counts.sum() * shares[:-1]).max()
    assert counts[-1] / counts.sum() == pytest.approx(shares[-1], abs=0.03)


def test_all_samples_are_of_high_gain_and_lie_about_the_offset_and_the_charge() -> None:
    scene, truth = FlatField(light=2.5), ModuleTruth(SETTINGS, 1)
    source = scene.source(SETTINGS, truth, scene.key, np.arange(2))
    block, _ = source.block(np.arange(1000, 1030, dtype=np.uint64), np.arange(2), np.zeros(30))
    charge = np.stack([scene.truth_of(SETTINGS, 1, 1000 + i // 2, i % 2)[0] for i in range(60)])
    good = truth.bad == 0
    expected = np.stack([truth.offset(0, i % 2) + truth.gain(0, i % 2) * charge[i] for i in range(60)])
    pull = (block[:, 0] - expected)[:, good] / truth.noise(0)[good]
    assert pull.mean() == pytest.approx(0, abs=4 / np.sqrt(pull.size))
    assert pull.std() == pytest.approx(1, abs=0.002)
    high = np.stack([truth.gain_signal(0, i % 2) for i in range(60)])[:, good]
    assert np.abs(block[:, 1][:, good] - high).max() < 8 * truth.gain_signal_sigma(0).max()


def test_lines_are_those_of_the_resource_and_in_order() -> None:
    said = yaml.safe_load((Path(resources.__file__).parent / "codings" / "lines.yaml").read_text("utf-8"))
    assert set(FlatField.model_fields["element"].annotation.__args__) == set(said["elements"]) == set(elements())
    for name, one in elements().items():
        assert one.alpha < one.mean < one.beta, name
        assert 0.1 < one.beta_share < 0.2


@pytest.mark.parametrize(("settings", "knobs", "told"), [
    ({"detector_type": "AGIPD500K"}, {"cloud": 90}, "cloud = 90 is not allowed; it takes 0 to 60 µm"),
    ({"detector_type": "AGIPD500K", "cosmic_rate": 1.0}, {}, "cosmic_rate"),
    ({"detector_type": "LPD1M", "parallel_gain": True}, {}, "parallel_gain = True is not allowed in flat light"),
    ({"detector_type": "EPIX10K"}, {}, "cloud = 8 is not allowed; it takes 0 to 0 µm"),
    ({"detector_type": "EPIX10K"}, {"cloud": 0}, ""),
])
def test_what_cannot_be_made_is_refused(settings: dict[str, Any], knobs: dict[str, Any], told: str) -> None:
    chosen = default_settings(settings.pop("detector_type")).with_changes(settings)
    if not told:
        FlatField(**knobs).check(chosen)
        return
    with pytest.raises(BadParameter, match=told):
        FlatField(**knobs).check(chosen)
