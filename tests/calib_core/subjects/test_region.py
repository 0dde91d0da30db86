"""Regions: which pixels an outline has, against counts by hand and Qt's own polygons."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PyQt6.QtCore import QPointF, Qt
from PyQt6.QtGui import QPolygonF

from calib_core.subjects.region import Outline, RegionOfInterest, outlined, region_of

SHAPE = (12, 17)
place = st.tuples(*(st.floats(-3, 20).map(lambda x: round(x, 2) + 0.003) for _ in range(2)))


def middles():
    return [(y, x) for y in range(SHAPE[0]) for x in range(SHAPE[1])]


@settings(deadline=None)
@given(st.lists(place, min_size=3, max_size=9))
@example([(0.003, 0.003), (0.003, 0.003), (18.003, 18.003)])
def test_a_lasso_has_the_pixels_that_qt_says(points):
    polygon = QPolygonF([QPointF(*point) for point in points])
    expected = np.zeros(SHAPE, bool)
    for y, x in middles():
        expected[y, x] = polygon.containsPoint(QPointF(x + 0.5, y + 0.5), Qt.FillRule.OddEvenFill)
    found = Outline("lasso", tuple(points)).inside(SHAPE)
    clear = np.array([away(x + 0.5, y + 0.5, points) > 1e-6 for y, x in middles()]).reshape(SHAPE)
    np.testing.assert_array_equal(found[clear], expected[clear])


def away(x, y, points):
    """Distance of a place from the nearest edge of a closed polygon; on an edge either answer is right."""
    distances = []
    for (ax, ay), (bx, by) in zip(points, [*points[1:], points[0]], strict=True):
        length = (bx - ax) ** 2 + (by - ay) ** 2
        at = 0.0 if length == 0 else min(1.0, max(0.0, ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length))
        distances.append(np.hypot(x - ax - at * (bx - ax), y - ay - at * (by - ay)))
    return min(distances)


@settings(deadline=None)
@given(place, place)
def test_a_rectangle_has_the_pixels_between_its_corners(one, other):
    expected = [min(one[0], other[0]) <= x + 0.5 <= max(one[0], other[0])
                and min(one[1], other[1]) <= y + 0.5 <= max(one[1], other[1]) for y, x in middles()]
    np.testing.assert_array_equal(Outline("rectangle", (one, other)).inside(SHAPE).ravel(), expected)


@pytest.mark.parametrize("points", [((8, 6), (11, 6), (8, 10)), ((8, 6), (8, 10), (11, 6))])
def test_a_ring_has_the_pixels_between_its_circles_whichever_is_drawn_first(points):
    expected = [9 <= (x + 0.5 - 8) ** 2 + (y + 0.5 - 6) ** 2 <= 16 for y, x in middles()]
    np.testing.assert_array_equal(Outline("ring", points).inside(SHAPE).ravel(), expected)


@pytest.mark.parametrize(("form", "points"), [("rectangle", ((1, 1),)), ("ring", ((1, 1), (5, 5))), ("lasso", ())])
def test_an_outline_that_is_not_whole_has_no_pixels(form, points):
    assert not Outline(form, points).inside(SHAPE).any()


def test_a_region_is_of_detector_pixels_and_not_of_places():
    """A picture that shows module 5 upside down beside module 3."""
    pixels = np.arange(2 * 2 * 3, dtype=np.int32).reshape(2, 2, 3)
    index = np.full((2, 7), -1, np.int32)
    index[:, :3], index[:, 4:] = pixels[0], pixels[1, ::-1]
    found = outlined(Outline("rectangle", ((2, 0), (6, 1))), index, [3, 5], (2, 3))
    assert found.spans == ((3, 0, 2, 2), (5, 1, 0, 1))
    assert (found.modules, found.size) == ((3, 5), 3)
    assert found.words == "rectangle of 3 pixels in modules 3, 5"
    masks = found.masks([5, 4])
    assert masks.tolist() == [[[False] * 3, [True, True, False]], [[False] * 3] * 2]


def test_nothing_is_marked_in_a_gap():
    index = np.full((4, 4), -1, np.int32)
    assert outlined(Outline("rectangle", ((0, 0), (4, 4))), index, [0], (2, 2)) is None


@settings(deadline=None)
@given(st.integers(0, 2**24 - 1))
def test_masks_come_back_from_a_region(bits):
    masks = np.array([bits >> i & 1 for i in range(24)], bool).reshape(2, 3, 4)
    found = region_of("lasso", masks, [7, 9])
    if not masks.any():
        assert found is None
        return
    np.testing.assert_array_equal(found.masks([7, 9]), masks)
    assert found.size == masks.sum()
    assert found == RegionOfInterest("lasso", (3, 4), found.spans)
