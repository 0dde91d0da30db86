"""The same job gives the same bits, however it is started and cut into pieces."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calib_core.cli.command_line import command_line
from calib_core.cli.main import main
from calib_core.jobs import plan as planning
from calib_core.jobs.spec import JobSpec
from calib_core.jobs.survey import survey
from calib_core.store.constants import list_constants

from .conftest import Dataset, run_job

#: Fewer gate samples than trains, so that both passes are taken.
PARAMETERS = {"gate_samples": 9, "max_lost": 50}


def arrays(folder: Path) -> dict[str, Any]:
    return {f"{c.pdu}/{c.calibration}": c.values() for c in list_constants(folder)}


@pytest.fixture(scope="module", ids=["signal", "bits"], params=[
    ("AGIPD1M", {"memory_cells": 5}), ("GOTTHARD2_25UM", {"frames_per_train": 4})])
def spec(
    request: pytest.FixtureRequest, make_dataset: Callable[..., Dataset], tmp_path_factory: pytest.TempPathFactory
) -> JobSpec:
    kind, changes = request.param
    data = make_dataset(kind, modules="1-2", trains=21, outlier_share=0.01, lost_trains=0.1, **changes)
    found = survey(list(data.simulated.runs.values()))
    return found.spec(tmp_path_factory.mktemp("reference"), parameters=PARAMETERS)


@pytest.fixture(scope="module")
def reference(spec: JobSpec) -> dict[str, Any]:
    run_job(spec.model_copy(update={"threads": 1}))
    found = arrays(spec.out_folder)
    assert len(found) == 2 * len({name.split("/")[1] for name in found}) > 0
    return found


def assert_same(reference: dict[str, Any], folder: Path) -> None:
    found = arrays(folder)
    assert found.keys() == reference.keys()
    for name, values in found.items():
        np.testing.assert_array_equal(values, reference[name], err_msg=name)


@pytest.mark.parametrize(("threads", "memory_mb"), [(2, 2048), (8, 512), (1, 384)])
def test_any_number_of_threads_and_any_budget(
    spec: JobSpec, reference: dict[str, Any], tmp_path: Path, threads: int, memory_mb: int
) -> None:
    run_job(spec.model_copy(update={"threads": threads, "memory_mb": memory_mb, "out_folder": tmp_path}))
    assert_same(reference, tmp_path)


@pytest.mark.parametrize("chunk_bytes", [1, 1 << 20, 1 << 28])
def test_any_length_of_chunks(spec: JobSpec, reference: dict[str, Any], tmp_path: Path, chunk_bytes: int,
                              monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "chunk_bytes_of", lambda *_: chunk_bytes)
    run_job(spec.model_copy(update={"out_folder": tmp_path}))
    assert_same(reference, tmp_path)


def test_blocks_of_one_cell(spec: JobSpec, reference: dict[str, Any], tmp_path: Path,
                            monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "cells_of", lambda chunk_bytes, frame_bytes: 1)
    run_job(spec.model_copy(update={"out_folder": tmp_path}))
    assert_same(reference, tmp_path)


def test_the_command_line(spec: JobSpec, reference: dict[str, Any], tmp_path: Path) -> None:
    runs = [word for name in spec.inputs for word in (f"--run-{name}", spec.paths(name)[0].name.lstrip("r0"))]
    folder = spec.paths(next(iter(spec.inputs)))[0].parent
    status = main([spec.family, spec.method, "--in-folder", str(folder), *runs, "--out-folder", str(tmp_path),
                   "--gate-samples", "9", "--max-lost", "50"])
    assert status == 0
    assert_same(reference, tmp_path)


def test_the_command_that_a_job_tells(spec: JobSpec, reference: dict[str, Any], tmp_path: Path) -> None:
    words = command_line(spec.model_copy(update={"out_folder": tmp_path})).split()
    assert words[0] == "calibwb"
    assert main(words[1:]) == 0
    assert_same(reference, tmp_path)


def test_a_job_file(spec: JobSpec, reference: dict[str, Any], tmp_path: Path) -> None:
    job = tmp_path / "job.json"
    job.write_text(spec.model_copy(update={"out_folder": tmp_path / "out"}).model_dump_json())
    assert main(["run", str(job)]) == 0
    assert_same(reference, tmp_path / "out")
