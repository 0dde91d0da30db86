"""Constants in the facility's order of axes: frames are those of our files, in a preview and in a job."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calib_core.axes import Pick, Picture, View
from calib_core.jobs.board import State
from calib_core.jobs.job import Job
from calib_core.jobs.plan import make_plan
from calib_core.jobs.preview import Preview
from calib_core.jobs.spec import JobSpec
from calib_core.jobs.survey import survey
from calib_core.jobs.truth_constants import folder_of, write_truth
from calib_core.simulate import Simulated, default_settings, simulate
from calib_core.simulate.scenes.photons import Photons
from calib_core.store import by_cell
from calib_core.subjects.preview import PreviewSubject
from tests.corrected_files import datasets
from tests.facility_files import facility_files

MODULES, CELLS = (0, 1, 2), 12
PICKS = tuple(map(Pick, ("raw", "corrected", "bad_pixels", "stage")))


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    settings = default_settings("AGIPD1M").with_changes({"modules": "0-2", "memory_cells": CELLS, "trains": 4})
    made = simulate(settings, tmp_path_factory.mktemp("light"), scene=Photons(photons=3000.0))
    write_truth(made)
    return made


@pytest.fixture(scope="module")
def theirs(light: Simulated, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return facility_files(folder_of(light), tmp_path_factory.mktemp("facility"))


def spec_of(light: Simulated, constants: Path, out: Path) -> JobSpec:
    [run] = light.runs.values()
    found = survey([run], family="AGIPD", method="CORRECT")
    return found.spec(out, inputs={"run": (str(run),), "constants": (str(constants),)})


def nameless() -> int:
    """Open files of this process that no folder has any more."""
    return sum("(deleted)" in os.readlink(one) for one in Path("/proc/self/fd").iterdir() if one.is_symlink())


def whole_picture(subject: PreviewSubject, **at: int) -> Picture:
    before = subject.picture
    subject.look_at(View(at, (), PICKS))
    end = time.monotonic() + 60
    while subject.picture is before or not subject.state.startswith("preview,") or subject.picture.view.at != at or (
            subject.picture.coverage.min() < 1):
        assert time.monotonic() < end, (subject.state, subject.notes)
        time.sleep(0.005)
    return subject.picture


@pytest.fixture
def subjects(light: Simulated, theirs: Path, tmp_path: Path) -> Iterator[list[PreviewSubject]]:
    made = [PreviewSubject(Preview.of(make_plan(spec_of(light, folder, tmp_path))))
            for folder in (folder_of(light), theirs)]
    yield made
    for one in made:
        one.close()


def test_frames_of_a_preview_are_the_same(subjects: list[PreviewSubject]) -> None:
    for cell in (0, CELLS - 1):
        ours, facility = (whole_picture(one, cell=cell, train=2) for one in subjects)
        for pick in PICKS:
            np.testing.assert_array_equal(facility.maps[pick], ours.maps[pick], err_msg=pick.result)
        assert np.isfinite(ours.maps[Pick("corrected")]).mean() > 0.5
    [note] = [one for one in subjects[1].notes if "no memory cell lies alone" in one]
    assert "of modules 0-2" in note
    assert not [one for one in subjects[0].notes if "no memory cell lies alone" in one]


def read_whole(subject: PreviewSubject) -> dict[int, list[Any]]:
    """Constants of each module in whose files memory cells lie all over: not those that have parameters first."""
    return {module: [one for one in some if one.stored.dims.index("cell") > 1]
            for module, some in subject.preview.needed().items()}


def slowly(monkeypatch: pytest.MonkeyPatch, gate: threading.Semaphore) -> list[str]:
    """Let files be read as a whole one by one; their names in the order in which they are."""
    order, opened = [], by_cell.opened

    def waiting(stored: Any, *words: Any, **named: Any) -> Any:
        gate.acquire()
        order.append(stored.pdu)
        return opened(stored, *words, **named)

    monkeypatch.setattr(by_cell, "opened", waiting)
    return order


def test_the_module_that_is_looked_at_comes_first_and_the_others_with_their_count(
    subjects: list[PreviewSubject], monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, subject = threading.Semaphore(0), subjects[1]
    order, needed = slowly(monkeypatch, gate), read_whole(subject)
    subject.passages(None, 1, 0, 0)
    subject.look_at(View({"cell": 5}, (), PICKS))
    wait_for(lambda: subject.state == "preview: constants of 0 of 3 modules are ready")
    for _ in needed[1]:
        gate.release()
    wait_for(lambda: subject.state == "preview: constants of 1 of 3 modules are ready")
    wait_for(lambda: subject.picture is not None and subject.picture.coverage.tolist() == [0, 1, 0])
    # whoever looks at another train meanwhile does not wait
    start = time.monotonic()
    subject.look_at(View({"cell": 5, "train": 3}, (), PICKS))
    wait_for(lambda: subject.picture.view.at.get("train") == 3)
    assert time.monotonic() - start < 2
    for _ in range(100):
        gate.release()
    wait_for(lambda: subject.state.startswith("preview,") and subject.picture.coverage.tolist() == [1, 1, 1])
    pdu = subject.preview.plan.detector.module(1).pdu  # type: ignore[union-attr]
    assert set(order[:len(needed[1])]) == {pdu}
    assert len(order) == sum(map(len, needed.values()))


def wait_for(right: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not right():
        assert time.monotonic() < end
        time.sleep(0.002)


def test_a_job_takes_what_the_preview_has_read_and_makes_the_same_files(
    light: Simulated, theirs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, before = threading.Semaphore(1000), nameless()
    order = slowly(monkeypatch, gate)
    subject = PreviewSubject(Preview.of(make_plan(spec_of(light, theirs, tmp_path / "theirs"))))
    whole_picture(subject, cell=1, train=0)
    read = len(order)
    assert read == sum(map(len, read_whole(subject).values()))
    jobs = [Job(spec_of(light, folder, tmp_path / name))
            for name, folder in (("theirs", theirs), ("ours", folder_of(light)))]
    for job in jobs:
        job.start()
        job.wait()
        assert job.board.state is State.DONE, job.board.error
    assert len(order) == read
    assert any("no memory cell lies alone" in one.text for one in jobs[0].board.messages)
    names = sorted(path.name for path in (tmp_path / "ours").glob("CORR-*.h5"))
    assert len(names) == len(MODULES)
    for name in names:
        ours, facility = (datasets(tmp_path / folder / name) for folder in ("ours", "theirs"))
        assert ours.keys() == facility.keys()
        for key, values in ours.items():
            np.testing.assert_array_equal(facility[key], values, err_msg=key)
    for closing in (*jobs, subject):
        closing.close()
    assert nameless() == before


def test_a_job_on_a_short_disk_says_so_and_makes_the_same_files(
    light: Simulated, theirs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(by_cell, "free_bytes", lambda: 1 << 20)
    jobs = [Job(spec_of(light, folder, tmp_path / name))
            for name, folder in (("theirs", theirs), ("ours", folder_of(light)))]
    for job in jobs:
        job.start()
        job.wait()
        assert job.board.state is State.DONE, job.board.error
        job.close()
    assert any("each of which takes as long as all of them" in one.text for one in jobs[0].board.messages)
    for path in (tmp_path / "ours").glob("CORR-*.h5"):
        ours, facility = datasets(path), datasets(tmp_path / "theirs" / path.name)
        for key, values in ours.items():
            np.testing.assert_array_equal(facility[key], values, err_msg=key)
