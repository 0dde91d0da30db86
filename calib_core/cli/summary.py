"""The closing table: what jobs found, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from calib_core.axes import Array, At
from calib_core.jobs.board import Board
from calib_core.jobs.job import Job
from calib_core.jobs.outputs import told
from calib_core.jobs.plan import Plan

_FIRST, _BAD = ("Detector", "Characterisation", "Gain"), "Bad pixels"


def closing_table(jobs: Sequence[Job]) -> str:
    """Lines of a table: medians of the good pixels of all that is done, and how many are bad; dashes without any.

    Parameters
    ----------
    jobs : sequence of Job
        Not closed yet: what they found is read from their results.

    Returns
    -------
    str
        A row for each gain stage of each job, then a line for each job with its state and its files.
    """
    found = [(job, list(_rows(job, job.plan))) for job in jobs if job.plan is not None]
    columns = sorted(dict.fromkeys(name for _, rows in found for row in rows for name in row), key=_BAD.__eq__)
    lines = [columns, *([row.get(name, "–") for name in columns] for _, rows in found for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    table = ["  ".join(_aligned(text, width, i) for i, (text, width) in enumerate(zip(line, widths, strict=True)))
             for line in lines if columns]
    return "\n".join([*(text.rstrip() for text in table), *map(_closing, jobs)])


def _aligned(text: str, width: int, column: int) -> str:
    return text.ljust(width) if column < len(_FIRST) else text.rjust(width)


def _closing(job: Job) -> str:
    spec, board = job.spec, job.board
    why = f" ({board.error})" if board.error else ""
    return (f"{spec.family} {spec.method} of {spec.detector or 'no detector'}: {board.state.value}{why}, "
            f"{told(board.outputs)} written to {spec.out_folder}{warned(board)}")


def warned(board: Board) -> str:
    """End of a job's closing line: its warnings once more, each on a line, so that none is lost."""
    number = len(board.warnings)
    head = f", with {number} warning{'s' if number > 1 else ''}:"
    return "\n".join([head, *(f"  {text}" for text in board.warnings)]) if number else ""


def _rows(job: Job, plan: Plan) -> Iterator[dict[str, str]]:
    """One row for each gain stage, by heading."""
    axes, modules = plan.context.axes, [module for module in plan.modules if module is not None]
    images = [one for one in plan.results if one.pixels and not one.hidden and one.over == ("gain", "cell")]
    flags = next((one for one in images if one.role == "flags"), None)
    if flags is None or not modules:
        return
    names = (job.spec.detector or (plan.detector.identifier if plan.detector else ""),
             f"{job.spec.family} {job.spec.method}")
    for index, stage in enumerate(axes["gain"].labels):
        places: list[tuple[int, At]] = [
            (module, {"gain": index, "cell": cell}) for module in modules for cell in range(len(axes["cell"]))]
        known = [(place, flagged != 0) for place in places if (flagged := job.plane(flags.name, *place)) is not None]
        row = dict(zip(_FIRST, (*names, str(stage)), strict=True))
        written = {name for output in plan.method.outputs(plan.kind) for name in output.results}
        for one in (one for one in images if one.role == "value" and one.name in written):
            good = [values[~bad] for place, bad in known if (values := job.plane(one.name, *place)) is not None]
            row[f"{one.title} [{one.unit}]"] = _median(good)
        row[_BAD] = f"{np.mean([bad for _, bad in known]):.2%}" if known else "–"
        yield row


def _median(found: Sequence[Array]) -> str:
    values = np.concatenate(found) if found else np.empty(0)
    finite = values[np.isfinite(values)]
    return f"{np.median(finite):.2f}" if finite.size else "–"
