"""The window with a real job: from a key to the painted memory cell, and how late the event loop is meanwhile."""

from __future__ import annotations

from time import perf_counter

import numpy as np
import pytest
from PyQt6.QtCore import QEventLoop, Qt, QTimer
from PyQt6.QtTest import QTest

from app.running.warmup import Preparation
from app.window.main_window import MainWindow
from calib_core.jobs.survey import survey
from calib_core.simulate import Settings, simulate

STEPS = 60
PROBE = 5
GOALS = {"p95": 50.0}, {"p95": 35.0, "p99": 60.0, "max": 200.0}
#: Another theme until it is painted.
THEME_GOAL = {"p50": 200.0}


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    """Darks of a whole detector of 1 Mpx with two memory cells, 24 trains, three gain stages."""
    folder = tmp_path_factory.mktemp("latency")
    settings = Settings(detector_type="AGIPD1M", identifier="SPB_DET_AGIPD1M-1", memory_cells=2, trains=24)
    made = simulate(settings, folder / "data")
    Preparation().prepare()
    return survey(list(made.runs.values())).spec(folder / "constants")


@pytest.fixture
def window(as_program, qtbot, tmp_path):
    """The window as it starts, with four maps."""
    window = MainWindow(tmp_path)
    window.show()
    qtbot.waitExposed(window)
    yield window
    window.close()


def wait(qapp, done, seconds: float) -> None:
    """Let the event loop run, without adding a delay of its own, until something is true."""
    end = perf_counter() + seconds
    while not done():
        assert perf_counter() < end, "nothing happened in time"
        qapp.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)


def spread(milliseconds) -> dict[str, float]:
    values = np.percentile(milliseconds, (50, 95, 99, 100))
    return dict(zip(("p50", "p95", "p99", "max"), map(float, values), strict=True))


@pytest.mark.parametrize("others", [0, 2])
def test_event_loop_while_a_job_runs_and_key_to_painted_cell(window, spec, qapp, bars, busy, others, tmp_path):
    """Alone, and beside two processes of others: the goals are the same."""
    beside = f"_beside_{others}" if others else ""
    with busy(others):
        measure(window, spec.model_copy(update={"out_folder": tmp_path}), qapp, bars, beside)


def measure(window, spec, qapp, bars, beside: str) -> None:
    gaps, last = [], [perf_counter()]

    def tick() -> None:
        now = perf_counter()
        gaps.append(1e3 * (now - last[0]))
        last[0] = now

    pictures = []
    window.session.picture_changed.connect(lambda: pictures.append(perf_counter()))
    QTest.qWait(1500)
    probe = QTimer(window, interval=PROBE)
    probe.setTimerType(Qt.TimerType.PreciseTimer)
    probe.timeout.connect(tick)
    begin = last[0] = perf_counter()
    probe.start()
    job = window.session.start(spec)
    wait(qapp, lambda: job.board.state.ended, 120)
    probe.stop()
    seconds = perf_counter() - begin
    assert job.board.error == ""
    bars.times(f"window_event_loop_gap_during_job{beside}", spread(gaps), GOALS[1])
    bars.line(f"window_live_pictures{beside} rate={len(pictures) / seconds:.1f} per second, job {seconds:.1f} s")
    wait(qapp, lambda: window.maps.presenter.placement.title == "Assembled", 30)
    QTest.qWait(1000)
    steps = [step(window, qapp, number % 2 == 0) for number in range(STEPS)]
    bars.times(f"window_key_to_painted_cell_4_maps{beside}", spread(steps), GOALS[0])
    window.set_slots(1)
    QTest.qWait(500)
    steps = [step(window, qapp, number % 2 == 0) for number in range(STEPS)]
    bars.times(f"window_key_to_painted_cell_1_map{beside}", spread(steps), GOALS[0])


def test_another_theme_until_it_is_painted(window, spec, qapp, bars):
    window.resize(1680, 1050)
    job = window.session.start(spec)
    wait(qapp, lambda: job.board.state.ended, 120)
    times = []
    for number in range(10):
        QTest.qWait(200)
        begin = perf_counter()
        window.set_theme("light" if number % 2 else "dark")
        qapp.processEvents()
        times.append(1e3 * (perf_counter() - begin))
    bars.times("window_theme", spread(times), THEME_GOAL)


def step(window, qapp, forward: bool) -> float:
    """Milliseconds from a key to the next cell in all visible maps."""
    views = [view for view in window.maps.views if view.isVisible()]
    target, before = int(forward), []

    def arrived() -> None:
        # the maps have the picture by now; only what is painted from here on shows it
        if window.session.shown.picture.view.at["cell"] == target and not before:
            before.extend(view.paint_count for view in views)

    window.session.picture_changed.connect(arrived)
    begin = perf_counter()
    QTest.keyClick(window.maps, Qt.Key.Key_Right if forward else Qt.Key.Key_Left)
    wait(qapp, lambda: before and all(v.paint_count > n for v, n in zip(views, before, strict=True)), 10)
    elapsed = 1e3 * (max(view.last_paint for view in views) - begin)
    window.session.picture_changed.disconnect(arrived)
    QTest.qWait(120)
    return elapsed


def test_first_map_after_run_and_cancel(window, spec, qapp, bars, tmp_path):
    """From the start of a job to the first painted data, and from Cancel to its end, several times."""
    first, ended = [], []
    for turn in range(5):
        covered = []

        def arrived(seen=covered) -> None:
            picture = window.session.shown.picture
            if picture is not None and picture.coverage.any():
                seen.append(1)

        window.session.picture_changed.connect(arrived)
        begin = perf_counter()
        job = window.session.start(spec.model_copy(update={"out_folder": tmp_path / str(turn)}))
        wait(qapp, lambda seen=covered: bool(seen), 30)
        first.append(1e3 * (perf_counter() - begin))
        begin = perf_counter()
        job.cancel()
        wait(qapp, lambda job=job: job.board.state.ended, 30)
        ended.append(1e3 * (perf_counter() - begin))
        assert not list((tmp_path / str(turn)).rglob(".tmp-*"))
    bars.times("window_run_to_first_map", {"max": max(first)}, {"max": 3000.0})
    bars.times("window_cancel_to_end", {"max": max(ended)}, {"max": 500.0})
