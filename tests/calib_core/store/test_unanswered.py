"""What a command on a store says where nothing answers, and of words that it does not take."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from calib_core.cli.main import main
from calib_core.store.statuses import Status
from tests.made_store import DETECTOR, OWN, UNITS, MadeStore

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
CONDITION = [word for name, one in OWN.items() for word in ("--condition", f"{name}={one.value}")]
Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of two accepted offsets of 07:00 and two drafts of noise."""
    made = MadeStore(tmp_path_factory.mktemp("store"), START)
    made.put(1)
    made.put(1, Status.DRAFT, "Noise10Hz")
    made.store.close()
    return made.store.folder


def told(capsys: Capture, folder: Path, *words: str, status: int = 1) -> list[str]:
    capsys.readouterr()
    assert main(["store", *words, "--store", str(folder)]) == status
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(("words", "said"), [
    (["--karabo-id", "NOPE"], f"Without the detector 2 versions would answer: {DETECTOR}."),
    (["--pdu", "M1"], f"Without the unit 2 versions would answer: {', '.join(UNITS.values())}."),
    (["--calibration", "offset10hz"], "Without the kind of constant 2 versions would answer: Offset10Hz."),
    (["--detector-type", "LPD-Type"], "Without the detector type 2 versions would answer: jungfrau-Type."),
    (CONDITION[:-2],
     "At other operating conditions 2 versions would answer: Gain Setting is known on one side only."),
    ([*CONDITION, "--at", "2026-03-02T06:59:59Z"],
     "At later times 2 versions would answer: the first begins at 2026-03-02 07:00:00 UTC."),
    (["--snapshot", "2026-03-02T06:00Z"],
     "2 versions would answer of what is known now, and not of that snapshot."),
    (["--calibration", "Noise10Hz"], "Of others there are: 2 draft (--status shows them, --drafts drafts)."),
    (["--calibration", "Gain", "--karabo-id", DETECTOR, "--pdu", UNITS["JNGFR01"]],
     "Without the kind of constant 1 version would answer: Offset10Hz."),
])
def test_what_would_answer_if_one_thing_less_were_asked(
    folder: Path, capsys: Capture, words: list[str], said: str
) -> None:
    assert told(capsys, folder, "find", *words)[:2] == [f"{folder} has no version that answers.", said]


def test_names_of_which_there_is_nothing_are_told(folder: Path, capsys: Capture) -> None:
    assert told(capsys, folder, "find", "--calibration", "Gain", "--karabo-id", "NOPE")[1:] == [
        "There is no version of that kind of constant at all; there are those of Noise10Hz, Offset10Hz.",
        f"There is no version of that detector at all; there are those of {DETECTOR}."]


def test_an_export_that_finds_nothing_says_why(
    folder: Path, capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALIBWB_STORE", str(folder))
    said = "Without the kind of constant 2 versions would answer: Offset10Hz."
    out = str(tmp_path / "out")
    assert told(capsys, folder, "export", "--calibration", "Gain", "--out-folder", out)[1:] == [said]
    assert main(["GENERIC", "DBTOH5", "--constants", "Gain", "--out-folder", out, "--quiet"]) == 1
    assert f"no version answers; nothing was copied. {said}" in capsys.readouterr().err


def test_a_time_decides_where_it_is_given(folder: Path, capsys: Capture) -> None:
    """All versions are told without a time, those of before with it."""
    assert len(told(capsys, folder, "find", status=0)) == 3
    assert len(told(capsys, folder, "find", "--at", "2026-03-02T07:00:00Z", status=0)) == 3
    assert len(told(capsys, folder, "find", "--at", "2026-03-02T06:00Z")) == 2


def test_a_time_without_a_zone_is_told(folder: Path, capsys: Capture) -> None:
    assert main(["store", "find", "--store", str(folder), "--at", "2026-03-02T07:30"]) == 0
    assert capsys.readouterr().err == (
        "WARN  --at 2026-03-02T07:30 tells no zone: it is taken as UTC, 2026-03-02 07:30:00+00:00.\n")
    assert main(["store", "find", "--store", str(folder), "--at", "2026-03-02T08:30+01:00"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("words", "said"), [
    (["install", "FOO/BAR", "u", "--detector-type", "NOPE", "--from", "2026-01-01T00:00Z"],
     "There is no detector type “NOPE”; there are AGIPD-Type, DSSC-Type, "),
    (["install", "FOO/BAR", "../u", "--detector-type", "agipd-type", "--from", "2026-01-01T00:00Z"],
     "“../u” cannot name a constant; use letters, digits and _ . + - only."),
    (["install", "FOO/BAR", "u", "--detector-type", "agipd-type", "--from", "2099-01-01T00:00Z"],
     "u cannot be at BAR from 2099-01-01 00:00 UTC, more than 24 h ahead of the clock"),
    (["show", "abc"], "“abc” is neither the number of a version, such as 3,7-12, nor a file that is there."),
])
def test_what_cannot_be_is_refused_and_leaves_no_record(
    folder: Path, capsys: Capture, words: list[str], said: str
) -> None:
    before = (folder / "index.sqlite").read_bytes()
    assert main(["store", *words, "--store", str(folder)]) == 2
    assert said in capsys.readouterr().err
    assert (folder / "index.sqlite").read_bytes() == before


def test_a_type_is_written_as_the_database_does(tmp_path: Path, capsys: Capture) -> None:
    [line] = told(capsys, tmp_path / "new", "install", "SCS_DET_DSSC1M-1/DSSC00", "DSSC_M3", "--detector-type",
                  "dssc-type", "--from", "2026-01-01T00:00Z", status=0)
    assert line == "DSSC_M3 is at DSSC00 of SCS_DET_DSSC1M-1 from 2026-01-01 00:00 UTC on."
