"""Axes, results over them, and what is looked at: indices, lengths, and what stands where there are no data."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from calib_core.axes import Axis, Label, Pick, Picture, Result, View, index_of, picks_of

GAIN = Axis("gain", "Gain", ("HG", "MG", "LG"))
CELL = Axis("cell", "Memory cell", (3, 0, 17))
SIDE = Axis("threshold", "Threshold", ("1-2", "2-3"), of_slot=True)
PASS = Axis("pass", "Pass", (0, 1, 2), of_slot=True)
OPEN = Axis("scan", "Scan", ())
AXES = {axis.name: axis for axis in (GAIN, CELL, SIDE, PASS, OPEN)}


def result(dtype: str | tuple[tuple[str, str], ...] = "f4", *over: str, missing: float = float("nan")) -> Result:
    return Result("map", "Map", "ADU", dtype, "What is mapped", over=over, missing=missing)


def test_entries_keep_the_order_in_which_they_are_given() -> None:
    assert len(CELL) == 3
    assert [CELL.index(label) for label in (3, 0, 17)] == [0, 1, 2]
    assert CELL.indices([17, 3, 3]) == (2, 0, 0)
    assert GAIN.indices(["LG", "HG"]) == (2, 0)
    assert CELL.indices([]) == ()


def test_an_axis_without_entries_has_none_to_find() -> None:
    assert len(OPEN) == 0
    assert OPEN.nearest(5) == 0
    with pytest.raises(ValueError, match="not in tuple"):
        OPEN.index(0)


def test_labels_that_are_not_there_are_refused() -> None:
    with pytest.raises(ValueError, match="not in tuple"):
        GAIN.index("G0")
    with pytest.raises(KeyError, match="4"):
        CELL.indices([3, 4])


@pytest.mark.parametrize(("axis", "label", "index"), [
    (CELL, 17, 2), (CELL, 16, 2), (CELL, 1, 1), (CELL, -5, 1), (CELL, 1000, 2), (CELL, 3.4, 0), (CELL, 10, 0),
    (CELL, "HG", 0), (GAIN, "LG", 2), (GAIN, "G0", 0), (GAIN, 2, 0),
    (Axis("current", "Current", ("off", 1.5, 9.5), "µA"), 8, 2),
    (Axis("current", "Current", ("off", 1.5, 9.5), "µA"), "off", 0),
])
def test_the_nearest_number_is_found_and_the_first_of_two(axis: Axis, label: Label, index: int) -> None:
    assert axis.nearest(label) == index


@pytest.mark.parametrize(("over", "shape"), [
    ((), ()), (("gain", "cell"), (3, 3)), (("threshold", "cell"), (2, 3)), (("cell", "threshold"), (3, 2)),
    (("scan", "gain"), (0, 3)),
])
def test_the_shape_is_the_lengths_of_its_axes_in_its_order(over: tuple[str, ...], shape: tuple[int, ...]) -> None:
    assert result("f4", *over).shape(AXES) == shape


def test_an_axis_that_is_not_there_has_no_length() -> None:
    with pytest.raises(KeyError, match="module"):
        result("f4", "module").shape(AXES)


@pytest.mark.parametrize(("dtype", "missing", "blank", "filling"), [
    ("f4", np.nan, np.nan, np.nan), ("f8", 0.0, np.nan, 0.0), ("u4", np.nan, 0, 0), ("u4", 4096.0, 0, 4096.0),
])
def test_what_stands_where_there_are_no_data(dtype: str, missing: float, blank: float, filling: float) -> None:
    one = result(dtype, "cell", missing=missing)
    np.testing.assert_array_equal([one.blank, one.filling], [blank, filling])
    array = np.full(2, one.blank, one.numpy_dtype)
    assert array.dtype == np.dtype(dtype)


def test_a_table_has_columns_and_an_image_has_none() -> None:
    table = result((("face", "i4"), ("share", "f8")))
    assert table.is_table
    assert table.numpy_dtype.names == ("face", "share")
    assert table.numpy_dtype["share"] == np.float64
    assert not result("u2").is_table
    assert result("u2").numpy_dtype == np.uint16


@pytest.mark.parametrize(("over", "at"), [
    ((), [()]),
    (("gain", "cell"), [()]),
    (("threshold", "cell"), [(("threshold", 0),), (("threshold", 1),)]),
    (("gain", "pass", "threshold"), [
        (("pass", 0), ("threshold", 0)), (("pass", 0), ("threshold", 1)), (("pass", 1), ("threshold", 0)),
        (("pass", 1), ("threshold", 1)), (("pass", 2), ("threshold", 0)), (("pass", 2), ("threshold", 1))]),
])
def test_each_entry_of_axes_of_slots_is_a_pick(over: tuple[str, ...], at: list[tuple[tuple[str, int], ...]]) -> None:
    found = picks_of(result("f4", *over), AXES)
    assert [pick.result for pick in found] == ["map"] * len(at)
    assert [pick.at for pick in found] == at


def test_an_axis_of_slots_without_entries_gives_nothing_to_look_at() -> None:
    assert picks_of(result("f4", "pass"), {"pass": Axis("pass", "Pass", (), of_slot=True)}) == ()


@pytest.mark.parametrize(("at", "index"), [
    ({}, (0, 0)), ({"cell": 2}, (0, 2)), ({"gain": 1, "cell": 2}, (1, 2)), ({"cell": 3}, (0, 2)),
    ({"gain": -1, "cell": 99}, (0, 2)), ({"threshold": 1}, (0, 0)),
])
def test_places_beyond_an_axis_are_its_ends(at: dict[str, int], index: tuple[int, int]) -> None:
    assert index_of(result("f4", "gain", "cell"), at, AXES) == index


def test_the_place_on_an_open_axis_is_its_beginning() -> None:
    assert index_of(result("f4", "scan", "cell"), {"scan": 4, "cell": 1}, AXES) == (0, 1)
    assert index_of(result(), {"cell": 1}, AXES) == ()


def test_maps_of_a_picture_are_found_by_equal_picks() -> None:
    first, second = np.zeros((1, 2, 3)), np.ones((1, 2, 3))
    view = View({"cell": 1}, (4,), (Pick("map", (("pass", 0),)), Pick("map", (("pass", 1),))))
    picture = Picture(view, (4,), dict(zip(view.picks, (first, second), strict=True)), np.array([0.5]))
    assert picture.maps[Pick("map", (("pass", 1),))] is second
    assert Pick("map") not in picture.maps
    assert View({"cell": 1}, (4,), view.picks) == view != View({"cell": 2}, (4,), view.picks)


@pytest.mark.parametrize(("one", "name"), [(GAIN, "labels"), (result(), "over"), (Pick("map"), "at"), (View(), "at")])
def test_what_is_declared_does_not_change(one: object, name: str) -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(one, name, ())
