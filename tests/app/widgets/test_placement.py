import numpy as np
import pytest
from detector_scene import SHAPE, assembled_index

from app.widgets.placement import Placement


def test_assembled_layout_knows_every_pixel_both_ways():
    placement = Placement(assembled_index(), SHAPE)
    for pixel in ((0, 0, 0), (5, 201, 64), (15, 511, 127)):
        assert placement.pixel_at(*placement.place_of(pixel)) == pixel


def test_gaps_and_outside_have_no_pixel():
    placement = Placement(np.array([[0, -1], [2, 3]]), (1, 2, 2))
    assert placement.pixel_at(1, 0) is None
    assert placement.pixel_at(-1, 0) is None
    assert placement.pixel_at(0, 2) is None
    assert placement.place_of((0, 0, 1)) is None
    assert placement.place_of((3, 0, 1)) is None


def test_module_boxes_hold_exactly_the_modules():
    index = assembled_index()
    boxes = Placement(index, SHAPE).module_boxes
    module = np.where(index >= 0, index // (512 * 128), -1)
    for number, (left, top, right, bottom) in enumerate(boxes):
        rows, columns = np.nonzero(module == number)
        assert (left, top, right, bottom) == (
            columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
        )  # fmt: skip


def test_module_that_is_not_shown_has_an_empty_box():
    box = Placement(np.array([[0, 1]]), (2, 1, 2)).module_boxes[1]
    assert box[2] <= box[0]


@pytest.mark.parametrize("wrong", [4, -2])
def test_index_outside_the_detector_is_refused(wrong):
    with pytest.raises(ValueError, match="-1 to 3"):
        Placement(np.array([[wrong]]), (1, 2, 2))
