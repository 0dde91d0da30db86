"""Runs the net's cases and compares what comes out with what was recorded before the program changed its shape."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from calib_core.jobs.board import State
from calib_core.jobs.job import Job
from calib_core.jobs.spec import JobSpec
from calib_core.jobs.survey import survey
from calib_core.simulate.run import Simulated

from .cases import Case, look_up_tables
from .digests import of_constants, of_maps, of_messages

RECORD = Path(__file__).parent / "digests.json"


def spec_of(case: Case, made: Simulated, folder: Path, **changes: Any) -> JobSpec:
    """Specification of a case's job; constants go to ``folder/out``."""
    paths = [path for role, path in made.runs.items() if not case.roles or role in case.roles]
    found = survey(paths)
    made_of = found.spec(folder / "out", parameters=case.parameters, conditions=case.conditions, **changes)
    tables = {"lut": (str(tables_of(found, folder)),)} if case.table else {}
    return made_of.model_copy(update={"inputs": {**made_of.inputs, **tables}})


def tables_of(found: Any, folder: Path) -> Path:
    """Folder with the look-up tables of a survey's modules."""
    return look_up_tables(folder / "tables", tuple(module.pdu for module in found.detector.modules))


def run(spec: JobSpec, maps: Iterable[str] = ()) -> dict[str, Any]:
    """Digests of a job's constants, of some maps or all, and its sentences; the job must succeed."""
    job = Job(spec)
    job.start()
    assert job.wait(240)
    board = job.board
    assert board.state is State.DONE, board.error
    found = {"constants": of_constants(spec.out_folder), "maps": of_maps(job, maps),
             "said": of_messages(board.messages)}
    job.close()
    return json.loads(json.dumps(found))


def recorded() -> dict[str, Any]:
    """What was recorded: digests of raw runs and of cases."""
    return json.loads(RECORD.read_text("utf-8"))
