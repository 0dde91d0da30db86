"""The window with a real job: from a key to the painted memory cell, and how late the event loop is meanwhile."""

from __future__ import annotations

from time import perf_counter

import numpy as np
import pytest
from PyQt6.QtCore import QEventLoop, Qt, QTimer
from PyQt6.QtTest import QTest

from app.running.warmup import Preparation
from app.window.main_window import MainWindow
from calib_core.jobs.board import State
from calib_core.jobs.survey import survey
from calib_core.simulate import Settings, simulate

STEPS = 60
PROBE = 5
GOALS = {"p95": 50.0}, {"p95": 35.0, "p99": 60.0, "max": 200.0}
#: Pictures per second of a job that runs.
PICTURES = 5
#: Milliseconds from Run to the first map with data, kernels being loaded, and from Cancel to the end.
FIRST_GOAL, CANCEL_GOAL = {"max": 1500.0}, {"max": 500.0}
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
    with busy(others):
        measure(window, spec.model_copy(update={"out_folder": tmp_path}), qapp, bars, ending(others))


def ending(others: int) -> str:
    """What names of bars end with."""
    return f"_beside_{others}" if others else ""


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
    bars.ratio(f"window_live_pictures{beside}", [len(pictures) / seconds], PICTURES,
               f"per second, job {seconds:.1f} s ", wall=True)
    wait(qapp, lambda: window.maps.presenter.placement.title == "Assembled", 30)
    QTest.qWait(1000)
    steps = [step(window, qapp, number % 2 == 0) for number in range(STEPS)]
    bars.times(f"window_key_to_painted_cell_4_maps{beside}", spread(steps), GOALS[0])
    window.set_slots(1)
    QTest.qWait(500)
    steps = [step(window, qapp, number % 2 == 0) for number in range(STEPS)]
    bars.times(f"window_key_to_painted_cell_1_map{beside}", spread(steps), GOALS[0])


@pytest.mark.parametrize("others", [0, 2])
@pytest.mark.parametrize("slots", [4, 1])
def test_key_to_painted_cell_while_a_job_runs(window, spec, qapp, bars, busy, slots, others, tmp_path):
    """Jobs one after the other, as long as it takes for enough keys; those that outlast their job do not count."""
    window.set_slots(slots)
    steps, jobs = [], 0
    with busy(others):
        while len(steps) < STEPS:
            job = window.session.start(spec.model_copy(update={"out_folder": tmp_path / str(jobs)}))
            wait(qapp, lambda: window.session.shown.picture is not None, 30)
            while not job.board.state.ended:
                took = step(window, qapp, window.session.index("cell") == 0)
                steps += [] if job.board.state.ended else [took]
            assert job.board.error == ""
            jobs += 1
    bars.times(f"window_key_to_painted_cell_{slots}_map{'s' * (slots > 1)}_during_job{ending(others)}", spread(steps),
               GOALS[0], f"{len(steps)} keys, {jobs} jobs ")


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


def until_painted(window, qapp, act, shows) -> float:
    """Milliseconds from an act until all visible maps have painted a picture that shows what is waited for."""
    views = [view for view in window.maps.views if view.isVisible()]
    before = []

    def arrived() -> None:
        # the maps have the picture by now; only what is painted from here on shows it
        picture = window.session.shown.picture
        if picture is not None and shows(picture) and not before:
            before.extend(view.paint_count for view in views)

    window.session.picture_changed.connect(arrived)
    begin = perf_counter()
    act()
    wait(qapp, lambda: before and all(v.paint_count > n for v, n in zip(views, before, strict=True)), 30)
    window.session.picture_changed.disconnect(arrived)
    return 1e3 * (max(view.last_paint for view in views) - begin)


def step(window, qapp, forward: bool) -> float:
    """Milliseconds from a key to the next cell in all visible maps."""
    target = int(forward)
    elapsed = until_painted(
        window, qapp, lambda: QTest.keyClick(window.maps, Qt.Key.Key_Right if forward else Qt.Key.Key_Left),
        lambda picture: picture.view.at["cell"] == target)
    QTest.qWait(120)
    return elapsed


@pytest.mark.parametrize("others", [0, 2])
def test_first_map_after_run_and_cancel(window, spec, qapp, bars, busy, others, tmp_path):
    """From the start of a job to the first painted data, and from Cancel to its end, several times."""
    with busy(others):
        first, ended = run_and_cancel(window, spec, qapp, tmp_path)
    bars.times(f"window_run_to_first_map{ending(others)}", {"max": max(first)}, FIRST_GOAL)
    bars.times(f"window_cancel_to_end{ending(others)}", {"max": max(ended)}, CANCEL_GOAL)


def run_and_cancel(window, spec, qapp, tmp_path) -> tuple[list[float], list[float]]:
    """Milliseconds to the first painted data, and to the end."""
    first, ended, jobs = [], [], []
    for turn in range(5):
        one = spec.model_copy(update={"out_folder": tmp_path / str(turn)})
        first.append(until_painted(window, qapp, lambda one=one: jobs.append(window.session.start(one)),
                                   lambda picture: picture.coverage.any()))
        begin, job = perf_counter(), jobs[-1]
        assert not job.board.state.ended  # there is something to cancel
        job.cancel()
        wait(qapp, lambda job=job: job.board.state.ended, 30)
        ended.append(1e3 * (perf_counter() - begin))
        assert job.board.state is State.CANCELLED
        assert not list((tmp_path / str(turn)).rglob(".tmp-*"))
    return first, ended
