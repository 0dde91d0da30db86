"""Characterisations that are nothing like darks, each in one short file, from the command line and in the window."""

from __future__ import annotations

import csv
import importlib.util
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtTest import QTest

from app.forms.fold import Fold
from app.widgets.values_view import ValuesView
from calib_core.axes import Result
from calib_core.characterisation.family import Family, declare, families, withdraw
from calib_core.characterisation.inputs import Input
from calib_core.characterisation.outputs import ConstantOutput, TableOutput
from calib_core.cli.command_line import command_line
from calib_core.cli.main import main
from calib_core.cli.pages import page
from calib_core.constants.constant import OFFSET
from calib_core.errors import BadParameter
from calib_core.jobs.board import State
from calib_core.jobs.spec import JobSpec
from calib_core.params import knob
from calib_core.simulate import default_settings, simulate

TOYS = Path(__file__).parent / "toys"
STEPS, MODULE = 8, 4


def load(name: str) -> Family:
    """Read a file that declares a family, as an entry point would."""
    spec = importlib.util.spec_from_file_location(f"toy_{name}", TOYS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.FAMILY


@pytest.fixture(autouse=True)
def toys() -> Iterator[dict[str, Family]]:
    found = {name: load(name) for name in ("scan", "constants_only", "no_pixels")}
    yield found
    for family in found.values():
        withdraw(family)


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with eight equal runs of one module."""
    root = tmp_path_factory.mktemp("scan")
    settings = default_settings("DSSC1M").with_changes({"modules": str(MODULE), "memory_cells": 3, "trains": 12})
    for step in range(STEPS):
        made = simulate(settings.with_changes({"first_run": step + 1, "seed": 1}), root)
    return made.runs["dark"].parent


@pytest.fixture(scope="module")
def darks(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("darks")
    assert main(["DSSC", "DARK", "--in-folder", str(raw), "--run-dark", "1", "--out-folder", str(out)]) == 0
    return out


@pytest.mark.parametrize("name", ["scan", "constants_only", "no_pixels"])
def test_a_toy_is_short(name: str) -> None:
    lines = [line for line in (TOYS / f"{name}.py").read_text("utf-8").splitlines() if line.strip()]
    assert len(lines) <= 40


def frames_of(raw: Path, run: int) -> tuple[Any, Any]:
    """Samples and memory cells of a run, read by h5py alone."""
    [path] = (raw / f"r{run:04d}").glob("*-DSSC*.h5")
    with h5py.File(path, locking=False) as file:
        group = next(iter(file["INSTRUMENT/SCS_DET_DSSC1M-1/DET"].values()))["image"]
        return group["data"][:, 0].astype(np.float64), group["cellId"][:].ravel()


def assert_is_scan(out: Path, raw: Path) -> None:
    [path] = out.rglob("cal.*.h5")
    with h5py.File(path, locking=False) as file:
        data = next(iter(file.values()))["ScanMean/0/data"]
        assert list(data.attrs["dims"]) == ["scan", "cell", "slow_scan", "fast_scan"]
        assert data.shape == (STEPS, 3, 128, 512)
        assert data.chunks == (STEPS, 1, 128, 512)
        found = data[()]
    for step in (0, STEPS - 1):
        samples, cells = frames_of(raw, step + 1)
        for cell in range(3):
            np.testing.assert_allclose(found[step, cell], samples[cells == cell].mean(axis=0), rtol=1e-6)


def test_the_scan_runs_from_the_command_line(raw: Path, tmp_path: Path) -> None:
    words = ["SCANS", "SCAN", "--in-folder", str(raw), "--runs", "1-8", "--out-folder", str(tmp_path / "out")]
    job = tmp_path / "job.json"
    assert main([*words, "--write-job", str(job)]) == 0
    assert len(json.loads(job.read_text())["inputs"]["scan"]) == STEPS
    assert main(["run", str(job)]) == 0
    assert_is_scan(tmp_path / "out", raw)


def spread_of(darks: Path) -> list[float]:
    """Spread of the offset over the pixels of each memory cell, by h5py alone."""
    for path in darks.rglob("cal.*.h5"):
        with h5py.File(path, locking=False) as file:
            group = next(iter(file.values()))
            if "Offset" in group:
                data = group["Offset/0/data"]
                assert list(data.attrs["dims"]) == ["fast_scan", "slow_scan", "cell"]
                return [float(np.nanstd(data[:, :, cell].astype("f4"))) for cell in range(3)]
    raise AssertionError("no offset was written")


def table_in(out: Path) -> list[dict[str, str]]:
    [path] = out.glob("*.csv")
    return list(csv.DictReader(line for line in path.read_text("utf-8").splitlines() if line[:1] != "#"))


def test_a_method_of_constants_runs_from_the_command_line(darks: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main(["FLATS", "FLATNESS", "--constants-dark", str(darks), "--scale", "2", "--out-folder", str(out)]) == 0
    rows = table_in(out)
    assert [row["module"] for row in rows] == [str(MODULE)] * 3
    np.testing.assert_allclose([float(row["Spread [ADU]"]) / 2 for row in rows], spread_of(darks), rtol=1e-5)


def test_constants_may_be_given_for_all(darks: Path, tmp_path: Path) -> None:
    assert main(["FLATS", "FLATNESS", "--constants", str(darks), "--out-folder", str(tmp_path)]) == 0
    assert len(table_in(tmp_path)) == 3


@pytest.mark.parametrize(("given", "told"), [
    ([], "Nothing was given for dark constants; give --constants-dark"),
    (["--constants-dark", "/nowhere"], "/nowhere cannot be read"),
])
def test_constants_that_are_not_there_are_told(
    given: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["FLATS", "FLATNESS", *given, "--out-folder", str(tmp_path)]) in (1, 2)
    assert told in capsys.readouterr().err
    assert not list(tmp_path.rglob("*.csv"))


def assert_is_dice(out: Path, throws: int) -> None:
    rows = table_in(out)
    assert [row["face"] for row in rows] == list("123456")
    counts = [int(row["throws"]) for row in rows]
    assert sum(counts) == throws
    assert max(abs(np.array(counts) - throws / 6)) < 5 * np.sqrt(throws * 5 / 36)


def test_a_method_without_pixels_runs_from_the_command_line(tmp_path: Path) -> None:
    assert main(["DICE", "THROW", "--throws", "6000", "--out-folder", str(tmp_path)]) == 0
    assert_is_dice(tmp_path, 6000)


@pytest.mark.parametrize("name", ["scan", "constants_only", "no_pixels"])
def test_each_has_help_a_page_and_a_command_that_is_understood(
    name: str, toys: dict[str, Family], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    family, [method] = toys[name], toys[name].methods
    with pytest.raises(SystemExit, match="0"):
        main([family.name, method.command, "--help"])
    told = capsys.readouterr().out
    text = page(family)
    for one in (*method.inputs(family.kind), *method.knobs()):
        assert one.flag in told
        assert one.flag in text
    inputs = {one.name: (str(tmp_path),) for one in method.inputs(family.kind)}
    spec = JobSpec(family=family.name, method=method.command, inputs=inputs, out_folder=tmp_path)
    job = tmp_path / "job.json"
    assert main([*command_line(spec).split()[1:], "--write-job", str(job)]) == 0
    assert JobSpec.read(job) == spec


@pytest.fixture
def window(qtbot: Any, tmp_path: Path) -> Iterator[Any]:
    from app.window.main_window import MainWindow

    made = MainWindow(tmp_path / "state")
    made.session.out_folder = tmp_path / "out"
    made.resize(1280, 800)
    made.show()
    qtbot.waitExposed(made)
    yield made
    made.close()
    made.deleteLater()


def run_to_the_end(window: Any, qtbot: Any) -> None:
    qtbot.waitUntil(window.form.run_button.isEnabled)
    qtbot.mouseClick(window.form.run_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.session.subject is not None and window.session.subject.ended, timeout=60000)
    job = window.session.subject.job
    assert job.board.state is State.DONE, job.board.error


def type_into(editor: Any, text: str) -> None:
    editor.setFocus()
    QTest.keyClick(editor, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClicks(editor, text)
    QTest.keyClick(editor, Qt.Key.Key_Return)


def test_the_scan_is_chosen_and_run_in_the_window(window: Any, raw: Path, tmp_path: Path, qtbot: Any) -> None:
    runs = [raw / f"r{step + 1:04d}" for step in range(STEPS)]
    window.session.open_runs(runs[:1])
    qtbot.waitUntil(lambda: window.form.page is not None, timeout=20000)
    choose(window, "SCANS SCAN", qtbot)
    window.session.open_runs(runs, task=("SCANS", "SCAN"))
    qtbot.waitUntil(lambda: len(window.session.survey.runs) == STEPS, timeout=20000)
    assert len(window.form.page.inputs.combos) == STEPS
    run_to_the_end(window, qtbot)
    assert_is_scan(tmp_path / "out", raw)
    assert_a_click_shows_the_scan(window, tmp_path / "out", qtbot)


def assert_a_click_shows_the_scan(window: Any, out: Path, qtbot: Any) -> None:
    """A click on a map, the curve of that pixel over the steps, and a click on a step that takes the map there."""
    qtbot.waitUntil(lambda: window.maps.presenter.placement is not None, timeout=20000)
    window.set_slots(1)
    window.session.set_arrangement("stacked")
    qtbot.waitUntil(lambda: window.maps.presenter.placement.title != "Assembled")
    canvas = window.maps.views[0].canvas
    qtbot.waitUntil(lambda: window.maps.views[0].paint_count > 0)
    qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=canvas.rect().center())
    inspector = window.inspector
    qtbot.waitUntil(lambda: not inspector.curve_plot.is_empty)
    curve, (module, row, col) = inspector.presenter.curve, window.session.shown.pixel
    assert curve.axis.name == "scan"
    path = sorted(out.rglob("cal.*.h5"))[list(window.session.subject.modules).index(module)]
    with h5py.File(path, locking=False) as file:
        data = next(iter(next(iter(file.values())).values()))["0/data"]
        expected = data[:, window.session.shown.at["cell"], row, col]
    np.testing.assert_array_equal(curve.values, expected)
    window.activateWindow()
    window.maps.setFocus()
    qtbot.waitUntil(window.maps.hasFocus)
    qtbot.keyClick(window.maps, Qt.Key.Key_Right)
    qtbot.waitUntil(lambda: window.session.shown.label("scan") == 1)
    assert f"{expected[1]:.5g} ADU" in inspector.text.text()


def choose(window: Any, words: str, qtbot: Any) -> None:
    """Choose a characterisation with the keys of the form's box."""
    box = window.form.page.method
    assert box.isVisible()
    at = next(i for i in range(box.count()) if box.itemText(i).endswith(words))
    box.setFocus()
    for _ in range(at - box.currentIndex()):
        QTest.keyClick(box, Qt.Key.Key_Down)
    qtbot.waitUntil(lambda: window.session.survey.method.command == words.split()[1], timeout=20000)


def from_the_menu(window: Any, name: str, qtbot: Any) -> None:
    def entries() -> list[Any]:
        return [one for one in window.menus["Run"].actions() if one.objectName() == f"run_{name}"]

    qtbot.waitUntil(lambda: bool(entries()))
    entries()[0].trigger()
    qtbot.waitUntil(lambda: window.form.page is not None)


def values_view(window: Any, slot: int, qtbot: Any) -> Any:
    """View of a slot whose result has no pixels."""
    qtbot.waitUntil(lambda: isinstance(window.maps.views[slot], ValuesView))
    return window.maps.views[slot]


def test_a_method_of_constants_is_filled_in_and_run_in_the_window(
    window: Any, darks: Path, tmp_path: Path, qtbot: Any
) -> None:
    from_the_menu(window, "flats_flatness", qtbot)
    assert "Nothing was given for dark constants" in window.form.reason.text()
    type_into(window.form.page.constants["dark"].editor, str(darks))
    run_to_the_end(window, qtbot)
    written = table_in(tmp_path / "out")
    assert len(written) == 3
    window.set_slots(2)
    view = values_view(window, 1, qtbot)
    qtbot.waitUntil(lambda: not view.plot.is_empty)
    [drawn] = [item for item in view.plot.plot.listDataItems() if item.name() == f"module {MODULE}"]
    np.testing.assert_array_equal(drawn.getData()[0], [int(row["Memory cell"]) for row in written])
    np.testing.assert_allclose(drawn.getData()[1], [float(row["Spread [ADU]"]) for row in written])


def test_a_method_without_pixels_is_filled_in_and_run_in_the_window(window: Any, tmp_path: Path, qtbot: Any) -> None:
    from_the_menu(window, "dice_throw", qtbot)
    headings = {fold.heading.text() for fold in window.form.page.findChildren(Fold) if fold.isVisible()}
    assert headings == {"Parameters", "Memory, threads, files"}
    type_into(window.form.page.knobs.fields["throws"].editor, "900")
    run_to_the_end(window, qtbot)
    assert_is_dice(tmp_path / "out", 900)
    written = [tuple(map(int, row.values())) for row in table_in(tmp_path / "out")]
    view = values_view(window, 0, qtbot)
    qtbot.waitUntil(lambda: len(view.rows) == len(written))
    assert [tuple(row) for row in view.rows] == written


def results(**changes: Any) -> Callable[..., Any]:
    given = {"name": "faces", "title": "", "unit": "", "dtype": "f4", "help": "", "over": (), "pixels": False}
    return lambda self, kind: (Result(**{**given, **changes}),)


@pytest.mark.parametrize(("name", "changes", "sentence"), [
    ("no_pixels", {"outputs": lambda self, kind: (TableOutput("nothing"),)},
     "an output is made of a result “nothing” that is not declared"),
    ("no_pixels", {"results": results(over=("nowhere",))},
     "the result “faces” is over an axis “nowhere” that is not declared"),
    ("no_pixels", {"results": results(error="spread")},
     "the result “faces” names a result “spread” that is not declared"),
    ("no_pixels", {"results": results(count="throws")},
     "the result “faces” names a result “throws” that is not declared"),
    ("no_pixels", {"results": results(pixels=True)}, "a table is made of “faces”, which has pixels"),
    ("no_pixels", {"outputs": lambda self, kind: (ConstantOutput(OFFSET, "faces"),)},
     "a constant Offset needs a detector"),
    ("no_pixels", {"inputs": lambda self, kind: (Input("a", "a"), Input("a", "b"))},
     "two of its parameters, inputs and conditions are named --run-a"),
    ("scan", {"__annotations__": {"bias_voltage": float}, "bias_voltage": knob(1.0, help="Twice")},
     "two of its parameters, inputs and conditions are named --bias-voltage"),
    ("no_pixels", {"__annotations__": {"threads": int}, "threads": knob(1, help="Taken")},
     "two of its parameters, inputs and conditions are named --threads"),
    ("no_pixels", {"judged": lambda self, kind: ("nothing",)},
     "reasons look at a result “nothing” that is not declared"),
])
def test_what_does_not_agree_is_refused_when_it_is_declared(name: str, changes: Any, sentence: str) -> None:
    original = load(name)
    base = type(original.methods[0])
    changed = type("Changed", (base,), {"__doc__": "Changed.", "__module__": __name__, **changes})
    with pytest.raises(BadParameter) as told:
        declare(Family("CHANGED", "Changed", original.types, (changed(),)))
    assert str(told.value) == f"CHANGED {base.command} cannot be declared: {sentence}."
    assert "CHANGED" not in [family.name for family in families()]
