"""Constants that cannot be used as they are: one sentence that names them, and the window as it was."""

from __future__ import annotations

import shlex

import numpy as np
import pytest
from PyQt6.QtCore import QMimeData, QPointF, Qt, QUrl
from PyQt6.QtGui import QDropEvent
from PyQt6.QtWidgets import QLabel

from tests.calib_core.subjects.files import images, put_bare, put_ours

SHOWN = "SCS_DET_DSSC1M-1"


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """Offsets of three modules in two memory cells; module m is 1000 m higher."""
    folder = tmp_path_factory.mktemp("good")
    for module in (0, 1, 2):
        put_ours(folder, module, "Offset", images(2, module) + 1000 * module, 0.1 * module)
    return folder


@pytest.fixture
def said(open_window, good, qtbot):
    """A window that shows good constants, and the warnings and errors that it says from then on."""
    window = open_window()
    window.session.set_arrangement("stacked")
    drop(window, good)
    wait_for(window, qtbot, (0, 1, 2))
    said = []
    window.session.message.connect(lambda level, text: said.append((level, text)) if level != "INFO" else None)
    window.said = said
    return window


def drop(window, *paths):
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    window.dropEvent(QDropEvent(QPointF(5, 5), Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton,
                                Qt.KeyboardModifier.NoModifier))


def menu(window, *paths):
    window.ask_folder = lambda title: str(paths[0])
    window.actions_by_name["open_results"].trigger()


def typed(window, *paths):
    window.picker.box.setText(shlex.join(map(str, paths)))
    window.picker.box.returnPressed.emit()


def wait_for(window, qtbot, modules):
    session = window.session
    qtbot.waitUntil(lambda: session.shown.picture is not None and session.shown.picture.modules == modules
                    and (session.shown.picture.coverage == 1).all())


def offsets(window):
    """Rounded thousands of the median of each module in the picture."""
    picture = window.session.shown.picture
    values = next(values for pick, values in picture.maps.items() if pick.result == "offset")
    return [round(float(np.median(one)), -3) / 1000 for one in values]


@pytest.mark.parametrize("way", [drop, menu, typed])
def test_an_empty_folder(said, qtbot, tmp_path, way):
    before = said.session.shown
    empty = tmp_path / "nothing here"
    empty.mkdir()
    way(said, empty)
    qtbot.waitUntil(lambda: said.said != [])
    qtbot.wait(50)
    assert [level for level, _ in said.said] == ["ERROR"]
    assert "nothing here" in said.said[0][1]
    assert said.banner.message == said.said[0][1]
    assert said.session.shown == before
    assert len(said.sources.entries) == 1


def spoilt(folder, spoil):
    """Offsets of three modules of which the second file is spoilt; the name of that file."""
    paths = [put_ours(folder, module, "Offset", images(2, module) + 1000 * module, 0.1 * module, chunks=(512, 128, 1))
             for module in (0, 1, 2)]
    whole = bytearray(paths[1].read_bytes())
    paths[1].write_bytes(spoil(whole))
    return paths[1].name


def flipped(whole):
    """Bytes of pixels changed."""
    at = len(whole) // 2
    whole[at:at + 64] = bytes(byte ^ 0xFF for byte in whole[at:at + 64])
    return whole


def without_end(whole):
    """Text that sends HDF5 into an endless loop."""
    heap = whole.find(b"GCOL")
    whole[heap + 24:heap + 32] = (2**64 - 16).to_bytes(8, "little")
    return whole


