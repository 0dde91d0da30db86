"""Export and injection as jobs, under the names of the original notebooks."""

from __future__ import annotations

import csv
import json
import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from calib_core.cli.main import main
from calib_core.detector.registry import detector_type
from calib_core.jobs.board import State
from calib_core.jobs.job import Job
from calib_core.jobs.spec import JobSpec
from calib_core.store.base import Query
from calib_core.store.constants import read_constant
from calib_core.store.local.store import LocalStore
from calib_core.store.serving.server import serving
from calib_core.store.statuses import Status
from tests.calib_core.store.constant_files import DETECTOR, KIND, UNIT, put

from .command import Capture

LPD = "FXE_DET_LPD1M-1"
OFFSET = KIND.calibrations["Offset"].name
ANY = Query(take="all", statuses=frozenset(Status))
#: What the notebook's parameters are called, and their values.
CONDITION = ["--bias-voltage", "250", "--mem-cells", "1", "--capacitor", "5pf"]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder of the operator's own store, which is not there yet."""
    monkeypatch.setenv("CALIBWB_STORE", str(tmp_path / "store"))
    return tmp_path / "store"


def single(folder: Path, module: str, seed: int = 1, missing: int = 0) -> Any:
    """A file of offsets of a module, by h5py alone, as (fast_scan, slow_scan, cell, gain); its values."""
    values = np.random.default_rng(seed).normal(5000, 100, (256, 256, 1, 3)).astype("f4")
    values.reshape(-1)[:missing] = np.nan
    folder.mkdir(exist_ok=True)
    with h5py.File(folder / f"const_Offset_{module}.h5", "w") as file:
        file["data"] = values
    return values


def inject(folder: Path, out: Path, *more: str) -> int:
    return main(["LPD", "INJECT", "--in-folder", str(folder), "--karabo-id", LPD, "--creation-time",
                 "2026-03-02T08:00Z", *CONDITION, "--out-folder", str(out), *more])


