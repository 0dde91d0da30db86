"""From finished histograms of flat light to a pixel with its spectrum and fit, by clicks that are counted."""

from __future__ import annotations

from dataclasses import replace

import h5py
import numpy as np
import pytest
from clicks import Clicks
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QPushButton

from calib_core.constants.constant import FF_FIT
from calib_core.jobs.board import State
from calib_core.jobs.job import Job
from calib_core.jobs.spec import JobSpec
from calib_core.jobs.truth_constants import folder_of, write_truth
from calib_core.simulate import default_settings, simulate
from calib_core.simulate.scenes.ff import FlatField
from calib_core.store.constants import list_constants

from ..calib_core.numerics.flat_light import flat
from ..histogram_files import COLUMNS, write_histograms
from .scans import press

MODULE, ENERGY, PIXELS, TIMES = 3, 9.2, 256, 64


@pytest.fixture(scope="module")
def light():
    """Photons that were thrown into some pixels, over and over again in the first quarter of a module."""
    return flat(PIXELS, 0.3, 8.0, spread=0.04)


@pytest.fixture
def opened(open_window, light, tmp_path, qtbot):
    """A window with histograms among its sources, and the folder that they are in."""
    many = replace(light, counts=np.tile(light.counts, (TIMES, 1)))
    write_histograms(tmp_path / "histograms", [many], module=MODULE)
    window = open_window()
    window.results.open([tmp_path / "histograms"])
    qtbot.waitUntil(lambda: window.sources.a is not None and window.session.subject.ended)
    bring_sources(window)
    return window


def bring_sources(window):
    window.kept.setCurrentWidget(window.sources_panel)
    window.docks.bring("sources")


def taking(window):
    return window.findChild(QPushButton, "take_sources")


def correcting(window, source):
    """What the menu of a row has for corrections."""
    menu = window.sources_panel.menu_for(source)
    return next(one for one in menu.actions() if one.text() == "Correct a run…")


def test_a_click_on_the_row_one_on_run_and_one_on_a_pixel_show_its_spectrum(opened, light, tmp_path, qtbot):
    window, clicks = opened, Clicks(qtbot)
    clicks.row(window.sources_panel.table, 0)
    assert taking(window).text() == "Fit"
    clicks.button(taking(window))
    page = window.form.page
    assert page.survey.method.command == "FF"
    assert [line.value() for line in page.constants.values() if line.value()] == [str(tmp_path / "histograms")]
    assert page.folder.value() == str(tmp_path / "histograms")
    clicks.button(window.form.run_button)
    assert clicks.number == 2
    qtbot.waitUntil(lambda: window.jobs.jobs and window.jobs.jobs[0].board.state.ended)
    job = window.jobs.jobs[0]
    assert job.board.state is State.DONE, job.board.error
    assert {"SlopesFF", "BadPixelsFF", "FitsFF"} <= {one.calibration for one in list_constants(job.spec.out_folder)}
    qtbot.waitUntil(lambda: window.session.shown.picture is not None
                    and window.session.shown.picture.coverage.min() == 1)
    view = window.maps.views[0]
    qtbot.waitUntil(lambda: view.paint_count > 0)
    qtbot.waitUntil(lambda: view.canvas._placement is not None and view.canvas.viewport().scale > 0)
    clicks.pixel(view, (0, 32, 32))  # amid an ASIC: between them there is nothing
    assert window.session.shown.pixel is not None
    assert clicks.number == 3
    check_spectrum(window, light, qtbot)
    check_parameters_are_tried(window, qtbot)
    check_iminuit(window, clicks, qtbot)
    check_export(window, clicks, tmp_path / "selection.h5", qtbot)
    assert clicks.number == 6


