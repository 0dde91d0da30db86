"""Opening runs: typed, picked, dropped; always away from the window's thread."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from PyQt6.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt, QUrl
from PyQt6.QtGui import QDragEnterEvent, QDropEvent
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QApplication

from app.panels.start import opening
from app.panels.start.opening import dropped_runs
from app.panels.start.run_picker import RunPicker
from calib_core.errors import BadInput, SeveralDetectors


@pytest.fixture
def root(tmp_path):
    for run in (12, 13, 14):
        (tmp_path / f"SPB/202601/p900450/raw/r{run:04d}").mkdir(parents=True)
    return tmp_path


@pytest.fixture
def calls(monkeypatch, make_survey):
    """Surveys that were asked for, with the thread they ran in."""
    calls = []

    def survey(paths, detector="", **task):
        calls.append(([path.name for path in paths], detector, threading.current_thread()))
        return make_survey(len(paths))

    monkeypatch.setattr(opening, "survey", survey)
    return calls


@pytest.fixture
def picker(qtbot, session, root):
    picker = RunPicker(session)
    qtbot.addWidget(picker)
    picker.set_root(root)
    picker.show()
    yield picker
    picker.close_background()


def type_and_enter(picker, text):
    picker.box.setFocus()
    picker.box.clear()
    QTest.keyClicks(picker.box, text)
    QTest.keyClick(picker.box, Qt.Key.Key_Return)


def mime(*paths):
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    return data


def test_typing_opens(picker, session, calls, qtbot):
    with qtbot.waitSignal(session.survey_changed):
        type_and_enter(picker, "p900450 r12-14")
    assert calls[0][:2] == (["r0012", "r0013", "r0014"], "")
    assert calls[0][2] is not threading.main_thread()
    assert not picker.message.isVisible()
    assert not picker.progress.isVisible()


def test_the_picker_says_that_it_is_busy(picker, calls):
    type_and_enter(picker, "p900450 r12")
    assert picker.progress.isVisible()
    assert "p900450 r12" in picker.message.text()


def test_what_is_not_understood_is_told(picker, session, calls, qtbot):
    with qtbot.waitSignal(session.message) as said:
        type_and_enter(picker, "p900450 r99")
    assert said.args[0] == "ERROR"
    assert said.args[1] == "Proposal p900450 has no run 99; nearby runs are 12, 13, 14."
    assert picker.message.text() == f"! {said.args[1]}"
    assert calls == []


def test_an_unexpected_error_is_told_too(picker, session, monkeypatch, qtbot):
    def survey(paths, detector="", **task):
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(opening, "survey", survey)
    with qtbot.waitSignal(session.message) as said:
        type_and_enter(picker, "p900450 r12")
    assert "oops" in said.args[1]


def test_only_the_newest_request_counts(picker, session, monkeypatch, make_survey, qtbot):
    gate, got = threading.Event(), []

    def survey(paths, detector="", **task):
        if len(paths) == 1:
            gate.wait(10)
            raise BadInput("too late to matter")
        return make_survey(len(paths))

    monkeypatch.setattr(opening, "survey", survey)
    session.survey_changed.connect(lambda found: got.append(len(found.runs)))
    type_and_enter(picker, "p900450 r12")
    qtbot.wait(20)
    with qtbot.waitSignal(session.survey_changed):
        type_and_enter(picker, "p900450 r12-13")
    gate.set()
    qtbot.wait(50)
    assert got == [2]
    assert session.said == []


def test_several_detectors_ask_for_one(picker, session, monkeypatch, make_survey, qtbot):
    asked = []

    def survey(paths, detector="", **task):
        asked.append(detector)
        if not detector:
            raise SeveralDetectors("several", ("A", "B"))
        return make_survey(len(paths))

    monkeypatch.setattr(opening, "survey", survey)
    type_and_enter(picker, "p900450 r12")
    qtbot.waitUntil(picker.detectors.isVisible)
    with qtbot.waitSignal(session.survey_changed):
        QTest.keyClick(picker.detectors, Qt.Key.Key_Down)
    assert asked == ["", "A"]
    assert not picker.detectors.isVisible()


def test_recent_runs_open_again(picker, session, calls, root, qtbot):
    with qtbot.waitSignals([session.survey_changed, picker.recent_changed]):
        type_and_enter(picker, "p900450 r12-13")
    assert picker.recent_list.item(0).text() == "p900450 r0012, r0013"
    picker.recent = [f"'{root}/with blank/p900001/raw/r0001'", *picker.recent]
    assert picker.recent_list.item(0).text() == "p900001 r0001"
    with qtbot.waitSignal(session.survey_changed):
        picker.recent_list.itemActivated.emit(picker.recent_list.item(1))
    assert calls[-1][0] == ["r0012", "r0013"]
    assert len(picker.recent) == 2


def test_the_tree_fills_where_somebody_looks(picker, session, calls, qtbot):
    assert picker.tree.model().rowCount() == 0
    picker.tabs.setCurrentIndex(1)
    model = picker.tree.model()
    qtbot.waitUntil(lambda: model.rowCount() == 1 and "p900450" in model.index(0, 0).data())
    proposal = model.index(0, 0)
    picker.tree.expand(proposal)
    qtbot.waitUntil(lambda: model.rowCount(proposal) == 3)
    picker.tree.selectAll()
    assert picker.open_selected.text() == "Open 3 runs"
    with qtbot.waitSignal(session.survey_changed):
        QTest.mouseClick(picker.open_selected, Qt.MouseButton.LeftButton)
    assert calls[0][0] == ["r0012", "r0013", "r0014"]


def test_without_a_root_the_tree_says_so(picker):
    picker.set_root(None)
    picker.tabs.setCurrentIndex(1)
    assert "No data root" in picker.tree.model().index(0, 0).data()


def test_folders_can_be_dropped(picker, session, calls, root, qtbot):
    raw = root / "SPB/202601/p900450/raw"
    data = mime(raw / "r0013", raw / "r0012")
    enter = QDragEnterEvent(QPoint(5, 5), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton,
                            Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(picker, enter)
    assert enter.isAccepted()
    assert calls == []
    drop = QDropEvent(QPointF(5, 5), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton,
                      Qt.KeyboardModifier.NoModifier, QEvent.Type.Drop)
    with qtbot.waitSignal(session.survey_changed):
        QApplication.sendEvent(picker, drop)
    assert calls[0][0] == ["r0012", "r0013"]


def test_other_things_cannot_be_dropped(picker):
    data = QMimeData()
    data.setText("p900450")
    enter = QDragEnterEvent(QPoint(5, 5), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton,
                            Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(picker, enter)
    assert not enter.isAccepted()


def test_a_dropped_file_stands_for_its_folder(root):
    run = root / "SPB/202601/p900450/raw/r0012"
    (run / "RAW.h5").touch()
    assert dropped_runs(mime(run / "RAW.h5", run, Path("/does/not/exist"))) == (run,)


def test_the_box_is_one_key_away(picker, qtbot):
    picker.activateWindow()
    qtbot.waitUntil(picker.isActiveWindow)
    picker.open_button.setFocus()
    QTest.keyClick(picker, Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier)
    assert picker.box.hasFocus()


@pytest.mark.parametrize("text", ["", " ", "p900450 'r12", "\"", "\\", "/x\x00y", "a" * 5000, "\n\t"])
def test_recent_runs_that_make_no_sense_do_no_harm(picker, text):
    picker.recent = [text, "/data/SPB/202601/p900450/raw/r0012"]
    assert picker.recent_list.count() == 2
    assert picker.recent_list.item(1).text() == "p900450 r0012"
    assert picker.recent_list.item(0).data(Qt.ItemDataRole.UserRole) == text
