"""Constants made of results, as h5py sees them: all gain stages, whole images, whole files or none."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import h5py
import numpy as np
import pytest

from calib_core.axes import Axis
from calib_core.characterisation.outputs import ConstantOutput
from calib_core.characterisation.unit import Context
from calib_core.constants.constant import NOISE, OFFSET
from calib_core.errors import Cancelled
from calib_core.io.buffers import Buffers
from calib_core.jobs.constant_blocks import ConstantBlocks
from calib_core.jobs.constant_files import writing_bytes
from calib_core.jobs.outputs import one_by_one, write_module
from calib_core.jobs.plan import Plan
from calib_core.jobs.results import Results
from calib_core.jobs.sources import Source
from calib_core.store import chunks
from calib_core.store.constants import write_constant

from .tiny import KIND, MODULE, PDU, SHAPE, Tiny, plan_of, results_of

STAGES = ("HG", "MG", "LG")
Files = dict[str, tuple[Any, Any, dict[str, Any]]]


def in_files(folder: Path) -> Files:
    """Values (gain, cell, slow_scan, fast_scan), samples and attributes of all constants below a folder."""
    found: Files = {}
    for path in folder.rglob("*"):
        if path.is_file():
            with h5py.File(path) as file:
                [(name, group)] = file[PDU].items()
                data = group["0/data"]
                assert data.attrs["dims"].tolist() == ["fast_scan", "slow_scan", "cell", "gain"]
                said = {key: value.decode() if isinstance(value, bytes) else value
                        for key, value in group["0"].attrs.items()}
                count = group["0/count"][()].T if "count" in group["0"] else None
                found[name] = (data[()].transpose(3, 2, 1, 0), count, {**said, "chunks": data.chunks})
    return found


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Any]:
    """Write the constants of a plan of which all places but those left out have truth."""

    def one(plan: Plan, truth: Any, step: Callable[[float], None] = lambda share: None, skip: Any = ()) -> Any:
        results = results_of(plan, tmp_path)
        ones = np.ones(truth.shape[2:])
        try:
            for gain, cell in set(np.ndindex(truth.shape[:2])) - set(skip):
                results.write({"gain": gain, "cell": cell},
                              {"mean": truth[gain, cell], "samples": (20 + gain) * ones, "flags": ones})
            written: list[Any] = []
            write_module(plan, MODULE, results, (), step,
                         lambda one, _: written.append(write_constant(one, tmp_path / "out")))
            return written
        finally:
            results.close()

    return one


def random(gains: int, cells: int, shape: tuple[int, int] = SHAPE) -> Any:
    return np.random.default_rng(gains).normal(5000, 10, (gains, cells, *shape))


@pytest.mark.parametrize("have", [("HG", "LG"), ("LG", "HG"), ("MG",), STAGES])
def test_files_have_all_gain_stages_and_those_without_a_run_are_missing(
    have: tuple[str, ...], write: Any, tmp_path: Path
) -> None:
    truth = random(len(have), 2)
    write(plan_of(tmp_path, have), truth)
    found = in_files(tmp_path / "out")
    mean, samples, attributes = found["Offset"]
    flags = found["BadPixelsDark"][0]
    assert attributes["axes"] == '{"cell": [0, 4], "gain": ["HG", "MG", "LG"]}'
    assert attributes["cells"].tolist() == [0, 4]
    for place, stage in enumerate(STAGES):
        if stage in have:
            np.testing.assert_array_equal(mean[place], truth[have.index(stage)])
            assert (samples[place] == 20 + have.index(stage)).all()
            assert (flags[place] == 1).all()
        else:
            assert np.isnan(mean[place]).all()
            assert (samples[place] == 0).all()
            assert (flags[place] == 8).all()


def test_a_memory_cell_without_data_is_missing_in_its_place_only(write: Any, tmp_path: Path) -> None:
    truth = random(3, 2)
    write(plan_of(tmp_path, STAGES), truth, skip={(1, 0)})
    mean, samples, _ = in_files(tmp_path / "out")["Offset"]
    missing = np.zeros((3, 2), bool)
    missing[1, 0] = True
    np.testing.assert_array_equal(np.isnan(mean).all((2, 3)), missing)
    np.testing.assert_array_equal((samples == 0).all((2, 3)), missing)
    np.testing.assert_array_equal(mean[~missing], truth[~missing])


def test_a_constant_may_have_zeros_where_there_are_no_data(write: Any, tmp_path: Path) -> None:
    truth = random(2, 2)
    truth[0, 1, 1, 2] = np.nan
    write(plan_of(tmp_path, outputs=(ConstantOutput(OFFSET, "mean", zeros=True),)), truth)
    mean, samples, _ = in_files(tmp_path / "out")["Offset"]
    assert samples is None
    np.testing.assert_array_equal(mean, np.stack([np.where(np.isnan(truth[0]), 0, truth[0]), 0 * truth[1], truth[1]]))


def large(folder: Path, cells: int, **changes: Any) -> Plan:
    """Of so many memory cells, 192 kiB each in three gain stages, of which files take six at a time."""
    plan = plan_of(folder, STAGES, tuple(range(cells)), **changes)
    return replace(plan, context=replace(plan.context, kind=replace(KIND, shape=(64, 128))))


@pytest.fixture
def larger(tmp_path: Path) -> Plan:
    return large(tmp_path, 10)


def test_chunks_hold_whole_images_of_a_few_cells_and_all_parts_come_together(
    larger: Plan, write: Any, tmp_path: Path
) -> None:
    truth = random(3, 10, (64, 128))
    write(larger, truth)
    mean, samples, attributes = in_files(tmp_path / "out")["Offset"]
    assert attributes["chunks"] == (128, 64, 6, 3)
    np.testing.assert_array_equal(mean, truth)
    np.testing.assert_array_equal(samples[:, :, 0, 0], np.repeat([[20], [21], [22]], 10, axis=1))


#: Four readings: two parts of the offsets, all of their samples, all of the flags.
@pytest.mark.parametrize(("reading", "whole"), [
    (0, set()), (1, set()), (2, set()), (3, {"Offset"}), (4, {"Offset", "BadPixelsDark"}),
])
def test_a_cancelled_job_leaves_whole_files_only(
    reading: int, whole: set[str], larger: Plan, write: Any, tmp_path: Path
) -> None:
    shares: list[float] = []

    def step(share: float) -> None:
        if len(shares) == reading:
            raise Cancelled("The job was cancelled.")
        shares.append(share)

    truth = random(3, 10, (64, 128))
    with pytest.raises(Cancelled):
        write(larger, truth, step)
    assert shares == [0, 0, 0, 0.5][:reading]
    found = in_files(tmp_path / "out")
    assert set(found) == whole
    if "Offset" in whole:
        np.testing.assert_array_equal(found["Offset"][0], truth)


def test_each_file_is_told_with_what_it_holds(write: Any, tmp_path: Path) -> None:
    shares: list[float] = []
    written = write(plan_of(tmp_path), random(2, 2), shares.append)
    assert shares[-1] == 1.0
    assert {one.path for one in written} == {path for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert [one.bytes for one in written] == [one.path.stat().st_size for one in written]


@pytest.mark.parametrize(("runs", "stored", "begin"), [
    ((10, 8), (), 8), ((None, 10), (), 10), ((), (12, 11, None), 11), ((10,), (9,), 9),
])
def test_constants_are_valid_from_the_earliest_of_their_inputs(
    runs: tuple[int | None, ...], stored: tuple[int | None, ...], begin: int, write: Any, tmp_path: Path
) -> None:
    def times(days: tuple[int | None, ...], name: str) -> dict[int, Any]:
        return {i: SimpleNamespace(**{name: day and datetime(2026, 3, day, tzinfo=UTC)})
                for i, day in enumerate(days)}

    runs_by_key: Any = {str(key): run for key, run in times(runs, "start_time").items()}
    given: Any = {(3, "dark"): ConstantBlocks(times(stored, "begin"), {})}
    write(plan_of(tmp_path, source=Source({}, runs_by_key, given, 1 << 20)), random(2, 2))
    assert in_files(tmp_path / "out")["Offset"][2]["begin_validity"] == f"2026-03-{begin:02d}T00:00:00+00:00"


class Scan(Tiny):
    """Over an axis of its own, along which its work is cut."""

    split: ClassVar[str] = "scan"

    def axes(self, context: Context) -> tuple[Axis, ...]:
        return (Axis("scan", "Current", (0.5, 1.5)),)


@pytest.fixture
def scanned(tmp_path: Path) -> Iterator[tuple[Plan, Results]]:
    method = Scan()
    mean = replace(method.results(KIND)[0], over=("scan",))
    plan = plan_of(tmp_path, method=method, results=(mean,), outputs=(ConstantOutput(OFFSET, "mean"),))
    axes = {axis.name: axis for axis in method.axes(plan.context)}
    kind = replace(KIND, calibrations={})
    plan = replace(plan, context=replace(plan.context, axes=axes, kind=kind))
    results = results_of(plan, tmp_path)
    yield plan, results
    results.close()


def test_a_kind_that_the_detector_does_not_declare_is_stored_over_its_own_axes(
    scanned: tuple[Plan, Results], tmp_path: Path
) -> None:
    plan, results = scanned
    truth = random(1, 2)[0]
    results.write({}, {"mean": truth})
    write_module(plan, MODULE, results, (), lambda share: None, lambda one, _: write_constant(one, tmp_path / "out"))
    [path] = (tmp_path / "out").rglob("*.h5")
    with h5py.File(path) as file:
        data = file[f"{PDU}/Offset/0/data"]
        assert data.attrs["dims"].tolist() == ["scan", "slow_scan", "fast_scan"]
        assert data.parent.attrs["axes"] == b'{"scan": [0.5, 1.5]}'
        np.testing.assert_array_equal(data[()], truth)


def test_a_job_without_constants_needs_no_memory_to_write_one(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    assert writing_bytes(replace(plan, outputs=plan.outputs[2:])) == 0
    assert writing_bytes(plan) > 3 * 2 * 6 * 8


def test_a_constant_is_made_in_memory_where_it_has_room_there_and_on_the_disk_where_not(tmp_path: Path) -> None:
    """The larger of two, of 352 memory cells."""
    plan = plan_of(tmp_path, cells=tuple(range(352)))
    needed, results = writing_bytes(plan), results_of(plan, tmp_path)

    def made_on_the_disk(room: int) -> list[str]:
        given = list[str]()
        write_module(replace(plan, room=room), MODULE, results, (), lambda share: None,
                     lambda one, buffers: given.append(one.kind.name) if buffers is None else None)
        return given

    assert made_on_the_disk(needed) == []
    assert made_on_the_disk(needed - 1) == ["Offset"]
    assert writing_bytes(replace(plan, room=needed - 1)) < needed
    results.close()


def at_once(pieces: Any) -> None:
    """Do pieces of work at the same time."""
    with ThreadPoolExecutor(len(pieces)) as pool:
        list(pool.map(lambda piece: piece(Buffers()), pieces))


@pytest.mark.parametrize("do", [one_by_one, at_once])
def test_samples_behind_several_constants_are_compressed_once(
    do: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where two workers come to them at the same time; by HDF5's count of chunks."""
    cells, made, compressed = 24, list[int](), chunks._compressed
    outputs = tuple(ConstantOutput(kind, "mean", count="samples") for kind in (OFFSET, NOISE))
    plan = large(tmp_path, cells, outputs=outputs)
    results = results_of(plan, tmp_path)
    samples = np.random.default_rng(1).integers(0, 60, (3, cells, 64, 128))
    for gain, cell in np.ndindex(3, cells):
        results.write({"gain": gain, "cell": cell}, {"mean": samples[gain, cell], "samples": samples[gain, cell]})

    def slowly(stored: Any) -> Any:
        made.append(stored.size)
        time.sleep(0.05)  # for the other worker to come as far
        return compressed(stored)

    monkeypatch.setattr(chunks, "_compressed", slowly)
    write_module(plan, MODULE, results, (), lambda share: None,
                 lambda one, buffers: write_constant(one, tmp_path / "out", buffers=buffers), do)
    results.close()
    number = []
    for path in (tmp_path / "out").rglob("*.h5"):
        with h5py.File(path) as file:
            [group] = file[PDU].values()
            np.testing.assert_array_equal(group["0/count"][()].T, samples)
            number.append(group["0/count"].id.get_num_chunks())
    assert number == [3, 3]
    assert len(made) == 3
