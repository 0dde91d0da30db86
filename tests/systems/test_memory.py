"""Peak memory stays within the budget, also for all 352 memory cells of a module."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from calib_core.jobs import room
from calib_core.jobs.board import State
from calib_core.jobs.plan import make_plan
from calib_core.jobs.spec import JobSpec
from calib_core.jobs.truth_constants import folder_of, write_truth
from calib_core.simulate import default_settings, simulate
from calib_core.simulate.scenes.pc import PulseCapacitor
from calib_core.simulate.scenes.photons import Photons

from .conftest import Dataset, run_job, survey

SCRIPT = textwrap.dedent("""
    import json, re, sys
    from pathlib import Path
    from calib_core.jobs.job import Job
    from calib_core.jobs.spec import JobSpec

    job = Job(JobSpec.read(Path(sys.argv[1])))
    job.start()
    job.wait()
    peak = int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024
    peak += job.plan.in_memory / (1 << 20)  # files in memory are not the process's own
    print(json.dumps({"state": job.board.state.value, "error": job.board.error, "peak": peak}))
    job.close()
""")


#: By how much peaks of the same job differ, MiB: its threads hold blocks at the same time or not, as it happens.
NOISE = 6

#: Kinds of which not even one memory cell is done with the least memory that a job may be given.
REFUSED = ("PNCCD", "FASTCCD")


@pytest.fixture(scope="module")
def whole(make_dataset: Callable[..., Dataset]) -> Dataset:
    """Two of three gain stages, whose thresholds are made; constants have the size of three all the same."""
    made = make_dataset("AGIPD1M", memory_cells=352, trains=2)
    shutil.rmtree(made.simulated.runs.pop("low"))
    return made


def peak_of(data: Dataset, folder: Path, memory_mb: int) -> float:
    """Most memory of a process that does a dark, MiB."""
    folder.mkdir(exist_ok=True)
    return peak_of_job(survey(list(data.simulated.runs.values())).spec(
        folder / "out", memory_mb=memory_mb, parameters={"min_trains": 1}), folder)


def peak_of_job(spec: JobSpec, folder: Path) -> float:
    """Most memory of a process that does a job, MiB."""
    job = folder / "job.json"
    job.write_text(spec.model_dump_json())
    done = subprocess.run([sys.executable, "-c", SCRIPT, str(job)], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["state"] == "done", found["error"]
    return float(found["peak"])


@pytest.mark.parametrize("memory_mb", [512, 1536])
def test_peak_memory_of_352_cells_stays_within_the_budget(memory_mb: int, whole: Dataset, tmp_path: Path) -> None:
    """Also where it holds no constant, which are made on the disk then."""
    assert peak_of(whole, tmp_path, memory_mb) < 1.1 * memory_mb


def test_a_correction_holds_constants_of_some_memory_cells_where_all_are_too_many(tmp_path: Path) -> None:
    """Of two files, which are corrected at the same time."""
    settings = default_settings("AGIPD1M").with_changes(
        {"modules": "2", "memory_cells": 96, "trains": 2, "trains_per_sequence": 1})
    made = simulate(settings, tmp_path / "data", scene=Photons())
    write_truth(made)
    [run] = made.runs.values()
    spec = JobSpec(family="AGIPD", method="CORRECT", out_folder=tmp_path / "out", memory_mb=900, inputs={
        "run": (str(run),), "constants": (str(folder_of(made)),)})
    planned = make_plan(spec)
    cells, needed = planned.context.cells_at_once, max(map(planned.unit_bytes, planned.units))
    planned.close()
    assert 0 < cells < 96
    assert planned.method.bytes_of_unit(planned.kind, 96) > 600 << 20
    assert needed < 700 << 20
    assert peak_of_job(spec, tmp_path) < 1.1 * 900


def test_series_of_a_scan_are_cut_into_blocks_that_the_budget_holds(tmp_path: Path) -> None:
    """Those of all memory cells at once would take more; one run in eight of the scan is there, which saves time."""
    cells, trains, memory_mb = 10, 70, 384
    settings = default_settings("AGIPD500K").with_changes({
        "modules": "3", "memory_cells": cells, "frames_per_train": cells, "trains": trains})
    [run] = simulate(settings, tmp_path / "data", scene=PulseCapacitor(step_charge=30.0, order="3")).runs.values()
    spec = JobSpec(family="AGIPD", method="PC", out_folder=tmp_path / "out", memory_mb=memory_mb, threads=2,
                   inputs={"scan": (str(run),)})
    with closing(make_plan(spec)) as planned:
        assert 4 * cells * trains * planned.detector_type.pixels > planned.room
    assert peak_of_job(spec, tmp_path) < 1.1 * memory_mb


def test_peak_memory_of_the_robust_estimator_does_not_grow_with_the_trains(
    make_dataset: Callable[..., Dataset], tmp_path: Path
) -> None:
    """From 30, all of which are kept for the gate, to 240, of which 128 are: blocks have fewer memory cells then.

    As many threads as processors, as a job has that says nothing of them. As many files are open.
    """
    few, many = (
        peak_of(make_dataset("DSSC1M", memory_cells=12, trains=n, trains_per_sequence=n), tmp_path / str(n), 768)
        for n in (30, 240))
    assert many < 1.05 * few + NOISE


def test_peak_memory_of_a_correction_does_not_grow_with_the_trains(tmp_path: Path) -> None:
    """Of the looked-through frames nothing stays but sums."""
    peaks = []
    for trains in (60, 180):
        settings = default_settings("AGIPD1M").with_changes(
            {"modules": "2", "memory_cells": 4, "trains": trains, "trains_per_sequence": 60})
        made = simulate(settings, tmp_path / f"data{trains}", scene=Photons())
        write_truth(made)
        [run] = made.runs.values()
        folder = tmp_path / str(trains)
        folder.mkdir()
        peaks.append(peak_of_job(JobSpec(
            family="AGIPD", method="CORRECT", out_folder=folder / "out", memory_mb=1024, threads=1,
            inputs={"run": (str(run),), "constants": (str(folder_of(made)),)}), folder))
    assert peaks[1] < 1.05 * peaks[0]


@pytest.mark.parametrize(("kind", "changes"), [
    ("PNCCD", {"trains": 90}), ("FASTCCD", {"trains": 16}), ("LPD1M", {"trains": 12, "memory_cells": 40}),
])
def test_each_kind_of_dark_stays_within_the_budget_that_it_asks_for(
    kind: str, changes: dict[str, int], make_dataset: Callable[..., Dataset], tmp_path: Path
) -> None:
    data = make_dataset(kind, **{"modules": "0", **changes})
    spec = survey(list(data.simulated.runs.values())).spec(tmp_path / "tried", memory_mb=384)
    board = run_job(spec).board
    assert (board.state is State.FAILED) == (kind in REFUSED)
    assert bool(list(spec.out_folder.rglob("*.h5"))) == (kind not in REFUSED)
    enough = 384
    if board.error:
        assert "memory_mb = 384 is too small" in board.error
        enough = int(board.error.split("budget of ")[1].split(" MiB")[0])
    assert peak_of(data, tmp_path, enough) < 1.1 * enough


def test_what_the_process_holds_already_takes_a_quarter_of_the_budget_at_most(
    monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "resident_bytes", lambda: 100 << 20)
    assert room.room_of(2048 << 20) == 1808 << 20
    monkeypatch.setattr(room, "resident_bytes", lambda: 400 << 20)
    assert room.room_of(2048 << 20) == 1648 << 20
    monkeypatch.setattr(room, "resident_bytes", lambda: 9000 << 20)
    assert room.room_of(2048 << 20) == 1536 << 20
