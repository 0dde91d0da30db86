"""Constants over time on the command line: numbers of modules that a store keeps, and of a region of files."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from calib_core.cli.main import main
from calib_core.store.statuses import Status
from tests.calib_core.subjects.files import put_ours
from tests.kept_store import DAY, MODULES, STEP, VERSIONS, KeptStore, make_kept_store, median

from .command import Capture

DAYS = 4
SHAPE = (512, 128, 2)  # fast_scan, slow_scan, cell


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeptStore]:
    root = tmp_path_factory.mktemp("months")
    made = make_kept_store(root / "store", root / "files")
    with closing(made.store):
        made.store.decide([one for some in made.versions.values() for one in some[:-1]], Status.ACCEPTED, "anna", "")
        yield made


def offsets(module: int, day: int) -> np.ndarray:
    """Levels that differ by pixel and memory cell."""
    return np.random.default_rng([module, day]).normal(100 + day, 5, SHAPE).astype(np.float32)


def flags(module: int, day: int) -> np.ndarray:
    return np.where(np.random.default_rng([module, day, 1]).random(SHAPE) < 0.1, 2, 0).astype(np.uint32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Offsets of some days, all but those of the last with a bad-pixel map."""
    root = tmp_path_factory.mktemp("days")
    for day in range(DAYS):
        for module in MODULES:
            put_ours(root, module, "Offset", offsets(module, day), DAY * day)
            if day < DAYS - 1:
                put_ours(root, module, "BadPixelsDark", flags(module, day), DAY * day + 60)
    return root


def asked(capsys: Capture, *words: str) -> dict[str, object]:
    assert main(["store", "timeline", "--json", *words]) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def test_lines_of_modules_are_those_that_were_kept(kept: KeptStore, capsys: Capture, tmp_path: Path) -> None:
    """Accepted versions alone; the step is told where it was made, and the table has the same numbers."""
    path = tmp_path / "lines.csv"
    found = asked(capsys, "--store", str(kept.store.folder), "--csv", str(path))
    expected = [[median(module, day) for day in range(VERSIONS - 1)] for module in MODULES]
    values = [one["value"] for one in found["versions"]]  # type: ignore[attr-defined]
    np.testing.assert_allclose(values, np.ravel(expected), atol=1e-5)
    shifts = np.array(expected) - np.median(np.array(expected)[:, :60], axis=1, keepdims=True)
    np.testing.assert_allclose([one["shift"] for one in found["versions"]], shifts.ravel(),  # type: ignore[attr-defined]
                               atol=1e-5)
    [change] = found["changes"]  # type: ignore[misc]
    starts = [one["begin"] for one in found["versions"] if one["module"] == 1]  # type: ignore[attr-defined]
    assert (change["module"], change["kind"], change["start"]) == (1, "step", starts[STEP])
    with path.open() as file:
        assert [float(row["value"]) for row in csv.DictReader(file)] == values
    assert main(["store", "timeline", "--store", str(kept.store.folder), "--csv", str(path)]) != 0
    assert "exists already" in capsys.readouterr().err


def test_drafts_and_modules_are_chosen(kept: KeptStore, capsys: Capture) -> None:
    found = asked(capsys, "--store", str(kept.store.folder), "--drafts", "--modules", "1")
    assert len(found["versions"]) == VERSIONS  # type: ignore[arg-type]
    assert {(one["module"], one["status"]) for one in found["versions"]} == {  # type: ignore[attr-defined]
        (1, "accepted"), (1, "draft")}


