"""The command that writes simulated runs."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import pytest

from calib_core.cli.simulate import add_arguments
from calib_core.cli.words import Parser
from calib_core.errors import BadParameter
from calib_core.simulate import demo_settings, read_truth
from calib_core.simulate.scenes.photons import Photons


def parsed(*words: str) -> argparse.Namespace:
    parser = Parser("calibwb simulate")
    add_arguments(parser)
    return parser.parse_args(list(words))


def run(*words: str) -> int:
    namespace = parsed(*words)
    return int(namespace.act(namespace))


def test_command_writes_what_its_flags_say(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("AGIPD500K", "--out", str(tmp_path), "--modules", "1", "--trains", "2", "--memory-cells", "1")
    assert run(*words, "--dead-module", "-1", "--swap-runs") == 0
    said = capsys.readouterr()
    folder = tmp_path / "HED" / "202601" / "p900000"
    assert f"low: {folder / 'raw' / 'r0001'}" in said.out
    assert "100 %" in said.err
    settings = read_truth(folder / "usr" / "simulation" / "truth_r0001.h5").settings
    assert (settings.trains, settings.memory_cells, settings.swap_runs) == (2, 1, True)


def test_flags_win_over_the_demo(tmp_path: Path) -> None:
    words = ("JUNGFRAU", "--demo", "--out", str(tmp_path), "--trains", "1", "--modules", "1")
    assert run(*words) == 0
    truth = read_truth(next(tmp_path.rglob("truth_r*.h5")))
    expected = demo_settings()["JUNGFRAU"].with_changes({"trains": 1, "modules": "1"})
    assert truth.settings == expected


def test_family_without_a_type_takes_its_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert parsed("AGIPD", "--out", "x").simulated == "AGIPD"
    with pytest.raises(SystemExit):
        parsed("NONE", "--out", "x")
    assert "AGIPD500K" in capsys.readouterr().err


def test_help_shows_the_defaults_of_the_type(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parsed("JUNGFRAU", "--help")
    text = " ".join(capsys.readouterr().out.split())
    assert "default SPB_IRDA_JF4M" in text
    assert "Bias of the sensor [0 to 1000 V; default 90]" in text


def test_a_kind_of_runs_takes_its_own_flags(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("JUNGFRAU", "--out", str(tmp_path), "--modules", "2", "--trains", "1")
    assert run(*words, "--kind", "photons", "--photons", "2.5", "--pattern", "flat") == 0
    assert f"photons: {tmp_path / 'SPB' / '202601' / 'p900000' / 'raw' / 'r0001'}" in capsys.readouterr().out
    scene = read_truth(next(tmp_path.rglob("truth_r*.h5"))).scene
    assert scene == Photons().with_changes({"photons": 2.5, "pattern": "flat"})


def test_flags_of_another_kind_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadParameter, match="--charge-cloud is of --kind photons; leave it out, or ask for that kind"):
        run("AGIPD", "--out", str(tmp_path), "--charge-cloud", "10")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("blocks", [0, 8, 40])
def test_a_disk_that_fills_up_is_said_and_nothing_is_left(blocks: int, tmp_path: Path) -> None:
    """HDF5 would end the process where it cannot write."""
    words = f"'{sys.executable}' -m calib_core simulate GOTTHARD2 --trains 40 --out '{tmp_path}'"
    done = subprocess.run(["bash", "-c", f"ulimit -f {blocks}; {words}"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith("could not be written: File too large.")
    assert [path for path in tmp_path.rglob("*") if not path.is_dir()] == []
