"""What stands on the screen and in files, read back as text and numbers, against the coordinates that these tell."""

from __future__ import annotations

import csv
import re

import numpy as np
import pyqtgraph as pg
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QColor

from app.panels.inspect.inspector_presenter import WHY_HINT
from app.widgets.tones import tones_of

GAINS = {"HG": 0, "MG": 1, "LG": 2, "ONE": 0}
_STAGE = re.compile(rf"\b({'|'.join(GAINS)})\b")
_CELL = re.compile(r"memory cell (\d+)")
_PIXEL = re.compile(r"(?i)module (\d+)(?: · ASIC \d+)?(?: ·|,) row (\d+)(?: ·|,) column (\d+)")
_VALUE = re.compile(r"Where (module|gain|cell|row|column) ([\d.]+)")


def named(text):
    """Place that a text names: module, stage, cell, row and column, as far as it does."""
    found = {}
    if (stage := _STAGE.search(text)) is not None:
        found["gain"] = GAINS[stage[1]]
    if (cell := _CELL.search(text)) is not None:
        found["cell"] = int(cell[1])
    if (pixel := _PIXEL.search(text)) is not None:
        found.update(zip(("module", "row", "column"), map(int, pixel.groups()), strict=True))
    return found


def told(text):
    """Coordinates that the numbers of a text tell."""
    return {name: round(float(value)) for name, value in _VALUE.findall(text)}


def truth(window):
    """Subject, stage and cell of the picture on the screen as its subject delivered it; None without one."""
    shown = window.session.shown
    return None if shown.picture is None else dict(
        zip(("gain", "cell"), shown.subject.place_of(shown.picture), strict=True))


def check_now(window):
    """All that may not lie for a moment: what a click, a key or a picture changes at once."""
    check_source(window)
    check_pixel(window)
    check_maps(window)
    check_curve(window)
    check_why(window)
    check_histogram(window)
    check_tables(window)


def check_source(window):
    """Source line, status bar and navigator: the place of the picture, and what of the wish it is not."""
    session, line, place = window.session, window.maps.source.text(), truth(window)
    first, *_, state = line.split("   │   ")
    assert session.shown.subject.title in line
    if place is None:
        assert (first, window.status.view.text()) == ("waiting for the first picture", "")
        return
    assert named(first) == named(window.status.view.text()) == place
    gains, cells = (session.subject.axes[name].labels for name in ("gain", "cell"))
    wish = {"gain": gains[session.view.at["gain"]], "cell": cells[session.view.at["cell"]]}
    waits = {name: label for name, label in wish.items() if (GAINS.get(label, label)) != place[name]}
    if session.module != session.shown.module:
        waits["module"] = session.module
    assert session.pending == waits
    assert ("frozen" in state) == session.frozen
    assert named(state) == {name: GAINS.get(label, label) for name, label in waits.items() if name != "module"}
    assert ("module" in waits) == (f"module {session.module}" in state)
    marked = window.navigation.navigator.palette().windowText().color()
    assert (marked == QColor(tones_of(window.palette()).pending)) == bool(waits)


def check_pixel(window):
    """Pixel in status bar and inspector, each value against the name beside it and the place of the picture."""
    place, inspector, status = truth(window), window.inspector.text.text(), window.status.pixel.text()
    if place is None or window.session.cross is None:
        assert "Where" not in inspector
    else:
        names = named(inspector)
        assert {name: names[name] for name in place} == place
        assert names["module"] in (window.session.shown.picture.modules or window.session.shown.subject.modules)
        assert_same(names, told(inspector))
    if place is None:
        assert status == ""
    assert_same({**named(status), **(place or {})}, told(status))


def check_maps(window):
    """What is drawn under each title, and the modules' names."""
    place, picture = truth(window), window.session.shown.picture
    for choice, view in window.maps.shown_views():
        title = view.findChild(pg.Qt.QtWidgets.QLabel, "map_title").text()
        values = None if picture is None else [view.value_at(i, 100, 60) for i in range(len(picture.modules))]
        if title == "":
            assert values in (None, [None] * len(values or ()))
            continue
        assert title == choice.title
        known = {"row": 100, "column": 60, **place}
        if choice.result.name in known:
            assert set(values) == {known[choice.result.name]}
        if choice.result.name == "module":
            assert values == list(picture.modules) == list(window.maps.presenter.placement.modules)


def check_curve(window):
    """The curve of the selected pixel: its own place is that of the text above it, and its numbers tell it."""
    curve, plot, shown = window.inspector.presenter.curve, window.inspector.curve_plot, window.session.shown
    lines = [item.value() for item in plot.plot.getPlotItem().items if isinstance(item, pg.InfiniteLine)]
    if curve is None:
        return
    text = named(window.inspector.text.text())
    del text["cell"]
    assert curve.shown.subject is shown.subject
    assert named(f"{'module {}, row {}, column {}'.format(*curve.shown.pixel)} {curve.shown.place('cell')}") == text
    assert_curve(curve.choice.result.name, curve.cells, curve.values, text)
    assert window.inspector.choice.currentText() == curve.choice.title == plot.plot.getAxis("left").labelText
    x, y = plot.plot.listDataItems()[0].getData()
    np.testing.assert_array_equal((x, y), (curve.cells, curve.values))
    assert lines == [truth(window)["cell"]]


