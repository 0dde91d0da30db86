"""Samples of a scan by their steps, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from calib_core.numerics.scan_columns import keep_pixels, one_series, scan_starts, whole_scans

RNG = np.random.default_rng(3)


def ramp(steps: int, switch: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean signal and gain signal of a scan: high gain, a fall over some steps, medium gain."""
    x = np.arange(steps)
    medium = np.clip((x - switch) / 20, 0, 1)
    return (1 - medium) * (5000 + 30 * x) + medium * (4700 + 0.7 * x), 5750 + 1500 * medium


def test_pixels_of_frames_go_to_their_trains() -> None:
    block = RNG.integers(1, 16000, (6, 3, 4, 8)).astype(np.uint16)
    kept, position = np.zeros((8, 2, 32), np.uint16), np.array([0, 1, 2, 4, 7, 6])
    keep_pixels(block, 2, np.array([1, 6, 31]), position, kept)
    expected = np.zeros_like(kept)
    for frame in range(6):
        expected[position[frame]][:, [1, 6, 31]] = block[frame, ::2].reshape(2, 32)[:, [1, 6, 31]]
    np.testing.assert_array_equal(kept, expected)


@pytest.mark.parametrize("switch", [20, 200, 350])
def test_a_scan_has_one_begin_and_its_switch_is_none(switch: int) -> None:
    signal, code = ramp(600, switch)
    assert scan_starts(signal, code) == [0]
    assert whole_scans([0], 600) == [(0, 600)]


def test_scans_after_another_are_found_over_lost_trains() -> None:
    signal, code = (np.concatenate([one[400:], one, one]) for one in ramp(600, 200))
    lost = RNG.random(len(signal)) < 0.05
    lost[[199, 200, 799]] = [True, False, True]
    for one in (signal, code):
        one[lost] = np.nan
    begins = scan_starts(signal, code)
    assert begins == [0, 200, 800]
    assert whole_scans(begins, len(signal)) == [(200, 600), (800, 600)]


def test_a_scan_that_never_switches_begins_where_the_signal_falls() -> None:
    signal = np.concatenate([5000 + 30.0 * np.arange(60), 5000 + 30.0 * np.arange(100)])
    assert scan_starts(signal, np.full(160, 5750.0)) == [0, 60]


def test_without_samples_there_is_no_scan() -> None:
    assert scan_starts(np.full(5, np.nan), np.full(5, np.nan)) == []
    assert whole_scans([], 5) == []


def test_a_series_is_the_mean_of_scans_and_lacks_steps_of_two_stages() -> None:
    kept = RNG.integers(4000, 4100, (7, 2, 4, 3)).astype(np.uint16)
    kept[1, :, 2, 1] = 0  # lost in the first scan
    kept[[2, 5], :, 3, 2] = 0  # in both
    kept[0, 1, 2, 0], kept[3, 1, 2, 0] = 5750, 7250
    signal, code = one_series(kept.reshape(7, 2, 12), [(0, 3), (3, 4)], np.arange(6, 12), 350.0)
    assert signal.shape == code.shape == (6, 3)
    for found, plane in ((signal, 0), (code, 1)):
        first, second = (kept[begin:begin + 3, plane, 2:4].reshape(3, 6).T.astype(float) for begin in (0, 3))
        expected = np.rint((first + second) / 2)
        expected[1, 1] = second[1, 1]
        expected[5, 2] = expected[0, 0] = 0
        np.testing.assert_array_equal(found, expected)


def test_one_scan_is_taken_as_it_is() -> None:
    kept = RNG.integers(0, 9, (5, 2, 2, 6)).astype(np.uint16)
    signal, code = one_series(kept.reshape(5, 2, 12), [(1, 3)], np.array([2, 5, 8, 11]), 350.0)
    np.testing.assert_array_equal(signal, kept[1:4, 0][..., [2, 5]].reshape(3, 4).T)
    np.testing.assert_array_equal(code, kept[1:4, 1][..., [2, 5]].reshape(3, 4).T)
    assert signal.flags.c_contiguous
