"""How many frames are behind the maps, in the words of their titles."""

from __future__ import annotations

import numpy as np
import pytest

from app.panels.maps.slots import counted
from calib_core.axes import Picture, View


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
