"""What comes back at the next start, also after a kill: two that were compared, files of a correction."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from calib_core.axes import Pick
from calib_core.jobs.board import State
from calib_core.jobs.survey import survey
from calib_core.jobs.truth_constants import folder_of, write_truth
from calib_core.simulate import default_settings, simulate
from calib_core.simulate.scenes.photons import Photons
from calib_core.subjects.corrected import CorrectedSubject
from calib_core.subjects.masked import bare
from calib_core.subjects.pair import PairSubject
from tests.calib_core.subjects.files import images, put_ours


@pytest.fixture(scope="module")
def days(tmp_path_factory):
    """Offsets of two modules on two days; those of the second are 3 ADU higher."""
    folders = [tmp_path_factory.mktemp(day) for day in ("yesterday", "today")]
    for number, folder in enumerate(folders):
        for module in (0, 1):
            put_ours(folder, module, "Offset", images(2, module) + 3 * number, 0.1 * module, job=folder.name)
    return folders


def wait_for_pair(window, qtbot):
    session = window.session
    qtbot.waitUntil(lambda: isinstance(session.subject, PairSubject) and session.shown.picture is not None
                    and session.shown.picture.coverage.min() == 1)


@pytest.fixture(scope="module")
def lit(tmp_path_factory):
    """A run of one module with light, and constants of its truth."""
    settings = default_settings("JUNGFRAU").with_changes(
        {"identifier": "FXE_XAD_JF1M", "instrument": "FXE", "modules": "2", "memory_cells": 1, "trains": 4})
    made = simulate(settings, tmp_path_factory.mktemp("lit"), scene=Photons(photons=300.0))
    write_truth(made)
    return made


def close(window, qtbot, monkeypatch, killed, wanted):
    """End a window as one does, or as a process ends that is killed after it has saved."""
    folder = Path(window.keeper._folder)
    if not killed:
        window.close()
        return folder
    window.keeper.save()
    qtbot.waitUntil(lambda: wanted in (folder / "session.json").read_text("utf-8"))
    monkeypatch.setattr(window.keeper, "end", lambda: None)
    window.keeper._timer.stop()
    window.keeper._lock.unlock()
    return folder


@pytest.mark.parametrize("killed", [False, True])
def test_the_files_of_a_finished_correction_come_back(open_window, lit, tmp_path, qtbot, monkeypatch, killed):
    [run] = lit.runs.values()
    first, out = open_window(), tmp_path / "proc"
    job = first.session.start(survey([run], family="JUNGFRAU", method="CORRECT").spec(
        out, inputs={"run": (str(run),), "constants": (str(folder_of(lit)),)}))
    qtbot.waitUntil(lambda: job.board.state.ended)
    assert job.board.state is State.DONE, job.board.error
    qtbot.waitUntil(lambda: first.session.shown.picture is not None)
    [path] = out.glob("CORR-*.h5")
    second = open_window(close(first, qtbot, monkeypatch, killed, path.name))
    qtbot.waitUntil(lambda: isinstance(bare(second.session.subject), CorrectedSubject)
                    and second.session.shown.picture is not None
                    and Pick("corrected") in second.session.shown.picture.maps)
    assert second.session.subject.files == (path,)
    with h5py.File(path, locking=False) as file:
        values = file["INSTRUMENT/FXE_XAD_JF1M/CORR/JNGFR02:daqOutput/data/adc"][0, 0]
    np.testing.assert_array_equal(second.session.shown.picture.maps[Pick("corrected")][0], values)


def test_corrected_files_that_are_gone_are_told(open_window, lit, tmp_path, qtbot, monkeypatch):
    [run] = lit.runs.values()
    first, out = open_window(), tmp_path / "proc"
    job = first.session.start(survey([run], family="JUNGFRAU", method="CORRECT").spec(
        out, inputs={"run": (str(run),), "constants": (str(folder_of(lit)),)}))
    qtbot.waitUntil(lambda: job.board.state.ended)
    folder = close(first, qtbot, monkeypatch, False, "")
    [path] = out.glob("CORR-*.h5")
    path.unlink()
    second = open_window(folder)
    qtbot.waitUntil(lambda: path.name in second.log.text())
    assert second.session.subject is None


@pytest.mark.parametrize("killed", [False, True])
def test_two_that_were_compared_are_compared_again(open_window, days, qtbot, monkeypatch, killed):
    yesterday, today = days
    first = open_window()
    first.results.open([today], then=[yesterday])
    wait_for_pair(first, qtbot)
    first.comparison.choose("difference")
    second = open_window(close(first, qtbot, monkeypatch, killed, str(yesterday)))
    wait_for_pair(second, qtbot)
    assert [second.sources.letter(one) for one in second.sources.entries] == ["A", "B"]
    for source, day in zip((second.sources.a, second.sources.b), (today, yesterday), strict=True):
        assert {path.parents[4] for path in source.subject.files} == {day}
    second.comparison.choose("difference")
    pick = Pick("offset.difference")
    qtbot.waitUntil(lambda: pick in second.session.shown.picture.maps)
    found = second.session.shown.picture.maps[pick]
    np.testing.assert_allclose(found, 3, atol=1e-4)
