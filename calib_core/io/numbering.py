"""Numbers of the files of a run: each of a source has its own, also where names and copies do not give it one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from calib_core.io.files import RunFile
from calib_core.io.inventory import Problem


def numbered(files: Sequence[RunFile]) -> tuple[tuple[RunFile, ...], tuple[Problem, ...]]:
    """Give files numbers of their own where another file of one of their sources has theirs already.

    Names alone tell sequence numbers, and a copy or a file that was renamed may have that of another file, or none.
    Work on single files goes by the number, so that two of one source must never share it.

    Parameters
    ----------
    files : sequence of RunFile
        Of a run.

    Returns
    -------
    files : tuple of RunFile
        The same in the same order; of those that share a number the first by name keeps it, and others get the
        next ones after all that there are.
    problems : tuple of Problem
        R08 for each file that has another number now.
    """
    holders: dict[tuple[str, int], RunFile] = {}
    following = max((file.sequence for file in files), default=0) + 1
    found, problems = {}, []
    for file in sorted(files, key=lambda one: (one.sequence, one.name)):
        sources = file.access.instrument_sources
        other = next((holders[key] for key in ((one, file.sequence) for one in sources) if key in holders), None)
        if other is not None:
            problems.append(_taken(file, other, following))
            file, following = replace(file, sequence=following), following + 1
        holders.update({(source, file.sequence): file for source in sources})
        found[file.path] = file
    return tuple(found[file.path] for file in files), tuple(problems)


def _taken(file: RunFile, other: RunFile, number: int) -> Problem:
    detail = f"its sequence number {file.sequence} is that of {other.name} too; it is taken for sequence {number}"
    return file.problem("warn", "R08", "", detail)
