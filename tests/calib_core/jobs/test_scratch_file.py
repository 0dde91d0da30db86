"""The scratch file behind results: disks that take parts or fail, places beyond the data, values written again."""

from __future__ import annotations

import errno
import os
import resource
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calib_core.axes import Axis, Result
from calib_core.errors import BadInput, OutputFailed
from calib_core.jobs.results import MOST_WITHOUT_PIXELS, Results

AXES = {"gain": Axis("gain", "Gain stage", ("HG", "LG")), "cell": Axis("cell", "Memory cell", (0, 5, 9))}
MEAN = Result("mean", "Mean", "ADU", "f4", "Mean")
COUNT = Result("count", "Count", "", "u2", "Count", over=("cell", "gain"), role="count")
CURVE = Result("curve", "Curve", "", "i8", "Whole numbers", over=("gain",), pixels=False)
TRUTH = np.arange(72.0, dtype=np.float32).reshape(2, 3, 3, 4)


@pytest.fixture
def results(tmp_path: Path) -> Iterator[Results]:
    made = Results(tmp_path, (MEAN, COUNT, CURVE), AXES, (3, 4))
    yield made
    made.close()


@pytest.mark.parametrize("most", [1, 7, 47])
def test_a_disk_that_takes_a_part_at_a_time_gets_all(
    most: int, results: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    really: Callable[..., int] = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda file, data, at: really(file, data[:most], at))
    results.write({}, {"mean": TRUTH})
    np.testing.assert_array_equal(results.stack("mean", ("gain", "cell"), {}), TRUTH)


@pytest.mark.parametrize(("cause", "words"), [
    (errno.ENOSPC, "cannot be written: No space left on device; free some space there."),
    (errno.EDQUOT, "cannot be written: Disk quota exceeded; free some space there."),
    (errno.EIO, "cannot be written: Input/output error."),
])
def test_a_full_disk_is_told_and_nothing_counts_as_written(
    cause: int, words: str, results: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*given: Any) -> int:
        raise OSError(cause, os.strerror(cause))

    monkeypatch.setattr(os, "pwrite", fails)
    with pytest.raises(OutputFailed) as told:
        results.write({"gain": 0, "cell": 0}, {"mean": TRUTH[0, 0]})
    assert str(told.value) == f"Scratch file in {tmp_path} {words}"
    assert results.read("mean", {"gain": 0, "cell": 0}) is None


def test_handles_that_run_out_are_told_with_their_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*given: Any, **named: Any) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(tempfile, "TemporaryFile", fails)
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with pytest.raises(BadInput, match=rf"this process may have {limit} open at a time and has \d+; allow more"):
        Results(tmp_path, (MEAN,), AXES, (3, 4))


def test_a_disk_that_cannot_be_read_is_told(results: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*given: Any) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    results.write({}, {"mean": TRUTH})
    monkeypatch.setattr(os, "preadv", fails)
    with pytest.raises(OutputFailed, match=r"cannot be read: Input/output error\.$"):
        results.read("mean", {})


@pytest.mark.parametrize(("at", "gain", "cell"), [
    ({"gain": 7, "cell": 1}, 1, 1), ({"gain": -1, "cell": 9}, 0, 2), ({}, 0, 0), ({"scan": 4, "cell": 2}, 0, 2),
])
def test_a_look_beyond_the_data_goes_to_the_nearest_place(
    at: dict[str, int], gain: int, cell: int, results: Results
) -> None:
    results.write({}, {"mean": TRUTH})
    np.testing.assert_array_equal(results.read("mean", at), TRUTH[gain, cell])


def test_results_lie_beside_each_other_whatever_their_types_and_axes(results: Results) -> None:
    results.write({}, {"mean": TRUTH, "count": TRUTH.swapaxes(0, 1) + 1000})
    results.write({"gain": 1, "cell": 0, "scan": 3}, {"mean": -TRUTH[1, 0]})
    expected = TRUTH.copy()
    expected[1, 0] *= -1
    np.testing.assert_array_equal(results.stack("mean", ("gain", "cell"), {}), expected)
    np.testing.assert_array_equal(results.stack("count", ("gain",), {"cell": 2}), TRUTH[:, 2] + 1000)
    assert results.along("count", "cell", {"gain": 1}, 2, 3).tolist() == [1047, 1059, 1071]


def test_whole_numbers_without_data_are_0_and_not_written(results: Results) -> None:
    results.write({"gain": 1}, {"curve": -4})
    assert results.values("curve").tolist() == [0, -4]
    assert [results.has("curve", {"gain": i}) for i in range(2)] == [False, True]
    assert (results.filled("count", {}) == 0).all()
    assert np.isnan(results.along("count", "cell", {}, 0, 0)).all()


def test_the_bound_on_results_without_pixels_is_that_of_all_together(tmp_path: Path) -> None:
    assert MOST_WITHOUT_PIXELS == 64 << 20
    tables = [Result(name, name, "", (("a", "u1"),), name, over=(), pixels=False) for name in ("first", "second")]
    results = Results(tmp_path, tables, {}, (0, 0))
    half = np.zeros(MOST_WITHOUT_PIXELS // 2, [("a", "u1")])
    try:
        results.write({}, {"first": half, "second": half})
        with pytest.raises(OutputFailed, match=r"^The result second is larger than 64 MiB\.$"):
            results.write({}, {"second": np.zeros(len(half) + 1, half.dtype)})
    finally:
        results.close()
