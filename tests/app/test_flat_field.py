"""Flat-field histograms from the window: chosen, run, looked at while they grow, and a pixel's own by a click."""

from __future__ import annotations

import threading
from functools import partial

import numpy as np
import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtTest import QTest

from calib_core.characterisation.histogram import Histogram
from calib_core.explanation import Bars, Mark
from calib_core.jobs.board import State
from calib_core.jobs.truth_constants import folder_of, write_truth
from calib_core.simulate import default_settings, simulate
from calib_core.simulate.scenes.ff import FlatField
from calib_core.store.constants import list_constants
from calib_core.store.histograms import read_histograms

from .scans import press

MODULE, ROW, COLUMN = 3, 100, 70
PIXELS = 512 * 128
#: Frames that are counted together where a test looks at them growing: 65,536 samples of an ASIC.
TOGETHER = 16
SETTINGS = default_settings("AGIPD500K").with_changes({
    "modules": str(MODULE), "memory_cells": 4, "trains": 60, "proposal": 900462, "dead_share": 0.0})
SCENE = FlatField(light=0.3)
KNOBS = {"cell_group": 2, "photon_energy": 8.041, "min_entries": 100}


@pytest.fixture(scope="module")
def light(tmp_path_factory):
    made = simulate(SETTINGS, tmp_path_factory.mktemp("flat"), scene=SCENE)
    write_truth(made)
    return made


@pytest.fixture
def chosen(open_window, light, tmp_path, qtbot):
    """A window with histograms of a run that are ready to run, chosen as an operator does, in their layout."""
    window = open_window()
    window.resize(1680, 1050)
    window.session.out_folder = tmp_path / "proc"
    window.picker.set_root(light.data_root)
    qtbot.keyClicks(window.picker.box, "p900462 r1")
    with qtbot.waitSignal(window.picker.opener.opened):
        qtbot.keyClick(window.picker.box, Qt.Key.Key_Return)
    methods = window.form.page.method
    [choice] = [i for i in range(methods.count()) if methods.itemText(i).endswith("FF_HISTS")]
    methods.setFocus()
    methods.setCurrentIndex(choice)
    methods.activated.emit(choice)
    qtbot.waitUntil(lambda: window.form.page is not None and window.form.page.survey.method.command == "FF_HISTS")
    editor = window.form.page.constants["constants"].editor
    editor.setFocus()
    QTest.keyClicks(editor, str(folder_of(light)))
    QTest.keyClick(editor, Qt.Key.Key_Return)
    for name, value in KNOBS.items():
        window.form.page.knobs.put(name, value)
    assert window.session.spec is not None, window.form.reason.text()
    press(window, qtbot, Qt.Key.Key_F7)  # the layout in which each pixel is explained
    return window


@pytest.fixture
def counted(chosen, qtbot):
    """The same window with the finished job in it."""
    window = chosen
    qtbot.mouseClick(window.form.run_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.session.subject is not None)
    job = window.session.subject.job
    qtbot.waitUntil(lambda: job.board.state.ended)
    assert job.board.state is State.DONE, job.board.error
    qtbot.waitUntil(lambda: window.session.shown.picture is not None
                    and window.session.shown.picture.coverage.min() == 1)
    return window


def drawn(presenter, title):
    """Items of a plot of what is explained."""
    plots = presenter.found.plots if presenter.found is not None else ()
    return [item for one in plots if one.title == title for item in one.items]


def bars_are(presenter, title, counts):
    """Whether some histogram of a plot has these counts."""
    return any(isinstance(one, Bars) and np.array_equal(one.counts, counts) for one in drawn(presenter, title))


def test_a_click_shows_the_histogram_of_the_pixel_beside_that_of_the_module(counted, qtbot, tmp_path):
    window, presenter = counted, counted.inspector.samples.presenter
    assert [one.heading for one in window.maps.presenter.chosen][:2] == ["Photons [photons]", "Entries [samples]"]
    [path] = [one.path for one in list_constants(tmp_path / "proc") if one.calibration == "FFHistogram"]
    stored = read_histograms(path)
    for group in (0, 1):
        window.session.look_at({"group": group})
        window.session.set_pixel((MODULE, ROW, COLUMN))
        counts = stored.counts(group)
        own = partial(bars_are, presenter, "Pixel", counts[:, ROW, COLUMN])
        qtbot.waitUntil(own)
        [whole] = [one for one in drawn(presenter, "Module") if isinstance(one, Bars)]
        np.testing.assert_array_equal(whole.counts, counts.sum(axis=(1, 2), dtype=np.int64))
        marks = [one.x for one in drawn(presenter, "Pixel") if isinstance(one, Mark)]
        np.testing.assert_allclose(marks, np.arange(len(marks)) * 7.2 * 8.041)
        assert len(marks) == 6
    numbers = {one.name: one for one in presenter.found.numbers}
    assert numbers["samples"].value == stored.counts(1)[:, ROW, COLUMN].sum()
    [gain] = [one for name, one in numbers.items() if "first gain" in name]
    assert gain.value == pytest.approx(7.2, rel=0.08)
    view = window.inspector.samples.view
    assert [one.shown.title for one in view.plots] == ["Pixel", "Module"]


