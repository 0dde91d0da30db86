"""Nominal gains of the stages, and the stage of fixed gain."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calib_core.constants.condition import Found
from calib_core.correction.bound_constant import Known
from calib_core.correction.gain_stage import StageOfBits
from calib_core.correction.nominal_gain import NominalGain
from calib_core.correction.step import CannotBeDone
from calib_core.detectors.epix10k import EPIX10K

from ...known import images_of


def at(setting: int):
    return EPIX10K.operated_at({"gain_setting": Found(float(setting), "test")})


@pytest.mark.parametrize(("setting", "gains"), [
    (0, [16.4]), (1, [5.47]), (2, [0.164]), (3, [16.4, 0.164]), (4, [5.47, 0.164])])
def test_each_sample_is_divided_by_the_gain_of_its_stage(setting: int, gains: list[float]) -> None:
    kind = at(setting)
    assert [stage.nominal_gain for stage in kind.stages] == gains
    images = images_of(np.array([[[164.0, -1.64, np.nan, 0]]], np.float32))
    images.stage = np.array([[[0, len(gains) - 1, 0, 0]]], np.uint8)
    NominalGain().bind(Known({}), kind).apply(images)
    expected = np.float32([164, -1.64, np.nan, 0]) / np.float32([gains[0], gains[-1], gains[0], gains[0]])
    np.testing.assert_array_equal(images.values.ravel(), expected)
    assert images.one_scale


def test_without_gains_it_is_left_out() -> None:
    kind = replace(EPIX10K, stages=(replace(EPIX10K.stages[0], label="some gain"),))
    with pytest.raises(CannotBeDone, match="Nominal gain is left out: none is known of some gain of ePix10K"):
        NominalGain().bind(Known({}), kind)


def test_bits_count_where_the_gain_switches_alone() -> None:
    for setting, stages, wrong in ((0, [0, 0, 0, 0], [0, 0, 0, 0]), (3, [0, 1, 0, 0], [0, 0, 1, 1])):
        images = images_of(np.zeros((1, 1, 4), np.float32)).copy()
        images.bits = np.array([[[0, 1, 2, 3]]], np.uint8)
        StageOfBits().bind(Known({}), at(setting)).apply(images)
        assert images.stage.ravel().tolist() == stages
        assert (images.mask.ravel() == 1 << 21).astype(int).tolist() == wrong
        assert (~images.use.ravel()).astype(int).tolist() == wrong
