"""Changes of lines over frames, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from calib_core.detector.registry import detector_type
from calib_core.numerics.scan_lines import LineRanges, changing_lines

KIND = detector_type("AGIPD1M")


def frames(n: int, seed: int, charged: list[int]) -> np.ndarray:
    """Noise about 5000 ADU, more from frame to frame in all pixels, and a ramp in some columns."""
    rng = np.random.default_rng(seed)
    made = 5000 + 40 * np.arange(n)[:, None, None] + 10 * rng.standard_normal((n, *KIND.shape))
    made[:, :, charged] += 30 * np.arange(n)[:, None, None]
    made[rng.random(made.shape) < 0.003] = 0  # lost samples
    return np.rint(made).astype(np.uint16)


def test_changes_are_what_numpy_says_of_all_frames_and_merge() -> None:
    signal = frames(40, 3, [2, 77])
    places = KIND.injections["capacitor"].pixels_of_lines(KIND.shape, 8)
    assert places.shape == (128, 64)
    medians = np.median(signal[:, ::8], axis=1)
    others = np.arange(80, 128)
    expected = np.ptp(medians - np.median(medians[:, others], axis=1, keepdims=True), axis=0)
    whole, parts = LineRanges(places, others), [LineRanges(places, others) for _ in range(2)]
    assert np.isnan(whole.changes).all()
    for begin in range(0, 40, 7):
        whole.add(signal[begin:begin + 7])
        parts[begin % 2].add(signal[begin:begin + 7])
    whole.add(signal[:0])
    np.testing.assert_allclose(whole.changes, expected)
    assert set(np.flatnonzero(expected > 500)) == {2, 77}
    parts[0].merge(parts[1])
    np.testing.assert_array_equal(parts[0].changes, whole.changes)


@pytest.mark.parametrize("every", [8, 4, 2])
def test_lines_stand_out_where_up_to_half_of_them_are_charged(every: int) -> None:
    charged = list(range(1, 128, every))
    above = changing_lines(frames(24, 5, charged), KIND.injections["capacitor"].pixels_of_lines(KIND.shape))
    changes = np.ptp(above, axis=0)
    np.testing.assert_allclose(changes[charged], 30 * 23, atol=10)
    assert np.delete(changes, charged).max() < 10


def test_pixels_of_half_rows_are_those_of_their_line() -> None:
    source = KIND.injections["current"]
    places = source.pixels_of_lines(KIND.shape)
    np.testing.assert_array_equal(places[5], 5 * 128 + np.arange(64))
    np.testing.assert_array_equal(places[512 + 5], 5 * 128 + np.arange(64, 128))
