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


LARGE = (8, 40)


def flags_with(number: int, seed: int = 0) -> Any:
    """Image of one value but for some pixels, the first and the last of all among them where there are enough."""
    image, rng = np.full(LARGE, 7, np.uint32), np.random.default_rng(seed)
    places = [0, image.size - 1, *rng.permutation(np.arange(1, image.size - 1))][:number]
    image.reshape(-1)[places] = rng.integers(8, 1 << 32, number, dtype=np.uint32)
    return image


@pytest.mark.parametrize("number", [0, 1, 2, 20, 79, 80, 81, 160, 320])
def test_images_of_nearly_one_value_come_back_whole_and_by_pixel(make: Any, number: int) -> None:
    results, images = make(FLAGS, shape=LARGE), [flags_with(number, seed) for seed in range(6)]
    for i, image in enumerate(images):
        results.write({"gain": i // 3, "cell": i % 3}, {"flags": image})
    for i, image in enumerate(images):
        np.testing.assert_array_equal(results.read("flags", {"gain": i // 3, "cell": i % 3}), image)
    for row, col in ((0, 0), (0, 1), (3, 20), (7, 38), (7, 39)):
        curve = results.along("flags", "cell", {"gain": 1}, row, col)
        np.testing.assert_array_equal(curve, [image[row, col] for image in images[3:]])


def test_numbers_that_are_not_whole_keep_all_their_bits(make: Any) -> None:
    results = make(MEAN, shape=LARGE)
    images = np.full((2, 3, *LARGE), np.nan, np.float32)
    images[0, 1], images[0, 2] = -0.0, 0.1
    images[1, :, 0, :5] = [0.0, -0.0, np.inf, 3e-45, 7.5]
    results.write({}, {"mean": images})
    for gain, cell in np.ndindex(2, 3):
        found = results.read("mean", {"gain": gain, "cell": cell})
        np.testing.assert_array_equal(found.view(np.uint32), images[gain, cell].view(np.uint32))
        assert str(results.along("mean", "cell", {"gain": gain}, 0, 2)[cell]) == str(float(images[gain, cell, 0, 2]))


@pytest.mark.parametrize(("before", "after"), [(0, 320), (320, 0), (5, 79), (79, 5), (320, 3)])
def test_an_image_that_is_written_again_has_nothing_of_the_one_before(make: Any, before: int, after: int) -> None:
    results, place = make(FLAGS, shape=LARGE), {"gain": 0, "cell": 1}
    for number in (before, after):
        results.write(place, {"flags": flags_with(number, number)})
    np.testing.assert_array_equal(results.read("flags", place), flags_with(after, after))


def test_of_flags_of_few_pixels_little_is_written(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    image, written, pwrite = flags_with(20), [], module.os.pwrite

    def counted(file: int, data: Any, at: int) -> int:
        written.append(len(data))
        return pwrite(file, data, at)

    monkeypatch.setattr(module.os, "pwrite", counted)
    make(FLAGS, shape=LARGE).write({"gain": 0, "cell": 0}, {"flags": image})
    assert sum(written) == 20 * (4 + 4) < image.nbytes
