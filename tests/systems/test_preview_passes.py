"""Steps that have to see many trains before, in a preview: those of a job that has been there, or those around."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
import pytest

from calib_core.axes import Pick, Picture, View
from calib_core.characterisation.file_passes import FilePasses
from calib_core.constants.badpixels import BadPixels
from calib_core.jobs.board import State
from calib_core.jobs.job import Job
from calib_core.jobs.passes_around import TRAINS
from calib_core.jobs.plan import make_plan
from calib_core.jobs.preview import Preview
from calib_core.jobs.spec import JobSpec
from calib_core.jobs.survey import survey
from calib_core.jobs.truth_constants import folder_of, write_truth
from calib_core.simulate import Simulated, default_settings, simulate
from calib_core.simulate.scenes.photons import Photons
from calib_core.subjects.preview import PreviewSubject

Array = npt.NDArray[Any]
STEPS = {"mask_zero_std": True, "cm": True, "cm_row": 2}
PICKS = tuple(map(Pick, ("raw", "corrected", "bad_pixels")))
SOURCE = "INSTRUMENT/SPB_DET_AGIPD1M-1/{}/1CH0:{}/image"


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    """Two files of a module, of 24 and 16 trains and three memory cells, and a pixel that is silent for a while."""
    settings = default_settings("AGIPD1M").with_changes(
        {"modules": "1", "memory_cells": 3, "trains": 40, "trains_per_sequence": 24, "first_run": 4})
    made = simulate(settings, tmp_path_factory.mktemp("many"), scene=Photons(photons=0.05))
    write_truth(made)
    [run] = made.runs.values()
    with h5py.File(run / "RAW-R0004-AGIPD01-S00000.h5", "r+", locking=False) as file:
        data = file[SOURCE.format("DET", "xtdf")]["data"]
        data[: 3 * TRAINS, 0, 100, 50] = 4000  # of the first trains, not of the file
        data[:, 0, 200, 60] = 5000
    return made


def spec_of(made: Simulated, out: Path) -> JobSpec:
    [run] = made.runs.values()
    found = survey([run], family="AGIPD", method="CORRECT")
    return found.spec(out, parameters=STEPS, inputs={"run": (str(run),), "constants": (str(folder_of(made)),)})


@pytest.fixture
def subject(many: Simulated, tmp_path: Path) -> Iterator[PreviewSubject]:
    made = PreviewSubject(Preview.of(make_plan(spec_of(many, tmp_path))))
    yield made
    made.close()


def picture(subject: PreviewSubject, act: Callable[[], Any] | None = None, **at: int) -> Picture:
    before = subject.picture
    if act is None:
        subject.look_at(View(at, (), PICKS))
    else:
        act()
    end = time.monotonic() + 60
    while subject.picture is before or not subject.state.startswith("preview,"):
        assert time.monotonic() < end, (subject.state, subject.notes)
        time.sleep(0.005)
    assert subject.picture is not None
    assert subject.picture.coverage.tolist() == [1]
    return subject.picture


def said(subject: PreviewSubject) -> dict[str, str]:
    return {one.step.word: one.said for one in subject.links if one.said}


def raw(made: Simulated, sequence: int, cell: int) -> Array:
    """Codes of a memory cell in a file, (trains, slow_scan, fast_scan)."""
    [run] = made.runs.values()
    with h5py.File(run / f"RAW-R0004-AGIPD01-S{sequence:05d}.h5", locking=False) as file:
        group = file[SOURCE.format("DET", "xtdf")]
        return np.asarray(group["data"][:, 0][group["cellId"][()].ravel() == cell])


def silent(found: Picture) -> Array:
    flags: Array = found.maps[Pick("bad_pixels")][0] & int(BadPixels.DATA_STD_IS_ZERO) != 0
    return flags


def test_sixteen_trains_around_the_shown_one_tell_and_the_step_says_so(
    subject: PreviewSubject, many: Simulated
) -> None:
    """The flags are NumPy's of the codes of those trains."""
    of_file = len(raw(many, 0, 1))
    assert of_file > TRAINS
    words = f"of {TRAINS} of the {of_file} trains of its file, all of which a job looks at"
    codes = raw(many, 0, 1)
    for train, trains in ((0, slice(0, 16)), (7, slice(0, 16)), (of_file - 1, slice(of_file - 16, of_file))):
        found = picture(subject, cell=1, train=train)
        assert said(subject) == {"mask_zero_std": words, "cm": words}
        np.testing.assert_array_equal(silent(found), np.ptp(codes[trains], axis=0) == 0, err_msg=str(train))
        assert silent(found)[200, 60]
    assert f"Pixels that never change is shown with what it has learned {words}." in subject.notes
    assert [one.why_not for one in subject.links if one.why_not] == []


