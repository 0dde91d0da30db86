"""Simulated dark runs and the jobs that characterise them, made once for all tests of systems."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from calib_core.jobs.board import Board, State
from calib_core.jobs.job import Job
from calib_core.jobs.spec import JobSpec
from calib_core.jobs.survey import survey
from calib_core.simulate.run import Simulated, simulate
from calib_core.simulate.settings import default_settings
from calib_core.simulate.truth_file import Truth, read_truth
from calib_core.store.constants import StoredConstant, read_constant


@dataclass
class Outcome:
    """A finished job with its constants by (PDU, kind)."""

    spec: JobSpec
    board: Board
    constants: dict[tuple[str, str], StoredConstant]

    def values(self, kind: str, pdu: str | None = None) -> Any:
        """Values of the only constant of a kind, or of one PDU's."""
        [found] = [c for (p, k), c in self.constants.items() if k == kind and pdu in (None, p)]
        return found.values()

    def counts(self, kind: str) -> Any:
        """Samples behind the values of the only constant of a kind."""
        [found] = [c for (_, k), c in self.constants.items() if k == kind]
        return found.count()


def run_job(spec: JobSpec) -> Outcome:
    """Run a job to its end."""
    job = Job(spec)
    job.start()
    assert job.wait(240)
    board = job.board
    job.close()
    stored = [read_constant(one.path) for one in board.outputs]
    return Outcome(spec, board, {(c.pdu, c.attributes["kind"]): c for c in stored})


def characterise(simulated: Simulated, out: Path, **changes: Any) -> Outcome:
    """Darks of simulated runs; they must succeed."""
    inputs = changes.pop("inputs", {})
    spec = survey(list(simulated.runs.values())).spec(out, **changes)
    spec = spec.model_copy(update={"inputs": {**spec.inputs, **inputs}})
    outcome = run_job(spec)
    assert outcome.board.state is State.DONE, outcome.board.error
    return outcome


@dataclass
class Dataset:
    """Simulated runs with their truth."""

    simulated: Simulated
    truth: Truth
    module: int


@pytest.fixture(scope="session")
def make_dataset(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Dataset]:
    """Simulate dark runs of one module of a detector type, with changed settings."""

    def make(kind: str, **changes: Any) -> Dataset:
        settings = default_settings(kind).with_changes({"modules": "2", **changes})
        made = simulate(settings, tmp_path_factory.mktemp(kind.lower()))
        return Dataset(made, read_truth(made.truth_file), settings.module_numbers[0])

    return make


CLEAN = {
    "AGIPD1M": {"memory_cells": 4, "trains": 160, "dead_block_module": 2},
    "JUNGFRAU": {"memory_cells": 1, "trains": 160},
}


@pytest.fixture(scope="session", params=sorted(CLEAN))
def clean(request: pytest.FixtureRequest, make_dataset: Callable[..., Dataset]) -> Dataset:
    """Dark runs without outliers, long enough for pulls of noise: their mean falls as 0.35/√n."""
    return make_dataset(request.param, **CLEAN[request.param])


@pytest.fixture(scope="session")
def darks(clean: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """Their constants."""
    return characterise(clean.simulated, tmp_path_factory.mktemp("constants"))


@pytest.fixture(scope="session")
def small_runs(make_dataset: Callable[..., Dataset]) -> dict[str, Path]:
    """Dark runs of two modules in three sequences of 5, 5 and 2 trains; not to be changed."""
    made = make_dataset("AGIPD1M", modules="1-2", memory_cells=1, trains=12, trains_per_sequence=5)
    return made.simulated.runs
