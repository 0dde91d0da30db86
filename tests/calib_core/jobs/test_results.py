"""Results kept by name and index along their axes, against plain arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calib_core.axes import Axis, Result
from calib_core.errors import OutputFailed
from calib_core.jobs import results as module
from calib_core.jobs.results import Results

SHAPE = (3, 4)
AXES = {"gain": Axis("gain", "Gain stage", ("HG", "LG")), "cell": Axis("cell", "Memory cell", (0, 5, 9))}
MEAN = Result("mean", "Mean", "ADU", "f4", "Mean")
FLAGS = Result("flags", "Flags", "", "u4", "Flags", role="flags", missing=8)
DARK = Result("dark", "Dark", "ADU", "f8", "Over cells only", over=("cell",))
CURVE = Result("curve", "Curve", "ADU", "f8", "A number for each cell", over=("cell",), pixels=False)
TABLE = Result("table", "Table", "", (("face", "i8"), ("share", "f8")), "Rows", over=(), pixels=False)


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Results]]:
    made: list[Results] = []

    def one(*results: Result, shape: tuple[int, int] = SHAPE) -> Results:
        made.append(Results(tmp_path, results, AXES, shape))
        return made[-1]

    yield one
    for results in made:
        results.close()


@pytest.fixture
def truth() -> Any:
    return np.random.default_rng(3).normal(100, 7, (2, 3, *SHAPE)).astype(np.float32)


def test_images_come_back_from_the_place_that_they_were_written_at(make: Any, truth: Any) -> None:
    results = make(MEAN, DARK)
    for gain, cell in ((1, 2), (0, 0), (1, 0)):
        results.write({"gain": gain, "cell": cell}, {"mean": truth[gain, cell]})
    results.write({"gain": 1, "cell": 1}, {"dark": truth[0, 1]})
    np.testing.assert_array_equal(results.read("mean", {"gain": 1, "cell": 2}), truth[1, 2])
    np.testing.assert_array_equal(results.read("mean", {"gain": 0, "cell": 0}), truth[0, 0])
    np.testing.assert_array_equal(results.read("dark", {"gain": 0, "cell": 1}), truth[0, 1].astype(np.float64))


def test_what_was_never_written_is_told_from_zeros(make: Any) -> None:
    results = make(MEAN, FLAGS)
    results.write({"gain": 0, "cell": 0}, {"mean": np.zeros(SHAPE), "flags": np.zeros(SHAPE)})
    assert results.has("mean", {"gain": 0, "cell": 0})
    assert not results.has("mean", {"gain": 0, "cell": 1})
    assert results.read("mean", {"gain": 0, "cell": 1}) is None
    assert np.isnan(results.filled("mean", {"gain": 0, "cell": 1})).all()
    assert (results.filled("flags", {"gain": 0, "cell": 1}) == 8).all()
    assert (results.filled("flags", {"gain": 0, "cell": 0}) == 0).all()


def test_axes_that_a_place_leaves_open_are_in_the_values(make: Any, truth: Any) -> None:
    results = make(MEAN)
    results.write({"cell": 1}, {"mean": truth[:, 1]})
    results.write({"gain": 0}, {"mean": truth[0]})
    np.testing.assert_array_equal(results.read("mean", {"gain": 1, "cell": 1}), truth[1, 1])
    np.testing.assert_array_equal(results.read("mean", {"gain": 0, "cell": 2}), truth[0, 2])
    assert not results.has("mean", {"gain": 1, "cell": 0})


@pytest.mark.parametrize(("at", "shape", "words"), [
    ({"gain": 2, "cell": 0}, SHAPE, "no entry 2 along gain"),
    ({"gain": 0, "cell": -1}, SHAPE, "no entry -1 along cell"),
    ({"gain": 0, "cell": 0}, (4, 3), r"takes \(3, 4\)"),
    ({"cell": 0}, SHAPE, r"takes \(2, 3, 4\)"),
])
def test_values_are_not_written_beside_their_place(
    make: Any, at: dict[str, int], shape: tuple[int, ...], words: str
) -> None:
    results = make(MEAN)
    with pytest.raises(ValueError, match=words):
        results.write(at, {"mean": np.ones(shape)})
    assert not any(results.has("mean", {"gain": g, "cell": c}) for g in range(2) for c in range(3))


def test_one_pixel_along_an_axis_has_gaps_where_nothing_is_known(make: Any, truth: Any) -> None:
    results = make(MEAN)
    results.write({"gain": 1, "cell": 0}, {"mean": truth[1, 0]})
    results.write({"gain": 1, "cell": 2}, {"mean": truth[1, 2]})
    found = results.along("mean", "cell", {"gain": 1}, 2, 3)
    np.testing.assert_array_equal(found, [truth[1, 0, 2, 3], np.nan, truth[1, 2, 2, 3]])
    np.testing.assert_array_equal(results.along("mean", "gain", {"cell": 2}, 0, 1), [np.nan, truth[1, 2, 0, 1]])


@pytest.mark.parametrize(("axes", "part"), [(("gain", "cell"), slice(None)), (("cell", "gain"), slice(1, 3))])
def test_stacks_have_their_axes_in_the_order_asked_for(make: Any, truth: Any, axes: Any, part: slice) -> None:
    results = make(MEAN)
    results.write({}, {"mean": truth})
    expected = truth if axes == ("gain", "cell") else truth.swapaxes(0, 1)[part]
    np.testing.assert_array_equal(results.stack("mean", axes, {}, "cell", part), expected)


def test_a_stack_fills_what_is_missing(make: Any, truth: Any) -> None:
    results = make(MEAN)
    results.write({"gain": 0, "cell": 1}, {"mean": truth[0, 1]})
    found = results.stack("mean", ("cell",), {"gain": 0})
    np.testing.assert_array_equal(found[1], truth[0, 1])
    assert np.isnan(found[[0, 2]]).all()


def test_numbers_and_tables_stay_in_memory(make: Any) -> None:
    results = make(CURVE, TABLE, shape=(0, 0))
    results.write({"cell": 1}, {"curve": 4.5})
    results.write({}, {"table": [(1, 0.25), (2, 0.75)]})
    np.testing.assert_array_equal(results.values("curve"), [np.nan, 4.5, np.nan])
    assert results.values("table")["face"].tolist() == [1, 2]
    assert results.values("table")["share"].tolist() == [0.25, 0.75]
    assert results.has("curve", {"cell": 1})
    assert not results.has("curve", {"cell": 0})


def test_results_without_pixels_are_bounded(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WITHOUT_PIXELS", 1 << 20)
    results = make(TABLE, shape=(0, 0))
    results.write({}, {"table": [(1, 1.0)] * (1 << 16)})
    with pytest.raises(OutputFailed, match="table is larger than 1 MiB"):
        results.write({}, {"table": [(1, 1.0)] * ((1 << 16) + 1)})


def test_a_folder_that_takes_no_scratch_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutputFailed, match=r"nowhere.*cannot be made"):
        Results(tmp_path / "nowhere", [MEAN], AXES, SHAPE)


def test_nothing_is_left_on_the_disk(make: Any, truth: Any, tmp_path: Path) -> None:
    results = make(MEAN)
    results.write({}, {"mean": truth})
    assert list(tmp_path.iterdir()) == []
