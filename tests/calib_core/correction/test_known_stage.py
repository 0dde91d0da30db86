"""Regions of a module that is known are put into a gain stage; others stay as they are, and odd ones are refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calib_core.constants.badpixels import BadPixels
from calib_core.correction.known_stage import KnownStage
from calib_core.detectors.jungfrau import JUNGFRAU
from calib_core.errors import BadParameter

from .memory import bound, images

KIND, WRONG, OTHER = replace(JUNGFRAU, shape=(6, 8)), int(BadPixels.WRONG_GAIN_VALUE), int(BadPixels.NOISY_ADC)


@pytest.mark.parametrize(("module", "inside"), [
    (3, [np.s_[:, 1:3, 2:5], np.s_[:, 5:6, 0:8]]), (4, [np.s_[:, :, 7:]]), (5, [])])
def test_samples_of_the_regions_of_a_module_get_the_stage(module: int, inside: list[tuple[slice, ...]]) -> None:
    one = images(np.zeros((2, 6, 8)), stage=1)
    rng = np.random.default_rng(2)
    one.mask[...] = rng.choice([0, WRONG, OTHER, WRONG | OTHER], one.mask.shape)
    one.use[...] = (one.mask & WRONG) == 0
    one.use[0, 2, 2] = one.use[0, 0, 0] = False
    one.mask[0, 2, 2] = one.mask[0, 0, 0] = 0
    before = one.copy()
    step = KnownStage(on=True, regions="3,2,5,1,3, 3,0,8,5,6, 4,7,8,0,6", stage=2)
    bound(step, KIND.module(module)).apply(one)
    region = np.zeros(one.mask.shape, bool)
    for place in inside:
        region[place] = True
    np.testing.assert_array_equal(one.stage, np.where(region, 2, 1))
    np.testing.assert_array_equal(one.mask, np.where(region, before.mask & ~np.uint32(WRONG), before.mask))
    np.testing.assert_array_equal(one.use, before.use | (region & ((before.mask & WRONG) != 0)))
    assert step.modules == (3, 3, 4)


@pytest.mark.parametrize(("regions", "told"), [
    ("", "known_stage is not allowed without known_stage_regions"),
    ("3,2,5,1", "it takes 5 numbers for each region"),
    ("3,2,5,1,x", "it takes 5 numbers for each region"),
    ("3,2,9,1,3", "columns 2 to 9 and rows 1 to 3 are not on a module of JUNGFRAU, which has 8 columns and 6 rows"),
    ("3,-1,5,1,3", "columns -1 to 5 and rows 1 to 3 are not on a module"),
    ("3,5,5,1,3", "columns 5 to 5 and rows 1 to 3 are not on a module"),
    ("2,0,8,0,7", "columns 0 to 8 and rows 0 to 7 are not on a module"),
])
def test_regions_that_cannot_be_are_refused(regions: str, told: str) -> None:
    with pytest.raises(BadParameter, match=told):
        bound(KnownStage(on=True, regions=regions), KIND.module(3))


def test_a_stage_that_there_is_not_is_refused() -> None:
    kind = replace(KIND, stages=KIND.stages[:2])
    with pytest.raises(BadParameter, match="known_stage_stage = 2 is not allowed; JUNGFRAU has stages 0 to 1"):
        bound(KnownStage(on=True, regions="3,0,8,0,6", stage=2), kind.module(3))