def test_numbers_of_the_module_are_drawn_with_marks_at_whole_photons(counted, qtbot):
    window = counted
    presenter = window.courses.presenter
    presenter.set_shown(True)
    qtbot.waitUntil(lambda: len(presenter.courses) == 3)
    spectrum, mean, gain = presenter.courses
    assert [one.axis.name for one in presenter.courses] == ["signal", "cell", "group"]
    [(_, counts)] = spectrum.curves
    values = window.session.subject.values("spectrum", MODULE)
    np.testing.assert_array_equal(counts, values[window.session.shown.at["group"]])
    assert counts.sum() > 0.95 * 2 * 60 * 512 * 128
    assert [round(x) for x, _ in spectrum.result.marks] == [0, 58, 116, 174, 232, 289]
    assert np.isfinite(mean.curves[0][1]).all()
    assert len(gain.curves) == 16
    presenter.go(spectrum, 60.0)  # no place of the view
    assert "signal" not in window.session.view.at
    presenter.go(mean, 3)
    assert window.session.view.at["cell"] == 3


def test_all_that_frames_tell_grows_while_they_are_counted(chosen, monkeypatch, qtbot):
    """Histogram of the module with its marks, light and means at once, gains of ASICs from 100,000 samples on."""
    window, gate, add = chosen, threading.Semaphore(0), Histogram.update
    monkeypatch.setattr(Histogram, "pieces", lambda _, chunk: (
        chunk.part(slice(first, first + TOGETHER)) for first in range(0, len(chunk), TOGETHER)))
    monkeypatch.setattr(Histogram, "update", lambda *given: (gate.acquire(), add(*given))[1])
    window.form.page.resources.put("threads", 1)
    presenter, session, before = window.courses.presenter, window.session, 0
    presenter.set_shown(True)
    qtbot.mouseClick(window.form.run_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: session.subject is not None and session.subject.job.board.state is State.RUNNING)
    session.set_pixel((MODULE, ROW, COLUMN))
    try:
        for times in (1, 2, 3):
            gate.release()
            images = times * TOGETHER
            qtbot.waitUntil(partial(is_at, window, images))
            spectrum, mean, gain = presenter.courses
            [(_, counts)] = spectrum.curves
            assert 0.95 * images * PIXELS < counts.sum() <= images * PIXELS
            assert (counts >= before).all()
            before = counts
            assert [round(x) for x, _ in spectrum.result.marks] == [0, 58, 116, 174, 232, 289]
            qtbot.waitUntil(partial(bars_are, window.inspector.samples.presenter, "Module", counts))
            assert len([one for one in drawn(window.inspector.samples.presenter, "Module")
                        if isinstance(one, Mark)]) == 6
            # of the first group of memory cells alone there is something
            [(_, means)] = mean.curves
            np.testing.assert_allclose(means[:2], 0.3 * 7.2 * 8.041, rtol=0.03)
            assert np.isnan(means[2:]).all()
            photons = window.maps.presenter.chosen[0].values(session.shown.picture)
            assert np.nanmedian(photons) == pytest.approx(0.3, rel=0.2)
            gains = np.array([values[0] for _, values in gain.curves])
            assert np.isfinite(gains).all() == (times > 1)
            np.testing.assert_allclose(gains[np.isfinite(gains)], 7.2, rtol=0.08)
    finally:
        gate.release(1000)
    qtbot.waitUntil(lambda: session.subject.ended)


def is_at(window, images):
    """Whether maps and courses are those of so many frames."""
    picture, courses = window.session.shown.picture, window.courses.presenter.courses
    if picture is None or picture.counts is None or len(courses) != 3:
        return False
    return picture.counts[0, 0] == images and courses[0].curves[0][1].sum() > 0.95 * images * PIXELS
