"""Means of regions are those of NumPy, in the regions' own modules; odd regions are refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calib_core.correction.region_means import RegionMeans
from calib_core.detectors.jungfrau import JUNGFRAU
from calib_core.errors import BadParameter

from .memory import bound, images

KIND = replace(JUNGFRAU, shape=(6, 8))
#: Their step follows another, which is not tried here.
ALONE = {"on": True, "regions": "3,1,4,2,8,-1, 4,0,6,0,8,-2, 3,0,6,5,6,-2"}


class Alone(RegionMeans):
    """Without the step that it follows."""

    follows = ""


def test_good_pixels_count_and_those_below_the_threshold_as_nothing() -> None:
    rng = np.random.default_rng(4)
    one = images(rng.normal(3, 4, (5, 6, 8)))
    one.values[0, 2, 3], one.values[1, 3, 2:] = np.nan, np.inf
    one.mask[...] = rng.random(one.mask.shape) < 0.2
    one.mask[2, :, 5] = 1
    before = one.copy()
    bound(Alone(**ALONE, threshold=2.0), KIND.module(3)).apply(one)
    samples = np.ma.MaskedArray(np.where(before.values < 2, 0, before.values),
                                (before.mask != 0) | ~np.isfinite(before.values)).astype(float)
    assert set(one.found) == {"rois.1", "rois.3"}
    for name, place, axis in (("rois.1", np.s_[:, 1:4, 2:8], -1), ("rois.3", np.s_[:, :, 5:6], -2)):
        expected = samples[place].mean(axis=axis).filled(np.nan)
        np.testing.assert_allclose(one.found[name], expected, rtol=1e-6)
        assert one.found[name].shape[1:] == Alone(**ALONE).found_of_frames[name].shape(KIND)
    assert np.isnan(one.found["rois.3"][2]).all()
    np.testing.assert_array_equal(one.values, before.values)
    np.testing.assert_array_equal(one.mask, before.mask)


@pytest.mark.parametrize(("regions", "told"), [
    ("", "rois is not allowed without rois_regions"),
    ("3,1,4,2,8", "it takes 6 numbers for each region"),
    ("3,1,4,2,8,0", "a mean is over rows (-2) or over columns (-1), not 0"),
    ("3,1,7,2,8,-1", "columns 2 to 8 and rows 1 to 7 are not on a module of JUNGFRAU"),
])
def test_regions_that_cannot_be_are_refused(regions: str, told: str) -> None:
    with pytest.raises(BadParameter, match=told.replace("(", r"\(").replace(")", r"\)")):
        bound(Alone(on=True, regions=regions), KIND.module(3))
