"""Bad input: one clear sentence, nothing half-written, nothing else lost."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import extra_data
import h5py
import numpy as np
import pytest

from calib_core.cli.main import main
from calib_core.io import files
from calib_core.jobs import job as jobs
from calib_core.store.constants import list_constants

from .command import KINDS, Capture, Result, Runs, constants_in, refused, words
from .conftest import Dataset

IMAGE = "SPB_DET_AGIPD1M-1/DET/{}CH0:xtdf/image"


@pytest.fixture
def runs(small_runs: Runs, tmp_path: Path) -> Runs:
    """A copy that may be damaged."""
    return {role: shutil.copytree(path, tmp_path / "raw" / path.name) for role, path in small_runs.items()}


def file_of(run: Path, module: int, sequence: int = 0) -> Path:
    [found] = run.glob(f"RAW-R*-AGIPD{module:02d}-S{sequence:05d}.h5")
    return found


def all_of(runs: Runs, module: int = 1, sequence: int = 0) -> Iterator[Path]:
    return (file_of(run, module, sequence) for run in runs.values())


def empty_folder(runs: Runs) -> None:
    for path in runs["high"].iterdir():
        path.unlink()


def empty_files(runs: Runs) -> None:
    for path in runs["high"].iterdir():
        path.write_bytes(b"")


def no_detector(runs: Runs) -> None:
    for path in runs["high"].glob("*AGIPD??-*"):
        path.unlink()


def no_frames(runs: Runs) -> None:
    for path in runs["high"].glob("*AGIPD??-*"):
        with h5py.File(path, "r+") as file:
            file[f"INDEX/{IMAGE.format(int(path.name.split('AGIPD')[1][:2]))}/count"][:] = 0


def same_stage(runs: Runs) -> None:
    shutil.rmtree(runs["med"])
    shutil.copytree(runs["low"], runs["med"])


def corrected(runs: Runs) -> None:
    for path in list(runs["high"].glob("*AGIPD??-*")):
        path.rename(path.with_name(path.name.replace("RAW", "CORR")))


def short(runs: Runs) -> None:
    for path in runs["low"].glob("*-S0000[12].h5"):
        path.unlink()


REFUSED: dict[str, tuple[Callable[[Runs], None], tuple[str, ...]]] = {
    "a folder that is no run": (empty_folder, ("r0001 cannot be used", "no file that ends in .h5")),
    "empty files": (empty_files, ("r0001 cannot be used", "empty (0 bytes)")),
    "a run without the detector": (no_detector, ("has no AGIPD detector", "none of another known type")),
    "a run without frames": (no_frames, ("AGIPD01", "no frames")),
    "two runs of one gain stage": (same_stage, ("r0002 and", "r0003 are of the same gain stage", "one run per gain")),
    "corrected data": (corrected, ("this is a CORR file; raw data are needed",)),
    "too few trains": (short, ("r0003 AGIPD01 has 5 trains", "at least 10 are needed (--min-trains)")),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_runs_that_cannot_be_used_are_refused(fault: str, runs: Runs, tmp_path: Path, capsys: Capture) -> None:
    damage, told = REFUSED[fault]
    damage(runs)
    refused(words(runs, tmp_path / "out"), tmp_path / "out", capsys, *told)


def test_the_modules_that_cannot_be_used_either_are_counted(runs: Runs, tmp_path: Path, capsys: Capture) -> None:
    corrected(runs)
    refused(words(runs, tmp_path / "out"), tmp_path / "out", capsys, "No module can be characterised: ",
            "raw data are needed (refused, R", "). 1 other module cannot be used either.")


def test_two_runs_of_one_gain_stage_by_gain_bits(
    make_dataset: Callable[..., Dataset], tmp_path: Path, capsys: Capture
) -> None:
    made = make_dataset("JUNGFRAU", modules="1", memory_cells=1, trains=10).simulated.runs
    again = shutil.copytree(made["high"], tmp_path / "r0009")
    given = words({"high": made["high"], "med": again}, tmp_path / "out", "JUNGFRAU")
    refused(given, tmp_path / "out", capsys, "r0009 are of the same gain stage (gain 0")


def instead(words: list[str], run: str) -> list[str]:
    """Words with another run for high gain."""
    place = words.index("--run-high") + 1
    return [*words[:place], run, *words[place + 1:]]


#: Changes of the words of a good command line, and what is said.
WORDS: dict[str, tuple[Callable[[list[str]], list[str]], tuple[str, ...]]] = {
    "another family": (lambda w: ["JUNGFRAU", *w[1:]], ("has no JUNGFRAU detector", "SPB_DET_AGIPD1M-1")),
    "unknown family": (lambda w: ["LPDX", *w[1:]], ("there is no 'LPDX'", "LPD?")),
    "unknown method": (lambda w: ["AGIPD", "FLAT", *w[2:]], ("there is no 'FLAT'", "DARK")),
    "unknown flag": (lambda w: [*w, "--max-train", "5", "--gaga", "1"], ("there is no --gaga",)),
    "value out of range": (lambda w: [*w, "--gate-sigma", "1"], ("gate_sigma = 1.0", "3 to 20 σ")),
    "value of no number": (lambda w: [*w, "--max-trains", "many"], ("--max-trains", "'many' is not a number")),
    "limits the wrong way round": (lambda w: [*w, "--thresholds-noise-hard-hg", "20", "4"],
                                   ("thresholds_noise_hard", "low")),
    "module that is not there": (lambda w: [*w, "--modules", "99"], ("has no module 99", "it has 1, 2")),
    "modules that are no numbers": (lambda w: [*w, "--modules", "1-x"], ("'1-x'", "0-3,7")),
    "detector that is not there": (lambda w: [*w, "--karabo-id", "MID_DET_AGIPD1M-1"],
                                   ("has no MID_DET_AGIPD1M-1 detector", "SPB_DET_AGIPD1M-1")),
    "number of a run without a folder": (lambda w: instead(w, "12"),
                                         ("Run 12 is a number", "--in-folder or --proposal")),
    "run that is not there": (lambda w: instead(w, "/no/such/run"), ("/no/such/run does not exist",)),
    "PDU without a number": (lambda w: [*w, "--pdu", "UNIT"], ("--pdu UNIT", "N=NAME")),
    "PDU of a module that is not there": (lambda w: [*w, "--pdu", "9=UNIT"], ("has no module 9",)),
    "PDU that cannot be a name": (lambda w: [*w, "--pdu", "1=../up"], ("“../up” cannot name a constant",)),
    "PDU of two modules": (lambda w: [*w, "--pdu", "1=UNIT", "--pdu", "2=UNIT"], ("Modules 1 and 2 are both given",)),
    "limits without end": (lambda w: [*w, "--thresholds-noise-hard-hg", "4", "inf"],
                           ("noise-hard", "'inf' is not a number")),
    "condition of no number": (lambda w: [*w, "--bias-voltage", "nan"], ("--bias-voltage", "'nan' is not a number")),
    "memory below the least": (lambda w: [*w, "--memory-mb", "64"], ("memory_mb = 64", "384")),
    "no run": (lambda w: [*w[:2], *w[-2:]], ("No run was given", "--run-high, --run-med, --run-low")),
}


@pytest.mark.parametrize("fault", WORDS)
def test_words_that_cannot_be_meant_are_refused(
    fault: str, small_runs: Runs, tmp_path: Path, capsys: Capture
) -> None:
    change, told = WORDS[fault]
    out = tmp_path / "out"
    given = change(words(small_runs, out))
    capsys.readouterr()
    try:
        status = main(given)
    except SystemExit as stop:
        status = int(stop.code or 0)
    printed = capsys.readouterr().err
    assert status in (1, 2)
    assert "Traceback" not in printed
    assert constants_in(out) == {}
    for text in told:
        assert text in printed


def test_a_file_given_as_a_run_is_refused(small_runs: Runs, tmp_path: Path, capsys: Capture) -> None:
    given = {**small_runs, "high": file_of(small_runs["high"], 1)}
    refused(words(given, tmp_path / "out"), tmp_path / "out", capsys, "is a file; give the folder of its run")


def job_file(small_runs: Runs, tmp_path: Path, **changes: Any) -> Path:
    path = tmp_path / "job.json"
    path.unlink(missing_ok=True)
    assert main([*words(small_runs, tmp_path / "out"), "--write-job", str(path)]) == 0
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    return path


JOBS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "unknown field": ({"colour": "red"}, ("job.json", "colour")),
    "unknown parameter": ({"parameters": {"gate": 3}}, ("no parameter “gate”", "gate_sigma")),
    "parameter out of range": ({"parameters": {"ddof": 2}}, ("ddof = 2 is not allowed", "0 to 1")),
    "unknown family": ({"family": "LPDX"}, ("LPDX",)),
    "unknown method": ({"method": "FLAT"}, ("FLAT", "DARK")),
    "unknown run": ({"inputs": {"high": ["/no/such/run"]}}, ("/no/such/run",)),
    "unknown input": ({"inputs": {"dark": ["/no/such/run"]}}, ("no input “dark”", "high, med, low")),
    "unknown condition": ({"conditions": {"colour": 1}}, ("no condition “colour”", "bias_voltage")),
    "condition in words": ({"conditions": {"bias_voltage": "high"}}, ("bias_voltage = 'high'", "takes a number")),
    "no run": ({"inputs": {}}, ("no run",)),
    "newer format": ({"format": 3}, ("job.json", "format")),
}


@pytest.mark.parametrize("fault", JOBS)
def test_job_files_that_cannot_be_meant_are_refused(
    fault: str, small_runs: Runs, tmp_path: Path, capsys: Capture
) -> None:
    changes, told = JOBS[fault]
    path = job_file(small_runs, tmp_path, **changes)
    refused(["run", str(path)], tmp_path / "out", capsys, *told)


def test_a_module_named_twice_is_done_once(small_runs: Runs, tmp_path: Path, capsys: Capture) -> None:
    path = job_file(small_runs, tmp_path, modules=[1, 1])
    assert Result(["run", str(path)], tmp_path / "out", capsys).status == 0
    assert len(list_constants(tmp_path / "out")) == len(KINDS)


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", "\x00\xff"])
def test_a_file_that_is_no_job_is_refused(text: str, tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "job.json").write_text(text)
    refused(["run", str(tmp_path / "job.json")], tmp_path / "out", capsys, "job.json is not valid")


def test_a_job_file_that_is_not_there_is_refused(tmp_path: Path, capsys: Capture) -> None:
    refused(["run", str(tmp_path / "job.json")], tmp_path / "out", capsys, "cannot be read: No such file")


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def cells_out_of_range(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file[f"INSTRUMENT/{IMAGE.format(1)}/cellId"][:2] = 700


#: Damage to the first sequence of module 1 in the high gain run, and what is said.
DAMAGED: dict[str, tuple[Callable[[Path], None], str]] = {
    "missing sequence": (Path.unlink, "sequence 0 is missing"),
    "truncated": (cut, "the file is damaged"),
    "empty": (lambda path: path.write_bytes(b""), "the file is empty (0 bytes)"),
    "memory cell out of range": (cells_out_of_range, "2 frames have memory cells outside 0 to 351 (first 700)"),
}


@pytest.mark.parametrize("fault", DAMAGED)
def test_what_is_damaged_is_left_out_and_said(fault: str, runs: Runs, tmp_path: Path, capsys: Capture) -> None:
    damage, told = DAMAGED[fault]
    damage(file_of(runs["high"], 1))
    given = [*words(runs, tmp_path / "out"), "--min-trains", "5", "--max-lost", "50"]
    result = Result(given, tmp_path / "out", capsys)
    assert result.status == 0
    assert [line for line in result.warnings if told in line and "r0001" in line]
    assert {number: kinds.keys() for number, kinds in result.constants.items()} == {1: KINDS, 2: KINDS}


def test_a_module_missing_in_one_run_is_left_out_and_said(runs: Runs, tmp_path: Path, capsys: Capture) -> None:
    for sequence in range(3):
        file_of(runs["med"], 2, sequence).unlink()
    result = Result(words(runs, tmp_path / "out"), tmp_path / "out", capsys)
    assert result.status == 0
    assert result.constants.keys() == {1}
    [told] = [line for line in result.warnings if line.startswith("Module 2 left out")]
    assert "r0002 has no data of module 2 (AGIPD02)" in told


def test_a_first_module_without_frames_does_not_hide_the_order_of_the_runs(
    make_dataset: Callable[..., Dataset], tmp_path: Path, capsys: Capture
) -> None:
    dead = make_dataset("AGIPD1M", modules="1-2", memory_cells=1, trains=10, dead_module=1).simulated.runs
    swapped = {"high": dead["low"], "med": dead["med"], "low": dead["high"]}
    result = Result(words(swapped, tmp_path / "out"), tmp_path / "out", capsys)
    assert [line for line in result.warnings if line.startswith("Runs re-ordered by gain stage")]
    signal = np.nanmedian(result.constants[2]["ThresholdsDark"][2:], axis=(1, 2, 3))
    assert (np.diff(signal) > 500).all()


def test_trains_that_differ_between_modules_are_said(
    make_dataset: Callable[..., Dataset], tmp_path: Path, capsys: Capture
) -> None:
    lossy = make_dataset("AGIPD1M", modules="1-2", memory_cells=1, trains=20, lost_trains=0.2).simulated.runs
    result = Result([*words(lossy, tmp_path / "out"), "--max-lost", "50"], tmp_path / "out", capsys)
    assert result.status == 0
    assert result.constants.keys() == {1, 2}
    for module in result.constants:
        assert [w for w in result.warnings if f"AGIPD{module:02d}" in w and "of the 20 trains of the run" in w]


def test_a_file_without_permission_is_left_out_and_said(
    runs: Runs, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = file_of(runs["high"], 1)

    def ask(path: Path, mode: str) -> Any:
        if path == closed:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return open(path, mode)

    monkeypatch.setattr(files, "open", ask, raising=False)
    given = [*words(runs, tmp_path / "out"), "--min-trains", "5", "--max-lost", "50"]
    result = Result(given, tmp_path / "out", capsys)
    assert result.status == 0
    assert [line for line in result.warnings if closed.name in line and "no permission" in line]


def restricted(runs: Runs, keep: list[int], folder: Path) -> Runs:
    """Runs of those trains alone, written by EXtra-data."""
    written = {}
    for role, path in runs.items():
        written[role] = folder / path.name
        written[role].mkdir(parents=True)
        chosen = extra_data.RunDirectory(path).select_trains(keep)
        chosen.write(str(written[role] / f"RAW-R{path.name[1:]}-DA01-S00000.h5"))
    return written


def break_train_id(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file["INDEX/trainId"][3] = 1 << 63


VALID = {
    "missing sequence": (Path.unlink, list(range(5, 12))),
    "train id that cannot be": (break_train_id, [0, 1, 2, *range(4, 12)]),
}


@pytest.mark.parametrize("fault", VALID)
def test_damage_gives_the_same_bits_as_a_run_of_the_valid_frames(
    fault: str, runs: Runs, small_runs: Runs, tmp_path: Path, capsys: Capture
) -> None:
    damage, valid = VALID[fault]
    for path in all_of(runs):
        damage(path)
    given = ["--min-trains", "5", "--max-lost", "50", "--modules", "1"]
    found = Result([*words(runs, tmp_path / "out"), *given], tmp_path / "out", capsys)
    whole = restricted(small_runs, valid, tmp_path / "valid")
    expected = Result([*words(whole, tmp_path / "expected"), *given], tmp_path / "expected", capsys)
    assert (found.status, expected.status) == (0, 0)
    assert found.constants[1].keys() == expected.constants[1].keys() == KINDS
    for kind, values in expected.constants[1].items():
        np.testing.assert_array_equal(found.constants[1][kind], values, err_msg=kind)


def test_a_file_that_vanishes_while_the_job_runs_fails_its_module(
    runs: Runs, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = jobs.make_plan

    def planned(*given: Any) -> Any:
        made = plan(*given)
        file_of(runs["low"], 1, 1).unlink()
        return made

    monkeypatch.setattr(jobs, "make_plan", planned)
    result = Result(words(runs, tmp_path / "out"), tmp_path / "out", capsys)
    assert result.status == 1
    assert result.constants.keys() == {2}
    [told] = result.errors
    assert told == "Module 1 failed: RAW-R0003-AGIPD01-S00001.h5 cannot be read: No such file or directory."


@pytest.mark.parametrize(("setting", "value", "told", "flag"), [
    ("bias_voltage", 200.0, "Sensor Bias Voltage differs: 300.0 V and 200.0 V", ["--bias-voltage", "300"]),
    ("memory_cells", 2, "Memory cells differs: 1.0 and 2.0", ["--memory-cells", "2"]),
])
def test_runs_of_different_conditions_are_refused_unless_the_operator_knows_better(
    setting: str, value: float, told: str, flag: list[str], small_runs: Runs, make_dataset: Callable[..., Dataset],
    tmp_path: Path, capsys: Capture
) -> None:
    changes = {"modules": "1-2", "memory_cells": 1, "trains": 12, "first_run": 7, setting: value}
    other = make_dataset("AGIPD1M", **changes).simulated.runs
    mixed = words({**small_runs, "med": other["med"]}, tmp_path / "out")
    refused(mixed, tmp_path / "out", capsys, "r0001 and", "r0008 are not of one operating condition", told, flag[0])
    assert Result([*mixed, *flag], tmp_path / "out", capsys).status == 0


def test_a_module_of_nothing_but_zeros_is_told(
    make_dataset: Callable[..., Dataset], tmp_path: Path, capsys: Capture
) -> None:
    dead = make_dataset("JUNGFRAU", modules="1", memory_cells=1, trains=10, dead_module=1).simulated.runs
    result = Result(words({"high": dead["high"]}, tmp_path / "out", "JUNGFRAU"), tmp_path / "out", capsys)
    [told] = [line for line in result.warnings if "without data" in line]
    assert told == "Module 1: frames of p900000 r0001 without data are left out: 10 all zero."
    assert np.isnan(result.constants[1]["Offset"]).all()
