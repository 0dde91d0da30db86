"""Fixtures for tests of jobs: a small camera of four modules, and jobs of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from calib_core.jobs.job import Job
from calib_core.jobs.survey import survey
from calib_core.simulate import default_settings, simulate

Start = Callable[..., Job]


@pytest.fixture(scope="package")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Runs of four modules of a small camera; not to be changed."""
    settings = default_settings("DSSC1M").with_changes({"modules": "0-3", "trains": 12, "memory_cells": 2})
    return list(simulate(settings, tmp_path_factory.mktemp("runs")).runs.values())


@pytest.fixture
def start(runs: list[Path], tmp_path: Path) -> Iterator[Start]:
    """Run a job to its end."""
    made: list[Job] = []

    def one(out: Path = tmp_path / "out", parameters: dict[str, Any] | None = None, **changes: Any) -> Job:
        made.append(Job(survey(runs).spec(out, parameters={"min_trains": 1, **(parameters or {})}, **changes)))
        made[-1].start()
        assert made[-1].wait(120)
        return made[-1]

    yield one
    for job in made:
        job.close()


def told(job: Job, level: str) -> list[str]:
    """Sentences of a level that a job told."""
    return [one.text for one in job.board.messages if one.level == level]
