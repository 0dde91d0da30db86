"""How many frames are behind the maps, in the words of their titles."""

from __future__ import annotations

import numpy as np
import pytest

from app.panels.maps.slots import choices, counted, fill
from calib_core.axes import Picture, Result, View


@pytest.mark.parametrize(("frames", "words"), [
    (None, ""), (np.zeros((2, 0), int), ""), ([[0], [1]], "0 of 1 frame"), ([[7, 7], [400, 400]], "7 of 400 frames"),
    ([[120, 0, 3000], [4000, 4000, 4000]], "0–3,000 of 4,000 frames"), ([[5, 5], [6, 9]], "5 of 6–9 frames"),
    ([[2400, 2400], [0, 0]], "2,400 frames"),
])
def test_frames_behind_a_picture_are_told_with_those_that_there_will_be(frames, words):
    picture = Picture(View(), (), {}, np.ones(0), counts=None if frames is None else np.asarray(frames))
    assert counted(picture) == words


def test_entries_of_an_axis_are_told_by_their_name():
    picture = Picture(View(), (), {}, np.ones(0), counts=np.array([[58, 60], [88, 88]]), counted="memory cell")
    assert counted(picture) == "58–60 of 88 memory cells"


def offered(*names):
    return choices([Result(name, name, "ADU", "f4", "") for name in names], {})


@pytest.mark.parametrize(("wanted", "names", "shown"), [
    ((), ("offset", "bad_pixels"), ("offset", "bad_pixels")),
    (("bad_pixels", "gone"), ("offset", "bad_pixels"), ("bad_pixels", "offset")),
    ((), ("a", "b", "c", "d", "e"), ("a", "b", "c", "d")), (("e",), ("a", "b", "c", "d", "e"), ("e", "a", "b", "c")),
    (("offset", "offset"), ("offset",), ("offset", "offset")), ((), (), ())])
def test_no_map_is_in_two_slots_unless_somebody_wants_it(wanted, names, shown):
    assert fill(wanted, offered(*names), 4) == shown


def test_a_comparison_fills_slots_with_other_maps_and_not_with_other_variants():
    variants = offered("offset", "offset.b", "offset.difference", "bad_pixels", "bad_pixels.new")
    assert fill(("offset.difference",), variants, 4) == ("offset.difference", "bad_pixels")
    assert fill(("offset", "offset.b"), variants, 4) == ("offset", "offset.b", "bad_pixels")
