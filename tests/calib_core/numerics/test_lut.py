"""Look-up kernel against NumPy indexing."""

from __future__ import annotations

import numpy as np
import pytest

from calib_core.numerics.lut import look_up

CELLS, PIXELS, CODES = 2, 37, 64


@pytest.fixture
def table() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 1024, (CELLS, CODES, PIXELS)).astype(np.uint16)


def test_every_sample_becomes_its_entry(table: np.ndarray) -> None:
    draw = np.random.default_rng(2)
    samples = draw.integers(0, CODES, (50, PIXELS)).astype(np.uint16)
    cell = draw.integers(0, CELLS, 50)
    expected = table[cell[:, None], samples, np.arange(PIXELS)]
    look_up(samples, cell, table)
    np.testing.assert_array_equal(samples, expected)


def test_no_frames_are_no_work(table: np.ndarray) -> None:
    look_up(np.empty((0, PIXELS), np.uint16), np.empty(0, np.int64), table)


@pytest.mark.parametrize(("samples", "cell"), [
    (np.full((2, PIXELS), CODES, np.uint16), [0, 1]), (np.zeros((2, PIXELS), np.uint16), [0, 2]),
    (np.zeros((2, PIXELS), np.uint16), [-1, 0]), (np.zeros((2, PIXELS + 1), np.uint16), [0, 0]),
    (np.zeros((2, PIXELS), np.int32), [0, 0]), (np.zeros((2, PIXELS), np.uint16), [0]),
    (np.zeros((2, 2 * PIXELS), np.uint16)[:, ::2], [0, 0]),
])
def test_what_does_not_fit_is_refused_and_left_as_it_is(
    table: np.ndarray, samples: np.ndarray, cell: list[int]
) -> None:
    before = samples.copy()
    with pytest.raises(ValueError, match=r"table|samples|cell"):
        look_up(samples, np.array(cell, np.int64), table)
    np.testing.assert_array_equal(samples, before)