@pytest.mark.parametrize(("quantity", "of"), [("median", np.median), ("std", np.std)])
def test_a_region_is_that_of_numpy(folder: Path, capsys: Capture, quantity: str, of: object) -> None:
    """Rows and columns to the last, of the memory cell that is named, without flagged pixels."""
    found = asked(capsys, str(folder), "--calibration", "offset", "--region", "1:8-40,100-259", "--cell", "1",
                  "--quantity", quantity)
    expected = []
    for day in range(DAYS):
        values, bad = (one(1, day)[100:260, 8:41, 1] for one in (offsets, flags))
        expected.append(of(values[(bad == 0) | (day == DAYS - 1)].astype(np.float64)))  # type: ignore[operator]
    np.testing.assert_allclose([one["value"] for one in found["versions"]], expected,  # type: ignore[attr-defined]
                               rtol=1e-12)
    assert found["of"] == "region of 5280 pixels in memory cell 1"


def test_a_table_for_people_tells_what_is_missing(folder: Path, capsys: Capture) -> None:
    assert main(["store", "timeline", str(folder), "--calibration", "Offset"]) == 0
    told = capsys.readouterr().out
    assert f"reference forming, {DAYS} of 60" in told
    assert "2 of 8 versions have no bad-pixel map: all of their pixels count." in told


@pytest.mark.parametrize(("words", "said"), [
    ([], ""), (["--quantity", "std"], "WARN  BadPixelsDark are flags, of which there is no std: the share of bad"),
    (["--region", "0:8-40,100-259"], "")])
def test_flags_have_a_share_and_nothing_else(folder: Path, capsys: Capture, words: list[str], said: str) -> None:
    assert main(["store", "timeline", str(folder), "--calibration", "BadPixelsDark", "--modules", "0", *words]) == 0
    told = capsys.readouterr().out
    assert re.match(r"share of bad pixels of .*, LIN \[logit\]\n", told)
    assert said in told
    assert ("WARN  BadPixelsDark are" in told) is bool(said)
    part = np.s_[100:260, 8:41, 0] if "--region" in words else np.s_[:]
    bad = [flags(0, day)[part] != 0 for day in range(DAYS - 1)]
    expected = [np.log((one.sum() + 0.5) / ((~one).sum() + 0.5)) for one in bad]
    values = [float(line.split()[4]) for line in told.splitlines()[2:2 + DAYS - 1]]
    np.testing.assert_allclose(values, expected, rtol=1e-5)


@pytest.mark.parametrize(("words", "said"), [
    (["--region", "1:8-4,0-9"], "--region 1:8-4,0-9 is none; it takes MODULE:ROW-ROW,COLUMN-COLUMN"),
    (["--region", "1:0-4,0-900"], "row 4, column 900 is outside of them"),
    (["--region", "1:0-4,0-9", "--cell", "7"], "has memory cells 0 to 1, and no "),
    (["--region", "9:0-4,0-9"], "There is no version of Offset of SCS_DET_DSSC1M-1 that answers."),
    (["--entry", "HG"], "--entry HG is none of LIN."),
    (["--condition", "Sensor Bias Voltage=80"], "None of the 8 versions was made at Sensor Bias Voltage=80"),
    (["--calibration", "Noise"], "There is no such kind of constant: BadPixelsDark, Offset; name one of them")])
def test_bad_words_are_told_in_one_sentence(folder: Path, capsys: Capture, words: list[str], said: str) -> None:
    kind = [] if "--calibration" in words else ["--calibration", "Offset"]
    assert main(["store", "timeline", str(folder), *kind, *words]) != 0
    [line] = capsys.readouterr().err.strip().splitlines()
    assert said in line


def test_a_store_without_constants_is_said_to_be_so(tmp_path: Path, capsys: Capture) -> None:
    assert main(["store", "check", "--store", str(tmp_path)]) != 0
    (tmp_path / "xfel").mkdir()
    assert main(["store", "timeline", str(tmp_path), "--calibration", "Offset"]) != 0
    assert "no such detector" not in capsys.readouterr().err


def test_several_kinds_are_asked_for_by_name(folder: Path, capsys: Capture) -> None:
    assert main(["store", "timeline", str(folder)]) != 0
    assert "There is more than one kind of constant: BadPixelsDark, Offset; name one of them (--calibration)." in (
        capsys.readouterr().err)
