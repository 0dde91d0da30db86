"""Constants on disk shown as they are: every number against the file and the job that wrote it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from calib_core.axes import Pick, Picture, View
from calib_core.characterisation.family import families
from calib_core.errors import BadInput, CalibrationError
from calib_core.jobs.board import State
from calib_core.jobs.job import Job
from calib_core.jobs.survey import survey
from calib_core.simulate import default_settings, simulate
from calib_core.subjects.constants import ConstantsSubject, find_sets

from .files import images, put_bare, put_ours

#: A small run of each type that can be simulated; the parallel frames of some need more than the default.
SMALL: dict[str, dict[str, Any]] = {
    "AGIPD1M": {"modules": "0-1", "memory_cells": 2}, "AGIPD500K": {"modules": "3", "memory_cells": 2},
    "DSSC1M": {"modules": "4,6", "memory_cells": 3}, "JUNGFRAU": {"modules": "2"},
    "LPD1M": {"modules": "2", "memory_cells": 3}, "LPDMINI": {"modules": "0", "memory_cells": 2},
    "GOTTHARD2": {"frames_per_train": 40}, "GOTTHARD2_25UM": {"frames_per_train": 40},
}
KINDS = sorted(kind.name for family in families() for kind in family.types if kind.simulated is not None)
#: Results by how the database's names of their constants begin.
RESULTS = {"Offset": "offset", "Noise": "noise", "BadPixelsDark": "bad_pixels", "ThresholdsDark": "thresholds"}

Show = Callable[..., Picture]


@pytest.fixture(scope="module", params=KINDS)
def darks(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Job, Path]]:
    """A finished job of a type that still has its results, and its folder."""
    folder = tmp_path_factory.mktemp(request.param.lower())
    settings = {"trains": 10, "outlier_share": 1e-3, **SMALL.get(request.param, {})}
    made = simulate(default_settings(request.param).with_changes(settings), folder)
    job = Job(survey(list(made.runs.values())).spec(folder / "out", parameters={"min_trains": 1}))
    job.start()
    assert job.wait(120)
    assert job.board.state is State.DONE, job.board.error
    yield job, folder / "out"
    job.close()


@pytest.fixture
def opened() -> Iterator[Callable[..., ConstantsSubject]]:
    """Open the newest set of folders."""
    made: list[ConstantsSubject] = []

    def one(*paths: Path, memory_mb: int = 512, **changes: Any) -> ConstantsSubject:
        made.append(ConstantsSubject(find_sets(paths, **changes)[0], memory_mb))
        return made[-1]

    yield one
    for subject in made:
        subject.close()


def wait(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end
        time.sleep(0.002)


@pytest.fixture
def show() -> Show:
    """The last picture of a view, once all modules of it that can be read are there."""

    def one(subject: ConstantsSubject, view: View, coverage: float = 1.0) -> Picture:
        subject.look_at(view)
        wait(lambda: subject.picture is not None and subject.picture.view is view
             and (subject.picture.coverage == coverage).all())
        return subject.picture

    return one


def in_files(folder: Path) -> Iterator[tuple[str, int, dict[str, Any], Any, Any]]:
    """Result, module, labels of axes, values and samples (axis, …, slow_scan, fast_scan) of each file, by h5py."""
    for path in sorted(folder.rglob("cal.*.h5")):
        with h5py.File(path) as file:
            [(name, found)] = next(iter(file.values())).items()
            group = found["0"]
            dims = group["data"].attrs["dims"].tolist()
            order = [dims.index(dim) for dim in ("gain", "cell", "slow_scan", "fast_scan") if dim in dims]
            whole = [group[part][()].transpose(order) if part in group else None for part in ("data", "count")]
            absent = [i for i, dim in enumerate(("gain", "cell", "slow_scan")) if dim not in dims]
            values, count = (None if one is None else np.expand_dims(one, absent) for one in whole)
            result = next(result for prefix, result in RESULTS.items() if name.startswith(prefix))
            yield result, int(group.attrs["module"]), values, count


def test_every_image_is_that_of_the_file_and_of_the_job(darks: tuple[Job, Path], opened: Any) -> None:
    job, folder = darks
    subject = opened(folder)
    dtypes = {one.name: one.numpy_dtype for one in subject.results}
    seen = set()
    for result, module, values, count in in_files(folder):
        slots = "threshold" if result == "thresholds" else "gain"
        for first, cell in product(range(values.shape[0]), range(values.shape[1])):
            at = {slots: first, "cell": cell}
            image = subject.plane(result, module, at)
            assert image.dtype == dtypes[result]
            np.testing.assert_array_equal(image, np.asarray(values[first, cell], dtypes[result]))
            np.testing.assert_array_equal(image, job.plane(result, module, at))
            if count is not None:
                np.testing.assert_array_equal(subject.plane("samples", module, at), count[first, cell])
            seen.add(result)
    assert {"offset", "noise", "bad_pixels"} <= seen
    assert {one.name for one in subject.results} == seen | {"samples"}


def test_axes_and_results_are_those_of_the_job(darks: tuple[Job, Path], opened: Any) -> None:
    job, folder = darks
    subject, plan = opened(folder), job.plan
    used = {axis for one in subject.results for axis in one.over}
    assert subject.axes == {name: axis for name, axis in plan.context.axes.items() if name in used}
    of_job, there = {one.name: one for one in plan.results}, {one.name for one in subject.results}
    for one in subject.results:
        expected = of_job[one.name]
        alone = {"error": "", "count": ""}  # else the mean would pass for a spread, with an error of its own
        assert one == replace(expected, **({} if expected.error in ("", *there) else alone))
    assert subject.modules == plan.modules
    assert subject.identifier == plan.detector.identifier
    assert (subject.kind.name, subject.kind.shape) == (plan.kind.name, plan.kind.shape)
    assert (subject.state, subject.ended) == ("on disk", True)
    assert subject.title.startswith(f"{plan.detector.identifier} · DARK p900000 r1")
    assert subject.values("offset", subject.modules[0]) is None


def test_one_pixel_along_each_axis_is_that_of_the_file_and_of_the_job(darks: tuple[Job, Path], opened: Any) -> None:
    job, folder = darks
    subject = opened(folder)
    rows, columns = subject.kind.shape
    for result, module, values, _ in in_files(folder):
        slots = "threshold" if result == "thresholds" else "gain"
        row, col = rows // 3, columns // 7
        at = {slots: values.shape[0] - 1, "cell": values.shape[1] - 1}
        for axis, expected in ((slots, values[:, -1]), ("cell", values[-1])):
            found = subject.along(result, axis, module, row, col, at)
            assert found.dtype == np.float64
            np.testing.assert_array_equal(found, expected[:, row, col].astype("f4").astype("f8"))
            np.testing.assert_array_equal(found, job.along(result, axis, module, row, col, at))


def test_a_picture_has_all_modules_and_results(darks: tuple[Job, Path], opened: Any, show: Show) -> None:
    _, folder = darks
    subject = opened(folder)
    picture = show(subject, View({"gain": 9, "cell": 99}))
    assert picture.modules == subject.modules
    assert subject.version > 1
    for result, module, values, _ in in_files(folder):
        for pick, maps in picture.maps.items():
            if pick.result == result:
                first = dict(pick.at).get("threshold", values.shape[0] - 1)
                np.testing.assert_array_equal(
                    maps[picture.modules.index(module)], np.asarray(values[first, -1], maps.dtype))
                assert not maps.flags.writeable
    assert not [note for note in subject.notes if "could not" in note or "cannot" in note]


def test_what_is_told_of_where_they_come_from(tmp_path: Path, opened: Any) -> None:
    put_ours(tmp_path, 4, "Offset", images(), 0)
    path = put_ours(tmp_path, 4, "Noise", images(), 1)
    subject = opened(tmp_path)
    assert subject.about["runs"] == "dark: p002450 r0007 /raw/r0007 (10 trains, 20 frames)"
    assert subject.about["condition"] == "Sensor Bias Voltage: 100 V (KEY x)"
    assert subject.about["parameters"] == "max_trains: 500"
    assert subject.about["versions"] == "calibwb: 0.1.0"
    assert "written: 2026-11-25 07:25:00+00:00 to 2026-11-25 07:25:01+00:00" in subject.about["times"]
    assert str(path) in subject.about["files"]
    assert subject.notes == ("A note of the first job.",)


@pytest.mark.parametrize("below", ["", "xfel", "xfel/cal", "xfel/cal/dssc-type",
                                   "xfel/cal/dssc-type/scs_det_dssc1m-1_dssc04"])
def test_any_folder_of_the_tree_and_single_files_are_found(below: str, tmp_path: Path) -> None:
    paths = [put_ours(tmp_path, 4, name, images(), i) for i, name in enumerate(("Offset", "Noise"))]
    [by_folder] = find_sets([tmp_path / below])
    [by_files] = find_sets([*paths, paths[0]])
    assert [one.path for one in by_folder.files] == [one.path for one in by_files.files] == paths


def test_two_jobs_in_one_folder_are_two_sets(tmp_path: Path, opened: Any) -> None:
    """Their files were written in turn, and the second did not write all."""
    for module in (4, 6):
        put_ours(tmp_path, module, "Offset", np.full((512, 128, 1), 10.0 + module), module)
        put_ours(tmp_path, module, "Noise", np.full((512, 128, 1), 1.0 + module), module + 0.1)
        put_ours(tmp_path, module, "Offset", np.full((512, 128, 1), 20.0 + module), module + 0.2, job="second")
    newest, older = find_sets([tmp_path])
    assert newest.created > older.created
    assert [sorted({one.calibration for one in found.files}) for found in (newest, older)] == [
        ["Offset"], ["Noise", "Offset"]]
    subject = opened(tmp_path)
    assert {float(subject.plane("offset", module, {}).mean()) - module for module in (4, 6)} == {20.0}
    assert subject.plane("noise", 4, {}) is None
    assert "A note of the second job." in subject.notes
    assert "A note of the first job." not in subject.notes


@pytest.mark.parametrize(("second", "sets"), [
    ([(4, 100), (6, 110)], [[100, 110], [0, 10]]), ([(4, 100)], [[100], [0, 10]]),
    ([(8, 5000)], [[5000], [0, 10]]), ([(8, 100)], [[0, 10, 100]]),
])
def test_a_job_that_was_run_again_makes_another_set(second: Any, sets: Any, tmp_path: Path) -> None:
    written = [(4, 0), (6, 10), *second]
    begin = {put_ours(tmp_path, module, "Offset", images(1), when): when for module, when in written}
    assert [[begin[one.path] for one in found.files] for found in find_sets([tmp_path])] == sets


FIRST, SECOND = "2026-11-25T07:20:00+00:00", "2026-11-25T07:24:59.5+00:00"


@pytest.mark.parametrize(("written", "sets"), [
    ([(4, 0, FIRST), (6, 9000, FIRST)], [[0, 9000]]),  # hours between two modules
    ([(4, 0, FIRST), (6, 1, SECOND), (8, 2, FIRST)], [[0, 2], [1]]),  # two at the same time
    ([(4, 0, FIRST), (6, 1, SECOND), (4, 2, ""), (6, 3, "")], [[2, 3], [1], [0]]),  # and older files beside them
])
def test_files_that_tell_when_their_job_was_started_are_of_that_job(written: Any, sets: Any, tmp_path: Path) -> None:
    begin = {put_ours(tmp_path, module, "Offset", images(1), when, started=started): when
             for module, when, started in written}
    assert [[begin[one.path] for one in found.files] for found in find_sets([tmp_path])] == sets


def test_a_copy_of_a_file_beside_it_is_told_and_left_out(tmp_path: Path) -> None:
    old = put_ours(tmp_path, 4, "Offset", images(1), 0, started=FIRST)
    new = put_ours(tmp_path, 4, "Offset", images(1), 5, started=FIRST)
    put_ours(tmp_path, 6, "Offset", images(1), 1, started=FIRST)
    [found] = find_sets([tmp_path])
    assert {one.path for one in found.files} == set(tmp_path.rglob("*.h5")) - {old}
    assert found.notes[-1] == f"Left out: {old} is a copy of {new}, of the same job."


def test_the_same_job_twice_at_once_makes_two_sets(tmp_path: Path) -> None:
    settings = {"trains": 10, **SMALL["DSSC1M"]}
    made = simulate(default_settings("DSSC1M").with_changes(settings), tmp_path)
    spec = survey(list(made.runs.values())).spec(tmp_path / "out", parameters={"min_trains": 1})
    jobs = [Job(spec), Job(spec)]
    for job in jobs:
        job.start()
    for job in jobs:
        assert job.wait(120)
    written = {frozenset(one.path for one in job.board.outputs) for job in jobs}
    assert {frozenset(one.path for one in found.files) for found in find_sets([tmp_path / "out"])} == written
    for job in jobs:
        for one in job.board.outputs:
            with h5py.File(one.path) as file:
                [constant] = next(iter(file.values())).values()
                started = json.loads(constant["0"].attrs["provenance"])["started"]
            assert datetime.fromisoformat(started) == datetime.fromtimestamp(job.created, UTC)
        job.close()


def test_a_damaged_file_is_told_and_the_others_are_shown(tmp_path: Path, opened: Any, show: Show) -> None:
    put_ours(tmp_path, 4, "Offset", images(), 0)
    damaged = put_ours(tmp_path, 4, "Noise", images(), 1)
    os.truncate(damaged, damaged.stat().st_size // 2)
    other = put_ours(tmp_path, 6, "Offset", images(), 2, axes={"cell": [0, 1]})
    with h5py.File(other, "r+") as file:
        next(iter(file.values()))["Offset/0"].attrs["axes"] = "{no json"
    subject = opened(tmp_path)
    for path in (damaged, other):
        assert len([note for note in subject.notes if str(path) in note]) == 1
    assert subject.modules == (4,)
    assert list(show(subject, View()).maps) == [Pick("offset")]


def test_where_nothing_can_be_used_one_sentence_says_so(tmp_path: Path) -> None:
    damaged = put_ours(tmp_path, 4, "Offset", images(), 0)
    damaged.write_bytes(b"nothing")
    with pytest.raises(BadInput, match=r"cal\.\S+ cannot be read as a calibration constant"):
        find_sets([tmp_path])


@pytest.mark.parametrize(("files", "end"), [
    (1, r": [^:]+\."), (2, r"\. 1 other file cannot be used either\."),
    (4, r"\. 3 other files cannot be used either\.")])
def test_where_nothing_can_be_used_the_others_are_counted(tmp_path: Path, files: int, end: str) -> None:
    for module in range(files):
        put_ours(tmp_path, module, "Offset", images(), module).write_bytes(b"nothing")
    with pytest.raises(BadInput, match=end + "$"):
        find_sets([tmp_path])


def test_an_empty_folder_and_a_missing_one_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="empty has no constants"):
        find_sets([tmp_path / "empty"])
    with pytest.raises(BadInput, match="missing does not exist"):
        find_sets([tmp_path / "missing"])
    with pytest.raises(BadInput, match="Nothing has no constants"):
        find_sets([])


def test_a_file_that_vanishes_is_told_and_the_others_stay(tmp_path: Path, opened: Any, show: Show) -> None:
    put_ours(tmp_path, 4, "Offset", images(), 0, chunks=(512, 128, 1))
    gone = put_ours(tmp_path, 6, "Offset", images(), 1, chunks=(512, 128, 1))
    subject = opened(tmp_path)
    first = show(subject, View({"cell": 0}))
    gone.unlink()
    sentence = r"cal\.\S+ cannot be read as a calibration constant: there is no such file"
    with pytest.raises(CalibrationError, match=sentence):
        subject.plane("offset", 6, {"cell": 1})
    with pytest.raises(CalibrationError, match=sentence):
        subject.along("offset", "cell", 6, 0, 0, {})
    view = View({"cell": 1})
    subject.look_at(view)
    wait(lambda: subject.picture.view is view)
    assert subject.picture.coverage.tolist() == [1, 0]
    np.testing.assert_array_equal(subject.picture.maps[Pick("offset")][0], images()[:, :, 1].T.astype("f4"))
    assert np.isnan(subject.picture.maps[Pick("offset")][1]).all()
    assert [note for note in subject.notes if str(gone) in note]
    again = show(subject, View({"cell": 0}))
    np.testing.assert_array_equal(again.maps[Pick("offset")], first.maps[Pick("offset")])


def test_a_file_that_is_another_one_by_now_is_not_shown_as_the_first(tmp_path: Path, opened: Any) -> None:
    path = put_ours(tmp_path, 4, "Offset", images(), 0, chunks=(512, 128, 1))
    subject = opened(tmp_path)
    path.unlink()
    put_ours(tmp_path, 4, "Offset", images(3), 0, chunks=(512, 128, 1))
    with pytest.raises(CalibrationError, match="its shape was"):
        subject.plane("offset", 4, {})


def read_by_process() -> int:
    """Bytes that this process has asked files for, as the system counts them."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(dict(line.split(": ") for line in lines)["rchar"])


