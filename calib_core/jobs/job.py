"""A job: it surveys its runs, plans work units, runs them in threads, and writes constants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from calib_core.characterisation.method import MapSpec, Method
from calib_core.condition import Condition
from calib_core.detector import Detector
from calib_core.jobs.board import Board, View
from calib_core.jobs.spec import JobSpec

Array = npt.NDArray[Any]


class Job:
    """One run of a :class:`JobSpec`; safe to use from the thread that watches it.

    Attributes
    ----------
    spec : JobSpec
    plan : Plan, optional
        None until the input has been surveyed.
    """

    def __init__(self, spec: JobSpec) -> None:
        self.spec = spec
        self.plan: Any = None
        self.board = Board()

    def start(self) -> None:
        """Start in a thread of its own and return at once."""

    def look_at(self, view: View) -> None:
        """Say what is being looked at; its picture comes on the board as soon as there is one."""

    def cancel(self) -> None:
        """Ask the job to stop; nothing half-written remains."""

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the end; False where the time ran out first."""
        return True

    def close(self) -> None:
        """Cancel, wait, and free the scratch space."""
