"""Which value of a constant goes with which sample, against a loop over samples."""

from __future__ import annotations

import numpy as np
import pytest

from calib_core.correction.of_samples import OfSamples

from ...known import images_of


def images(cells, stages):
    made = images_of(np.zeros((len(cells), 3, 4), np.float32))
    made.cell, made.stage = np.asarray(cells), np.asarray(stages, np.uint8)
    return made


@pytest.mark.parametrize("numbers", [(0, 1, 2), (5, 3, 15)])
def test_each_sample_gets_the_value_of_its_stage_and_cell(numbers):
    rng = np.random.default_rng(1)
    constant = OfSamples(rng.normal(size=(3, 3, 3, 4)).astype("f4"), numbers)
    cells, stages = rng.choice(numbers, 7), rng.integers(0, 3, (7, 3, 4))
    found = constant.of(images(cells, stages))
    for frame, y, x in np.ndindex(7, 3, 4):
        expected = constant.data[stages[frame, y, x], numbers.index(cells[frame]), y, x]
        assert found[frame, y, x] == expected


def test_a_memory_cell_that_is_not_there_has_no_value():
    constant = OfSamples(np.ones((1, 2, 3, 4), np.float32), (0, 4))
    found = constant.of(images([0, 1, 4, 9], np.zeros((4, 3, 4))))
    assert np.isnan(found[[1, 3]]).all()
    assert (found[[0, 2]] == 1).all()


def test_the_only_image_is_that_of_all_frames():
    constant = OfSamples(np.full((2, 1, 3, 4), 7, np.float32), None)
    assert (constant.of(images([15, 3], np.ones((2, 3, 4)))) == 7).all()


def test_one_memory_cell_is_not_that_of_others():
    found = OfSamples(np.full((2, 1, 3, 4), 7, np.float32), (15,)).of(images([15, 3], np.ones((2, 3, 4))))
    assert (found[0] == 7).all()
    assert np.isnan(found[1]).all()
