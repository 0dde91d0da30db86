"""``calibwb watch``: a line for the log book about each set, nothing twice, and an end by Ctrl-C."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from calib_core.cli.main import main
from calib_core.constants.tested import count
from calib_core.simulate.run import simulate
from calib_core.simulate.settings import default_settings
from calib_core.store.manifests import list_sets
from calib_core.store.statuses import STORE_VARIABLE
from calib_core.subjects.constant_sets import find_sets
from calib_core.subjects.judging import judge

NAME = "SPB_50UM_GH2"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a proposal with a set, r1-3, and a run that is left over."""
    root = tmp_path_factory.mktemp("made")
    settings = default_settings("GOTTHARD2").with_changes({"trains": 30})
    simulate(settings, root)
    made = simulate(settings.with_changes({"first_run": 4}), root)
    for role in ("med", "low"):
        made.runs[role].rename(root / role)
    return made.runs["high"].parents[1]


@pytest.fixture(autouse=True)
def _no_store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(STORE_VARIABLE, str(tmp_path / "store"))


def words(runs: Path, out: Path, *more: str) -> list[str]:
    return ["watch", str(runs), "--out-folder", str(out), *more]


def test_a_set_becomes_a_draft_and_a_line_once(runs: Path, tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "out"
    assert main(words(runs, out, "--once", "--settle", "0.01")) == 0
    printed = capsys.readouterr()
    [line] = printed.out.splitlines()
    [made] = find_sets([out])
    numbers = count(judge(made, None))
    report = next(out.glob("report-*.html"))
    assert f" UTC · {NAME} · DARK of p900000 r1, r2, r3 · module 1 · " in line
    assert (f"draft · verdict {numbers['ok']} ✓ {numbers['amber']} ! {numbers['red']} ✗ "
            "(nothing is accepted to compare with)") in line
    assert "Sensor Bias Voltage 200 V" in line
    assert line.endswith(f"report {report}")
    assert f"p900000 r0004 {NAME} waits for a run of gain 1" in printed.err
    assert main(words(runs, out, "--once", "--settle", "0.01")) == 0
    assert capsys.readouterr().out == ""
    [one] = list_sets(out)[0]
    assert one.whole


def test_a_record_that_is_lost_makes_nothing_twice(runs: Path, tmp_path: Path, capsys: Any) -> None:
    """The constants are there, so that the job refuses; the line tells what they are all the same.

    The store that was named has none of them: nobody has told their unit.
    """
    out, store = tmp_path / "out", ("--store", str(tmp_path / "named"))
    assert main(words(runs, out, "--once", "--settle", "0.01", *store)) == 0
    [place] = out.glob("watched-*.json")
    before, files = capsys.readouterr().out, sorted(out.rglob("cal.*.h5"))
    assert " · draft · not in the store: units behind " in before
    place.unlink()
    assert main(words(runs, out, "--once", "--settle", "0.01", *store)) == 0
    assert capsys.readouterr().out.partition(" UTC")[2].partition(" · report")[0] == (
        before.partition(" UTC")[2].partition(" · report")[0])
    assert sorted(out.rglob("cal.*.h5")) == files
    assert len(json.loads(place.read_text("utf-8"))["sets"]) == 1


def test_it_watches_until_it_is_interrupted(runs: Path, tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-m", "calib_core", *words(runs, tmp_path / "out", "--every", "0.1",
                                                                        "--settle", "0.1")],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert any("r1-3 SPB_50UM_GH2 make a set from before the watch began" in line for line in process.stderr)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert (out, err.splitlines()[-1]) == ("", "calibwb: interrupted")


@pytest.mark.parametrize("flag", ["--settle", "--within", "--every"])
def test_times_are_above_0(flag: str, runs: Path, tmp_path: Path, capsys: Any) -> None:
    assert main(words(runs, tmp_path, flag, "0")) == 2
    assert capsys.readouterr().err == f"calibwb: {flag} 0 is not allowed; it takes a number above 0.\n"


def test_a_folder_that_is_not_there(tmp_path: Path, capsys: Any) -> None:
    assert main(words(tmp_path / "none", tmp_path)) == 2
    assert "is no folder; name one with runs" in capsys.readouterr().err