def files_below(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def test_files_are_injected_under_the_notebook_s_names(store: Path, tmp_path: Path, capsys: Capture) -> None:
    values = {module: single(tmp_path / "in", f"LPD{module:02}", module) for module in (0, 7)}
    out, before = tmp_path / "out", files_below(tmp_path)
    assert inject(tmp_path / "in", out, "--dry-run") == 1
    said = capsys.readouterr().err
    assert said.count("WARN  unsure   Offset of FXE_DET_LPD1M-1_LPD0") == 2
    assert "256 × 256 × 1 × 3 (fast_scan, slow_scan, cell, gain), 0.00% without a number" in said
    assert "INFO  2 files: 2 of units whose names nobody has confirmed." in said
    assert files_below(tmp_path) == before
    assert inject(tmp_path / "in", out) == 1
    assert "Nobody has told the physical units behind FXE_DET_LPD1M-1_LPD00, FXE_DET_LPD1M-1_LPD07;" in (
        capsys.readouterr().err)
    assert not list(store.rglob("cal.*.h5"))
    assert inject(tmp_path / "in", out, "--confirm-units", "--author", "anna", "--comment", "from the notebook") == 0
    assert f"2 constants injected into {store} as drafts." in capsys.readouterr().err
    made = LocalStore(store).find(ANY)
    assert [(one.pdu, one.calibration, one.author, f"{one.begin:%Y-%m-%d %H:%M}") for one in made] == [
        (f"{LPD}_LPD{module:02}", "Offset", "anna", "2026-03-02 08:00") for module in (0, 7)]
    assert {name: each["value"] for name, each in made[0].conditions.items()} == {
        "Sensor Bias Voltage": 250.0, "Memory cells": 1.0, "Feedback capacitor": 5.0, "Pixels X": 256.0,
        "Pixels Y": 256.0}
    for one, module in zip(made, (0, 7), strict=True):
        stored = read_constant(one.path)
        assert stored.dims == ("fast_scan", "slow_scan", "cell", "gain")
        np.testing.assert_array_equal(stored.data(), values[module])
    lines = (out / "injection.csv").read_text().splitlines()
    assert [row["state"] for row in csv.DictReader(lines[1:])] == ["version 1, draft", "version 2, draft"]
    assert inject(tmp_path / "in", out, "--confirm-units") == 0
    assert "0 constants injected" in (again := capsys.readouterr().err)
    assert "; 2 were there already." in again


def read_by_extra(folder: Path, root: Path) -> dict[str, Any]:
    """Offsets that the facility's library finds in a store, by aggregator, with the names of their axes."""
    extra = pytest.importorskip("extra.calibration", reason="EXtra is not installed (group calcat)")
    calcat = pytest.importorskip("extra.calibration.calcat")
    with closing(LocalStore(folder)) as store, serving(store) as server, pytest.MonkeyPatch.context() as patch:
        for name in ("global_client", "_default_caldb_root"):
            patch.setattr(calcat, name, getattr(calcat, name))
        extra.setup_client(server.url, None, None, None)
        extra.set_default_caldb_root(root)
        found = extra.CalibrationData.from_condition(
            extra.LPDConditions(sensor_bias_voltage=250, memory_cells=512), LPD,
            event_at="2026-03-02T09:00:00+00:00")["Offset"]
        loaded = found.ndarray()
        extra.get_client().session.close()
        return {"dims": found.dimensions, **dict(zip(found.aggregator_names, loaded, strict=True))}


def test_the_facility_s_library_reads_what_came_in_alone_and_what_came_back(store: Path, tmp_path: Path) -> None:
    """Files of single constants, then their export, then that export in an empty store."""
    values = {f"LPD{module:02}": single(tmp_path / "in", f"LPD{module:02}", module) for module in (0, 7)}
    told = ["--creation-time", "2026-03-02T08:00Z", "--bias-voltage", "250", "--mem-cells", "512", "--capacitor",
            "5pf"]
    words = ["LPD", "INJECT", "--karabo-id", LPD, "--confirm-units", "--out-folder", str(tmp_path / "out"), "--quiet"]
    assert main([*words, "--in-folder", str(tmp_path / "in"), *told]) == 0
    assert main(["store", "accept", "1-2"]) == 0
    first = read_by_extra(store, store)
    assert main(["GENERIC", "DBTOH5", "--karabo-id", LPD, "--out-folder", str(tmp_path / "copies"), "--quiet"]) == 0
    other = tmp_path / "other"
    assert main([*words[:2], "--in-folder", str(tmp_path / "copies"), "--store", str(other), *words[4:]]) == 0
    assert main(["store", "accept", "1-2", "--store", str(other)]) == 0
    second = read_by_extra(other, other)
    assert first["dims"] == second["dims"] == ("module", "fast_scan", "slow_scan", "cell", "gain")
    for aggregator, wanted in values.items():
        np.testing.assert_array_equal(first[aggregator], wanted)
        np.testing.assert_array_equal(second[aggregator], wanted)


def test_what_cannot_be_taken_leaves_the_store_as_it_is(store: Path, tmp_path: Path, capsys: Capture) -> None:
    single(tmp_path / "in", "LPD00")
    single(tmp_path / "in", "LPD01", 2, missing=256 * 256 * 3 // 20 + 1)
    shutil.copy(tmp_path / "in" / "const_Offset_LPD00.h5", tmp_path / "in" / "const_Offset_LPD02.h5")
    put(tmp_path / "in")
    assert inject(tmp_path / "in", tmp_path / "out", "--confirm-units") == 1
    said = capsys.readouterr().err
    assert "has no number in 5.0% of its values; at most 5% may have none in Offset." in said
    assert "is of ePix100-Type, and constants of LPD-Type are asked for." in said
    assert "const_Offset_LPD02.h5 has the same bytes as " in said
    assert "4 files: 1 new, 3 refused." in said
    assert "2 other files cannot be taken either. Nothing was injected." in said
    assert not list(store.rglob("cal.*.h5"))
    assert LocalStore(store).find(ANY) == ()
    assert inject(tmp_path / "in", tmp_path / "out", "--modules", "0") == 1
    assert "All files that are given are injected; leave the modules out" in capsys.readouterr().err


@pytest.fixture
def kept(store: Path, tmp_path: Path) -> Path:
    """A store with an accepted offset, and a draft."""
    paths = [str(put(tmp_path / "made", 1)), str(put(tmp_path / "made", 2, in_vacuum=1.0))]
    assert main(["store", "inject", *paths]) == 0
    assert main(["store", "accept", "1"]) == 0
    return store


def export(out: Path, *more: str) -> int:
    return main(["GENERIC", "DBTOH5", "--karabo-id", DETECTOR, "--out-folder", str(out), *more])


def test_constants_are_exported_under_the_notebook_s_names(kept: Path, tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "out"
    assert export(out, "--creation-time", "2026-03-04", "--dry-run") == 0
    assert not out.exists()
    assert f"1 version of {kept} answers." in capsys.readouterr().out
    assert export(out, "--creation-time", "2026-03-04", "--constants", OFFSET, "NoiseEPix100") == 3
    said = capsys.readouterr().err
    assert f"WARN  There is no NoiseEPix100 of {UNIT} that answers; it is missing." in said
    assert "INFO  1 constant copied, 4.4 MB; 1 is missing." in said
    [copied] = out.glob("*.h5")
    np.testing.assert_array_equal(read_constant(copied).data(), LocalStore(kept).read(
        LocalStore(kept).find(ANY)[0]).data())
    rows = {row["calibration"]: row for row in csv.DictReader((out / "summary.csv").read_text().splitlines()[1:])}
    assert (rows[OFFSET]["state"], rows[OFFSET]["age [days]"], rows["NoiseEPix100"]["state"]) == (
        "accepted", "1.667", "missing")


@pytest.mark.parametrize(("more", "status", "told"), [
    (["--bias-voltage", "200", "--mem-cells", "1"], 1, "no version answers; nothing was copied."),
    (["--condition", "bias_voltage"], 1, "it takes PARAMETER=VALUE with commas between"),
    (["--condition", "exposure=1"], 1, "there is no “exposure” in an operating condition of epix100-type"),
    (["--modules", "5"], 1, "no version answers"),
    (["--versions", "2", "--layout", "facility"], 0, "1 constant copied"),
    (["--drafts", "--take", "all"], 0, "2 constants copied"),
    (["--modules", "1,5"], 3, f"There is no {OFFSET} of module 5 that answers; it is missing."),
    (["--condition", "bias_voltage=200, memory_cells=1, pixels_x=708, pixels_y=768, integration_time=50, "
      "sensor_temperature=288, in_vacuum=0"], 0, "1 constant copied"),
])
def test_what_is_asked_of_an_export(
    more: list[str], status: int, told: str, kept: Path, tmp_path: Path, capsys: Capture
) -> None:
    assert export(tmp_path / "out", *more) == status
    assert told in capsys.readouterr().err


def test_a_job_file_and_the_window_have_the_same_job(kept: Path, tmp_path: Path) -> None:
    """Progress, files, table and what is told are on the board; a job that is cancelled leaves no table."""
    out = tmp_path / "out"
    assert export(out, "--at", "2026-03-04", "--write-job", str(tmp_path / "job.json")) == 0
    assert json.loads((tmp_path / "job.json").read_text())["parameters"] == {"at": "2026-03-04"}
    job = Job(JobSpec.read(tmp_path / "job.json"))
    job.start()
    assert job.wait(60)
    assert (job.board.state, job.board.done, job.board.error) == (State.DONE, 1.0, "")
    assert [one.path.name for one in job.board.outputs][-1] == "summary.csv"
    table = job.values("files")
    assert table is not None
    assert [(row["state"], row["calibration"], row["age [days]"]) for row in table] == [("accepted", OFFSET, 1.667)]
    job.close()
    cancelled = Job(JobSpec.read(tmp_path / "job.json").model_copy(update={"out_folder": tmp_path / "other"}))
    cancelled.cancel()
    cancelled.start()
    assert cancelled.wait(60)
    assert cancelled.board.state is State.CANCELLED
    assert not list((tmp_path / "other").glob("summary.csv"))
    cancelled.close()


def test_what_is_told_of_the_facility_s_fallback(kept: Path, tmp_path: Path, capsys: Capture) -> None:
    asked = ("bias_voltage=200, memory_cells=1, pixels_x=708, pixels_y=768, integration_time=50, "
             "sensor_temperature=288, in_vacuum=1")
    assert export(tmp_path / "out", "--condition", asked, "--fallback", "in_vacuum=0") == 0
    assert "1 of 1 constants are of the other operating condition (fallback)." in capsys.readouterr().err
    assert "another: fallback" in (tmp_path / "out" / "summary.csv").read_text()


def test_types_are_told_apart() -> None:
    """What the tests stand on: modules of 256 × 256 pixels and three gain stages."""
    kind = detector_type("LPD1M")
    assert (kind.shape, len(kind.stages), kind.raw.usual(7)) == ((256, 256), 3, ("LPD07", ""))
