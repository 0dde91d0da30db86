"""From runs to an accepted constant, and from there to corrected files: a store on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from extra_data import RunDirectory

from calib_core.cli.main import main
from calib_core.jobs.plan import make_plan
from calib_core.jobs.survey import survey
from calib_core.jobs.versions import versions_of
from calib_core.simulate import default_settings, simulate

from .command import Capture, Result

DETECTOR = "SPB_IRDA_JF4M"
UNIT = f"{DETECTOR}_JNGFR01"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    settings = default_settings("JUNGFRAU").with_changes({"modules": "1", "trains": 12})
    made = simulate(settings, tmp_path_factory.mktemp("runs")).runs
    return [made[role] for role in ("high", "med", "low")]


@pytest.fixture(scope="module")
def darks(runs: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Constants of a dark job, of a temperature that the operator gave."""
    out = tmp_path_factory.mktemp("darks")
    given = [word for role, path in zip(("high", "med", "low"), runs, strict=True)
             for word in (f"--run-{role}", str(path))]
    assert main(["JUNGFRAU", "DARK", *given, "--out-folder", str(out), "--min-trains", "1", "--quiet",
                 "--sensor-temperature", "291"]) == 0
    return out


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder of the operator's own store, which is not there yet."""
    monkeypatch.setenv("CALIBWB_STORE", str(tmp_path / "store"))
    return tmp_path / "store"


def said(capsys: Capture, *words: str, status: int = 0) -> str:
    """What a command on the store prints."""
    capsys.readouterr()
    assert main(["store", *words]) == status
    return capsys.readouterr().out


def as_json(capsys: Capture, *words: str, status: int = 0) -> Any:
    return json.loads(said(capsys, *words, "--json", status=status))


def corrected(runs: list[Path], out: Path, constants: str, capsys: Capture, *more: str) -> Result:
    return Result(["JUNGFRAU", "CORRECT", "--run", str(runs[0]), "--constants", constants, "--out-folder", str(out),
                   "--sensor-temperature", "291", *more], out, capsys)


def adc(folder: Path) -> Any:
    with RunDirectory(folder) as run:
        [source] = [name for name in run.instrument_sources if "CORR" in name and "output" in name.lower()]
        return run[source, "data.adc"].ndarray()


def test_from_a_dark_to_an_accepted_constant_and_back(
    runs: list[Path], darks: Path, store: Path, tmp_path: Path, capsys: Capture
) -> None:
    table = said(capsys, "inject", str(darks), "--dry-run", status=1)
    assert table.splitlines()[0] == f"There is no store at {store} yet; it would be made."
    assert table.count(f"{UNIT} is not confirmed") == 3
    assert not store.exists()
    with pytest.MonkeyPatch.context():
        assert main(["store", "inject", str(darks)]) == 2
    assert f"Nobody has told the physical unit behind {UNIT}; name them with" in capsys.readouterr().err
    assert "unsure" not in said(capsys, "inject", str(darks), "--dry-run", "--confirm-units")
    told = said(capsys, "inject", str(darks), "--confirm-units", "--author", "anna", "--comment", "first")
    assert told.splitlines()[-1] == f"3 constants injected into {store} as drafts: versions 1–3"
    assert "Of others there are: 3 draft (--status shows" in said(capsys, "find", status=1)

    refused = corrected(runs, tmp_path / "none", "store", capsys)
    assert refused.errors == [f"{store} has no Offset Offset10Hz; it has no constants, and drafts of "
                              "BadPixelsDark10Hz, Noise10Hz, Offset10Hz (--drafts takes them)."]

    drafts = corrected(runs, tmp_path / "drafts", "store", capsys, "--drafts")
    assert drafts.status == 0
    assert len([text for text in drafts.warnings if text.endswith("is a draft that nobody has accepted.")]) == 2

    said(capsys, "accept", "1-3", "--author", "ben", "--comment", "as last week")
    accepted = corrected(runs, tmp_path / "accepted", "store", capsys)
    assert accepted.status == 0
    assert not [text for text in accepted.warnings if "draft" in text or "set is not whole" in text]
    folder = corrected(runs, tmp_path / "folder", str(darks), capsys)
    assert folder.status == 0
    for other in ("drafts", "accepted"):
        np.testing.assert_array_equal(adc(tmp_path / other), adc(tmp_path / "folder"))

    [shown] = as_json(capsys, "show", "1")
    assert [(one["status"], one["author"], one["comment"]) for one in shown["history"]] == [
        ("draft", "anna", "first"), ("accepted", "ben", "as last week")]
    assert said(capsys, "check") == f"{store}: 3 versions, all as it should be\n"


def test_files_are_found_by_their_checksums_and_decisions_are_taken_back(
    darks: Path, store: Path, capsys: Capture
) -> None:
    said(capsys, "inject", str(darks), "--confirm-units")
    manifest = next(darks.rglob("set.*.json"))
    assert said(capsys, "accept", str(manifest)).count("is accepted.") == 3
    assert [one["status"] for one in as_json(capsys, "find", "--calibration", "Offset10Hz")] == ["accepted"]
    assert said(capsys, "undo").count("is draft.") == 3
    assert main(["store", "undo"]) == 2
    assert "the last decision was taken back already" in capsys.readouterr().err
    assert said(capsys, "reject", "2").count("is rejected.") == 1
    assert main(["store", "withdraw", "1"]) == 2
    assert "is draft and cannot be withdrawn; only what is accepted can." in capsys.readouterr().err
    assert main(["store", "accept", "7"]) == 2
    assert f"{store} has no version 7." in capsys.readouterr().err
    assert "Version 3 (Offset10Hz" in said(capsys, "inject", str(darks), "--confirm-units")


