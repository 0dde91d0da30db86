"""Events of a real X-ray camera against the grades and amplitudes of its mission."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from calib_core.constants.constant import BAD_PIXELS_DARK, NOISE
from calib_core.correction.bound_constant import Known
from calib_core.correction.common_mode import CommonMode
from calib_core.correction.images import Images
from calib_core.correction.split_events import SplitEvents
from calib_core.detector import DetectorType
from calib_core.detector.registry import detector_type

pytestmark = pytest.mark.real

Array = Any
#: Split threshold of the mission, ADU; samples at it count.
SPLIT = 13
#: Grades of the mission that are one to four samples, and our codes for the directions of their bits.
VALID = {0: 100, 2: 203, 8: 202, 16: 200, 64: 201, 10: 300, 18: 301, 80: 302, 72: 303, 11: 400, 22: 401, 208: 402,
         104: 403}
#: Islands in a frame, each in a tile of its own; the outermost pixels of a tile are dark.
ACROSS, TILE = 40, 5


def test_real_events_have_the_missions_grades_and_amplitudes(real_data: Path) -> None:
    with h5py.File(real_data / "chandra_acis" / "acis_islands.h5") as file:
        islands, grades, amplitudes = (file[name][()] for name in ("phas", "fltgrade", "pha"))
    per_frame = ACROSS * ACROSS
    frames = -(-len(islands) // per_frame)
    tiles = np.full((frames * per_frame, TILE, TILE), -9, np.float32)
    tiles[:len(islands), 1:-1, 1:-1] = islands
    size = ACROSS * TILE
    values = tiles.reshape(frames, ACROSS, ACROSS, TILE, TILE).swapaxes(2, 3).reshape(frames, size, size)
    # their threshold is reached, ours is exceeded: codes are whole numbers
    noise = np.full((size, size), SPLIT - 0.5, np.float32)
    # at the outermost pixels no island has its centre
    kind = replace(detector_type("EPIX100"), shape=(size, size), asic_shape=(size, size), bank_shape=None, regions=())
    images = Images.of(np.ascontiguousarray(values), np.zeros(frames, int), np.arange(frames)).copy()
    step = SplitEvents(primary=1.0, secondary=1.0, largest=1e6)
    step.bind(Known({NOISE.name: noise}), kind).apply(images)
    codes, sums = (one.reshape(frames, ACROSS, TILE, ACROSS, TILE).swapaxes(2, 3).reshape(-1, TILE, TILE)[
        :len(islands), 2, 2] for one in (images.found["split_events"], images.values))
    valid = np.isin(grades, list(VALID))
    assert valid.sum() > 50_000
    expected = np.array([VALID.get(int(one), 1000) for one in grades])
    assert (codes[valid] == expected[valid]).mean() >= 0.999
    assert (sums[valid] == amplitudes[valid]).mean() >= 0.998
    # what is none of these patterns there is none here
    assert (codes[~valid] == 1000).mean() >= 0.999


@pytest.fixture
def camera() -> DetectorType:
    return replace(detector_type("EPIX100"), shape=(352, 384), asic_shape=(352, 384), bank_shape=(352, 96),
                   regions=(), variants=())


def test_frames_of_a_real_camera_lose_their_common_mode(real_data: Path, camera: DetectorType) -> None:
    """The second frame less the first: 16 ADU in all modules, and noise of 3.15 ADU, √2 of it, without them."""
    with h5py.File(real_data / "epix10ka_lcls2" / "epix10ka_quad.h5") as file:
        raw = (file["raw"][()] & 0x3FFF).astype(np.float32)
    difference = raw[1] - raw[0]
    assert [float(np.median(one)) for one in difference] == [16.0] * 4
    noise = np.full(camera.shape, 3.15 * np.sqrt(2), np.float32)
    images = Images.of(difference.copy(), np.zeros(4, int), np.arange(4)).copy()
    known = Known({NOISE.name: noise, BAD_PIXELS_DARK.name: np.zeros(camera.shape, np.uint32)})
    CommonMode(axis="block", limit=30.0).bind(known, camera).apply(images)
    assert abs(images.found["common_mode"] - 16).max() <= 1
    for one in images.values:
        assert abs(np.median(one)) <= 0.5
        # about 0, and by the median: some pixels of these modules are bad
        assert 1.4826 * np.median(abs(one)) / np.sqrt(2) == pytest.approx(3.15, abs=0.01)