def check_spectrum(window, light, qtbot):
    """Spectrum with the model and its components, pulls, and the gain that was thrown."""
    presenter = window.inspector.samples.presenter
    qtbot.waitUntil(lambda: presenter.found is not None and bool(presenter.found.plots))
    module, row, column = window.session.shown.pixel
    assert module == MODULE
    thrown = light.gain[(row * COLUMNS + column) % PIXELS]
    gain = next(one for one in presenter.found.numbers if one.name == "gain")
    assert gain.value * ENERGY == pytest.approx(thrown, abs=4 * gain.error * ENERGY)
    assert gain.error / gain.value < 0.006
    inspector = window.inspector
    assert inspector.tabs.tabText(inspector.tabs.currentIndex()) == "Fit"
    plots = {one.shown.title: one for one in inspector.samples.view.plots}
    assert list(plots) == ["Histogram", "Pulls"]
    assert all(one.isVisible() for one in plots.values())
    assert not window.docks["inspector"].visibleRegion().isEmpty()  # in a narrow window it is a tab among others
    assert [one.name for one in plots["Histogram"].shown.items][:4] == ["samples", "model", "0 γ", "1 γ"]
    [pulls] = [one for one in plots["Pulls"].shown.items if one.name == "samples less model"]
    assert len(pulls.x) > 100
    assert np.std(pulls.y) == pytest.approx(1, abs=0.25)
    drawn = plots["Histogram"].plot.getPlotItem().listDataItems()
    assert max(len(item.xData) for item in drawn) > 300


def numbers_of(window):
    return {one.name: one for one in window.inspector.samples.presenter.found.numbers}


def check_parameters_are_tried(window, qtbot):
    """A model of the form is tried on the pixel and its ASIC, before anything runs."""
    session, samples, before = window.session, window.inspector.samples, window.session.shown.picture
    gain = next(one for one in window.maps.presenter.chosen if one.heading.startswith("Fit gain"))
    window.form.page.knobs.put("model", "F2")
    qtbot.waitUntil(lambda: session.shown.picture.tried is not None)
    said = "tried on ASIC 0 of module 3 alone: model F2 (made with F3)"
    qtbot.waitUntil(lambda: said in window.maps.source.text())
    assert samples.tried.text() == "Tried: model F2 (made with F3)"
    _, row, column = session.shown.pixel
    after = gain.values(session.shown.picture)[0]
    differ = np.argwhere((after != gain.values(before)[0]) & np.isfinite(after))
    assert [differ.min(axis=0).tolist(), differ.max(axis=0).tolist()] == [[0, 0], [63, 63]]
    own = numbers_of(window)["gain"]
    assert after[row, column] == pytest.approx(own.value, abs=0.01 * own.error)
    assert {"growth", "shelves"} < numbers_of(window).keys()
    window.form.page.knobs.put("model", "F3")
    qtbot.waitUntil(lambda: session.shown.picture.tried is None)
    qtbot.waitUntil(lambda: "growth" not in numbers_of(window))


def check_iminuit(window, clicks, qtbot):
    """Numbers of iminuit stand beside ours when it is asked."""
    samples = window.inspector.samples
    assert samples.view.numbers.columnCount() == 2
    clicks.button(samples.compare_button)
    qtbot.waitUntil(lambda: any(one.by for one in numbers_of(window).values()))
    assert samples.view.numbers.columnCount() == 4
    assert samples.notes.text().startswith("✓ iminuit: largest difference ")
    drawn = [one.name for one in samples.view.plots[0].shown.items]
    assert drawn[:3] == ["samples", "iminuit", "model"]


def check_export(window, clicks, target, qtbot):
    """Maps with their errors, and the spectrum, fits and numbers of the pixel that was clicked."""
    found = window.inspector.samples.presenter.found
    window.export.ask_file = lambda *_: str(target)
    clicks.button(window._bar.widgetForAction(window.actions_by_name["export"]))
    clicks.button(window.export.findChild(QPushButton, "export_selection"))
    qtbot.waitUntil(target.exists)
    module, row, column = window.session.shown.pixel
    with h5py.File(target) as file:
        fits = file[f"{MODULE}/fits/data"]
        names = [str(one) for one in fits.attrs["values of parameter"]]
        assert {"gain", "gain error", "photons", "photons error"} <= set(names)
        at = {"parameter": FF_FIT.index("gain error"), "group": 0}
        errors = window.session.subject.plane("fits", MODULE, at)
        np.testing.assert_array_equal(fits[names.index("gain error"), 0], errors)
        assert np.isfinite(errors).sum() == PIXELS * TIMES
        pixel = file["pixel"]
        assert (pixel.attrs["module"], pixel.attrs["row"], pixel.attrs["column"]) == (module, row, column)
        table = {one["name"].decode(): one for one in pixel["numbers"][:]}
        for one in found.numbers:
            assert table[one.name]["value"] == one.value
            assert table[one.name]["theirs"] == one.theirs or not one.by
        series = {pixel["Histogram"][key].attrs["name"]: pixel["Histogram"][key] for key in pixel["Histogram"]}
        for one in found.plots[0].items:
            drawn = one.counts if one.name == "samples" else one.y
            np.testing.assert_array_equal(series[one.name]["counts" if one.name == "samples" else "y"][:], drawn)