def test_a_picture_reads_a_small_part_of_the_files_and_a_seen_one_nothing(
    tmp_path: Path, opened: Any, show: Show
) -> None:
    cells = 64
    for module in (4, 6):
        put_ours(tmp_path, module, "Offset", images(cells, module), module, chunks=(512, 128, 2))
    size = sum(path.stat().st_size for path in tmp_path.rglob("*.h5"))
    subject = opened(tmp_path)
    before = read_by_process()
    picture = show(subject, View({"cell": 33}))
    read = read_by_process() - before
    for i, module in enumerate((4, 6)):
        np.testing.assert_array_equal(
            picture.maps[Pick("offset")][i], images(cells, module)[:, :, 33].T.astype("f4"))
    assert 2 * 512 * 128 * 2 * 8 <= subject.bytes_read <= read <= 0.05 * size
    before, counted = read_by_process(), subject.bytes_read
    show(subject, View({"cell": 32}))
    assert subject.bytes_read == counted
    assert read_by_process() - before < 100_000
    subject.plane("offset", 4, {"cell": 40})
    assert subject.bytes_read > counted


def test_memory_is_bounded_and_what_was_seen_last_stays(tmp_path: Path, opened: Any) -> None:
    put_ours(tmp_path, 4, "Offset", images(12), 0, chunks=(512, 128, 1))
    subject, image = opened(tmp_path, memory_mb=1), 512 * 128 * 8 + 4  # with its checksum
    for cell in range(5):
        subject.plane("offset", 4, {"cell": cell})
    assert subject.bytes_read == 5 * image
    for cell in range(4, 0, -1):
        subject.plane("offset", 4, {"cell": cell})
    assert subject.bytes_read == 5 * image
    subject.plane("offset", 4, {"cell": 0})
    assert subject.bytes_read == 6 * image
    np.testing.assert_array_equal(subject.along("offset", "cell", 4, 5, 6, {}), images(12)[6, 5].astype("f4"))
    before = subject.bytes_read
    subject.plane("offset", 4, {"cell": 0})
    assert subject.bytes_read == before


