"""Orders of strixels: samples come to their places with all that is known of them; odd orders are refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from calib_core.constants.badpixels import BadPixels
from calib_core.correction.bound_constant import KnownConstant
from calib_core.correction.strixels import StrixelOrder
from calib_core.detectors.jungfrau import JUNGFRAU
from calib_core.errors import BadInput

from .memory import bound, images

SHAPE = (6, 8)
KIND = replace(JUNGFRAU, shape=SHAPE, asic_shape=(6, 4))


def order() -> Any:
    """Any order; pixel 5 stands at two places, pixel 11 at none, and two places have no pixel."""
    found = np.random.default_rng(1).permutation(48)
    found[found == 11] = 5
    found[[0, 47]] = -1
    return found.reshape(SHAPE)


@pytest.mark.parametrize("dtype", ["i4", "f4"])
def test_samples_come_to_their_places(dtype: str) -> None:
    rng, places = np.random.default_rng(2), order()
    one = images(rng.normal(10, 3, (4, *SHAPE)), rng.integers(0, 3, (4, *SHAPE)))
    one.mask[...] = rng.integers(0, 9, one.mask.shape)
    one.use[...] = rng.random(one.use.shape) < 0.7
    before = one.copy()
    bound(StrixelOrder(on=True, double_norm=4), KIND, PixelOrder=KnownConstant(places.astype(dtype))).apply(one)
    for frame in range(4):
        for row, col in np.ndindex(SHAPE):
            here, number = (frame, row, col), places[row, col]
            if number < 0:
                assert np.isnan(one.values[here])
                assert one.mask[here] == BadPixels.NON_SENSITIVE
                assert not one.use[here]
                continue
            there = frame, *divmod(number, SHAPE[1])
            assert one.values[here] == before.values[there] / (4 if number == 5 else 1)
            assert (one.mask[here], one.stage[here], one.use[here]) == (
                before.mask[there], before.stage[there], before.use[there])


def test_what_has_no_place_is_told() -> None:
    places = order()
    lost = 48 - len(np.unique(places[places >= 0]))
    [(title, told)] = bound(StrixelOrder(on=True), KIND, PixelOrder=KnownConstant(places)).told
    assert title == "order of pixels"
    assert told == (f"has no pixel at 2 of 48 places; {lost} pixels have none and 1 have several, whose samples are "
                    "divided by 2")


@pytest.mark.parametrize("odd", [48, -2, 0.5, np.nan])
def test_numbers_that_are_no_pixels_are_refused(odd: float) -> None:
    places = order().astype(float)
    places[2, 3] = odd
    with pytest.raises(BadInput, match=f"order.h5 has 1 of 48 entries that are no pixels, such as {odd:g}; those of "
                       "JUNGFRAU are 0 to 47"):
        bound(StrixelOrder(on=True), KIND, PixelOrder=KnownConstant(places, "order.h5"))


def test_it_is_left_out_without_an_order() -> None:
    [skipped] = bound(StrixelOrder(on=True), KIND).skipped
    assert skipped.reason == "Order of strixels is left out: there is no PixelOrder."
