"""How often a correction shows something new while it runs: maps, numbers over memory cells, patterns of events."""

from __future__ import annotations

from time import perf_counter, process_time

import numpy as np
import pytest
from PyQt6.QtCore import QEventLoop

from app.running.warmup import Preparation
from app.window.main_window import MainWindow
from calib_core.jobs.board import State
from calib_core.jobs.survey import survey
from calib_core.jobs.truth_constants import folder_of, write_truth
from calib_core.simulate import default_settings, simulate
from calib_core.simulate.scenes.photons import Photons

#: What grows does so at least so often, per second.
GOAL = 2.0
CASES = {"AGIPD1M": ("AGIPD", {"modules": "1", "memory_cells": 32, "trains": 32}),
         "EPIX100": ("EPIX100", {"trains": 200})}


@pytest.fixture(params=CASES)
def spec(request, tmp_path):
    """A correction of some seconds."""
    family, settings = CASES[request.param]
    made = simulate(default_settings(request.param).with_changes(settings), tmp_path / "data",
                    scene=Photons(photons=3000.0))
    write_truth(made)
    Preparation().prepare()
    [run] = made.runs.values()
    return survey([run], family=family, method="CORRECT").spec(
        tmp_path / "proc", inputs={"run": (str(run),), "constants": (str(folder_of(made)),)}, threads=1)


@pytest.fixture
def window(as_program, qtbot, tmp_path):
    window = MainWindow(tmp_path / "state")
    window.resize(1680, 1050)
    window.show()
    qtbot.waitExposed(window)
    window.docks.bring("courses")
    yield window
    window.close()


class Seen:
    """When something was shown that was not shown before."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self._last: bytes = b""

    def see(self, *arrays: object) -> None:
        content = b"".join(np.asarray(one).tobytes() for one in arrays)
        if content and content != self._last:
            self._last = content
            self.times.append(perf_counter())

    @property
    def seconds(self) -> float:
        """From the first time to the last."""
        return self.times[-1] - self.times[0]

    @property
    def rate(self) -> float:
        """Times per second."""
        return (len(self.times) - 1) / self.seconds


def test_what_grows_while_frames_come(window, spec, qapp, bars):
    seen = {name: Seen() for name in ("maps", "numbers", "tables")}

    def see_maps() -> None:
        picture = window.session.shown.picture
        if picture is not None and picture.counts is not None and picture.counts[0].any():
            seen["maps"].see(*picture.maps.values())

    def see_courses(_: str, courses: tuple, tables: tuple) -> None:
        seen["numbers"].see(*(values for one in courses for _, values in one.curves if np.isfinite(values).any()))
        seen["tables"].see(*(np.frombuffer(repr(rows.rows).encode(), np.uint8) for _, rows in tables))

    window.session.picture_changed.connect(see_maps)
    window.courses.presenter.ready.connect(see_courses)
    job, begin, used = window.session.start(spec), perf_counter(), process_time()
    limit = perf_counter() + 300
    while not job.board.state.ended:
        assert perf_counter() < limit, "the job does not end"
        qapp.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)
    end, used = perf_counter(), process_time() - used
    assert job.board.state is State.DONE, job.board.error
    grow = {name: one for name, one in seen.items() if len(one.times) > 2}
    assert "maps" in grow
    assert ("numbers" in grow) or ("tables" in grow)
    for name, one in grow.items():
        bars.ratio(f"live_correction_{spec.family.lower()}_{name}_per_second", [one.rate], GOAL,
                   f"for {one.seconds:.1f} s; the job had {used / (end - begin):.1f} processors ")
