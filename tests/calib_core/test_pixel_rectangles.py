"""Rectangles of pixels as text: what is written is read again, and what is none is told."""

from __future__ import annotations

import numpy as np
import pytest

from calib_core.errors import BadParameter
from calib_core.pixel_rectangles import MOST, format_spans, mask_of, parse_rectangles
from calib_core.subjects.region import region_of


@pytest.mark.parametrize("seed", range(4))
def test_a_region_is_the_same_after_it_was_written(seed: int) -> None:
    mask = np.random.default_rng(seed).random((2, 12, 9)) < 0.5
    text = format_spans(region_of("lasso", mask, (3, 7)).spans)
    for place, module in enumerate((3, 7)):
        np.testing.assert_array_equal(mask_of(parse_rectangles(text, "r"), module, (12, 9), "r"), mask[place])


def test_a_rectangle_is_one_and_rows_of_other_columns_are_others() -> None:
    mask = np.zeros((1, 8, 8), bool)
    mask[0, 2:5, 1:4] = mask[0, 5, 1:3] = mask[0, 2:4, 6] = True
    assert format_spans(region_of("lasso", mask, (1,)).spans) == "1:2-4,1-3;1:2-3,6-6;1:5-5,1-2"
    assert parse_rectangles(" 1:2-4, 1-3 ; ", "r") == ((1, 2, 4, 1, 3),)
    assert parse_rectangles("", "r") == ()


@pytest.mark.parametrize(("text", "said"), [
    ("1:4-2,0-1", "r 1:4-2,0-1 is none"), ("1:0-1", "r 1:0-1 is none"), ("x", "r x is none"),
    ("1:0-8,0-1", "module 1 has 8 x 8 pixels, and row 8, column 1 is outside"),
    ("2:0-1,0-1", "r has no pixel of module 1"), (";".join(["1:0-0,0-0"] * (MOST + 1)), "it takes 20,000 at most"),
])
def test_what_is_no_region_is_told(text: str, said: str) -> None:
    with pytest.raises(BadParameter, match=said):
        mask_of(parse_rectangles(text, "r"), 1, (8, 8), "r")
