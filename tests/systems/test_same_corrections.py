"""Corrected files of all families have the same bits, however a job is cut, started, or killed and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calib_core.cli.command_line import command_line
from calib_core.cli.main import main
from calib_core.jobs import plan as planning
from calib_core.jobs.board import State
from calib_core.jobs.job import Job
from calib_core.jobs.spec import JobSpec
from calib_core.store.corrected import SourceWriter
from tests.light_of_families import FAMILIES, Content, content, light_of, spec_of

pytestmark = pytest.mark.usefixtures("few_columns")
#: Steps that are off by default and look at many frames.
STEPS: dict[str, dict[str, Any]] = {"AGIPD": {"cm": True, "mask_zero_std": True, "blc_noise": True}}


def assert_same(folder: Path, whole: Content) -> None:
    again = content(folder)
    assert again.keys() == whole.keys()
    for file, arrays in whole.items():
        assert again[file].keys() == arrays.keys()
        for name, values in arrays.items():
            np.testing.assert_array_equal(again[file][name], values, err_msg=f"{file} {name}")
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []


def run(spec: JobSpec) -> None:
    job = Job(spec)
    job.start()
    job.wait()
    job.close()
    assert job.board.state is State.DONE, job.board.error


@dataclass
class Case:
    """A job, what it leaves undisturbed with one thread, and how often it writes frames then."""

    spec: JobSpec
    whole: Content
    writes: int

    def again(self, folder: Path, **changes: Any) -> JobSpec:
        return self.spec.model_copy(update={"out_folder": folder, **changes})


@pytest.fixture(scope="module", params=FAMILIES)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    folder = tmp_path_factory.mktemp(request.param)
    made = light_of(request.param, folder / "light")
    spec = spec_of(request.param, made, folder / "whole", **STEPS.get(request.param, {}))
    writes: list[int] = []
    with pytest.MonkeyPatch.context() as patched:
        write = SourceWriter.write
        patched.setattr(SourceWriter, "write", lambda self, *words: (writes.append(1), write(self, *words))[1])
        run(spec.model_copy(update={"threads": 1, "memory_mb": 2048}))
    found = content(folder / "whole")
    assert len(found) >= 2
    assert any(values.dtype == np.float32 and len(np.unique(values)) > 100
               for arrays in found.values() for values in arrays.values())
    return Case(spec, found, len(writes))


@pytest.mark.parametrize(("threads", "memory_mb", "chunk"), [(1, 2048, 1), (2, 700, 1 << 22), (8, 6144, 1 << 28)])
def test_any_length_of_chunks_number_of_threads_and_budget(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: int, memory_mb: int, chunk: int
) -> None:
    monkeypatch.setattr(planning, "chunk_bytes_of", lambda spec, frame_bytes: max(frame_bytes, chunk))
    run(case.again(tmp_path, threads=threads, memory_mb=memory_mb))
    assert_same(tmp_path, case.whole)


def test_constants_of_blocks_of_memory_cells(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "_cells_at_once", lambda _: 1)
    run(case.again(tmp_path, threads=2))
    assert_same(tmp_path, case.whole)


def test_the_command_that_the_job_tells(case: Case, tmp_path: Path) -> None:
    words = command_line(case.again(tmp_path)).split()
    assert main(words[1:]) == 0
    assert_same(tmp_path, case.whole)


#: A process that is killed when it has written frames so often.
KILLED = textwrap.dedent("""
    import os, signal, sys
    from pathlib import Path
    from calib_core.jobs.job import Job
    from calib_core.jobs.spec import JobSpec
    from calib_core.store.corrected import SourceWriter
    sys.path.append(sys.argv[3])
    from small_modules import few_columns
    write, left = SourceWriter.write, [int(sys.argv[2])]
    def counting(self, *words):
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        write(self, *words)
    SourceWriter.write = counting
    with few_columns():
        job = Job(JobSpec.read(Path(sys.argv[1])))
        job.start()
        job.wait()
        job.close()
""")


def test_a_job_that_is_killed_while_it_writes_and_started_again(case: Case, tmp_path: Path) -> None:
    out, job = tmp_path / "out", tmp_path / "job.json"
    out.mkdir()
    spec = case.again(out, threads=1, memory_mb=2048)
    job.write_text(spec.model_dump_json())
    done = subprocess.run([sys.executable, "-c", KILLED, str(job), str(int(case.writes * 0.7)),
                           str(Path(__file__).parents[1])], check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    half = list(out.glob(".calibwb-tmp-*"))
    assert half, "it was to be killed while it wrote"
    for path in half:  # an hour later it is nobody's
        os.utime(path, (0, 0))
    there = content(out)
    assert there.keys() < case.whole.keys()
    for file, arrays in there.items():
        for name, values in arrays.items():
            np.testing.assert_array_equal(values, case.whole[file][name], err_msg=f"{file} {name}, before")
    run(spec)
    assert_same(out, case.whole)
