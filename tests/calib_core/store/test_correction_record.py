"""The record of a correction: EXtra finds the constants in it, and it has what the facility's own has."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml
from extra.calibration import CalibrationData

from calib_core import __version__
from calib_core.errors import OutputFailed
from calib_core.store.correction_record import Correction, RetrievedConstant, RetrievedModule, write_record

OFFSET = RetrievedConstant(Path("/store/xfel/cal/agipd-type/m435/cal.1738172761.3822575.h5"),
                           "/AGIPD_SIV1_AGIPDV12_M435/Offset/0",
                           datetime(2025, 1, 29, 18, 36, 6, tzinfo=timezone(timedelta(hours=1))), 229094)
FROM_FILE = RetrievedConstant(Path("bare.h5"), "/M1/Noise/0", datetime(2026, 2, 1, tzinfo=UTC))


def correction(folder: Path, **changes: Any) -> Correction:
    given: dict[str, Any] = {
        "detector": "SPB_DET_AGIPD1M-1", "raw": folder / "raw", "out": folder / "proc", "run": 22,
        "modules": {"AGIPD00": RetrievedModule("AGIPD_SIV1_AGIPDV12_M435", {"Offset": OFFSET}),
                    "GH200/1": RetrievedModule("M1", {"Offset": OFFSET, "Noise": FROM_FILE})},
        "parameters": {"rel_gain": True, "mem cells": 352, "max_pulses": [0, 352, 1]}, "title": "Correction",
        "author": "µ", "jobs": [{"JobID": 1, "State": "COMPLETED"}], "steps": {"request-time": "now"}}
    return Correction(**{**given, **changes})


def test_extra_finds_the_constants(tmp_path: Path) -> None:
    path = write_record(correction(tmp_path))
    assert path == tmp_path / "proc" / "calibration_metadata_SPB_DET_AGIPD1M-1.yml"
    found = CalibrationData.from_correction(path, use_calcat=False)
    assert found.detector_name == "SPB_DET_AGIPD1M-1"
    assert set(found) == {"Offset", "Noise"}
    assert list(found["Offset"].constants) == ["AGIPD00", "GH200/1"]
    one = found["Offset"].constants["AGIPD00"]
    assert (str(one.path), one.dataset, one.ccv_id, one.pdu_name) == (
        str(OFFSET.path), OFFSET.dataset, 229094, "AGIPD_SIV1_AGIPDV12_M435")
    assert one.metadata("begin_validity_at") == "2025-01-29T18:36:06.000+01:00"
    bare = found["Noise"].constants["GH200/1"]
    assert (bare.ccv_id, Path(bare.path)) == (0, Path("bare.h5").absolute())


def test_it_has_the_keys_of_the_facilitys_record(tmp_path: Path) -> None:
    record = yaml.safe_load(write_record(correction(tmp_path)).read_text())
    assert set(record) == {
        "calibration-configurations", "concurrency", "notebook", "pycalibration-version", "python-environment",
        "report-path", "reproducible", "retrieved-constants", "runtime-summary"}
    assert record["calibration-configurations"] == {
        "karabo-id": "SPB_DET_AGIPD1M-1", "karabo-da": ["AGIPD00", "GH200/1"], "in-folder": str(tmp_path / "raw"),
        "out-folder": str(tmp_path / "proc"), "run": 22, "sequences": [-1], "modules": [-1], "rel-gain": True,
        "mem-cells": 352, "max-pulses": [0, 352, 1]}
    assert record["pycalibration-version"] == f"calibwb {__version__}"
    assert set(record["python-environment"]) == {"path", "python-version"}
    assert record["notebook"] == {"author": "µ", "title": "Correction"}
    assert record["runtime-summary"] == {"calibration-jobs": [{"JobID": 1, "State": "COMPLETED"}],
                                         "pipeline-steps": {"request-time": "now"}}


def test_an_earlier_record_is_kept_unless_it_may_be_replaced(tmp_path: Path) -> None:
    path = write_record(correction(tmp_path))
    before = path.read_text()
    with pytest.raises(OutputFailed, match=r"AGIPD1M-1\.yml could not be written: it exists"):
        write_record(correction(tmp_path, run=23))
    assert path.read_text() == before
    write_record(correction(tmp_path, run=23), overwrite=True)
    assert yaml.safe_load(path.read_text())["calibration-configurations"]["run"] == 23
