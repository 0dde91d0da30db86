"""Files in a run's folder that are another run's or another module's: they are named and left out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from calib_core.detector import DetectorType
from calib_core.detector.registry import detector_types
from calib_core.io.files import HDF5_ERRORS, RunFile
from calib_core.io.inventory import Problem

_RUN_OF_NAME = re.compile(r"[A-Z]+-R(\d{4})-", re.ASCII)


@dataclass(frozen=True)
class Origin:
    """Run and proposal that a file says it is of; None where it does not say."""

    run: int | None
    proposal: int | None

    def agrees(self, other: Origin) -> bool:
        """Whether two files can be of one run.

        Parameters
        ----------
        other : Origin
            What it does not say contradicts nothing.
        """
        pairs = ((self.run, other.run), (self.proposal, other.proposal))
        return all(mine is None or theirs is None or mine == theirs for mine, theirs in pairs)

    def __str__(self) -> str:
        """Words for a sentence."""
        of = f" of proposal {self.proposal}" if self.proposal is not None else ""
        return f"{'no run' if self.run is None else f'run {self.run}'}{of}"


def own_files(folder: Path, files: Sequence[RunFile]) -> tuple[tuple[RunFile, ...], tuple[Problem, ...]]:
    """Tell a run's own files from those of other runs and from those whose name is another module's.

    Parameters
    ----------
    folder : Path
        Of the run; of files that are equally many its number decides.
    files : sequence of RunFile

    Returns
    -------
    files : tuple of RunFile
        Those that belong to the run, in the same order.
    problems : tuple of Problem
        R16 for each of the others.
    """
    origins = [_origin(file) for file in files]
    usual = _usual(folder, origins)
    problems = [_problem(file, origin, usual) for file, origin in zip(files, origins, strict=True)]
    mine = [file for file, problem in zip(files, problems, strict=True) if problem is None]
    swapped = {file.name: problem for file in mine if (problem := _of_another_module(file, mine))}
    told = [problem for problem in problems if problem] + list(swapped.values())
    return tuple(file for file in mine if file.name not in swapped), tuple(told)


def _origin(file: RunFile) -> Origin:
    named = _RUN_OF_NAME.match(file.path.name)
    run = _number(file, "runNumber")
    return Origin(int(named[1]) if run is None and named else run, _number(file, "proposalNumber"))


def _number(file: RunFile, key: str) -> int | None:
    with suppress(*HDF5_ERRORS):  # many old files lack it, and what is no number says nothing
        return int(file.h5[f"METADATA/{key}"][0])
    return None


def _usual(folder: Path, origins: Sequence[Origin]) -> Origin:
    """Origin of the folder's number where a file has it, else that of most files."""
    number = re.fullmatch(r"r(\d{4})", folder.name, re.ASCII)
    of_folder = [one for one in origins if number and one.run == int(number[1])]
    counted = Counter(of_folder or origins)
    return max(counted, key=lambda one: (counted[one], str(one)), default=Origin(None, None))


def _problem(file: RunFile, origin: Origin, usual: Origin) -> Problem | None:
    if origin.agrees(usual):
        return None
    return file.problem("exclude", "R16", "METADATA", f"it is of {origin}, but this run is {usual}")


def _of_another_module(file: RunFile, files: Sequence[RunFile]) -> Problem | None:
    """Problem of a file with one module's data under another module's name, where that cannot be meant."""
    for kind in detector_types():
        found = {source: match[1] for source in file.access.instrument_sources if (match := kind.raw.match(source))}
        if not found or file.aggregator not in _names(kind) - {kind.raw.usual(n)[0] for n in found.values()}:
            continue
        source, number = min(found.items())
        usual = kind.raw.usual(number)[0]
        if kind.always_whole or any(one.aggregator == usual and source in one.access.instrument_sources
                                    for one in files):
            detail = f"its name is another module's: it holds data of {usual}, {source}"
            return file.problem("exclude", "R16", "", detail)
    return None


def _names(kind: DetectorType) -> set[str]:
    """Usual aggregators of all modules of a type."""
    first = kind.raw.first_module
    return {kind.raw.usual(number)[0] for number in range(first, first + kind.max_modules)}
