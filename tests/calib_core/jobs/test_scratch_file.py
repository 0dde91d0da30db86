"""The scratch files behind results, on the disk and in memory: what takes parts or fails, places beyond the data,
values written again, what leaves memory."""

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


@pytest.fixture(params=["on the disk", "in memory", "mean in memory"])
def results(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Results]:
    leaving = {"on the disk": (), "in memory": ("mean", "count"), "mean in memory": ("mean",)}[request.param]
    made = Results(tmp_path, (MEAN, COUNT, CURVE), AXES, (3, 4), leaving, in_memory=bool(leaving))
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
    (errno.ENOSPC, "cannot be written: No space left on device; {instead}."),
    (errno.EDQUOT, "cannot be written: Disk quota exceeded; {instead}."),
    (errno.ENOMEM, "cannot be written: Cannot allocate memory; {instead}."),
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
    where, instead = (tmp_path, "free some space there")
    if results._in_memory is not None:
        where, instead = "memory", "give the job less memory (memory_mb)"
    assert str(told.value) == f"Scratch file in {where} {words.format(instead=instead)}"
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


@pytest.fixture
def in_memory(tmp_path: Path) -> Iterator[Results]:
    made = Results(tmp_path, (MEAN, COUNT), AXES, (3, 4), ("mean",), in_memory=True)
    made.write({"gain": 1}, {"mean": TRUTH[1], "count": TRUTH.swapaxes(0, 1)[:, 1]})
    yield made
    made.close()


def in_both(results: Results) -> tuple[bool, bool]:
    """Whether anything lies in memory, and on the disk."""
    return results.memory_bytes > 0, results.held_bytes > 0


def test_what_nobody_frees_leaves_memory(in_memory: Results) -> None:
    assert in_both(in_memory) == (True, True)
    in_memory.leave_memory()
    assert in_both(in_memory) == (False, True)
    for _ in range(2):  # also where there is none any more
        np.testing.assert_array_equal(in_memory.stack("mean", ("cell",), {"gain": 1}), TRUTH[1])
        np.testing.assert_array_equal(in_memory.stack("count", ("cell",), {"gain": 1}), TRUTH[1])
        assert in_memory.read("mean", {"gain": 0, "cell": 1}) is None
        in_memory.write({"gain": 1, "cell": 2}, {"mean": TRUTH[1, 2]})
        in_memory.leave_memory()


@pytest.mark.parametrize("most", [1, 4096])
def test_what_leaves_memory_is_whole_where_the_disk_takes_parts(
    most: int, in_memory: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    really: Callable[..., int] = os.sendfile
    monkeypatch.setattr(os, "sendfile", lambda into, of, at, number: really(into, of, at, min(number, most)))
    in_memory.leave_memory()
    np.testing.assert_array_equal(in_memory.stack("mean", ("cell",), {"gain": 1}), TRUTH[1])


def test_a_disk_that_has_no_room_for_it_leaves_it_where_it_is(
    in_memory: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*given: Any) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "sendfile", fails)
        with pytest.raises(OutputFailed, match=f"in {tmp_path} cannot be written: No space left.*; free some space"):
            in_memory.leave_memory()
    assert in_both(in_memory) == (True, True)
    np.testing.assert_array_equal(in_memory.stack("mean", ("cell",), {"gain": 1}), TRUTH[1])


def test_a_system_without_files_in_memory_has_it_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*given: Any) -> int:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(os, "memfd_create", fails)
    results = Results(tmp_path, (MEAN,), AXES, (3, 4), ("mean",), in_memory=True)
    try:
        results.write({}, {"mean": TRUTH})
        assert in_both(results) == (False, True)
        np.testing.assert_array_equal(results.stack("mean", ("gain", "cell"), {}), TRUTH)
    finally:
        results.close()
