"""One line for the log book on what a job came to: detector, runs, condition, verdict in numbers, and the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from calib_core.constants.tested import Mark, Test, count, worst
from calib_core.jobs.board import State
from calib_core.jobs.job import Job
from calib_core.ranges import format_numbers
from calib_core.store.manifests import files_of
from calib_core.store.stated import condition_of
from calib_core.subjects.constant_sets import ConstantSet, find_sets
from calib_core.subjects.job import runs_of, runs_text
from calib_core.subjects.report import write_report
from calib_core.subjects.sign_off import SignOff

_SIGNS: Mapping[Mark, str] = {"ok": "✓", "amber": "!", "red": "✗"}


@dataclass(frozen=True)
class LogEntry:
    """A line for the log book, and where the report is; none where there are no constants."""

    line: str
    report: Path | None = None


def log_entry(job: Job, sign_off: SignOff) -> LogEntry:
    """Write the report on what a job has made by itself, take it into the store as drafts, and say it all in a line.

    Parameters
    ----------
    job : Job
        Which has ended.
    sign_off : SignOff
        Of the store that has what was accepted before, and takes the drafts where it is there, or was named.

    Returns
    -------
    LogEntry

    Raises
    ------
    BadInput, OutputFailed
        Constants cannot be read, or the report cannot be written.
    """
    board = job.board
    head = (f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", job.spec.detector,
            f"{job.spec.method} of {runs_text(runs_of(job.spec))}")
    files = files_of(board.same_as) if board.same_as else [
        one.path for one in board.outputs if one.path.name.startswith("cal.")]
    if not files:
        return LogEntry(" · ".join((*head, f"{board.state.value}: {board.error or 'no constants were written'}")))
    [found, *_] = find_sets(files)
    accepted = sign_off.accepted_before(found)
    standing = sign_off.standing(found)
    made = write_report(found, accepted, standing)
    kept = sign_off.take(found, "started by itself")
    state = "" if board.state is State.DONE or board.same_as else f"{board.state.value}: {board.error.rstrip('.')}"
    return LogEntry(" · ".join(filter(None, (
        *head, modules_text(found), condition_text(found), state, standing.word, kept,
        verdict_text(made.tests, accepted), f"report {made.path}"))), made.path)


def modules_text(found: ConstantSet) -> str:
    """Modules of a set in words.

    Parameters
    ----------
    found : ConstantSet
    """
    numbers = sorted(set(found.modules.values()))
    return f"module{'s' * (len(numbers) > 1)} {format_numbers(numbers)}"


def condition_text(found: ConstantSet) -> str:
    """Operating condition of a set as its first file tells it, values that are not sure with a question mark.

    Parameters
    ----------
    found : ConstantSet
    """
    condition = condition_of(found.kind, found.files[0])
    return ", ".join(f"{one.database_name} {one.shown(value.value)}{'' if value.sure else ' ?'}"
                     for one in condition.parameters
                     if (value := condition.values.get(one.name)) is not None)


def verdict_text(tests: Sequence[Test], accepted: ConstantSet | None) -> str:
    """Numbers of tests by what became of them, the worst of them, and what it was compared with.

    Parameters
    ----------
    tests : sequence of Test
    accepted : ConstantSet, optional
        None where nothing is accepted.
    """
    counts = count(tests)
    numbers = " ".join(f"{counts[mark]} {sign}" for mark, sign in _SIGNS.items())
    bad = sorted((one for one in worst(tests) if one.mark in ("red", "amber")), key=lambda one: one.mark != "red")
    first = f"; {bad[0].sentence.rstrip('.')}" if bad else ""
    other = f"against {accepted.title}" if accepted is not None else "nothing is accepted to compare with"
    return f"verdict {numbers} ({other}){first}"
