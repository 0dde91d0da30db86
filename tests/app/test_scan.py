"""A scan of the pulse capacitor from the window: typed, run, looked at, and a pixel explained by a click."""

from __future__ import annotations

import re

import h5py
import numpy as np
import pytest
from extra_data import RunDirectory
from PyQt6.QtCore import QEvent, QPoint, QPointF, Qt
from PyQt6.QtGui import QMouseEvent
from PyQt6.QtWidgets import QApplication, QPushButton, QSlider, QToolButton

from app.widgets.dots import Dots
from app.widgets.tones import tones_of
from calib_core.jobs.board import State
from calib_core.simulate import Simulated, default_settings, simulate
from calib_core.simulate.scenes.pc import PulseCapacitor
from calib_core.simulate.truth import ModuleTruth

from .scans import explained, is_whole, press, run_whole, typed

MODULE, ROW, COLUMN = 3, 100, 7  # that the first pattern charges
SETTINGS = default_settings("AGIPD500K").with_changes({
    "modules": str(MODULE), "memory_cells": 4, "frames_per_train": 1, "trains": 100, "proposal": 900461,
    "dead_share": 0.0, "noisy_share": 0.0})
SCENE = PulseCapacitor(step_charge=30.0, hook_length=8.0, transition=2, order="0,1,2,3")


SHORT = {"margin_hg": 4, "margin_mg": 5, "hook_c": [2.0, 40.0]}


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    return simulate(SETTINGS, tmp_path_factory.mktemp("scans"), scene=SCENE)


@pytest.fixture
def opened(open_window, scans, tmp_path, qtbot):
    """A window with the runs of the scan open, in the layout that F7 brings."""
    return typed(open_window(), scans, "p900461 r1-4", SHORT, tmp_path / "proc", qtbot)


@pytest.fixture
def fitted(opened, qtbot):
    """The same window with the finished job in it."""
    return run_whole(opened, qtbot)


def refitted(window, qtbot):
    """Numbers by name once what the form shows was tried, waiting for another explanation."""
    presenter = window.inspector.samples.presenter
    before = presenter.found

    def numbers():
        qtbot.waitUntil(lambda: presenter.found is not before and presenter.found is not None)
        return {one.name: one for one in presenter.found.numbers}
    return numbers


def high_by_numpy(window, last_high):
    """Slope of high gain up to a step, by NumPy, from the samples that are drawn."""
    [scan] = [one for one in window.inspector.samples.presenter.found.plots if one.title == "Scan"]
    [points] = [one for one in scan.items if one.name == "high gain"]
    inside = points.x <= last_high
    return np.polyfit(points.x[inside], points.y[inside], 1)[0]


def test_a_pixel_of_a_scan_is_explained_by_a_click(fitted, qtbot):
    window, inspector = fitted, fitted.inspector
    # more runs than darks take: it is the scan that is offered
    assert window.form.page.survey.method.command == "PC"
    titles = [one.heading for one in window.maps.presenter.chosen]
    assert titles == ["PC slope HG [ADU/step]", "PC slope MG [ADU/step]", "PC ratio", "PC threshold [ADU]"]
    assert inspector.tabs.tabText(inspector.tabs.currentIndex()) == "Fit"
    numbers = explained(window, qtbot, (MODULE, ROW, COLUMN))
    truth = SCENE.truth_of(ModuleTruth(SETTINGS, MODULE), 0)
    for name, true in (("slope HG", truth.slope_high), ("intercept HG", truth.intercept_high),
                       ("intercept MG", truth.intercept_medium)):
        assert abs(numbers[name].value - true[ROW, COLUMN]) < 5 * numbers[name].error, name
    view = inspector.samples.view
    assert [one.shown.title for one in view.plots] == [
        "Scan", "Medium gain", "Residuals", "Gain signal", "Clusters"]
    for one in view.plots:
        assert one.isVisible()
        assert sum(len(item.x) for item in one.plot.getPlotItem().items if isinstance(item, Dots)) > 50
    # strips have one axis along x, and its numbers stand in the last of them
    strips = view.plots[:4]
    assert len({tuple(np.round(one.plot.getViewBox().viewRange()[0], 6)) for one in strips}) == 1
    assert [one.plot.getAxis("bottom").style["showValues"] for one in strips] == [False, False, False, True]
    assert view.numbers.rowCount() == len(numbers)
    # how well the lines fit is a map too, of the numbers that pixels have
    for slot, stage in ((2, "HG"), (3, "MG")):
        next(one for one in window.maps.slot_menu(slot).actions() if one.text() == f"PC chi2 {stage}").trigger()
    chosen = window.maps.presenter.chosen[2:]
    qtbot.waitUntil(lambda: all(one.pick in window.session.shown.picture.maps for one in chosen))
    for one, stage in zip(chosen, ("HG", "MG"), strict=True):
        [values] = one.values(window.session.shown.picture)
        assert values[ROW, COLUMN] == np.float32(numbers[f"χ² {stage}"].value)
        assert np.nanmedian(values) == pytest.approx(1, abs=0.05)
    # a column that no run charges has nothing to read
    window.session.set_pixel((MODULE, ROW, 0))
    qtbot.waitUntil(lambda: view.is_empty)
    assert "no run for this place" in view._strip_plots[0]._hint.text()