def test_a_file_of_no_more_trains_is_seen_whole_and_the_frame_is_that_of_the_corrected_file(
    subject: PreviewSubject, many: Simulated, tmp_path: Path
) -> None:
    of_first = len(raw(many, 0, 1))
    found = picture(subject, cell=2, train=of_first + 3)
    number = len(raw(many, 1, 1))
    assert number <= TRAINS
    assert said(subject)["cm"] == f"of all {number} trains of its file"
    job = Job(spec_of(many, tmp_path / "out"))
    job.start()
    job.wait()
    job.close()
    assert job.board.state is State.DONE, job.board.error
    assert_in_file(found, tmp_path / "out", 1, int(subject.axes["train"].labels[of_first + 3]), 2)


def assert_in_file(found: Picture, folder: Path, sequence: int, train: int, cell: int) -> None:
    with h5py.File(folder / f"CORR-R0004-AGIPD01-S{sequence:05d}.h5") as file:
        group = file[SOURCE.format("CORR", "output")]
        [row] = np.flatnonzero((group["trainId"][()].ravel() == train) & (group["cellId"][()].ravel() == cell))
        for name, key in (("corrected", "data"), ("bad_pixels", "mask")):
            np.testing.assert_array_equal(found.maps[Pick(name)][0], np.squeeze(group[key][row]), err_msg=name)


def test_what_is_learned_is_left_where_something_else_is_looked_at(
    subject: PreviewSubject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At its first frames; of the second frame alone something is known in the end."""
    begun, go_on, images = threading.Event(), threading.Event(), FilePasses.images

    def waiting(self: FilePasses, *words: Any) -> Any:
        begun.set()
        assert go_on.wait(60)
        return images(self, *words)

    monkeypatch.setattr(FilePasses, "images", waiting)
    subject.look_at(View({"cell": 0, "train": 0}, (), PICKS))
    assert begun.wait(60)
    subject.look_at(View({"cell": 2, "train": 30}, (), PICKS))
    go_on.set()
    end = time.monotonic() + 60
    while not (subject.state.startswith("preview,") and subject.picture is not None):
        assert time.monotonic() < end
        time.sleep(0.005)
    assert subject.picture.view.at == {"cell": 2, "train": 30}
    assert len(subject.preview.around._kept) == 1
    assert subject.notes == tuple(one for one in subject.notes if "looked at by now" not in one)


def test_a_job_that_has_been_through_the_file_tells_what_it_has_learned(
    subject: PreviewSubject, many: Simulated, tmp_path: Path
) -> None:
    before = picture(subject, cell=0, train=5)
    job = Job(spec_of(many, tmp_path / "out"))
    job.start()
    job.wait()
    assert job.board.state is State.DONE, job.board.error
    chain = subject.preview.with_parameters(STEPS)
    after = picture(subject, act=lambda: subject.show_chain(chain))
    of_file = len(raw(many, 0, 0))
    assert said(subject) == dict.fromkeys(("mask_zero_std", "cm"), f"of all {of_file} trains of its file, by a job")
    assert_in_file(after, tmp_path / "out", 0, int(subject.axes["train"].labels[5]), 0)
    assert silent(before)[100, 50]
    assert not silent(after)[100, 50]
    # of other parameters the job knows nothing
    chain = subject.preview.with_parameters({**STEPS, "cm_n_itr": 2})
    picture(subject, act=lambda: subject.show_chain(chain))
    assert said(subject)["cm"].startswith(f"of {TRAINS} of the")
    job.close()
