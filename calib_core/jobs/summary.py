"""What a job came to, as plain data: for the closing table, for programs, and for the window."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from calib_core import __version__
from calib_core.jobs.board import State, Written
from calib_core.jobs.found import ModuleFound
from calib_core.jobs.job import Job
from calib_core.jobs.spec import JobSpec
from calib_core.remarks import Remark


@dataclass(frozen=True)
class Summary:
    """What a job came to.

    Attributes
    ----------
    spec : JobSpec
    detector : str
        As it was found; empty where none was.
    state : State
    error : str
        Why it failed.
    seconds : float
        From its begin to its end, or to now.
    modules : tuple of ModuleFound
        Those that are finished, by number.
    not_done : dict of int to str
        Modules that are not, and why.
    remarks : tuple of Remark
        What is remarkable of the modules, as data; the warnings have it in words.
    warnings : tuple of str
    outputs : tuple of Written
    left : str
        Which constants are there of a job that was not done.
    same_as : Path, optional
        Manifest of the set that the same job wrote before, where this one was not done for that.
    """

    spec: JobSpec
    detector: str
    state: State
    error: str
    seconds: float
    modules: tuple[ModuleFound, ...]
    not_done: dict[int, str]
    remarks: tuple[Remark, ...]
    warnings: tuple[str, ...]
    outputs: tuple[Written, ...]
    left: str = ""
    same_as: Path | None = None

    def to_json(self) -> dict[str, Any]:
        """The same as plain JSON, which knows neither NaN nor infinity: None stands for them."""
        return {
            "calibwb": __version__, "family": self.spec.family, "method": self.spec.method, "detector": self.detector,
            "state": self.state.value, "error": self.error, "seconds": round(self.seconds, 3),
            "out_folder": str(self.spec.out_folder), "inputs": {n: list(p) for n, p in self.spec.inputs.items()},
            "modules": _finite([asdict(one) for one in self.modules]),
            "not_done": {str(module): why for module, why in self.not_done.items()},
            "remarks": _finite([one.as_json() for one in self.remarks]), "warnings": list(self.warnings),
            "left": self.left, "same_as": str(self.same_as) if self.same_as else None,
            "outputs": [{**asdict(one), "path": str(one.path)} for one in self.outputs],
        }


def summary_of(job: Job) -> Summary:
    """Take what a job came to from its board; the job may have been closed."""
    board, plan = job.board, job.plan
    detector = plan.detector.identifier if plan is not None and plan.detector else job.spec.detector
    found = tuple(sorted(board.modules, key=lambda one: one.module))
    return Summary(job.spec, detector, board.state, board.error, job.seconds, found, _not_done(job),
                   board.remarks, board.warnings, board.outputs, board.left, board.same_as)


def _not_done(job: Job) -> dict[int, str]:
    plan, done = job.plan, {one.module for one in job.board.modules}
    if plan is None:
        return {}
    left = {module: job.failed.get(module, job.board.state.value) for module in plan.modules
            if module is not None and module not in done}
    return dict(sorted({**plan.left_out, **left}.items()))


def _finite(value: Any) -> Any:
    """Plain data without NaN and infinity."""
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
