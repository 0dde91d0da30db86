"""Jobs that have ended are removed from the list: their space is free, and their constants are looked at instead."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
from fake_job import FakeJob, show
from PyQt6.QtCore import Qt
from PyQt6.QtTest import QTest

from calib_core.axes import Pick
from calib_core.jobs.board import State
from calib_core.jobs.survey import survey
from calib_core.simulate import default_settings, simulate
from calib_core.subjects.constants import ConstantsSubject
from calib_core.subjects.masked import bare


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Runs of a camera whose darks make maps that no constant holds."""
    settings = default_settings("JUNGFRAU").with_changes({"modules": "1-2", "trains": 12})
    return list(simulate(settings, tmp_path_factory.mktemp("raw")).runs.values())


def run(window, runs, folder, qtbot):
    """A job that has ended and whose maps are shown."""
    job = window.session.start(survey(runs).spec(folder, parameters={"min_trains": 1}))
    qtbot.waitUntil(lambda: job.board.state.ended and not window.jobs.running)
    assert job.board.state is State.DONE, job.board.error
    look(window, qtbot)
    return job


def look(window, qtbot):
    """Wait until all modules are on the screen as they were wished."""
    shown = window.session
    qtbot.waitUntil(lambda: shown.shown.picture is not None and not shown.pending
                    and shown.shown.picture.coverage.min() == 1)


def press_delete(window, qtbot, row=0):
    """Press Delete on a row of the tasks."""
    window.activateWindow()
    window.kept.setCurrentWidget(window.tasks)
    window.docks.bring("sources")
    table = window.tasks.table
    qtbot.waitUntil(table.isVisible)
    table.setFocus()
    table.setCurrentIndex(table.model().index(row, 0))
    QTest.keyClick(table, Qt.Key.Key_Delete)


def test_maps_of_a_job_that_is_removed_stay_as_those_of_its_constants(open_window, runs, tmp_path, qtbot):
    window = open_window()
    job = run(window, runs, tmp_path / "out", qtbot)
    window.session.look_at({"gain": 2})
    look(window, qtbot)
    window.session.set_pixel((2, 100, 200))
    before, line = window.session.shown.picture.maps[Pick("offset")], window.status.pixel.text()
    press_delete(window, qtbot)
    qtbot.waitUntil(lambda: isinstance(bare(window.session.subject), ConstantsSubject))
    look(window, qtbot)
    assert window.jobs.jobs == ()
    assert len(window.sources.entries) == 1
    np.testing.assert_array_equal(window.session.shown.picture.maps[Pick("offset")], before)
    assert "SPB_IRDA_JF4M" in window.maps.source.text()
    assert "on disk" in window.maps.source.text()
    assert (window.session.shown.pixel, window.session.shown.label("gain")) == ((2, 100, 200), "G2")
    qtbot.waitUntil(lambda: window.status.pixel.text().split(" · ")[:3] == line.split(" · ")[:3])
    assert f"is removed from the list; its 6 constants stay in {tmp_path / 'out'}." in window.log.text()
    assert len(list((tmp_path / "out").rglob("cal.*.h5"))) == 6
    assert job.held_bytes == 0
    assert job.plane("offset", 2, {}) is None


def test_a_job_that_is_compared_is_compared_as_constants(open_window, runs, tmp_path, qtbot):
    window = open_window()
    run(window, runs, tmp_path / "first", qtbot)
    first = window.sources.a
    run(window, runs, tmp_path / "second", qtbot)
    window.sources.compare(first)
    look(window, qtbot)
    press_delete(window, qtbot, row=window.tasks.table.model().rowCount() - 1)
    qtbot.waitUntil(lambda: len(window.jobs.jobs) == 1)
    look(window, qtbot)
    assert isinstance(window.sources.b.subject, ConstantsSubject)
    assert window.sources.letter(window.sources.a) == "A"
    assert "B" in window.maps.source.text()


def test_without_constants_the_next_source_is_shown_or_nothing(window, fake_job, qtbot, tmp_path):
    second = FakeJob(modules=2, cells=2, out_folder=tmp_path / "other")
    show(window, second)
    second.publish(state=State.CANCELLED)
    window.jobs.poll()
    press_delete(window, qtbot)
    assert window.jobs.jobs == (fake_job,)
    assert second.closed
    assert window.session.subject.job is fake_job
    fake_job.publish(state=State.FAILED, error="It failed.")
    window.jobs.poll()
    assert "It failed." in window.banner.message
    press_delete(window, qtbot)
    assert window.session.subject is None
    assert window.maps.source.text().startswith("Nothing is shown yet")
    assert window.banner.isHidden()
    assert window.tasks.empty.isVisible()


def test_a_job_that_runs_is_cancelled_first(window, fake_job, qtbot):
    press_delete(window, qtbot)
    assert (fake_job.cancelled, window.jobs.jobs) == (True, (fake_job,))


def test_constants_that_are_gone_take_the_maps_with_them_and_that_is_said(window, fake_job, qtbot, tmp_path):
    fake_job.finish([tmp_path / "cal.1.h5"])
    window.jobs.poll()
    press_delete(window, qtbot)
    qtbot.waitUntil(lambda: window.session.subject is None)
    assert f"{tmp_path / 'cal.1.h5'} does not exist" in window.banner.message
    assert window.jobs.jobs == ()


def test_a_source_that_is_closed_is_no_row_of_the_tasks(window, fake_job, qtbot):
    fake_job.finish()
    window.jobs.poll()
    window.sources_panel.close_button.click()
    assert window.jobs.jobs == ()
    assert fake_job.closed


def test_nothing_holds_a_job_that_was_removed(open_window, runs, tmp_path, qtbot):
    window = open_window()
    gone = weakref.ref(run(window, runs, tmp_path / "out", qtbot))
    press_delete(window, qtbot)
    qtbot.waitUntil(lambda: isinstance(bare(window.session.subject), ConstantsSubject))
    look(window, qtbot)
    gc.unfreeze()
    gc.collect()
    assert gone() is None
