"""The end of a job that takes whole files: what is written then, and the table of what became of each."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from calib_core.characterisation.family import named
from calib_core.characterisation.outputs import ExportOutput, InjectionOutput
from calib_core.jobs.board import Written
from calib_core.jobs.plan import Plan
from calib_core.jobs.results import Results
from calib_core.jobs.spec import JobSpec
from calib_core.jobs.whole_files import Check, Say, WholeFiles


def writes_files(spec: JobSpec) -> bool:
    """Whether a job writes anything; one whose specification is wrong is told of that later.

    Parameters
    ----------
    spec : JobSpec
    """
    return named(spec.family).method(spec.method).with_changes(spec.parameters).writes


def finish_whole_files(
    plan: Plan, results: Mapping[int | None, Results], say: Say, check: Check
) -> tuple[list[Written], int]:
    """Do what is done when all files were taken; what was written, and the exit status of the command.

    Parameters
    ----------
    plan : Plan
    results : mapping
        Where the rows of the table are.
    say, check : callable

    Raises
    ------
    CalibrationError
        It cannot be done.
    """
    written, status = list[Written](), 0
    tables = [one.result for one in plan.outputs if isinstance(one, ExportOutput | InjectionOutput)]
    for files in plan.source.constants.values():
        if isinstance(files, WholeFiles):
            done = files.finish(say, check)
            written += [Written(**vars(one)) for one in done.written]
            status = max(status, done.status)
            for name in tables if done.rows is not None else ():
                kind = next(one.numpy_dtype for one in plan.results if one.name == name)
                results[None].write({}, {name: np.array([tuple(row) for row in done.rows or ()], kind)})
    return written, status