@pytest.fixture(scope="module")
def run_of_light(tmp_path_factory):
    made = simulate(default_settings("AGIPD500K").with_changes({
        "modules": str(MODULE), "memory_cells": 4, "trains": 40, "proposal": 900471}),
        tmp_path_factory.mktemp("light"), scene=FlatField(light=0.3))
    write_truth(made)
    return made


def histograms_of(made, out, energy):
    """Histograms of a run, which a job writes below a folder."""
    job = Job(JobSpec(
        family="AGIPD", method="FF_HISTS", out_folder=out,
        inputs={"light": (str(made.runs["ff"]),), "constants": (str(folder_of(made)),)},
        parameters={"photon_energy": energy, "min_entries": 100}))
    job.start()
    assert job.wait(60)
    assert job.board.state is State.DONE, job.board.error
    job.close()


def test_histograms_without_sums_have_no_map_but_pixels_to_click(open_window, run_of_light, tmp_path, qtbot):
    """There is nothing else than counts; where pixels are is shown, and that of a click has its histogram."""
    histograms_of(run_of_light, tmp_path, energy=8.041)
    files = {one.calibration: one for one in list_constants(tmp_path)}
    files["FFSums"].path.unlink()
    window, clicks = open_window(), Clicks(qtbot)
    window.results.open([tmp_path])
    qtbot.waitUntil(lambda: window.sources.a is not None and window.session.subject.ended)
    press(window, qtbot, Qt.Key.Key_F7)
    view, presenter = window.maps.views[0], window.inspector.samples.presenter
    assert window.maps.presenter.offered == ()
    qtbot.waitUntil(lambda: view.canvas._placement is not None and view.canvas.viewport().scale > 0
                    and view.paint_count > 0)
    assert view._title.text() == "no maps here; click a pixel"
    clicks.pixel(view, (0, 32, 32))
    qtbot.waitUntil(lambda: presenter.found is not None and bool(presenter.found.plots))
    module, row, column = window.session.shown.pixel
    assert module == MODULE
    [counts] = [one.counts for one in presenter.found.plots[0].items if one.name == "all samples"]
    with h5py.File(files["FFHistogram"].path) as file:
        data = file[f"{files['FFHistogram'].pdu}/FFHistogram/0/data"]
        assert data.attrs["dims"].tolist() == ["group", "bin", "slow_scan", "fast_scan"]
        np.testing.assert_array_equal(counts, data[0, 1:-1, row, column])


