"""What there is on the disk that can be looked at: constants, corrected files, selections, in one list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from calib_core.errors import CalibrationError
from calib_core.io.locate import holds_corrected, holds_run
from calib_core.subjects.base import Subject
from calib_core.subjects.constants import ConstantSet, ConstantsSubject, find_sets, holds_constants
from calib_core.subjects.corrected import CorrectedSet, CorrectedSubject, find_corrected
from calib_core.subjects.job import JobSubject
from calib_core.subjects.selected import SelectedSet, SelectedSubject, holds_selection, read_selection

#: Results that belong together; all have an identifier, a title and notes.
Found = ConstantSet | CorrectedSet | SelectedSet


def find_on_disk(paths: Sequence[Path]) -> tuple[Found, ...]:
    """Results in folders and files; reads what files tell of themselves, so it may take seconds.

    Parameters
    ----------
    paths : sequence of Path
        As :func:`~calib_core.subjects.constants.find_sets` and
        :func:`~calib_core.subjects.corrected.find_corrected` take them.

    Returns
    -------
    tuple of ConstantSet, CorrectedSet or SelectedSet
        Corrected files first, then selections, then constants, the newest first; at least one. What cannot be used
        beside what can is among the notes of the first.

    Raises
    ------
    BadInput
        A path is missing, or nothing can be used.
    """
    corrected = [path for path in paths if holds_corrected(path)]
    selections = [path for path in paths if path.is_file() and path not in corrected and holds_selection(path)]
    others = [path for path in paths if path not in (*corrected, *selections)
              or (path.is_dir() and holds_constants(path))]
    found: list[Found] = []
    failed: list[CalibrationError] = []
    _look(find_corrected, corrected, found, failed)
    _look(lambda some: tuple(map(read_selection, some)), selections, found, failed)
    _look(find_sets, others, found, failed)
    if not found:
        raise failed[0] if failed else CalibrationError("Nothing was named that could be opened.")
    told = replace(found[0], notes=(*found[0].notes, *map(str, failed)))
    return (told, *found[1:])


def _look(
    find: Callable[[Sequence[Path]], Sequence[Found]], paths: Sequence[Path], found: list[Found],
    failed: list[CalibrationError],
) -> None:
    try:
        found += find(paths) if paths else ()
    except CalibrationError as error:
        failed.append(error)


def opened(found: Found) -> Subject:
    """Results as something to be looked at.

    Parameters
    ----------
    found : ConstantSet, CorrectedSet or SelectedSet

    Returns
    -------
    Subject
    """
    if isinstance(found, SelectedSet):
        return SelectedSubject(found)
    return CorrectedSubject(found) if isinstance(found, CorrectedSet) else ConstantsSubject(found)


def lasting(subject: Subject) -> tuple[Path, ...]:
    """Files as which a subject can be opened again, by :func:`find_on_disk`.

    Parameters
    ----------
    subject : Subject

    Returns
    -------
    tuple of Path
        Of a job its constants, else its corrected files as far as they are whole; none of a preview or a pair.
    """
    if isinstance(subject, JobSubject):
        board = subject.job.board
        constants = tuple(one.path for one in board.outputs if one.what == "constant")
        return constants or tuple(subject.job.spec.out_folder / name for name in board.whole)
    return tuple(subject.files) if isinstance(subject, ConstantsSubject | CorrectedSubject | SelectedSubject) else ()


def are_results(paths: Sequence[Path]) -> bool:
    """Whether each path is a corrected file or one that is none of a run, or a folder that has constants or them.

    Parameters
    ----------
    paths : sequence of Path
        None of them has.
    """
    return bool(paths) and all(
        holds_corrected(path) or (holds_constants(path) if path.is_dir() else _is_file(path)) for path in paths)


def _is_file(path: Path) -> bool:
    return path.suffix == ".h5" and path.is_file() and not holds_run(path)