def assert_curve(name, cells, values, place):
    """Values of a curve over memory cells against the place that it names."""
    if name == "cell":
        np.testing.assert_array_equal(values, cells)
    elif name in place:
        np.testing.assert_array_equal(values, np.full(len(cells), place[name]))


def check_why(window):
    """The sentence of the rules is of the pixel and the place in the text above."""
    words = window.inspector.why.words.text()
    place = named(window.inspector.text.text())
    if words.startswith("Reading "):
        assert named(words) == {name: place[name] for name in ("module", "row", "column")}
    elif words != WHY_HINT:
        order = ("module", "gain", "cell", "row", "column")
        assert words == " ".join(f"{name} {place[name]}" for name in order)


def check_histogram(window):
    """The title of the histogram against the values under it; those of other maps tell no place."""
    plot = window.inspector.histograms
    title = plot.plot.getPlotItem().titleLabel.text
    if plot.is_empty or "Where place" not in title:
        return
    assert_place(plot.plot.listDataItems()[0].getData()[0].min(), window, {
        "module": int(re.match(r"Module (\d+)", title)[1]), **named(title)})


def assert_place(value, window, names):
    """A value of the map of places against names."""
    number, rest = divmod(int(value), 10000)
    assert number == window.session.shown.subject.number
    assert names == {"module": rest // 1000, "gain": rest // 100 % 10, "cell": rest % 100}


def check_tables(window):
    """Rows of both tables against their own headings."""
    for row in window.asics.table.rows:
        _, _, _, _, median, _, smallest, largest = row
        place = named(window.asics.heading.text())
        names = re.search(r"Where (\w+)", window.asics.heading.text())
        if names[1] == "place":
            assert_place(smallest, window, {"module": row[0], **place})
        elif names[1] in ("gain", "cell", "module"):
            assert median == smallest == largest == {"module": row[0], **place}[names[1]]
    cell = named(window.stages.heading.text()).get("cell")
    for module, stage, *values in window.stages.table.rows:
        assert values[:3] == [module, GAINS[stage], cell]
        assert_place(values[5], window, {"module": module, "gain": GAINS[stage], "cell": cell})


    check_region(window)


def check_region(window):
    """Columns of the region's table against the place and the number of pixels in its own heading."""
    panel = window.inspector.region
    if not panel.table.rows or not named(panel.heading.text()):
        return
    place, size = named(panel.heading.text()), re.search(r" of (\d+) pixels? in ", panel.heading.text())[1]
    titles = [panel.table.model().headerData(i, Qt.Orientation.Horizontal) for i in range(len(panel.table.rows[0]))]
    for title, *told in zip(titles, *panel.table.rows, strict=True):
        if (name := title.removeprefix("Where ")) in place:
            pixels, _, mean, _, median, least, most = told
            assert pixels == size
            assert [float(one) for one in (mean, median, least, most)] == [place[name]] * 4


def assert_same(names, tells):
    assert tells == {name: names[name] for name in tells}


def read_csv(path):
    """Words over a table, and its rows by the headings of its columns."""
    lines = path.read_text("utf-8").splitlines()
    words = "\n".join(line[2:] for line in lines if line.startswith("# "))
    return words, list(csv.DictReader(line for line in lines if not line.startswith("#")))


def check_statistics(path, window, place):
    """A file of statistics against the place and the subject that its words name."""
    words, rows = read_csv(path)
    assert words.splitlines()[0] == window.session.shown.subject.title
    assert named(words.splitlines()[1]) == place
    for row in rows:
        if row["region"]:
            assert_region(row, window, place)
            continue
        names, name = {"module": int(row["module"]), **place}, row["map"].removeprefix("Where ")
        if name == "place":
            assert_place(float(row["smallest"]), window, names)
        elif name in names:
            assert float(row["smallest"]) == float(row["median"]) == float(row["largest"]) == names[name]


def assert_region(row, window, place):
    """A row of the region in a file."""
    name = row["map"].removeprefix("Where ")
    inside = [module for module in window.session.shown.region.modules
              if module in window.session.shown.picture.modules]
    known = {"module": inside, **{axis: [at] for axis, at in place.items()}}
    if name in known:
        assert (float(row["smallest"]), float(row["largest"])) == (min(known[name]), max(known[name]))


def check_curve_file(path):
    """A file of a curve against the pixel and the stage that its words name."""
    words, rows = read_csv(path)
    column = next(name for name in rows[0] if name.startswith("Where"))
    values = [np.array([float(row[name]) for row in rows]) for name in ("memory cell", column)]
    assert_curve(column.removeprefix("Where "), *values, named(words))
    return named(words)
