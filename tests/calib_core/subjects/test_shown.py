"""What is on the screen: the place is the picture's, never the one that was wished since."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from calib_core.axes import Axis, Picture, View
from calib_core.subjects.shown import Shown, final_flags, in_words

from .arrays import DARK, FLAGS, OFFSET, Arrays

SIDE = Axis("threshold", "Threshold", ("1-2", "2-3"), of_slot=True)
AXES = (Axis("gain", "Gain stage", ("HG", "MG")), Axis("cell", "Memory cell", (0, 4, 17)), SIDE,
        Axis("current", "Current", (0.5, 2.0), "µA"))


def shown(at: dict[str, int] | None = None, **changes: Any) -> Shown:
    """What is shown of a picture at some indices; of no picture without them."""
    picture = None if at is None else Picture(View(at), (3, 5), {}, np.ones(2))
    subject = changes.pop("subject", Arrays(results=(), axes=AXES))
    return Shown(subject, picture, **{"module": 3, **changes})


@pytest.mark.parametrize(("asked", "found"), [
    ({"gain": 1, "cell": 2, "current": 1}, (1, 2, 1)), ({}, (0, 0, 0)),
    ({"gain": 9, "cell": 99, "current": 2}, (1, 2, 1)), ({"gain": -1, "cell": -5}, (0, 0, 0)),
    ({"threshold": 1, "scan": 4, "cell": 1}, (0, 1, 0)),
])
def test_the_place_is_that_of_the_picture_or_the_nearest(asked: dict[str, int], found: tuple[int, ...]) -> None:
    assert shown(asked).at == dict(zip(("gain", "cell", "current"), found, strict=True))


def test_the_place_comes_from_the_picture_and_not_from_a_wish() -> None:
    subject = Arrays()
    one = Shown(subject, Picture(View({"gain": 0, "cell": 1}), (3, 5), {}, np.ones(2)), 3)
    subject.look_at(View({"gain": 1, "cell": 2}))
    assert subject.looks[-1].at == {"gain": 1, "cell": 2}
    assert one.at == {"gain": 0, "cell": 1}
    assert one.place_text == "HG · memory cell 4"


def test_without_a_picture_or_a_subject_there_is_no_place() -> None:
    for one in (shown(None), Shown(), Shown(None, Picture(View({"cell": 1}), (3,), {}, np.ones(1)))):
        assert one.at == {}
        assert one.place_text == ""
        assert one.label("cell") == ""
    assert (Shown().axes, Shown().results, Shown().kind, Shown().flags, Shown().pixel) == ({}, (), None, None, None)


def test_axes_without_entries_have_no_place() -> None:
    axes = (Axis("gain", "Gain stage", ()), AXES[1])
    assert shown({"gain": 0, "cell": 1}, subject=Arrays(results=(), axes=axes)).at == {"cell": 1}


def test_labels_and_places_in_words() -> None:
    one = shown({"gain": 1, "cell": 2, "current": 0})
    assert [one.label(name) for name in ("gain", "cell", "current")] == ["MG", 17, 0.5]
    assert one.label("threshold") == one.label("no such axis") == ""
    assert one.place_text == "MG · memory cell 17 · current 0.5 µA"
    assert one.place("cell") == "MG · current 0.5 µA"
    assert in_words(AXES[0], "HG") == "HG"
    assert in_words(AXES[1], 0) == "memory cell 0"


@pytest.mark.parametrize(("module", "cross", "pixel"), [
    (3, (0, 0), (3, 0, 0)), (5, (1, 2), (5, 1, 2)), (3, None, None), (4, (0, 0), None), (3, (2, 0), None),
    (3, (0, 3), None), (3, (-1, 0), None), (3, (0, -1), None),
])
def test_a_pixel_that_the_modules_do_not_have_is_none(module: int, cross: Any, pixel: Any) -> None:
    assert shown({}, module=module, cross=cross).pixel == pixel


def test_there_is_no_pixel_where_the_detector_is_not_known() -> None:
    unknown = Arrays(results=(), axes=AXES)
    unknown.kind = None
    assert shown({}, subject=unknown, cross=(0, 0)).pixel is None
    assert not shown({}, subject=unknown).has_pixel((3, 0, 0))
    assert not Shown().has_pixel((0, 0, 0))


def test_final_flags_are_those_over_the_fewest_axes() -> None:
    passes = replace(FLAGS, name="bad_pixels_passes", over=("gain", "pass", "cell"))
    none = replace(FLAGS, name="no_flags", over=(), role="value")
    for results in ((OFFSET, passes, none, FLAGS), (FLAGS, passes, OFFSET)):
        assert final_flags(results) is FLAGS
    assert final_flags((passes,)) is passes
    assert final_flags((OFFSET, none)) is None
    assert final_flags(()) is None
    assert shown({}, subject=Arrays(results=DARK)).flags is FLAGS
