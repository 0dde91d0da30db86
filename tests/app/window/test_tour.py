"""The tour that the demo takes without a display."""

from __future__ import annotations

import os
import subprocess
import sys

from PyQt6.QtGui import QImage

from app.session.state import STATE_VARIABLE, read_state
from app.window import tour
from app.window.tour import Tour
from calib_core.errors import BadParameter
from calib_core.simulate import default_settings, simulate
from calib_core.store.constants import list_constants

#: The program, whose pictures do not wait long for what nobody looks at.
START = "import sys; from app.window import tour; from app.__main__ import main; tour._SETTLE = 20; sys.exit(main())"


def test_each_job_is_run_and_photographed_in_each_arrangement_and_theme(
    open_window, qtbot, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(tour, "_SETTLE", 50)
    settings = default_settings("JUNGFRAU").with_changes({"modules": "1", "trains": 12})
    made = simulate(settings, tmp_path / "data")
    window = open_window()
    window.session.out_folder = tmp_path / "constants"
    Tour(window, [" ".join(map(str, made.runs.values()))], True, tmp_path / "pictures").begin()
    qtbot.waitUntil(lambda: not window.isVisible())
    assert len(list_constants(tmp_path / "constants")) == 3
    table = capsys.readouterr().out.splitlines()
    assert [line.split()[:3] for line in table[1:4]] == [["1", stage, "12"] for stage in ("G0", "G1", "G2")]
    closing = next(line for line in table if line.startswith("JUNGFRAU DARK of SPB_IRDA_JF4M: done after"))
    assert f"3 constants written to {tmp_path / 'constants'}" in closing
    pictures = sorted(path.name for path in (tmp_path / "pictures").iterdir())
    looks = [f"{look}-{theme}" for look in ("assembled", "stacked", "module") for theme in ("dark", "light")]
    assert pictures == sorted(["jungfrau.png", *(f"jungfrau-{look}.png" for look in looks)])
    dark, light = (QImage(str(tmp_path / "pictures" / f"jungfrau-module-{theme}.png")) for theme in ("dark", "light"))
    assert dark.pixelColor(5, dark.height() - 5).lightness() < 100 < light.pixelColor(5, 5).lightness()


def test_runs_that_cannot_be_opened_do_not_stop_the_tour(open_window, qtbot, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(tour, "_SETTLE", 10)
    window = open_window()
    walk = Tour(window, [str(tmp_path / "nothing here")], True, tmp_path / "pictures")
    walk.begin()
    qtbot.waitUntil(lambda: not window.isVisible())
    assert len(walk.missed) == 1
    assert walk.missed[0] in capsys.readouterr().err
    assert not list((tmp_path / "pictures").iterdir())


def test_a_job_that_cannot_start_does_not_stop_the_tour(open_window, qtbot, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(tour, "_SETTLE", 10)
    made = simulate(default_settings("JUNGFRAU").with_changes({"modules": "1", "trains": 2}), tmp_path / "data")
    window = open_window()

    def refuse(*_):
        raise BadParameter("This job is not allowed.")

    monkeypatch.setattr(window.session, "start", refuse)
    walk = Tour(window, [" ".join(map(str, made.runs.values()))], True, tmp_path / "pictures")
    walk.begin()
    qtbot.waitUntil(lambda: not window.isVisible())
    assert walk.missed == ["! This job is not allowed."]
    assert "This job is not allowed." in capsys.readouterr().err


def test_runs_that_are_asked_for_win_over_those_of_the_last_session(tmp_path):
    """Both were opened at once, and the form of the one was shown over the runs of the other: nothing started."""
    texts = []
    for kind in ("JUNGFRAU", "AGIPD1M"):
        settings = default_settings(kind).with_changes({"modules": "1", "trains": 12, "memory_cells": 1})
        made = simulate(settings, tmp_path / kind)
        texts.append(" ".join(map(str, made.runs.values())))
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", STATE_VARIABLE: str(tmp_path / "state")}
    for number, text in enumerate(texts):
        words = ["--runs", text, "--start", "--pictures", str(tmp_path / "pictures"),
                 "--out-folder", str(tmp_path / f"constants{number}")]
        done = subprocess.run([sys.executable, "-c", START, *words], env=environment, capture_output=True, text=True,
                              timeout=120, check=True)
        assert f"constants written to {tmp_path}/constants{number}" in done.stdout
    kept = read_state(tmp_path / "state")[0]
    assert {str(path) for path in kept.runs} == set(texts[1].split())
    assert {str(path) for name in kept.spec.inputs for path in kept.spec.paths(name)} == set(texts[1].split())