def charged_by_truth(scene, kind, run):
    """Columns that the simulator charges in a run, by its place."""
    return np.flatnonzero(scene.pixels(kind, run)[0])


def test_what_runs_charge_is_drawn_before_anything_runs_and_filled_by_the_job(opened, scans, qtbot):
    charged, kind = opened.form.page.charged, opened.form.page.survey.detector.type
    assert charged.isVisible()
    assert [row.label for row in charged.matrix.rows] == ["r0001", "r0002", "r0003", "r0004"]
    for number, row in enumerate(charged.matrix.rows):
        np.testing.assert_array_equal(row.lines, charged_by_truth(SCENE, kind, number))
    assert charged.told.text() == "! 64 of 128 columns charged in exactly one run, 64 in none"
    picture = charged.matrix.grab().toImage()

    def colour(row, line):
        place = charged.matrix.place_of(row, line).center()
        return picture.pixelColor(int(place.x()), int(place.y())).name()
    assert charged.matrix.drawn == 128
    assert colour(1, int(charged_by_truth(SCENE, kind, 1)[3])) == tones_of(charged.palette()).accent
    assert colour(1, int(charged_by_truth(SCENE, kind, 0)[3])) == tones_of(charged.palette()).base
    assert charged.heading.text() == "Charged: run × columns"
    told, light = [], []

    def look():
        told.append(charged.heading.text())
        light.append([row.light for row in charged.matrix.rows])
    opened.session.subject_told.connect(look)
    qtbot.mouseClick(opened.form.run_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: opened.session.subject is not None and opened.session.subject.ended)
    assert opened.session.subject.job.board.state is State.DONE
    qtbot.waitUntil(lambda: charged.heading.text() == "Charged: run × columns · 4 of 4 as the job finds them")
    for number, row in enumerate(charged.matrix.rows):
        np.testing.assert_array_equal(row.lines, charged_by_truth(SCENE, kind, number))
        assert not row.light
    # it was filled run by run, those to come being light, and is what frames say
    fills = [one.count(False) for one in light if any(one)]
    assert fills
    assert fills == sorted(fills)
    frames = RunDirectory(sorted(scans.runs.values())[1])["HED_DET_AGIPD500K2G/DET/3CH0:xtdf", "image.data"]
    medians = np.median(frames.ndarray()[::4, 0, ::8].astype(float), axis=1)
    others = np.setdiff1d(np.arange(128), charged_by_truth(SCENE, kind, 1))
    expected = np.ptp(medians - np.median(medians[:, others], axis=1, keepdims=True), axis=0)
    changes = opened.session.subject.job.values("changes", MODULE)
    np.testing.assert_allclose(changes[1], expected, rtol=1e-6)
    # other runs in the form are no longer those of the job
    combo = opened.form.page.inputs.combos["scan/3"]
    combo.setCurrentIndex(combo.count() - 1)
    combo.activated.emit(combo.count() - 1)
    assert charged.heading.text() == "Charged: run × columns"