def three_types() -> Any:
    """Bare constants of a type with three gain stages: (fast_scan, slow_scan, cell, gain)."""
    return np.random.default_rng(5).normal(5000, 10, (128, 512, 4, 3))


def test_bare_files_are_understood_by_their_folder_and_lengths(tmp_path: Path, opened: Any, show: Show) -> None:
    folder, values = tmp_path / "xfel" / "cal" / "agipd-type", three_types()
    for number, pdu in enumerate(("AGIPD_SIV1_M305", "AGIPD_SIV1_M210")):
        put_bare(folder, pdu, "Offset", np.zeros_like(values), 1)
        put_bare(folder, pdu, "Offset", values + number, 5)
        put_bare(folder, pdu, "BadPixelsDark", np.arange(values.size, dtype="u4").reshape(values.shape), 2)
        put_bare(folder, pdu, "ThresholdsDark", np.random.default_rng(6).normal(1, 1, (128, 512, 4, 5)), 3)
        put_bare(folder, pdu, "SlopesPC", np.random.default_rng(7).normal(1, 1, (11, 4, 128, 512)), 4)
        put_bare(folder, pdu, "SlopesFF", np.random.default_rng(8).normal(1, 1, (128, 512, 4)), 7)
    subject = opened(tmp_path)
    assert (subject.identifier, subject.kind.name, subject.modules) == ("", "AGIPD1M", (0, 1))
    assert [axis.labels for axis in subject.axes.values()][:2] == [("HG", "MG", "LG"), (0, 1, 2, 3)]
    assert [one.name for one in subject.results] == [
        "offset", "bad_pixels", "thresholds", "lines", "slopes"]
    for module, number in ((0, 1), (1, 0)):  # in the order of the units' names
        for gain, cell in product(range(3), range(4)):
            np.testing.assert_array_equal(subject.plane("offset", module, {"gain": gain, "cell": cell}),
                                          (values + number)[:, :, cell, gain].T.astype("f4"))
    slopes = np.random.default_rng(7).normal(1, 1, (11, 4, 128, 512)).astype("f4")
    np.testing.assert_array_equal(
        subject.plane("lines", 0, {"parameter": 10, "cell": 2}), slopes[10, 2].T)
    thresholds = np.random.default_rng(6).normal(1, 1, (128, 512, 4, 5)).astype("f4")
    np.testing.assert_array_equal(
        subject.along("thresholds", "threshold", 0, 3, 7, {"cell": 1}), thresholds[7, 3, 1])
    picture = show(subject, View({"gain": 2, "cell": 3}, picks=(Pick("bad_pixels"),)))
    flags = np.arange(values.size, dtype="u4").reshape(values.shape)[:, :, 3, 2].T
    np.testing.assert_array_equal(picture.maps[Pick("bad_pixels")], [flags, flags])
    told = " ".join(subject.notes)
    for word in ("tell nothing of themselves", "order of the units' names", "2 older ones", "do not name their axes",
                 "do not name the entries along"):
        assert word in told


