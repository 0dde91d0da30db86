"""Statistics over time of sets of constants, from the command line to the files."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from calib_core.cli.main import main
from calib_core.constants.statistics import lines_of, together
from calib_core.jobs import outputs
from calib_core.jobs.job import Job
from calib_core.jobs.spec import JobSpec
from calib_core.store.statistics import read_statistics
from tests.calib_core.subjects.files import put_ours

DAY, CELLS, VERSIONS = 86400.0, 2, 70
#: Version from which on module 0 has another offset, ADU.
STEP, SIZE = 62, 12.0
SHAPE = (512, 128, CELLS)
#: Another operating condition; the tolerance makes one of values that were measured.
BIAS = {"Sensor Bias Voltage": {"value": 80.0, "unit": "V", "tolerance": 1, "origin": "KEY x"}}


def offsets(module: int, version: int) -> np.ndarray:
    """Offsets (fast_scan, slow_scan, cell) of a version, ADU; hot pixels are in the same places."""
    rng = np.random.default_rng([module, version])
    values = rng.normal(100, 3, SHAPE) + rng.normal(0, 1.5) + SIZE * (module == 0 and version >= STEP)
    values[hot(module)] = 511
    return values


def hot(module: int) -> np.ndarray:
    return np.random.default_rng(module).random(SHAPE) < 0.01


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Versions of two modules day by day; the second lacks some, and has two of another condition."""
    root = tmp_path_factory.mktemp("sets")
    for version in range(VERSIONS):
        for module in (0, 1):
            if module == 1 and 10 <= version < 65:
                continue
            bias = {"Sensor Bias Voltage": {**BIAS["Sensor Bias Voltage"], "value": 100 + 0.4 * (version % 2)}}
            put_ours(root, module, "Offset", offsets(module, version), version * DAY, conditions=bias)
            if version != 5:
                flags = np.where(hot(module), np.uint32(2), np.uint32(0))
                put_ours(root, module, "BadPixelsDark", flags, version * DAY + 60)
    for version in (3, 4):
        put_ours(root, 1, "Offset", offsets(1, version) + 200, version * DAY + 3600, conditions=BIAS)
    return root