def test_the_form_says_which_errors_the_scan_allows_and_what_is_seen_of_its_switch(opened, qtbot):
    page = opened.form.page
    assert page.allowed.isVisible()
    first, second = page.allowed.text().splitlines()
    truth = SCENE.truth_of(ModuleTruth(SETTINGS, MODULE), 0)
    low, high = map(int, re.search(r"between steps (\d+) and (\d+), by frames of the runs", second).groups())
    assert low < np.median(truth.switch) < high
    assert high - low < 8  # 24 frames of 100 trains
    before = float(re.search(r"ratio ± (.*?) %", first).group(1))
    page.knobs.put("margin_mg", 30)
    qtbot.waitUntil(lambda: page.allowed.text().splitlines()[0] != first)
    assert float(re.search(r"ratio ± (.*?) %", page.allowed.text()).group(1)) > 1.3 * before
    # a value that is not allowed is told at its editor, and the sentence stays
    stands = page.allowed.text()
    qtbot.keyClicks(page.knobs.fields["margin_mg"].editor, "x")
    assert page.allowed.text() == stands


def test_the_form_says_how_much_is_read_and_follows_what_is_chosen(opened, qtbot):
    """One frame in each of 100 trains of four runs, two planes of two bytes."""
    page = opened.form.page
    assert page.amount.isVisible()
    size = 400 * 128 * 512 * 4
    assert page.amount.text().startswith(f"Reads up to {size / 2**20:.1f} MiB in 400 frames, which takes about")
    page.knobs.put("max_trains", 60)
    qtbot.waitUntil(lambda: "in 240 frames" in page.amount.text())
    page.resources.put("threads", 1)
    qtbot.waitUntil(lambda: "with 1 thread," in page.amount.text())
    qtbot.keyClicks(page.knobs.fields["max_trains"].editor, "x")  # told at its editor
    page.resources.put("threads", 2)  # what was said is not of these
    qtbot.waitUntil(lambda: page.amount.text() == "")
    page.knobs.put("max_trains", 50)
    qtbot.waitUntil(lambda: "in 200 frames" in page.amount.text())
    page.knobs.put("every_cell", 4)
    qtbot.waitUntil(lambda: "in 200 frames of 1 of 4 memory cells, which" in page.amount.text())


def test_runs_whose_place_was_changed_are_marked(open_window, tmp_path, qtbot):
    scene = PulseCapacitor(step_charge=30.0, hook_length=8.0, transition=2, order="0,2,1,3-7")
    made = simulate(SETTINGS.with_changes({"memory_cells": 1, "trains": 60, "proposal": 900463}), tmp_path,
                    scene=scene)
    window = open_window()
    window.resize(1280, 900)
    window.session.open_runs(sorted(made.runs.values()))
    qtbot.waitUntil(lambda: window.form.page is not None)
    charged = window.form.page.charged
    assert [row.label for row in charged.matrix.rows if row.marked] == ["r0002 ⇄", "r0003 ⇄"]
    np.testing.assert_array_equal(
        charged.matrix.rows[1].lines, charged_by_truth(scene, window.form.page.survey.detector.type, 2))
    assert charged.told.text() == "✓ 128 of 128 columns charged in exactly one run"
    assert charged.told.tone == "ok"
    # a run that the operator leaves out is seen at once
    combo = window.form.page.inputs.combos["scan/7"]
    combo.setCurrentIndex(combo.count() - 1)
    combo.activated.emit(combo.count() - 1)
    assert len(charged.matrix.rows) == 7
    assert charged.told.text() == "! 112 of 128 columns charged in exactly one run, 16 in none"


