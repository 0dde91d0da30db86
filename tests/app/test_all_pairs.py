"""Constants of one family after those of another, at every place of the first: maps come, at a place they have."""

from __future__ import annotations

import logging
from functools import cache, partial
from itertools import product

import h5py
import numpy as np
import pytest

from app.session.sources import Source
from calib_core.jobs.board import State
from calib_core.jobs.job import Job
from calib_core.jobs.survey import survey
from calib_core.simulate import default_settings, simulate
from calib_core.subjects.constants import ConstantsSubject, find_sets

pytestmark = pytest.mark.usefixtures("few_columns")
#: One type of each family.
SMALL = {
    "AGIPD1M": {"modules": "0-1", "memory_cells": 2}, "DSSC1M": {"modules": "4,6", "memory_cells": 3},
    "EPIX100": {}, "EPIX10K": {}, "FASTCCD": {}, "GOTTHARD2": {"frames_per_train": 40}, "JUNGFRAU": {"modules": "2"},
    "LPD1M": {"modules": "2", "memory_cells": 3}, "PNCCD": {},
}
#: Those whose jobs run again in the window.
RUNNING = ("AGIPD1M", "GOTTHARD2", "PNCCD")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Small raw runs of each family."""
    return {kind: simulate(default_settings(kind).with_changes({"trains": 8, **changes}),
                           tmp_path_factory.mktemp(kind.lower())) for kind, changes in SMALL.items()}


@pytest.fixture(scope="module")
def constants(runs, tmp_path_factory):
    """Constants of each family, made once."""
    folders = {kind: tmp_path_factory.mktemp(f"{kind.lower()}_constants") for kind in SMALL}
    for kind, folder in folders.items():
        job = Job(_spec(runs[kind], folder))
        job.start()
        assert job.wait(120)
        assert job.board.state is State.DONE, job.board.error
        job.close()
    return folders


def _spec(made, folder):
    return survey(list(made.runs.values())).spec(folder, parameters={"min_trains": 1})


@pytest.fixture
def watched(open_window):
    """A window of one map, with the errors that it was told."""
    window = open_window()
    window.set_slots(1)
    window.session.set_arrangement("stacked")
    window.jobs.set_interval(5)
    window.told = []
    window.session.message.connect(lambda level, text: window.told.append(text) if level == "ERROR" else None)
    return window


def settle(window, qtbot):
    """Wait until what is wished is on the screen, of all modules."""
    session = window.session
    qtbot.waitUntil(lambda: session.shown.picture is not None and not session.pending
                    and session.shown.picture.coverage.min(initial=1.0) == 1
                    and session.shown.picture.view == session.view)


def show(window, folder, qtbot):
    source = Source("", partial(ConstantsSubject, find_sets([folder])[0]))
    window.sources.add(source)
    window.sources.show(source)
    settle(window, qtbot)
    return source


@cache
def offset_file(folder, module):
    """File of the offsets of a module, and the dataset in it."""
    for path in folder.rglob("cal.*.h5"):
        with h5py.File(path, locking=False) as file:
            name, group = next(iter(next(iter(file.values())).items()))
            if name.startswith("Offset") and int(group["0"].attrs["module"]) == module:
                return path, group["0/data"].name
    raise AssertionError(f"no offset of module {module} in {folder}")


def offset_of(folder, shown):
    """Offset of the selected pixel at the shown place, by h5py alone."""
    module, row, col = shown.pixel
    gains = [stage.short for stage in shown.kind.stages]
    place = {"gain": gains.index(shown.label("gain")), "cell": shown.at["cell"], "slow_scan": row, "fast_scan": col}
    path, name = offset_file(folder, module)
    with h5py.File(path, locking=False) as file:
        data = file[name]
        return np.float32(data[tuple(place[dim] for dim in data.attrs["dims"])])


def select(window, module, part):
    """Select a pixel of a module, as far along its rows and columns."""
    slow, fast = window.session.shown.subject.kind.shape
    window.session.set_pixel((module, int(part * (slow - 1)), int(part * (fast - 1))))


def check(window, folder):
    """Each slot has a map of what is shown, at a place that it has; the status bar has the number of the file."""
    shown = window.session.shown
    assert all(0 <= index < len(shown.axes[name]) for name, index in shown.at.items())
    for choice, view in window.maps.shown_views():
        assert choice.result in shown.results
        assert choice.values(shown.picture).shape == (len(shown.picture.modules), *shown.kind.shape)
        assert view.isVisible()
    expected = offset_of(folder, shown)
    text = window.status.pixel.text()
    assert f"Offset {'–' if np.isnan(expected) else f'{expected:.5g} ADU'}" in text, (text, expected)
    assert shown.label("gain") in window.status.view.text()


@pytest.mark.parametrize("first", SMALL)
def test_any_family_can_be_looked_at_after_every_place_of_any_other(watched, constants, qtbot, caplog, first):
    source = show(watched, constants[first], qtbot)
    gains, cells = (len(source.subject.axes[name]) for name in ("gain", "cell"))
    for place in product(range(gains), sorted({0, cells - 1})):
        for second in (kind for kind in SMALL if kind != first):
            watched.sources.show(source)
            watched.session.look_at(dict(zip(("gain", "cell"), place, strict=True)))
            settle(watched, qtbot)
            select(watched, source.subject.modules[-1], 1)
            assert tuple(watched.session.shown.at[name] for name in ("gain", "cell")) == place
            check(watched, constants[first])
            other = show(watched, constants[second], qtbot)
            select(watched, other.subject.modules[0], 0.5)
            check(watched, constants[second])
            watched.sources.remove(other)
    assert not watched.told
    assert [record.message for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.mark.parametrize("second", RUNNING)
def test_a_job_that_runs_comes_after_any_place_of_another_family(watched, runs, constants, tmp_path, qtbot, second):
    for number, first in enumerate(kind for kind in SMALL if kind != second):
        source = show(watched, constants[first], qtbot)
        watched.session.look_at({name: len(axis) - 1 for name, axis in source.subject.axes.items()})
        settle(watched, qtbot)
        job = watched.session.start(_spec(runs[second], tmp_path / str(number)))
        qtbot.waitUntil(lambda job=job: job.board.state.ended)
        assert job.board.state is State.DONE, job.board.error
        settle(watched, qtbot)
        subject = watched.session.shown.subject
        watched.session.set_pixel((subject.modules[0], subject.kind.shape[0] // 2, subject.kind.shape[1] // 3))
        check(watched, tmp_path / str(number))
        if number == 2:
            break  # after a camera, after an older detector, after one of several cells
    assert not watched.told
