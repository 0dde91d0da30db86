"""Constants that cannot be opened, or not wholly: one sentence each, and the window shows what it showed before."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from PyQt6.QtCore import QMimeData, QPointF, Qt, QUrl
from PyQt6.QtGui import QDropEvent
from truth import TruthSubject

from app.session.sources import Source
from calib_core.axes import Pick
from calib_core.cli.main import main
from calib_core.simulate import default_settings, simulate

KIND = "EPIX100"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Constants of three modules, of one of them on another day, and of a camera."""
    folders = {}
    for name, kind, changes in (
        ("modules", "AGIPD1M", {"modules": "1-3", "trains": 12, "memory_cells": 2}),
        ("one module", "AGIPD1M", {"modules": "2", "trains": 12, "memory_cells": 2, "seed": 5}),
        ("camera", KIND, {"trains": 12}),
    ):
        settings = default_settings(kind).with_changes(changes)
        runs = simulate(settings, tmp_path_factory.mktemp("runs")).runs
        out = tmp_path_factory.mktemp("constants") / name
        raw = next(iter(runs.values())).parent
        words = [kind.removesuffix("1M"), "DARK", "--in-folder", str(raw), "--out-folder", str(out)]
        roles = ("high", "med", "low")[:len(runs)] if len(runs) > 1 else ("",)
        for number, role in enumerate(roles, 1):
            words += [f"--run-{role}" if role else "--run", str(number)]
        assert main(words) == 0
        folders[name] = out
    return folders


@pytest.fixture
def folder(made, tmp_path):
    """A copy of the constants of three modules that a test may damage."""
    return Path(shutil.copytree(made["modules"], tmp_path / "copy"))


@pytest.fixture
def shown(open_window, made, qtbot):
    """A window on the camera's constants; it collects what it tells."""
    window = open_window()
    window.told = []
    window.session.message.connect(lambda level, text: window.told.append((level, text)))
    drop(window, made["camera"])
    wait_for(window, qtbot, "camera")
    window.told.clear()
    return window


def wait_for(window, qtbot, name, before=None):
    """Until constants below a folder of this name have their picture on the screen."""
    qtbot.waitUntil(lambda: window.session.subject is not None and window.session.shown.picture is not None
                    and name in str(window.session.subject.files[0]), timeout=20000)


def drop(window, *paths):
    """Let go of folders or files over the window."""
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    buttons, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    window.dropEvent(QDropEvent(QPointF(10, 10), Qt.DropAction.CopyAction, mime, buttons, none))


def files_of(folder, calibration):
    """Files of a calibration by module."""
    found = {}
    for path in Path(folder).rglob("cal.*.h5"):
        with h5py.File(path) as file:
            name, group = next(iter(next(iter(file.values())).items()))
            if name.startswith(calibration):
                found[int(group["0"].attrs["module"])] = path
    return found


def refused(window, qtbot, part):
    """The one error that is told has these words; the window shows what it showed."""
    subject, picture = window.session.subject, window.session.shown.picture
    qtbot.waitUntil(lambda: any(level == "ERROR" for level, _ in window.told), timeout=10000)
    errors = [text for level, text in window.told if level == "ERROR"]
    assert len(errors) == 1
    assert part in errors[0]
    assert errors[0].endswith(".")
    assert window.session.subject is subject
    assert window.session.shown.picture is picture
    assert window.banner.isVisible()
    return errors[0]


