"""The facility's database in the layout Timeline: a switch, kept answers, its login, and one sentence else."""

from __future__ import annotations

import shutil
import sys
from contextlib import closing
from datetime import UTC, datetime
from types import ModuleType

import numpy as np
import pytest
from PyQt6.QtCore import QPoint, Qt

from calib_core.store.local.by_operator import ByOperator
from calib_core.store.local.candidates import candidates_of
from calib_core.store.local.injecting import inject
from calib_core.store.local.records import Place
from calib_core.store.local.store import LocalStore
from calib_core.store.serving.server import serving
from calib_core.store.statuses import Status
from tests.calib_core.subjects.files import BEGIN, put_ours

pytest.importorskip("extra.calibration", reason="EXtra is not installed (group calcat)")

DAY, VERSIONS, SHAPE = 86400.0, 4, (512, 128, 1)
UNIT, SECRET = "SCS_DET_DSSC1M-1_DSSC00", "s3cr3t-of-the-test"
WHOLE = {name: {"value": value, "unit": "", "tolerance": 0, "origin": "KEY x"} for name, value in (
    ("Sensor Bias Voltage", 100.0), ("Memory cells", 1.0), ("Pixels X", 512.0), ("Pixels Y", 128.0))}


def when(version):
    return BEGIN - (VERSIONS - version) * DAY


@pytest.fixture(scope="module")
def facility(tmp_path_factory):
    """A store that has accepted offsets of some days, and a folder with those of the last day alone."""
    root = tmp_path_factory.mktemp("facility")
    paths = [put_ours(root / "made", 0, "Offset", np.full(SHAPE, 100 + version, np.float32), when(version) - BEGIN,
                      f"day {version}", conditions=WHOLE) for version in range(VERSIONS)]
    with closing(LocalStore(root / "store", create=True)) as store:
        store.install(UNIT, Place("SCS_DET_DSSC1M-1", "DSSC00", 0), "DSSC-Type", datetime(2020, 1, 1, tzinfo=UTC),
                      "anna", "")
        made = inject(store, candidates_of(store, paths, ByOperator(confirmed=True)), "anna", "")
        store.decide([one.number for one in made.versions], Status.ACCEPTED, "anna", "")
    own = root / "own" / paths[-1].relative_to(root / "made")
    own.parent.mkdir(parents=True)
    shutil.copy(paths[-1], own)
    return root


@pytest.fixture
def timeline(open_window, facility, tmp_path, monkeypatch, qtbot):
    """A window after F8 that knows the last day, with a cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("CALIBWB_CALCAT_FOLDER", str(facility / "store"))
    window = open_window()
    window.resize(1680, 1050)
    window.activateWindow()
    window.results.open([facility / "own"])
    qtbot.waitUntil(lambda: window.session.shown.picture is not None)
    qtbot.keyClick(window.maps, Qt.Key.Key_F8)
    qtbot.waitUntil(lambda: len(window.constants.table.moments) == 1)
    return window


def click(qtbot, window):
    """The box of the switch, at its left end."""
    switch = window.constants.calcat.switch
    qtbot.mouseClick(switch, Qt.MouseButton.LeftButton, pos=QPoint(9, switch.height() // 2))


def begins(window):
    return [one.begin.timestamp() for one in window.constants.table.moments]


def told(window):
    return window.constants.calcat.told.text()


def test_versions_of_the_database_stand_beside_ours_also_without_the_network(
    timeline, facility, monkeypatch, qtbot
):
    window = timeline
    with closing(LocalStore(facility / "store")) as store, serving(store) as server:
        monkeypatch.setenv("CALIBWB_CALCAT", server.url)
        click(qtbot, window)
        qtbot.waitUntil(lambda: begins(window) == [when(version) for version in reversed(range(VERSIONS))])
        model = window.constants.table.model()
        assert [model.index(row, 2).data() for row in range(VERSIONS)] == ["on disk", *["✓ CalCat"] * (VERSIONS - 1)]
        assert told(window).startswith(f"CalCat at {server.url}: {VERSIONS} versions as of 20")
        assert "1 of them listed already" in told(window)
        # the facility's files are here, so that they have their place in the line
        qtbot.waitUntil(lambda: len(window.timeline.plot.scene.lines) == 1
                        and len(window.timeline.plot.scene.lines[0].times) == VERSIONS)
        server.shutdown()
        server.server_close()
    click(qtbot, window)
    qtbot.waitUntil(lambda: len(begins(window)) == 1)
    assert told(window) == ""
    click(qtbot, window)
    qtbot.waitUntil(lambda: len(begins(window)) == VERSIONS)
    assert "what is told are answers that were kept" in told(window)
    assert "as of 20" in told(window)


def test_without_network_or_group_one_sentence_is_said_and_the_list_stays(timeline, monkeypatch, qtbot):
    monkeypatch.setenv("CALIBWB_CALCAT", "http://127.0.0.1:1")
    click(qtbot, timeline)
    qtbot.waitUntil(lambda: "CalCat cannot be reached at http://127.0.0.1:1" in told(timeline))
    assert len(begins(timeline)) == 1
    assert not timeline.constants.calcat.login.isVisible()
    click(qtbot, timeline)
    monkeypatch.setattr("calib_core.store.calcat.connection.find_spec", lambda name: None)
    click(qtbot, timeline)
    qtbot.waitUntil(lambda: "install calibwb[calcat]" in told(timeline))


@pytest.fixture
def keyring(monkeypatch):
    """A keyring in memory in place of the system's."""
    kept = {}
    module, errors = ModuleType("keyring"), ModuleType("keyring.errors")
    errors.KeyringError = type("KeyringError", (Exception,), {})
    module.get_password = lambda service, name: kept.get((service, name))
    module.set_password = lambda service, name, told: kept.update({(service, name): told})
    monkeypatch.setitem(sys.modules, "keyring", module)
    monkeypatch.setitem(sys.modules, "keyring.errors", errors)
    return kept


def test_a_login_is_typed_once_and_is_in_the_keyring_alone(timeline, keyring, tmp_path, monkeypatch, qtbot):
    monkeypatch.setenv("CALIBWB_CALCAT", "https://127.0.0.1:1")
    panel = timeline.constants.calcat
    click(qtbot, timeline)
    qtbot.waitUntil(panel.login.isVisible)
    assert "needs a login, and the system's keyring has none" in told(timeline)
    assert not panel.keep.isEnabled()
    for editor, text in ((panel.client, "id"), (panel.secret, SECRET), (panel.email, "anna@example.com")):
        qtbot.keyClicks(editor, text)
    assert SECRET not in panel.secret.displayText()
    qtbot.mouseClick(panel.keep, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "cannot be reached" in told(timeline))
    assert not panel.login.isVisible()
    assert panel.secret.text() == ""
    [(key, kept)] = keyring.items()
    assert key == ("calibwb CalCat", "https://127.0.0.1:1")
    assert SECRET in kept
    timeline.keeper.save()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if SECRET.encode() in path.read_bytes()]