def test_titles_say_how_many_memory_cells_are_done_while_a_job_runs(opened, qtbot):
    titles, counts = [], []

    def look():
        picture = opened.session.shown.picture
        titles.append(opened.maps.views[0]._title.text())
        counts.append(None if picture is None or picture.counts is None else picture.counts[:, 0].tolist())
    opened.session.picture_changed.connect(look)
    qtbot.mouseClick(opened.form.run_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: opened.session.subject is not None and opened.session.subject.ended)
    qtbot.waitUntil(lambda: is_whole(opened.session.shown.picture))
    # a frame in each train is of one memory cell; the three others have none, and are not waited for
    assert [0, 1] in counts
    assert any(title.endswith("· 0 of 1 memory cell") for title in titles)
    qtbot.waitUntil(lambda: opened.maps.views[0]._title.text() == "PC slope HG  [ADU/step]")


def test_the_slider_marks_memory_cells_that_are_done_and_those_to_come(open_window, tmp_path, qtbot):
    settings = SETTINGS.with_changes({"memory_cells": 8, "frames_per_train": 6, "trains": 60, "proposal": 900464})
    made = simulate(settings, tmp_path / "data", scene=SCENE.with_changes({"order": "0"}))
    window, seen = open_window(), []
    window.session.out_folder = tmp_path / "proc"
    window.session.open_runs(sorted(made.runs.values()))
    qtbot.waitUntil(lambda: window.form.page is not None)
    press(window, qtbot, Qt.Key.Key_F7)
    qtbot.waitUntil(lambda: window.form.page.survey.method.command == "PC")

    def slider():
        return window.navigation.navigator.findChild(QSlider, "cell_slider")

    def look():
        if slider() is not None and slider().there is not None:
            seen.append(slider().there.copy())
    window.session.picture_changed.connect(look)
    window.form.page.knobs.set_changes(SHORT)
    window.form.page.resources.put("threads", 1)
    qtbot.mouseClick(window.form.run_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.session.subject is not None and window.session.subject.ended)
    # six of eight memory cells have frames; they come one after the other, and in the end nothing is marked
    assert seen
    for one in seen:
        np.testing.assert_array_equal(np.isnan(one), [False] * 6 + [True] * 2)
    done = [int((one >= 1).sum()) for one in seen]
    assert done == sorted(done)
    assert {0.0, 0.5, 1.0} <= set(np.concatenate(seen)[np.isfinite(np.concatenate(seen))].tolist())
    qtbot.waitUntil(lambda: slider().there is None)


def test_a_dragged_bound_refits_the_pixel_and_writes_the_form(fitted, qtbot):
    window, view = fitted, fitted.inspector.samples.view
    before = explained(window, qtbot, (MODULE, ROW, COLUMN))
    knobs = window.form.page.knobs.fields["margin_hg"]
    for _ in range(4):  # a plot that is laid out anew meanwhile is not where the mouse is pressed
        bound, scan = view.plots[0].ranges["fit HG"], view.plots[0]
        low, high = bound.getRegion()
        fixed, movable = bound.lines
        assert (fixed.movable, movable.movable) == (False, True)
        drag(scan.plot, qtbot, (high, 9000.0), (high - 8, 9000.0))
        qtbot.wait(300)  # until the last place of the mouse was told
        if knobs.value() != SHORT["margin_hg"]:
            break
    qtbot.waitUntil(lambda: f"margin_hg {knobs.value()} (made with {SHORT['margin_hg']})"
                    in window.inspector.samples.tried.text())
    after = {one.name: one for one in window.inspector.samples.presenter.found.numbers}
    margin = knobs.value()
    assert abs(margin - SHORT["margin_hg"] - 8) <= 1  # a step is a few pixels of the screen
    assert window.session.spec.parameters["margin_hg"] == margin
    assert after["slope HG"].error > before["slope HG"].error
    last = high + SHORT["margin_hg"] - margin
    assert after["slope HG"].value == pytest.approx(high_by_numpy(window, last), rel=1e-5)
    # and the form moves the bound
    tried = refitted(window, qtbot)
    window.form.page.knobs.put("margin_hg", SHORT["margin_hg"])
    again = tried()
    assert bound.getRegion() == pytest.approx((low, high))
    assert again["slope HG"].value == before["slope HG"].value
    assert window.inspector.samples.tried.text() == ""


