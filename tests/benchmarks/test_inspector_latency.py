"""A click on a pixel of a scan until its fit is drawn in the window: alone, while its job runs, beside others."""

from __future__ import annotations

from contextlib import contextmanager
from time import perf_counter

import numpy as np
import pytest
from PyQt6.QtCore import QEvent, QObject, QPoint, Qt
from PyQt6.QtTest import QTest

from app.running.warmup import Preparation
from app.window.main_window import MainWindow
from calib_core.jobs.survey import survey
from calib_core.simulate import default_settings, simulate
from calib_core.simulate.scenes.pc import PulseCapacitor

from .test_window_latency import spread, wait

MODULE, STEPS, CLICKS = 3, 600, 40
#: Milliseconds until a click is answered, the fit included.
GOAL = {"p95": 100.0}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The runs of a scan of 600 steps, two memory cells of a module: 2.5 GB, which stay in the cache."""
    settings = default_settings("AGIPD500K").with_changes({
        "modules": str(MODULE), "memory_cells": 2, "trains": STEPS, "proposal": 900465})
    made = simulate(settings, tmp_path_factory.mktemp("scan"), scene=PulseCapacitor())
    Preparation().prepare()
    return sorted(made.runs.values())


@pytest.fixture
def spec(runs, tmp_path):
    return survey(runs).spec(tmp_path / "constants")


@pytest.fixture
def window(as_program, qtbot, tmp_path):
    """The window as it starts, in the layout of gains, its four maps with one module and without flags."""
    window = MainWindow(tmp_path / "state")
    window.resize(1680, 1050)
    window.show()
    qtbot.waitExposed(window)
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    for key in (Qt.Key.Key_F7, Qt.Key.Key_M, Qt.Key.Key_B):
        QTest.keyClick(window.maps, key)
    yield window
    window.close()


class Paints(QObject):
    """Hears which widgets are painted."""

    def __init__(self, widgets) -> None:
        super().__init__()
        self.waited = set(widgets)
        for widget in widgets:
            widget.installEventFilter(self)

    def eventFilter(self, widget, event) -> bool:
        if event.type() == QEvent.Type.Paint:
            self.waited.discard(widget)
        return False


def places(window, number: int):
    """Points of the first map, each of another pixel."""
    canvas = window.maps.views[0].canvas
    view, ratio = canvas.viewport(), canvas.devicePixelRatioF()
    for row, column in np.random.default_rng(7).integers(8, (504, 120), (number, 2)):
        x, y = canvas._placement.place_of((0, int(row), int(column)))
        yield QPoint(int(((x + 0.5 - view.x) * view.scale + view.width / 2) / ratio),
                     int(((y + 0.5 - view.y) * view.scale + view.height / 2) / ratio))


def click(window, qapp, point) -> float:
    """Milliseconds from a click until the numbers and all plots of the pixel are painted."""
    samples, painted = window.inspector.samples, []
    presenter, before = samples.presenter, samples.presenter.found

    def explained(found) -> None:
        if found is not None:  # what is painted from here on shows it
            shown = [plot.plot.viewport() for plot in samples.view.plots]
            painted.append(Paints([*shown, samples.view.numbers.viewport()]))

    presenter.explained.connect(explained)
    begin = perf_counter()
    QTest.mouseClick(window.maps.views[0].canvas, Qt.MouseButton.LeftButton, pos=point)
    wait(qapp, lambda: painted and not painted[-1].waited, 20)
    elapsed = 1e3 * (perf_counter() - begin)
    presenter.explained.disconnect(explained)
    assert presenter.found is not before
    assert len(samples.view.plots) == 5
    QTest.qWait(100)
    return elapsed


def laid_out(window, qapp) -> None:
    """Wait until the maps show the module."""
    wait(qapp, lambda: window.session.shown.picture is not None, 60)
    canvas = window.maps.views[0].canvas
    wait(qapp, lambda: canvas._placement is not None and canvas._placement.index.shape == (512, 128), 30)


@contextmanager
def finished(window, qapp, spec):
    """A job that has ended, and is looked at."""
    job = window.session.start(spec)
    wait(qapp, lambda: job.board.state.ended, 120)
    assert job.board.error == ""
    laid_out(window, qapp)
    QTest.qWait(1000)
    yield


@pytest.mark.parametrize("others", [0, 2])
def test_a_click_after_the_job(window, spec, qapp, bars, busy, others):
    with finished(window, qapp, spec), busy(others):
        times = [click(window, qapp, point) for point in places(window, CLICKS + 2)][2:]
    bars.times(f"inspector_click_to_drawn{f'_beside_{others}' if others else ''}", spread(times), GOAL)


def test_a_click_while_its_job_runs(window, spec, qapp, bars, tmp_path):
    """Jobs one after the other, as long as it takes for enough clicks."""
    times, turn = [], 0
    while len(times) < CLICKS:
        turn += 1
        job = window.session.start(spec.model_copy(update={"out_folder": tmp_path / str(turn)}))
        laid_out(window, qapp)
        for point in places(window, CLICKS):
            if job.board.state.ended:
                break
            times.append(click(window, qapp, point))
        wait(qapp, lambda job=job: job.board.state.ended, 120)
        assert job.board.error == ""
    bars.times("inspector_click_to_drawn_during_job", spread(times), GOAL, f"{turn} jobs ")