def test_versions_are_found_by_condition_time_and_place(darks: Path, store: Path, capsys: Capture) -> None:
    said(capsys, "install", f"{DETECTOR}/JNGFR01", "Jungfrau_M035", "--detector-type", "jungfrau-Type", "--from",
         "2025-01-01", "--module", "1")
    said(capsys, "inject", str(darks))
    said(capsys, "accept", "1-3")
    condition = ["Sensor Bias Voltage=90", "Memory Cells=1", "Pixels X=1024", "Pixels Y=512", "Integration Time=10",
                 "Sensor temperature=295", "Gain Setting=0"]
    asked = ["find", "--karabo-id", DETECTOR, *(word for one in condition for word in ("--condition", one))]
    found = as_json(capsys, *asked, "--take", "prior", "--at", "2026-03-02T08:00:00")
    assert [(one["calibration"], one["unit"], one["aggregator"], one["module"]) for one in found] == [
        (name, "Jungfrau_M035", "JNGFR01", 1) for name in ("BadPixelsDark10Hz", "Noise10Hz", "Offset10Hz")]
    assert "no version" in said(capsys, *asked, "--take", "prior", "--at", "2026-03-02T07:59:59", status=1)
    assert len(as_json(capsys, *asked, "--take", "closest", "--at", "2026-03-02T07:59:59")) == 3
    assert "no version" in said(capsys, *asked[:-2], status=1)
    assert "no version" in said(capsys, *asked, "--snapshot", "2026-01-01", status=1)


def test_constants_of_the_unit_that_was_there_are_taken(
    runs: list[Path], darks: Path, store: Path, tmp_path: Path, capsys: Capture
) -> None:
    """The files have a name that stands in; the store knows which unit it was."""
    said(capsys, "install", f"{DETECTOR}/JNGFR01", "Jungfrau_M035", "--detector-type", "jungfrau-Type", "--from",
         "2025-01-01")
    said(capsys, "inject", str(darks))
    said(capsys, "accept", "1-3", "--author", "ben")
    done = corrected(runs, tmp_path / "out", str(store), capsys)
    assert done.status == 0
    other = corrected(runs, tmp_path / "other", str(store), capsys, "--integration-time", "10.03")
    assert "is of another operating condition than the run: Integration Time differs: 10.0 µs and 10.03 µs" in (
        other.errors[0])
    said(capsys, "install", f"{DETECTOR}/JNGFR01", "Jungfrau_M999", "--detector-type", "jungfrau-Type", "--from",
         "2026-02-01")
    gone = corrected(runs, tmp_path / "gone", str(store), capsys)
    assert "of module 1 (Jungfrau_M999); it has those of Jungfrau_M035." in gone.errors[0]
    told = corrected(runs, tmp_path / "told", str(store), capsys, "--pdu", "1=Jungfrau_M035")
    assert told.status == 0


def test_a_file_that_was_put_in_place_of_another_is_not_taken(
    runs: list[Path], darks: Path, store: Path, tmp_path: Path, capsys: Capture
) -> None:
    said(capsys, "inject", str(darks), "--confirm-units")
    said(capsys, "accept", "1-3")
    offset, noise = (Path(one["file"]) for one in as_json(capsys, "show", "3", "2"))
    offset.write_bytes(noise.read_bytes())
    done = corrected(runs, tmp_path / "out", str(store), capsys)
    assert done.errors == [f"{offset} is another file than the one that was injected as version 3: its checksum "
                           "(SHA-256) differs; calibwb store check tells more."]
    assert said(capsys, "check", status=1).splitlines()[-1] == f"{store}: 3 versions, 1 fault"


def test_versions_of_a_store_are_offered_in_place_of_the_one_that_is_taken(
    runs: list[Path], darks: Path, store: Path, tmp_path: Path, capsys: Capture
) -> None:
    said(capsys, "inject", str(darks), "--confirm-units")
    said(capsys, "accept", "1-3", "--author", "ben")
    spec = survey([runs[0]], family="JUNGFRAU", method="CORRECT").spec(
        tmp_path / "out", inputs={"run": (str(runs[0]),), "constants": ("store",)},
        conditions={"sensor_temperature": 291.0})
    assert spec.inputs["constants"] == (str(store),)
    plan = make_plan(spec)
    [offered] = versions_of(plan, 1, "Offset").found
    assert (str(offered.path), offered.age, offered.differs) == (
        as_json(capsys, "show", "3")[0]["file"], "at the begin of the run", "")
    [chosen] = [one for name, _, one in plan.before.constants[1].files() if name == "Offset"]
    assert (chosen.version.number, chosen.version.status) == (3, "accepted")
    assert f"Offset of module 1: at the begin of the run, version 3, accepted by ben ({offered.path})." in (
        plan.before.lines)
    said(capsys, "withdraw", "3")
    assert versions_of(plan, 1, "Offset").found == ()
    plan.close()


def test_what_was_taken_is_in_the_provenance(
    runs: list[Path], darks: Path, store: Path, tmp_path: Path, capsys: Capture
) -> None:
    said(capsys, "inject", str(darks), "--confirm-units")
    said(capsys, "accept", "1-3", "--author", "ben")
    done = corrected(runs, tmp_path / "out", "store", capsys)
    assert done.status == 0
    [record] = (tmp_path / "out").rglob("calibration_metadata_*.yml")
    assert as_json(capsys, "show", "3")[0]["file"] in record.read_text("utf-8")
