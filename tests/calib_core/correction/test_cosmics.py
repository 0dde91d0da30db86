"""Tracks put into noise are found and taken out whole; nothing else is."""

from __future__ import annotations

import numpy as np
import pytest

from calib_core.constants.badpixels import BadPixels
from calib_core.correction.cosmics import FlagCosmics, RejectCosmics

from ...known import changed, corrected

SHAPE = (96, 128)
NOISE = 3.0


def draw_track(rng: np.random.Generator) -> np.ndarray:
    """Pixels of a straight track of 2 to 40 pixels, (k, 2)."""
    length, angle = rng.integers(2, 41), rng.uniform(0, 2 * np.pi)
    step = np.array([np.sin(angle), np.cos(angle)]) / max(abs(np.sin(angle)), abs(np.cos(angle)))
    pixels = np.rint(rng.uniform(0, SHAPE) + np.arange(length)[:, None] * step).astype(int)
    return pixels[((pixels >= 0) & (pixels < SHAPE)).all(axis=1)]


@pytest.fixture
def hit(noise_images):
    """Frames with one track each, the charge of each of its pixels between 8 and 30 σ; the tracks."""
    images, rng, tracks = noise_images(400, seed=8), np.random.default_rng(5), []
    while len(tracks) < 400:
        pixels = draw_track(rng)
        if len(pixels) >= 2:
            charge = NOISE * rng.uniform(8, 30, len(pixels)).astype(np.float32)
            images.values[len(tracks), pixels[:, 0], pixels[:, 1]] += charge
            tracks.append((pixels, charge.sum()))
    return images, tracks


def test_tracks_are_found_whole(hit, reference, detector):
    images, tracks = hit
    events = corrected(RejectCosmics(), images, reference, detector)
    whole = [not images.use[frame, p[:, 0], p[:, 1]].any() for frame, (p, _) in enumerate(tracks)]
    assert np.mean(whole) >= 0.95
    found = np.bincount(events["frame"], minlength=400)
    assert np.mean(found == 1) >= 0.95
    assert found.max() <= 2


def test_events_say_where_and_how_much(hit, reference, detector):
    images, tracks = hit
    events = corrected(RejectCosmics(), images, reference, detector)
    once = np.bincount(events["frame"], minlength=400)[events["frame"]] == 1
    pulls = []
    for event in events[once]:
        pixels, charge = tracks[event["frame"]]
        assert [event["row"], event["column"]] in pixels.tolist()
        if event["pixels"] == len(pixels):
            pulls.append((event["charge"] - charge) / (NOISE * np.sqrt(len(pixels))))
    assert len(pulls) > 350
    assert abs(np.mean(pulls)) < 5 / np.sqrt(len(pulls))
    assert np.std(pulls) == pytest.approx(1, abs=5 / np.sqrt(2 * len(pulls)))


def test_only_tracks_and_one_pixel_around_them_are_taken_out(hit, reference, detector):
    images, tracks = hit
    corrected(RejectCosmics(), images, reference, detector)
    allowed = np.zeros(images.use.shape, bool)
    for frame, (pixels, _) in enumerate(tracks):
        for row, column in pixels:
            # A sample of noise above 4 σ may lie beside a track and bring its own neighbours.
            allowed[frame, max(row - 2, 0):row + 3, max(column - 2, 0):column + 3] = True
    assert images.use[~allowed].all()


def test_bad_pixels_make_no_tracks(noise_images, reference, detector):
    images = noise_images(5)
    images.values[:, 20, 30:33] += 500
    bad = np.zeros(SHAPE, bool)
    bad[20, 30:33] = True
    noise = reference.values["Noise"].copy()
    images.values[:, 60, 30:34] += 500
    noise[60, 30:34] = [0, 0, np.nan, np.nan]
    events = corrected(RejectCosmics(), images, changed(reference, bad=bad, noise=noise), detector)
    assert len(events) == 0
    assert images.use.all()


def test_single_pixels_are_left_unless_asked_for(noise_images, reference, detector):
    for wanted, found in ((2, 0), (1, 1)):
        images = noise_images(1)
        images.values[0, 40, 40] = 200
        assert len(corrected(RejectCosmics(min_pixels=wanted), images, reference, detector)) == found
        assert images.use.all() == (found == 0)


def test_no_frames(noise_images, reference, detector):
    assert corrected(RejectCosmics(), noise_images(0), reference, detector).shape == (0,)


@pytest.mark.parametrize(("neighbour_sigma", "found"), [(8, 3), (6, 3), (4, 4)])
def test_neighbours_need_no_more_than_the_largest(neighbour_sigma, found, noise_images, reference, detector):
    images = noise_images(1)
    images.values[0, 38:43, 60:70] = 0
    images.values[0, 40, 63:67] = NOISE * np.float32([7, 5, 7, 7])
    images.values[0, 41, 64] = NOISE * 7
    images.values[0, 40, 66] = 0
    events = corrected(RejectCosmics(neighbour_sigma=neighbour_sigma), images, reference, detector)
    assert events["pixels"].tolist() == [found]


def test_long_tracks_are_flagged_in_light_and_photons_stay(noise_images, reference, detector):
    """Photons of 40 σ are shared by 4 pixels; of each track a sample is above 100 σ, or its events are left."""
    images, rng = noise_images(60, seed=9), np.random.default_rng(4)
    photons = np.zeros(images.values.shape, bool)
    for frame in range(60):
        for y, x in rng.integers(2, (40, 120), (20, 2)):
            images.values[frame, y:y + 2, x:x + 2] += 40 * NOISE * rng.dirichlet(np.full(4, 2)).reshape(2, 2)
            photons[frame, y:y + 2, x:x + 2] = True
    charge = NOISE * rng.uniform(120, 400, (60, 12)).astype(np.float32)
    for frame in range(0, 60, 2):
        length = 3 + frame % 9
        images.values[frame, 60, 50:50 + length] += charge[frame, :length]
    images = images.copy()
    before = images.values.copy()
    found = corrected(FlagCosmics(), images, reference, detector)
    long = np.array([frame % 2 == 0 and 3 + frame % 9 >= 5 for frame in range(60)])
    np.testing.assert_array_equal(found, long)
    flagged = (images.mask & int(BadPixels.VALUE_OUT_OF_RANGE)) > 0
    for frame in range(60):
        length = 3 + frame % 9
        assert flagged[frame, 59:62, 49:51 + length].all() == long[frame]
        assert flagged[frame].any() == long[frame]
    assert not flagged[photons].any()
    np.testing.assert_array_equal(images.use, ~flagged)
    np.testing.assert_array_equal(images.values, before)