@pytest.mark.parametrize(("shape", "transposed"), [
    ((512, 128, 3), (2, 1, 0)), ((128, 512, 3), (2, 0, 1)), ((3, 128, 512), (0, 1, 2)), ((3, 512, 128), (0, 2, 1)),
])
def test_bare_files_may_have_any_order_of_axes(shape: Any, transposed: Any, tmp_path: Path, opened: Any) -> None:
    values = np.random.default_rng(1).normal(60, 2, shape)
    expected = values.transpose(transposed).astype("f4")
    path = put_bare(tmp_path, "UNIT_1", "Offset", values)
    with pytest.raises(BadInput, match="does not tell its detector type"):
        find_sets([path])
    for name in ("dssc-type", "DSSC1M"):
        subject = opened(path, detector_type=name)
        assert subject.axes["cell"].labels == (0, 1, 2)
        for cell in range(3):
            np.testing.assert_array_equal(subject.plane("offset", 0, {"cell": cell}), expected[cell])
        np.testing.assert_array_equal(subject.along("offset", "cell", 0, 100, 400, {}), expected[:, 100, 400])


def test_names_of_axes_in_a_bare_file_count(tmp_path: Path, opened: Any) -> None:
    values = np.random.default_rng(2).normal(60, 2, (256, 256, 3, 3))
    put_bare(tmp_path / "lpd-type", "LPD_M", "Offset", values, dims=("slow_scan", "fast_scan", "gain", "cell"))
    subject = opened(tmp_path / "lpd-type")
    np.testing.assert_array_equal(subject.plane("offset", 0, {"gain": 2, "cell": 1}), values[:, :, 2, 1].astype("f4"))


