"""Why this constant, in one click: a run's row, what is taken of the store, was compared and just missed."""

from __future__ import annotations

from contextlib import closing

import pytest
from clicks import Clicks

from calib_core.io.run import Run
from calib_core.simulate import default_settings, simulate
from tests.made_store import MadeStore, Setting, Status

from .test_preview import open_by_keys


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    settings = default_settings("JUNGFRAU").with_changes({"modules": "1-2", "trains": 2, "proposal": 900461})
    return simulate(settings, tmp_path_factory.mktemp("why"))


@pytest.fixture
def store(made, tmp_path, monkeypatch):
    """The operator's own store with offsets that go with the runs, and some that just miss."""
    monkeypatch.setenv("CALIBWB_STORE", str(tmp_path / "store"))
    with closing(Run.open(made.runs["high"])) as run:
        one = MadeStore(tmp_path / "store", run.start_time)
    one.numbers = one.put(3)
    one.put(1, Integration_Time=Setting(20.0, 0.025, 0.025, unit="µs"))
    one.put(0.5, Status.DRAFT)
    yield one
    one.store.close()


@pytest.mark.parametrize("size", [(1024, 768), (1680, 1050)])
def test_the_row_of_a_run_tells_why_in_one_click(size, open_window, made, store, tmp_path, qtbot):
    window = open_window()
    window.resize(*size)
    window.session.out_folder = tmp_path / "out"
    open_by_keys(window, qtbot, made.data_root, "p900461 r1")
    clicks, explained = Clicks(qtbot), window.form.explained
    [key] = [key for key, button in window.form.page.inputs.why_buttons.items() if button.isEnabled()]
    button = window.form.page.inputs.why_buttons[key]
    window.form._scroll.ensureWidgetVisible(button)
    clicks.button(button)
    qtbot.waitUntil(explained.isVisible)
    assert clicks.number == 1
    said = explained.text.toPlainText()
    first, second = store.numbers
    assert f"• Offset10Hz of modules 1-2: versions {first}-{second}, accepted by ben, 3 h before the run" in said
    assert "compared: Sensor Bias Voltage 90 V, Memory Cells 1" in said
    assert "60 min before the run: Integration Time differs: 20.0 µs and 10.0 µs" in said
    assert "30 min before the run: it is a draft that nobody has accepted" in said
    assert "• BadPixelsDark10Hz of modules 1-2" in said
    assert "p900461 r0001" in explained.heading.text()
    assert str(tmp_path / "store") in explained.heading.text()
    assert window.rect().contains(window.mapFromGlobal(explained.pos()))


def test_the_row_of_a_run_that_is_to_be_corrected_tells_why_too(open_window, made, store, tmp_path, qtbot):
    """Without constants in the form those of the operator's own store are explained; a wrong folder is told."""
    window = open_window()
    window.session.out_folder = tmp_path / "out"
    open_by_keys(window, qtbot, made.data_root, "p900461 r1")
    with qtbot.waitSignal(window.session.survey_changed):
        window.form.choose_work("correction")
    page, explained = window.form.page, window.form.explained
    assert page.survey.method.corrects
    assert not next(iter(page.constants.values())).value()
    [button] = page.inputs.why_buttons.values()
    Clicks(qtbot).button(button)
    qtbot.waitUntil(explained.isVisible)
    first, second = store.numbers
    assert f"• Offset10Hz of modules 1-2: versions {first}-{second}, accepted by ben" in explained.text.toPlainText()
    explained.hide()
    next(iter(page.constants.values())).editor.set_value(str(tmp_path / "nowhere"))
    Clicks(qtbot).button(button)
    qtbot.waitUntil(explained.isVisible)
    assert "there is no such file or folder" in explained.text.toPlainText()


def test_without_any_constants_it_says_what_to_do(open_window, made, tmp_path, qtbot, monkeypatch):
    monkeypatch.setenv("CALIBWB_STORE", str(tmp_path / "none"))
    window = open_window()
    window.session.out_folder = tmp_path / "out"
    open_by_keys(window, qtbot, made.data_root, "p900461 r1")
    inputs = window.form.page.inputs
    [key] = [key for key, button in inputs.why_buttons.items() if button.isEnabled()]
    Clicks(qtbot).button(inputs.why_buttons[key])
    qtbot.waitUntil(window.form.explained.isVisible)
    assert window.form.explained.heading.text() == f"There are no constants in {tmp_path / 'none'}"
    assert "calibwb store inject" in window.form.explained.text.toPlainText()
    window.form.explained.hide()
    inputs.table.survey.runs[0].path.rename(tmp_path / "moved")
    try:
        (tmp_path / "out" / "xfel" / "cal" / "t" / "u").mkdir(parents=True)
        (tmp_path / "out" / "xfel" / "cal" / "t" / "u" / "cal.1.h5").touch()
        Clicks(qtbot).button(inputs.why_buttons[key])
        qtbot.waitUntil(window.form.explained.isVisible)
        assert "cannot be" in window.form.explained.text.toPlainText()
    finally:
        (tmp_path / "moved").rename(inputs.table.survey.runs[0].path)