def test_histograms_of_a_run_that_was_typed_are_made_and_then_fitted_from_their_row(
    open_window, run_of_light, tmp_path, qtbot
):
    """Enter, the characterisation, Run, and “Fit” in the row; what is typed is no click."""
    window, clicks = open_window(), Clicks(qtbot)
    window.session.out_folder = tmp_path / "out"
    window.picker.set_root(run_of_light.data_root)
    qtbot.keyClicks(window.picker.box, "p900471 r1")
    with qtbot.waitSignal(window.picker.opener.opened):
        clicks.key(window.picker.box, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: window.form.page is not None)
    clicks.choose(window.form.page.method, "H")  # histograms
    qtbot.waitUntil(lambda: window.form.page is not None and window.form.page.survey.method.command == "FF_HISTS")
    editor = window.form.page.constants["constants"].editor
    editor.setFocus()
    qtbot.keyClicks(editor, str(folder_of(run_of_light)))
    window.form.page.knobs.set_changes({"photon_energy": 8.041, "min_entries": 100})
    qtbot.waitUntil(window.form.run_button.isEnabled)
    clicks.button(window.form.run_button)
    qtbot.waitUntil(lambda: bool(window.jobs.jobs))
    bring_sources(window)
    assert not taking(window).isVisible()  # as long as it runs
    correct = window.findChild(QPushButton, "correct_with_source")
    qtbot.waitUntil(lambda: window.session.subject is not None and window.session.subject.ended)
    [job] = window.jobs.jobs
    assert job.board.state is State.DONE, job.board.error
    qtbot.waitUntil(taking(window).isVisible)
    assert not correct.isEnabled()  # no step of a correction takes histograms
    assert not correcting(window, window.sources.entries[0]).isEnabled()
    clicks.button(taking(window))
    page = window.form.page
    assert (clicks.number, page.survey.method.command) == (4, "FF")
    [made_as_a_set] = (tmp_path / "out").rglob("set.*.json")
    assert [line.value() for line in page.constants.values() if line.value()] == [str(made_as_a_set)]
    assert page.folder.value() == str(tmp_path / "out")


def test_each_of_several_sets_in_a_folder_is_fitted_by_itself(open_window, run_of_light, tmp_path, qtbot):
    """Also those that nobody has looked at yet; what is given is the set of the row, not the newest."""
    for energy in (8.041, 9.2):
        histograms_of(run_of_light, tmp_path / "out", energy)
    window, clicks = open_window(), Clicks(qtbot)
    window.results.open([tmp_path / "out"])
    qtbot.waitUntil(lambda: len(window.sources.entries) == 2 and window.session.subject is not None)
    bring_sources(window)
    older, newer = sorted((tmp_path / "out").rglob("set.*.json"))
    for row, made in enumerate((newer, older)):
        bring_sources(window)
        clicks.row(window.sources_panel.table, row)
        assert taking(window).isVisible()
        assert taking(window).text() == "Fit"
        clicks.button(taking(window))
        page = window.form.page
        assert [line.value() for line in page.constants.values() if line.value()] == [str(made)]
        assert not window.findChild(QPushButton, "correct_with_source").isEnabled()


def test_files_that_tell_no_set_are_given_themselves_where_they_lie_beside_others(
    open_window, light, tmp_path, qtbot,
):
    folder = tmp_path / "histograms"
    many = replace(light, counts=np.tile(light.counts, (TIMES, 1)))
    files = [write_histograms(folder, [many], module=MODULE, energy=energy) for energy in (9.2, 9.0)]
    window, clicks = open_window(), Clicks(qtbot)
    window.results.open([folder])
    qtbot.waitUntil(lambda: len(window.sources.entries) == 2 and window.session.subject is not None)
    for row, path in enumerate(reversed(files)):
        bring_sources(window)
        clicks.row(window.sources_panel.table, row)
        assert taking(window).text() == "Fit"
        clicks.button(taking(window))
        page = window.form.page
        assert [line.value() for line in page.constants.values() if line.value()] == [str(path)]
        assert page.folder.value() == str(folder)


def test_darks_alone_are_fitted_and_combined_by_nothing(open_window, run_of_light, qtbot):
    """A characterisation of several inputs has nothing to put together of one, though the others may be left out."""
    window = open_window()
    window.results.open([folder_of(run_of_light)])
    qtbot.waitUntil(lambda: window.sources.a is not None and window.session.subject.ended)
    bring_sources(window)
    Clicks(qtbot).row(window.sources_panel.table, 0)
    assert not taking(window).isVisible()
    assert window.findChild(QPushButton, "correct_with_source").isEnabled()
    assert correcting(window, window.sources.a).isEnabled()
    assert [one.text() for one in window.sources_panel.menu_for(window.sources.a).actions() if one.text()] == [
        "Show as A", "Compare A with this", "Correct a run…", "Close"]