def test_bare_files_in_one_piece_are_read_once(tmp_path: Path, opened: Any, show: Show) -> None:
    values = three_types()
    path = put_bare(tmp_path / "agipd-type", "AGIPD_M1", "Offset", values)
    subject = opened(path)
    for cell in range(4):
        picture = show(subject, View({"cell": cell, "gain": 1}))
        np.testing.assert_array_equal(picture.maps[Pick("offset")][0], values[:, :, cell, 1].T.astype("f4"))
    assert subject.bytes_read == values.nbytes
    path.unlink()
    np.testing.assert_array_equal(subject.plane("offset", 0, {}), values[:, :, 0, 0].T.astype("f4"))


def test_bare_files_of_no_fitting_shape_are_told(tmp_path: Path) -> None:
    put_bare(tmp_path / "dssc-type", "UNIT", "Offset", np.zeros((7, 8)))
    with pytest.raises(BadInput, match=r"no stack of images of DSSC"):
        find_sets([tmp_path / "dssc-type"])


def test_memory_cells_that_only_some_files_have_are_nothing_in_the_others(tmp_path: Path, opened: Any) -> None:
    values = images(3)
    put_ours(tmp_path, 4, "Offset", values, 0, axes={"gain": ["LIN"], "cell": [1, 5, 7]})
    put_ours(tmp_path, 4, "Noise", values[:, :, :2], 1, axes={"gain": ["LIN"], "cell": [5, 6]})
    subject = opened(tmp_path)
    assert subject.axes["cell"].labels == (1, 5, 6, 7)
    assert subject.plane("noise", 4, {"cell": 0}) is None
    np.testing.assert_array_equal(subject.plane("noise", 4, {"cell": 1}), values[:, :, 0].T.astype("f4"))
    np.testing.assert_array_equal(
        subject.along("offset", "cell", 4, 2, 3, {}), values[3, 2][[0, 1, 0, 2]].astype("f4") * [1, 1, np.nan, 1])