@pytest.mark.parametrize(("spoil", "modules"), [
    (lambda whole: whole[:len(whole) // 2], {0, 2}), (lambda whole: b"\0" * 512, {0, 2}),
    (flipped, {0, 2}), (without_end, {0, 2}),
], ids=["truncated", "no HDF5", "damaged pixels", "text without end"])
def test_a_spoilt_file_is_named_and_the_others_are_shown(said, qtbot, tmp_path, monkeypatch, spoil, modules):
    monkeypatch.setenv("CALIBWB_FILE_TIMEOUT", "3")
    name = spoilt(tmp_path, spoil)
    before = said.session.subject
    drop(said, tmp_path)
    qtbot.waitUntil(lambda: said.session.subject is not before)
    subject = said.session.subject
    qtbot.waitUntil(lambda: subject.ended and said.session.shown.picture is not None)
    qtbot.waitUntil(lambda: any(name in note for note in subject.notes))
    assert sum(name in note for note in subject.notes) == 1
    assert name in said.maps.source.toolTip()
    qtbot.waitUntil(lambda: {m for m, share in zip(
        said.session.shown.picture.modules, said.session.shown.picture.coverage, strict=True) if share} == modules)


def test_of_two_detectors_one_is_asked_for(said, good, qtbot, tmp_path):
    before = said.session.shown
    for module in (0, 1):
        put_ours(tmp_path, module, "Offset", images(2), 0.1 * module)
    other = tmp_path / "xfel" / "cal" / "jungfrau-type"
    put_bare(other, "Jungfrau_M035", "Offset10Hz", np.zeros((1024, 512, 1, 3)),
             dims=("fast_scan", "slow_scan", "cell", "gain"))
    with qtbot.waitSignal(said.results.several) as asked:
        drop(said, tmp_path)
    assert len(asked.args[0]) == 2
    assert said.session.shown == before
    assert said.picker.detectors.isVisibleTo(said.picker)
    box = said.picker.detectors
    box.setCurrentIndex(box.findText(SHOWN))
    box.activated.emit(box.currentIndex())
    wait_for(said, qtbot, (0, 1))
    assert said.session.subject.identifier == SHOWN


def compare(window, qtbot, folder):
    """Open constants and ask to see A beside them."""
    a = window.sources.a
    window.results.open([folder], compare=True)
    qtbot.waitUntil(lambda: len(window.sources.entries) == 2)
    return a


def test_another_detector_is_not_compared(said, qtbot, tmp_path):
    before = said.session.shown
    put_ours(tmp_path, 0, "Offset", images(2), 0.0, provenance={
        "detector_type": "DSSC-Type", "detector": "SQS_DET_DSSC1M-2", "module": 0, "job": {}})
    compare(said, qtbot, tmp_path)
    qtbot.waitUntil(lambda: said.said != [])
    assert said.said == [("ERROR", "A is of SCS_DET_DSSC1M-1 and B of SQS_DET_DSSC1M-2; choose results of one "
                                   "detector.")]
    assert said.sources.b is None
    assert said.session.shown == before


def test_without_a_common_cell_nothing_is_compared(said, qtbot, tmp_path):
    before = said.session.shown
    put_ours(tmp_path, 0, "Offset", images(2), 0.0, axes={"gain": ["LIN"], "cell": [5, 6]})
    compare(said, qtbot, tmp_path)
    qtbot.waitUntil(lambda: said.said != [])
    assert len(said.said) == 1
    assert "Memory cell" in said.said[0][1]
    assert said.sources.b is None
    assert said.session.shown == before


def test_of_fewer_modules_and_cells_in_b_the_common_ones_are_shown_and_told(said, qtbot, tmp_path):
    for module in (1, 2):
        put_ours(tmp_path, module, "Offset", images(1, module) + 1000 * module - 500, 0.1 * module)
    compare(said, qtbot, tmp_path)
    wait_for(said, qtbot, (1, 2))
    assert said.session.axes["cell"].labels == (0,)
    told = " ".join(said.session.subject.notes)
    assert "module" in told.lower()
    assert "cell" in told.lower()
    assert said.said == []


def test_of_two_jobs_in_one_folder_one_is_shown_and_never_both(said, qtbot, tmp_path):
    for second, (job, lift, modules) in enumerate((("first", 3000, (0, 1, 2)), ("second", 6000, (0, 1)))):
        for module in modules:
            put_ours(tmp_path, module, "Offset", images(2, module) + lift, 10 * second + 0.1 * module, job)
    before = said.session.subject
    drop(said, tmp_path)
    qtbot.waitUntil(lambda: said.session.subject is not before)
    wait_for(said, qtbot, (0, 1))
    assert offsets(said) == [6, 6]
    assert len(said.sources.entries) == 3
    older = next(one for one in said.sources.entries if one is not said.sources.a and one.opened is None)
    said.sources.show(older)
    wait_for(said, qtbot, (0, 1, 2))
    assert offsets(said) == [3, 3, 3]


def test_a_file_that_goes_while_it_is_shown(said, qtbot, tmp_path):
    paths = [put_ours(tmp_path, module, "Offset", images(3, module) + 1000 * module, 0.1 * module,
                      chunks=(512, 128, 1)) for module in (0, 1)]
    before = said.session.subject
    drop(said, tmp_path)
    qtbot.waitUntil(lambda: said.session.subject is not before)
    wait_for(said, qtbot, (0, 1))
    paths[1].unlink()
    said.session.look_at({"cell": 2})
    said.session.set_pixel((1, 10, 20))
    hint = said.inspector.curve_plot.findChild(QLabel, "plot_hint")
    qtbot.waitUntil(lambda: "could not be read" in said.inspector.why.words.text()
                    and "could not be read" in hint.text())
    qtbot.waitUntil(lambda: said.session.shown.label("cell") == 2)
    qtbot.wait(300)
    assert said.said == [("WARN", f"{paths[1]} cannot be read as a calibration constant: there is no such file.")]
    assert said.session.shown.picture.coverage.tolist() == [1, 0]
    said.session.set_pixel((0, 10, 20))
    qtbot.waitUntil(lambda: not said.inspector.curve_plot.is_empty)
    assert len(said.said) == 1


def test_what_was_shown_comes_back_although_what_it_was_compared_with_is_gone(open_window, good, qtbot, tmp_path):
    window, said = open_window(), []
    window.session.message.connect(lambda level, text: said.append((level, text)))
    gone = tmp_path / "cal.1.h5"
    window.results.bring_back(sorted(good.rglob("*.h5")), [gone])
    wait_for(window, qtbot, (0, 1, 2))
    assert said == [("WARN", f"{gone} does not exist; name a folder with constants or a constant file.")]
    assert window.sources.b is None
