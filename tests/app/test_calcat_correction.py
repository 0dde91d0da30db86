"""A correction in the window that takes its constants of the facility's database, and why."""

from __future__ import annotations

from contextlib import closing

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QToolButton

from calib_core.cli.command_line import command_line
from calib_core.jobs.truth_constants import folder_of, write_truth
from calib_core.simulate import default_settings, simulate
from calib_core.simulate.scenes.photons import Photons
from calib_core.store.constants import list_constants
from calib_core.store.local.by_operator import ByOperator
from calib_core.store.local.candidates import candidates_of
from calib_core.store.local.injecting import inject
from calib_core.store.local.store import LocalStore
from calib_core.store.serving.server import serving
from calib_core.store.statuses import Status

from .test_preview import has_preview, open_by_keys

pytest.importorskip("extra.calibration", reason="EXtra is not installed (group calcat)")


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    """A run of one module, and a store that has accepted the constants that it was made with."""
    root = tmp_path_factory.mktemp("lit")
    made = simulate(default_settings("AGIPD1M").with_changes(
        {"modules": "3", "memory_cells": 2, "proposal": 900451, "trains": 8, "first_run": 4}), root / "data",
        scene=Photons(photons=300.0))
    write_truth(made)
    with closing(LocalStore(root / "store", create=True)) as store:
        paths = [one.path for one in list_constants(folder_of(made))]
        about = ByOperator(conditions={"Source energy": 9.2}, confirmed=True)
        versions = inject(store, candidates_of(store, paths, about), "anna", "").versions
        store.decide([one.number for one in versions], Status.ACCEPTED, "anna", "")
    return made, root / "store"


def test_constants_are_those_of_calcat_and_why_says_so(open_window, case, tmp_path, monkeypatch, qtbot):
    made, folder = case
    with closing(LocalStore(folder)) as store, serving(store) as server:
        for name, value in (("CALIBWB_CALCAT", server.url), ("CALIBWB_CALCAT_FOLDER", str(folder)),
                            ("XDG_CACHE_HOME", str(tmp_path / "cache"))):
            monkeypatch.setenv(name, value)
        window = open_window()
        window.resize(1680, 1050)
        window.session.out_folder = tmp_path / "proc"
        open_by_keys(window, qtbot, made.data_root, "p900451 r4")
        qtbot.keyClick(window.maps, Qt.Key.Key_F6)
        qtbot.waitUntil(lambda: window.form.page is not None and window.form.page.survey.method.corrects)
        line = window.form.page.constants["constants"]
        line.editor.set_value("calcat")
        line.committed.emit("constants")
        qtbot.waitUntil(lambda: has_preview(window))
        assert any("has no SlopesFF without Source energy (--" in one for one in window.session.subject.notes)
        assert "--constants calcat" in command_line(window.session.spec)
        table = window.steps.constants.table
        tooltips = [table.item(row, 0).toolTip() for row in range(table.rowCount())]
        assert any(str(folder) in one for one in tooltips)
        button = next(one for one in window.form.page.inputs.findChildren(QToolButton) if one.text() == "Why")
        with qtbot.waitSignal(window.why_constants.told) as said:
            qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    heading, sentences = said.args
    assert heading.endswith(f"Constants of CalCat at {server.url}")
    assert any(one.startswith("Offset of module 3: version ") for one in sentences), sentences
    assert any("is asked for the run's operating condition alone" in one for one in sentences)
