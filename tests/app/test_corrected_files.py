"""Corrected files that nobody has made in this window are opened as one opens constants."""

from __future__ import annotations

import shlex

import numpy as np
import pytest
from PyQt6.QtCore import QMimeData, QPointF, Qt, QUrl
from PyQt6.QtGui import QDropEvent
from PyQt6.QtWidgets import QPushButton

from calib_core.axes import Pick
from calib_core.subjects.corrected import CorrectedSubject
from calib_core.subjects.masked import bare
from calib_core.subjects.selected import SelectedSubject
from tests import corrected_files as files


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Folder of corrected files of two modules, and the samples by module."""
    folder = tmp_path_factory.mktemp("made")
    raw = files.raw_files(folder, "JUNGFRAU", "JNGFR", trains=3, memory_cells=1, modules="1,2", proposal=900451,
                          first_run=4)
    samples = {}
    for module, file in zip((1, 2), raw, strict=True):
        of = files.source(files.JUNGFRAU, module, (1, 0, 1), 1)
        values = files.values(of, module)
        values["data.memoryCell"] = np.zeros(2, np.uint8)
        samples[module] = values["data.adc"]
        files.write(folder / "proc", files.origin_of(file), [(of, values)])
    return folder / "proc", samples


def drop(window, path):
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    window.dropEvent(QDropEvent(QPointF(5, 5), Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton,
                                Qt.KeyboardModifier.NoModifier))


def menu(window, path):
    window.ask_folder = lambda title: str(path)
    window.actions_by_name["open_results"].trigger()


def typed(window, path):
    window.picker.box.setText(shlex.join([str(path)]))
    window.picker.box.returnPressed.emit()


def shows(window, modules):
    shown = window.session.shown
    return (isinstance(bare(shown.subject), CorrectedSubject) and shown.picture is not None
            and Pick("corrected") in shown.picture.maps and shown.picture.modules == modules
            and bool((shown.picture.coverage == 1).all()))


@pytest.mark.parametrize("way", [drop, menu, typed])
def test_a_folder_is_opened(open_window, made, qtbot, way):
    folder, samples = made
    window = open_window()
    way(window, folder)
    qtbot.waitUntil(lambda: shows(window, (1, 2)))
    for i, module in enumerate((1, 2)):
        np.testing.assert_array_equal(window.session.shown.picture.maps[Pick("corrected")][i], samples[module][0])
    assert window.maps.views[0]._title.text() == "Corrected  [keV]"
    assert "p900451 r4" in window.maps.source.text()
    assert window.sources_panel.table.item(0, 2).text().endswith("!")  # there is no record, which is said
    assert "no record of the correction" in window.sources_panel.table.item(0, 2).toolTip()
    # trains without frames are none of the axis
    qtbot.keyClick(window.maps, Qt.Key.Key_Right, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: shows(window, (1, 2)) and window.session.shown.at["train"] == 1)
    np.testing.assert_array_equal(window.session.shown.picture.maps[Pick("corrected")][0], samples[1][1])


def test_a_file_alone_is_opened(open_window, made, qtbot):
    window = open_window()
    [path] = made[0].glob("*JNGFR02*.h5")
    drop(window, path)
    qtbot.waitUntil(lambda: shows(window, (2,)))


def test_what_cannot_be_used_leaves_the_window_as_it_was(open_window, made, tmp_path, qtbot):
    window = open_window()
    drop(window, made[0])
    qtbot.waitUntil(lambda: shows(window, (1, 2)))
    before = window.session.subject
    bad = tmp_path / "CORR-R0007-JNGFR01-S00000.h5"
    bad.write_bytes(b"no file of HDF5")
    drop(window, bad)
    qtbot.waitUntil(lambda: window.banner.message != "")
    assert "CORR-R0007-JNGFR01-S00000.h5" in window.banner.message
    assert window.session.subject is before


def test_a_selection_is_written_in_two_clicks_and_opened_again(open_window, made, tmp_path, qtbot):
    window = open_window()
    drop(window, made[0])
    qtbot.waitUntil(lambda: shows(window, (1, 2)))
    window.export.ask_file = lambda *_: str(tmp_path / "chosen.h5")
    window.actions_by_name["export"].trigger()
    window.export.all_places.setChecked(True)
    with qtbot.waitSignal(window.export.presenter.said) as said:
        qtbot.mouseClick(window.export.findChild(QPushButton, "export_selection"), Qt.MouseButton.LeftButton)
    assert said.args[0] == "INFO", said.args
    drop(window, tmp_path / "chosen.h5")
    qtbot.waitUntil(lambda: isinstance(bare(window.session.shown.subject), SelectedSubject)
                    and window.session.shown.picture is not None
                    and Pick("corrected") in window.session.shown.picture.maps)
    subject = window.session.subject
    module = subject.modules[0]
    for train in (0, 1):
        np.testing.assert_array_equal(subject.plane("corrected", module, {"train": train}), made[1][module][train])
    assert window.maps.views[0]._title.text() == "Corrected  [keV]"


def test_two_are_compared(open_window, made, qtbot):
    """A file of one module beside the run: differences are 0 where both have it."""
    window = open_window()
    drop(window, made[0])
    qtbot.waitUntil(lambda: shows(window, (1, 2)))
    [path] = made[0].glob("*JNGFR02*.h5")
    window.results.open([path], compare=True)
    qtbot.waitUntil(lambda: window.session.subject is not None
                    and not isinstance(bare(window.session.subject), CorrectedSubject))
    plane = window.session.subject.plane("corrected.difference", 2, {"train": 0, "cell": 0})
    assert np.nanmax(np.abs(plane)) == 0


def test_strips_are_an_image_over_trains(open_window, tmp_path, qtbot):
    """Frames of strips one below the other, from the first train to the last; a click goes to its train."""
    trains = 30
    [raw] = files.raw_files(tmp_path, "GOTTHARD2", "GH2", trains=trains, frames_per_train=2)
    of = files.source(files.STRIPS, "", [1] * trains, 3)
    values = files.values(of, 5)
    values["data.memoryCell"] = np.tile(np.array([0, 1, 0], np.uint8), trains)  # the last is of a cell that was there
    files.write(tmp_path / "proc", files.origin_of(raw), [(of, values)])
    window = open_window()
    window.set_slots(1)
    drop(window, tmp_path / "proc")
    qtbot.waitUntil(lambda: isinstance(bare(window.session.shown.subject), CorrectedSubject)
                    and window.session.shown.picture is not None)
    window.session.look_at({"cell": 1})
    window.maps.presenter.set_form("cells")
    expected = values["data.adc"].reshape(trains, 3, 1280)[:, 1]
    last = pytest.approx(expected[-1, 7], nan_ok=True)
    qtbot.waitUntil(lambda: window.session.shown.at.get("cell") == 1
                    and window.maps.views[0].value_at(0, trains - 1, 7) == last)
    for train in (0, 11, 29):
        found = [window.maps.views[0].value_at(0, train, strip) for strip in range(1, 1280, 97)]
        np.testing.assert_array_equal(np.array(found, np.float32), expected[train, 1::97])
    assert window.maps.presenter.placement.title == "Strips × trains"
    assert any("30 of 90 frames are of a memory cell that their train has" in note
               for note in window.session.subject.notes)
    window.maps.presenter.click(0, 11, 40)
    qtbot.waitUntil(lambda: window.session.shown.at["train"] == 11)