def test_fixed_intervals_are_dragged_at_both_ends(fitted, qtbot):
    window, view = fitted, fitted.inspector.samples.view
    explained(window, qtbot, (MODULE, ROW, COLUMN))
    tried = refitted(window, qtbot)
    for name, value in (("intervals", "fixed"), ("hg_range", [3, 20]), ("mg_range", [50, 90])):
        window.form.page.knobs.put(name, value)
    tried()
    qtbot.waitUntil(lambda: view.plots[0].ranges["fit HG"].getRegion() == (3, 20))
    presenter = window.inspector.samples.presenter
    presenter.move(presenter.found.plots[0].items[0], 5.2, 17.8)
    assert window.session.spec.parameters["hg_range"] == [5.0, 18.0]


def drag(plot, qtbot, begin, end):
    """Drag by the mouse from one place of a plot to another, both in its units."""
    box = plot.getViewBox()
    at = [plot.mapFromScene(box.mapViewToScene(QPointF(*one))) for one in (begin, end)]
    qtbot.mouseMove(plot.viewport(), at[0])
    qtbot.mousePress(plot.viewport(), Qt.MouseButton.LeftButton, pos=at[0])
    for step in range(1, 9):
        here = QPoint(round(at[0].x() + (at[1].x() - at[0].x()) * step / 8), at[0].y())
        event = QMouseEvent(QEvent.Type.MouseMove, QPointF(here), QPointF(plot.viewport().mapToGlobal(here)),
                            Qt.MouseButton.NoButton, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
        QApplication.sendEvent(plot.viewport(), event)
        qtbot.wait(20)
    qtbot.mouseRelease(plot.viewport(), Qt.MouseButton.LeftButton, pos=at[1])


def test_pixels_that_fail_alike_are_counted_listed_marked_and_gone_to(fitted, qtbot):
    window = fitted
    kind = window.session.shown.kind
    uncharged = np.flatnonzero(sum(SCENE.pixels(kind, pattern)[0] for pattern in range(4)) == 0).tolist()
    window.session.set_pixel((MODULE, ROW, uncharged[5]))
    buttons = {one.text(): one for one in window.inspector.samples.findChildren(QToolButton)}
    qtbot.mouseClick(buttons["fail alike"], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(window.similar.table.rows) > 0)
    assert f"{len(uncharged) * 512:,} pixels of 1 module fail like this" in window.similar.heading.text()
    assert {row[3] for row in window.similar.table.rows} <= set(uncharged)
    marked = window.session.outlined[MODULE]
    assert sorted(set(marked[:, 1].tolist())) == uncharged
    assert len(marked) == len(uncharged) * 512
    drawn = window.maps.outlines._made[1]
    assert np.count_nonzero(drawn) == len(marked)
    row = window.similar.table.rows[7]
    window.similar.table.row_chosen.emit(row)
    assert window.session.shown.pixel == (row[0], row[2], row[3])
    before = window.session.shown.pixel
    qtbot.mouseClick(buttons["failing ▸"], Qt.MouseButton.LeftButton)
    after = window.session.shown.pixel
    assert after > before
    qtbot.mouseClick(buttons["◂ failing"], Qt.MouseButton.LeftButton)
    assert window.session.shown.pixel == before
    window.docks.bring("log")
    qtbot.waitUntil(lambda: not window.session.outlined)


def test_a_parameter_of_the_form_is_tried_on_the_asic_before_anything_runs(fitted, qtbot):
    window, session = fitted, fitted.session
    explained(window, qtbot, (MODULE, ROW, COLUMN))
    before = session.shown.picture
    window.form.page.knobs.put("margin_hg", 12)
    qtbot.waitUntil(lambda: session.shown.picture.tried is not None)
    said = "tried on ASIC 2 of module 3 alone: margin_hg 12 (made with 4)"
    qtbot.waitUntil(lambda: said in window.maps.source.text())
    assert "part tried" in window.maps.views[0]._title.text()
    drawn = window.maps.outlines._made[1]
    assert np.argwhere(drawn[0]).tolist() == [[row, column] for row in range(64, 128) for column in range(64)]
    # one pixel, one value: map, inspector and status bar
    slope = next(one for one in window.maps.presenter.chosen if one.title == "PC slope HG")
    [value] = slope.values(session.shown.picture)[:, ROW, COLUMN]
    assert value != slope.values(before)[0, ROW, COLUMN]
    numbers = {one.name: one.value for one in window.inspector.samples.presenter.found.numbers}
    assert numbers["slope HG"] == value
    assert f"{value:.5g}" in window.inspector.text.text()
    window.form.page.knobs.put("margin_hg", SHORT["margin_hg"])
    qtbot.waitUntil(lambda: session.shown.picture.tried is None)
    assert "tried" not in window.maps.source.text()


def test_other_programs_are_asked_on_demand(fitted, qtbot):
    window, samples = fitted, fitted.inspector.samples
    explained(window, qtbot, (MODULE, ROW, COLUMN))
    assert samples.compare_button.isVisible()
    assert samples.view.numbers.columnCount() == 2
    before = samples.presenter.found
    qtbot.mouseClick(samples.compare_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: samples.presenter.found is not before)
    numbers = {one.name: one for one in samples.presenter.found.numbers}
    # the same line by NumPy, over the samples that are drawn
    last = samples.view.plots[0].ranges["fit HG"].getRegion()[1]
    assert numbers["slope HG"].theirs == pytest.approx(high_by_numpy(window, last), rel=1e-6)
    assert {one.by for one in numbers.values() if one.by} == {"iminuit", "scikit-learn"}
    assert numbers["cluster HG"].theirs + numbers["cluster transition"].theirs + numbers["cluster MG"].theirs == sum(
        len(one.x) for one in samples.presenter.found.plots[4].items if not one.large)
    said = samples.notes.text().splitlines()
    assert [line[0] for line in said] == ["✓", "✓"]
    assert samples.view.numbers.columnCount() == 4
    # another pixel is not compared until somebody asks
    numbers = explained(window, qtbot, (MODULE, ROW + 1, COLUMN))
    assert not any(one.by for one in numbers.values())


def test_the_journey_from_runs_to_a_file_takes_six_clicks(open_window, scans, tmp_path, qtbot):
    """Enter, Run, a pixel, those that fail alike, Export and its button; keys and typing do not count."""
    clicks = []

    def click(widget, **where):
        clicks.append(widget)
        qtbot.mouseClick(widget, Qt.MouseButton.LeftButton, **where)

    window = open_window()
    window.resize(1680, 1050)
    window.session.out_folder = tmp_path / "proc"
    window.picker.set_root(scans.data_root)
    qtbot.keyClicks(window.picker.box, "p900461 r1-4")
    with qtbot.waitSignal(window.picker.opener.opened):
        clicks.append(window.picker.box)
        qtbot.keyClick(window.picker.box, Qt.Key.Key_Return)
    press(window, qtbot, Qt.Key.Key_F7)
    window.form.page.knobs.set_changes(SHORT)
    click(window.form.run_button)
    qtbot.waitUntil(lambda: window.session.subject is not None and window.session.subject.ended)
    qtbot.waitUntil(lambda: is_whole(window.session.shown.picture))
    press(window, qtbot, Qt.Key.Key_M)
    press(window, qtbot, Qt.Key.Key_B)  # else a click goes to the flagged columns beside, which no run charges
    canvas = window.maps.views[0].canvas
    qtbot.waitUntil(lambda: canvas._placement is not None and canvas._placement.index.shape == (512, 128))
    qtbot.wait(50)
    x, y = canvas._placement.place_of((0, ROW, COLUMN))
    view, ratio = canvas.viewport(), canvas.devicePixelRatioF()
    across = ((x + 0.5 - view.x) * view.scale + view.width / 2) / ratio
    down = ((y + 0.5 - view.y) * view.scale + view.height / 2) / ratio
    click(canvas, pos=QPoint(int(across), int(down)))
    samples = window.inspector.samples
    qtbot.waitUntil(lambda: samples.presenter.found is not None)
    click(next(one for one in samples.findChildren(QToolButton) if one.text() == "fail alike"))
    qtbot.waitUntil(window.similar.isVisible)
    # a parameter is tried on the ASIC before all is done again
    window.form.page.knobs.put("margin_hg", 9)
    qtbot.waitUntil(lambda: window.session.shown.picture.tried is not None)
    target, found = tmp_path / "selection.h5", samples.presenter.found
    window.export.ask_file = lambda *_: str(target)
    click(window._bar.widgetForAction(window.actions_by_name["export"]))
    click(window.export.findChild(QPushButton, "export_selection"))
    qtbot.waitUntil(target.exists)
    assert len(clicks) == 6
    module, row, column = window.session.shown.pixel
    with h5py.File(target) as file:
        slope = file[f"{MODULE}/lines/data"]
        assert slope.attrs["dims"].tolist()[-2:] == ["slow_scan", "fast_scan"]
        assert f"{MODULE}/fits/data" in file  # errors go with the lines
        pixel = file["pixel"]
        assert (pixel.attrs["module"], pixel.attrs["row"], pixel.attrs["column"]) == (module, row, column)
        assert pixel.attrs["tried"] == "margin_hg 9 (made with 4)"
        table = {one["name"].decode(): one for one in pixel["numbers"][:]}
        for one in found.numbers:
            assert table[one.name]["value"] == one.value
        drawn = pixel["Scan"]
        [name] = [key for key in drawn if drawn[key].attrs.get("name") == "medium gain"]
        points = next(one for one in found.plots[0].items if one.name == "medium gain")
        np.testing.assert_array_equal(drawn[name]["y"][:], points.y)


def test_f7_leaves_the_form_where_runs_are_no_scan(open_window, tmp_path, qtbot):
    made = simulate(default_settings("AGIPD500K").with_changes({
        "modules": str(MODULE), "memory_cells": 2, "trains": 60, "proposal": 900462}), tmp_path)
    window, said = open_window(), []
    window.session.message.connect(lambda level, text: said.append((level, text)))
    window.session.open_runs(sorted(made.runs.values()))
    qtbot.waitUntil(lambda: window.form.page is not None)
    page = window.form.page
    press(window, qtbot, Qt.Key.Key_F7)
    qtbot.waitUntil(lambda: any("stays as it is" in text for _, text in said))
    assert window.form.page is page
    assert page.survey.method.command == "DARK"
    assert window.form.run_button.isEnabled()
    assert not any(level == "ERROR" for level, _ in said)


def test_maps_of_each_layout_come_back(fitted, qtbot):
    window, presenter = fitted, fitted.maps.presenter
    presenter.assign(0, "lines/10")
    mine = [one.key for one in presenter.chosen]
    press(window, qtbot, Qt.Key.Key_F5)
    assert presenter.chosen[0].key == "lines/0"
    press(window, qtbot, Qt.Key.Key_F7)
    assert [one.key for one in presenter.chosen] == mine


def test_the_maps_show_the_truth_of_charged_columns_and_flags_elsewhere(open_window, scans, tmp_path, qtbot):
    from calib_core.jobs.survey import survey

    window = open_window()
    spec = survey(sorted(scans.runs.values())).spec(
        tmp_path / "out", parameters=SHORT)
    job = window.session.start(spec)
    qtbot.waitUntil(lambda: job.board.state.ended, timeout=60000)
    qtbot.waitUntil(lambda: is_whole(window.session.shown.picture))
    shown, presenter = window.session.shown, window.maps.presenter
    slope = next(one for one in presenter.chosen if one.title == "PC slope HG")
    [values] = slope.values(shown.picture)
    truth = SCENE.truth_of(ModuleTruth(SETTINGS, MODULE), 0).slope_high
    charged = np.flatnonzero(sum(SCENE.pixels(shown.kind, pattern)[0] for pattern in range(4)))
    assert np.isfinite(values[:, charged]).mean() > 0.99
    assert np.nanmedian(np.abs(values[:, charged] / truth[:, charged] - 1)) < 0.01
    assert np.isnan(np.delete(values, charged, axis=1)).all()