@pytest.fixture(scope="module")
def out(sets: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("out")
    assert main(["GENERIC", "STATS", "--constants", str(sets), "--out-folder", str(folder)]) == 0
    return folder


def rows(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(line for line in file if not line.startswith("# ")))


def test_numbers_are_those_of_numpy_on_the_files(out: Path):
    """Read with h5py alone."""
    with h5py.File(out / "statistics.h5") as file:
        group = file["Offset/0"]
        assert group["time"].shape == (VERSIONS,)
        assert list(group.attrs["spShape"]) == [64, 64]
        for version in (0, 5, 69):
            values, bad = offsets(0, version), hot(0) & (version != 5)
            for down, block in np.ndindex(2, 8):
                part = np.s_[64 * block:64 * (block + 1), 64 * down:64 * (down + 1)]
                for some, use in (("all", np.ones(SHAPE, bool)), ("good", ~bad)):
                    for name in ("mean", "std", "median"):
                        assert group[f"{some}/{name}"][version, 0, 0, down, block] == pytest.approx(
                            getattr(np, name)(values[part][use[part]]), rel=1e-12)
            assert group["whole/good/median"][version, 0] == pytest.approx(np.median(values[~bad]), rel=1e-12)
        assert group["nbad_by_flag"][0, ..., 1].sum() == hot(0).sum()
        assert group["nbad"][5].max() == -1
        assert group["map_after"][0] == 60


def test_a_region_is_the_only_group(sets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Two rectangles of one module, in all of its memory cells; NumPy on the same pixels."""
    region, words = "1:100-120,0-9;1:5-6,20-299", ["GENERIC", "STATS", "--constants", str(sets), "--modules", "1",
                                                    "--calibrations", "Offset", "--quiet"]
    assert main([*words, "--region", region, "--out-folder", str(tmp_path / "out")]) == 0
    mask = np.zeros(SHAPE[:2], bool)
    mask[0:10, 100:121] = mask[20:300, 5:7] = True
    with h5py.File(tmp_path / "out" / "statistics.h5") as file:
        group = file["Offset/1"]
        assert (group.attrs["region"], list(group.attrs["spShape"])) == (region, [1, mask.sum()])
        assert group["good/median"].shape == (15, 1, 1, 1, 1)
        for place, version in ((0, 0), (5, 5), (14, 69)):
            values, bad = offsets(1, version)[mask], hot(1)[mask] & (version != 5)
            for some, use in (("all", np.ones(bad.shape, bool)), ("good", ~bad)):
                for name in ("mean", "std", "median"):
                    for of in (group[f"{some}/{name}"][place].item(), group[f"whole/{some}/{name}"][place].item()):
                        assert of == pytest.approx(getattr(np, name)(values[use]), rel=1e-12)
            assert group["nbad"][place].item() == (-1 if version == 5 else bad.sum())
    [again] = {one.cut.pixels for one in read_statistics(tmp_path / "out" / "statistics.h5")}
    assert again == region
    for bad_region, said in (("1:5-4,0-9", "region 1:5-4,0-9 is none; it takes MODULE:ROW-ROW,COLUMN-COLUMN"),
                             ("1:0-200,0-9", "module 1 has 128 x 512 pixels, and row 200, column 9 is outside"),
                             ("0:0-5,0-9", "region has no pixel of module 1; ask for the modules")):
        assert main([*words, "--region", bad_region, "--out-folder", str(tmp_path / "bad")]) in (1, 2)
        assert said in capsys.readouterr().err
        assert not (tmp_path / "bad" / "statistics.h5").exists()


def test_conditions_and_gaps_are_kept_apart(out: Path):
    found = {(some[0].about.comparable.calibration, some[0].about.module, len(some)) for some in
             together(read_statistics(out / "statistics.h5")).values()}
    assert found == {("Offset", 0, 70), ("Offset", 1, 15), ("Offset", 1, 2), ("BadPixelsDark", 0, 69),
                     ("BadPixelsDark", 1, 14)}
    with h5py.File(out / "statistics.h5") as file:
        told = [json.loads(file[f"Offset/{name}"].attrs["condition"]) for name in ("1", "1_2")]
        assert {one["Sensor Bias Voltage"] for one in told} == {100.0, 80.0}


def test_the_step_is_told_with_its_begin_and_size(out: Path):
    [found] = rows(out / "statistics_changes.csv")
    assert (found["calibration"], found["module"], found["kind"], found["level"]) == ("Offset", "0", "step", "red")
    lines = lines_of(next(of for of in together(read_statistics(out / "statistics.h5")).values()
                          if of[0].about.comparable.calibration == "Offset" and of[0].about.module == 0))
    begins = [one.isoformat() for one in lines[0].begins]
    assert abs(begins.index(found["since"]) - STEP) <= 1
    assert float(found["size"]) == pytest.approx(SIZE, rel=0.15)


def test_tables_have_the_numbers_of_the_file(out: Path):
    every = rows(out / "statistics_lines.csv")
    table = [row for row in every if (row["calibration"], row["module"]) == ("Offset", "0")]
    with h5py.File(out / "statistics.h5") as file:
        for name in ("mean", "std", "median", "n"):
            for some in ("all", "good"):
                values = file[f"Offset/0/whole/{some}/{name}"][:, 0]
                np.testing.assert_array_equal([float(row[f"{name} of {some}"]) for row in table], values)
    assert table[5]["flagged"] == ""
    assert int(table[0]["flagged"]) == hot(0).sum()
    assert table[0]["bad-pixel map"].endswith(".h5")


def job(sets: Path, folder: Path, **parameters: Any) -> Job:
    one = Job(JobSpec(family="GENERIC", method="STATS", inputs={"sets": (str(sets),)}, out_folder=folder,
                      parameters=parameters))
    one.start()
    one.wait()
    return one


def test_what_is_left_out_guessed_and_lost_is_told(sets: Path, tmp_path: Path):
    one = job(sets, tmp_path, calibrations="offset", since="2026-11-28", newest=3)
    said = [message.text for message in one.board.messages]
    one.close()
    assert one.board.state.value == "done"
    whole = 70 + 15 + 2 + 69 + 14
    assert f"{69 + 14} of {whole} constants are left out: they are of other calibrations." in said
    assert any("are left out: they are of another time." in text for text in said)
    assert any("are left out: newer ones are enough." in text for text in said)
    assert any("lines of a module are forming" in text for text in said)
    assert {len(some) for some in together(read_statistics(tmp_path / "statistics.h5")).values()} == {2, 3}


def test_constants_without_a_map_are_counted(sets: Path, tmp_path: Path):
    one = job(sets, tmp_path, calibrations="Offset", newest=70)
    assert any(text.text.startswith("4 of 87 constants have no bad-pixel map") for text in one.board.messages)
    one.close()


def test_bits_do_not_depend_on_threads_or_memory(sets: Path, tmp_path: Path):
    found = []
    for threads, memory in ((1, 1024), (2, 4096)):
        spec = JobSpec(family="GENERIC", method="STATS", inputs={"sets": (str(sets),)}, threads=threads,
                       out_folder=tmp_path / str(threads), memory_mb=memory, parameters={"newest": 4})
        one = Job(spec)
        one.start()
        one.wait()
        one.close()
        found.append((tmp_path / str(threads) / "statistics_lines.csv").read_bytes())
    assert found[0] == found[1]


@pytest.mark.parametrize(("words", "said"), [
    (["--block", "60x60"], "do not tile the 128 x 512 pixels"), (["--block", "wide"], "rows x columns"),
    (["--since", "soon"], "since = 'soon'"), (["--calibrations", "Noise"], "No version of a constant is left"),
    (["--karabo-id", "MID_DET_AGIPD1M-1"], "SCS_DET_DSSC1M-1"), (["--modules", "7"], "no constants of module 7")])
def test_bad_input_is_one_sentence(sets: Path, tmp_path: Path, words: list[str], said: str, capsys):
    status = main(["GENERIC", "STATS", "--constants", str(sets), "--out-folder", str(tmp_path / "out"), *words])
    assert status in (1, 2)
    told = capsys.readouterr()
    assert said in told.err + told.out
    assert "Traceback" not in told.err + told.out
    assert not list(tmp_path.rglob("statistics*"))


def test_more_numbers_than_are_kept_are_refused_before_anything_is_read(sets: Path, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(outputs, "MOST_WITHOUT_PIXELS", 1 << 18)
    one = job(sets, tmp_path)
    one.close()
    assert re.fullmatch(r"Numbers of a module would take 0\.\d MiB, and may take 0\.25 MiB; take fewer than 141 "
                        "entries of “Version”.", one.board.error)


def test_a_cancelled_job_leaves_nothing(sets: Path, tmp_path: Path):
    inputs = {"sets": (str(sets),)}
    one = Job(JobSpec(family="GENERIC", method="STATS", inputs=inputs, out_folder=tmp_path, threads=1))
    one.start()
    while one.board.done == 0 and not one.board.state.ended:
        one.wait(0.001)
    one.cancel()
    assert one.wait(20)
    one.close()
    assert one.board.state.value == "cancelled"
    assert list(tmp_path.rglob("*.*")) == []


def test_names_of_the_notebook_are_taken(sets: Path, tmp_path: Path):
    file = tmp_path / "job.json"
    words = ["--nconstants", "5", "--spShape", "64", "64", "--nMemToShow", "16", "--write-job", str(file)]
    assert main(["generic", "stats_from_db", "--constants", str(sets), "--out-folder", str(tmp_path), *words]) == 0
    spec = JobSpec.read(file)
    assert spec.method == "STATS"
    assert spec.parameters == {"newest": 5, "block": "64,64", "cells_in_row": 16}