def test_the_module_that_is_looked_at_comes_first_and_the_others_follow(
    tmp_path: Path, opened: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (4, 6, 8):
        put_ours(tmp_path, module, "Offset", images(1, module), module)
    subject = opened(tmp_path)
    monkeypatch.setattr("calib_core.subjects.constants._PICTURE_INTERVAL", 0.0)
    pictures: list[Picture] = []
    monkeypatch.setattr(subject._composer, "_publish", pictures.append)
    subject.look_at(View(modules=(6,)))
    wait(lambda: len(pictures) >= 1 and bool(pictures[-1].coverage.all()))
    begin = len(pictures)
    subject.look_at(View())
    wait(lambda: len(pictures) > begin and bool(pictures[-1].coverage.all()))
    assert [one.coverage.tolist() for one in pictures[begin:begin + 3]] == [[0, 1, 0], [1, 1, 0], [1, 1, 1]]
    np.testing.assert_array_equal(pictures[begin].maps[Pick("offset")][1], images(1, 6)[:, :, 0].T.astype("f4"))
    assert np.isnan(pictures[begin].maps[Pick("offset")][0]).all()


def test_the_thread_survives_whatever_goes_wrong(
    tmp_path: Path, opened: Any, show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_ours(tmp_path, 4, "Offset", images(), 0)
    subject = opened(tmp_path)

    def fail(*args: Any) -> Any:
        raise ZeroDivisionError("an odd number")

    with monkeypatch.context() as patch:
        patch.setattr(subject._reader, "image", fail)
        version = subject.version
        subject.look_at(View({"cell": 1}))
        wait(lambda: subject.version > version)
    assert subject.notes[-1] == "The picture could not be made: an odd number"
    picture = show(subject, View({"cell": 1}))
    np.testing.assert_array_equal(picture.maps[Pick("offset")][0], images()[:, :, 1].T.astype("f4"))


def test_one_sentence_more_tells_of_many_files_that_are_gone(tmp_path: Path, opened: Any, show: Show) -> None:
    gone = [put_ours(tmp_path, module, "Offset", images(), 1) for module in range(8)]
    subject = opened(tmp_path)
    before = len(subject.notes)
    for path in gone:
        path.unlink()
    show(subject, View({"cell": 1}), coverage=0.0)
    first, second, more = subject.notes[before:]
    assert str(gone[0]) in first
    assert str(gone[1]) in second
    assert more == "6 more files cannot be read any more."