def test_an_empty_folder_from_the_menu(shown, qtbot, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    shown.ask_folder = lambda title: str(empty)
    shown.actions_by_name["open_constants"].trigger()
    assert str(empty) in refused(shown, qtbot, "has no constants")


def test_an_empty_folder_that_is_dropped(shown, qtbot, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    drop(shown, empty)
    assert str(empty) in refused(shown, qtbot, "empty")


@pytest.mark.parametrize("damage", ["truncated", "damaged"])
def test_a_file_that_cannot_be_read_is_named_and_the_others_are_shown(shown, folder, qtbot, damage):
    bad = files_of(folder, "Offset")[2]
    raw = bytearray(bad.read_bytes())
    bad.write_bytes(raw[: len(raw) // 2] if damage == "truncated" else b"\0" * 64 + raw[64:])
    drop(shown, folder)
    wait_for(shown, qtbot, "copy")
    notes = [note for note in shown.session.subject.notes if bad.name in note]
    assert len(notes) == 1
    assert bad.name in shown.maps.source.toolTip()
    assert shown.session.subject.modules == (1, 2, 3)
    assert shown.session.subject.plane("offset", 2, {}) is None
    for module in (1, 3):
        assert np.isfinite(shown.session.subject.plane("offset", module, {})).mean() > 0.9


def test_only_one_file_and_that_damaged(shown, folder, qtbot):
    bad = files_of(folder, "Offset")[2]
    bad.write_bytes(b"no HDF5")
    drop(shown, bad)
    refused(shown, qtbot, bad.name)


def test_a_and_b_of_different_detectors(shown, made, qtbot):
    a = shown.sources.a
    shown.constants.open([made["modules"]], compare=True)
    error = refused(shown, qtbot, "choose results of one detector type")
    assert "EPIX100" in error
    assert "AGIPD" in error
    assert (shown.sources.a, shown.sources.b) == (a, None)


def test_b_with_fewer_modules(open_window, made, qtbot):
    window = open_window()
    window.constants.open([made["modules"]], then=[made["one module"]])
    qtbot.waitUntil(lambda: window.sources.b is not None and window.session.shown.picture is not None, timeout=20000)
    assert window.session.subject.modules == (2,)
    assert window.session.shown.picture.modules == (2,)
    assert any("1" in note and "3" in note and "module" in note.lower() for note in window.session.subject.notes)
    assert "note" in window.maps.source.text()


def test_a_and_b_without_a_common_cell(shown, qtbot):
    subjects = [TruthSubject(title, cells=cells) for title, cells in (("even", (0, 2)), ("odd", (1, 3)))]
    for subject in subjects:
        subject.identifier = "SPB_DET_AGIPD1M-1"
    sources = [Source(subject.title, lambda subject=subject: subject) for subject in subjects]
    shown.sources.add(*sources)
    shown.sources.show(sources[0])
    subjects[0].deliver()
    shown.jobs.poll()
    shown.sources.compare(sources[1])
    assert "Memory cell: A has 0,2 and B has 1,3" in refused(shown, qtbot, "choose")
    assert (shown.sources.a, shown.sources.b) == (sources[0], None)


def test_constants_of_several_jobs_are_never_mixed(shown, folder, made, qtbot):
    """A second job wrote into the same folder: its module 2 is the newer set, the older one has all three modules."""
    shutil.copytree(made["one module"], folder, dirs_exist_ok=True)
    drop(shown, folder)
    wait_for(shown, qtbot, "copy")
    sets = [source.subject.modules for source in shown.sources.entries if "copy" in str(source.subject.files[0])]
    assert sorted(sets) == [(1, 2, 3), (2,)]
    assert any(level == "INFO" and "2 sets of constants" in text for level, text in shown.told)
    newest = files_of(made["one module"], "Offset")[2]
    assert newest.name in [path.name for path in shown.session.subject.files]
    assert shown.session.subject.modules == (2,)


@pytest.mark.parametrize("how", ["removed", "cut"])
def test_a_file_that_vanishes_while_it_is_shown(shown, folder, made, qtbot, how):
    drop(shown, folder)
    wait_for(shown, qtbot, "copy")
    gone = files_of(folder, "Noise")[3]
    if how == "removed":
        gone.unlink()
    else:
        os.truncate(gone, 3000)
    shown.session.look_at({"gain": 2, "cell": 1})
    qtbot.waitUntil(lambda: shown.session.shown.label("gain") == "LG", timeout=10000)
    noise = shown.session.shown.picture.maps[Pick("noise")]
    told = [note for note in shown.session.subject.notes if gone.name in note]
    assert len(told) == 1
    assert np.isnan(noise[2]).all()
    for module in (1, 2):
        with h5py.File(files_of(made["modules"], "Noise")[module]) as file:
            data = next(iter(next(iter(file.values())).values()))["0/data"]
            order = [list(data.attrs["dims"]).index(dim) for dim in ("gain", "cell", "slow_scan", "fast_scan")]
            np.testing.assert_array_equal(noise[module - 1], data[()].transpose(order)[2, 1])
    assert shown.isVisible()
