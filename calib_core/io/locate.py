"""Finding proposals and runs in the facility's folders, and understanding what operators type."""

from __future__ import annotations

import logging
import os
import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from calib_core.errors import BadInput, BadParameter
from calib_core.plain_text import shown
from calib_core.typed import plain

log = logging.getLogger(__name__)

DEFAULT_ROOT = Path("/gpfs/exfel/exp")
#: Where the links below the root lead to at the facility (disk and archive).
STORAGE_ROOTS = (Path("/gpfs/exfel"), Path("/pnfs/xfel.eu/exfel"))
MAX_RUNS = 1000

_PROPOSAL = re.compile(r"p?(\d{1,6})", re.IGNORECASE | re.ASCII)
_RUNS = re.compile(r"r?(\d{1,4})(?:-r?(\d{1,4}))?", re.IGNORECASE | re.ASCII)
_BOTH = re.compile(r"(p\d{1,6})/(?:raw/)?(r?\d{1,4})/?", re.IGNORECASE | re.ASCII)
_PROPOSAL_FOLDER = re.compile(r"p(\d{6})", re.ASCII)
_RUN_FOLDER = re.compile(r"r(\d{4})", re.ASCII)
_RUN_FILE = re.compile(r"(RAW|CORR|PROC)-.*\.h5")
_EXAMPLE = "type for example “p900450 r12-14” or the path of a run folder"

Report = Callable[[str], None]


@dataclass(frozen=True)
class ProposalEntry:
    """A proposal's folder."""

    number: int
    instrument: str
    cycle: str
    path: Path


@dataclass(frozen=True)
class RunEntry:
    """A run's folder; ``kind`` is ``raw`` or ``proc``."""

    number: int
    path: Path
    kind: str


def data_root() -> Path | None:
    """Folder above all instruments: EXTRA_DATA_DATA_ROOT or the facility's, None where there is none."""
    named = os.environ.get("EXTRA_DATA_DATA_ROOT")
    root = Path(named) if named else DEFAULT_ROOT
    return root if root.is_dir() else None


def label(path: Path) -> str:
    """Short name of a run for the screen.

    Parameters
    ----------
    path : Path
        Run folder, also a relative one; it need not exist.

    Returns
    -------
    str
        Such as ``p900450 r0012``; the folder's name where the path does not tell both.
    """
    parts = Path(path).absolute().parts
    found = [next((p for p in reversed(parts) if rule.fullmatch(p)), "") for rule in (_PROPOSAL_FOLDER, _RUN_FOLDER)]
    return " ".join(found) if all(found) else shown(Path(path).absolute().name)


def holds_run(path: Path) -> bool:
    """Whether a folder has files of a raw or processed run, or a file is one.

    Parameters
    ----------
    path : Path
        False where it cannot be looked into.
    """
    return bool(_categories(path))


def holds_corrected(path: Path) -> bool:
    """Whether a folder has corrected files and no raw ones, or a file is a corrected one.

    Parameters
    ----------
    path : Path
        False where it cannot be looked into.
    """
    return _categories(path) == {"CORR"}


def _categories(path: Path) -> set[str]:
    """How the names of run files begin in a folder, or that of a file."""
    if not path.is_dir():
        names = [path.name]
    else:
        try:
            names = os.listdir(path)
        except OSError:
            return set()
    return {match[1] for name in names if (match := _RUN_FILE.match(name))}


def proposals(root: Path, report: Report = log.warning) -> tuple[ProposalEntry, ...]:
    """Find all proposals below a root.

    Parameters
    ----------
    root : Path
        Folder with instruments, which hold cycles, which hold proposals.
    report : callable
        Gets a sentence for each folder that cannot be read and is skipped.

    Returns
    -------
    tuple of ProposalEntry
        By number; a proposal that is in several cycles is there several times.
    """
    found = [
        ProposalEntry(int(match[1]), instrument.name, cycle.name, folder)
        for instrument in _folders(root, report)
        for cycle in _folders(instrument, report)
        for folder in _folders(cycle, report)
        if (match := _PROPOSAL_FOLDER.fullmatch(folder.name))
    ]
    return tuple(sorted(found, key=lambda entry: entry.number))


def runs_of(proposal_path: Path, report: Report = log.warning) -> tuple[RunEntry, ...]:
    """Find the raw and processed runs of a proposal.

    Parameters
    ----------
    proposal_path : Path
        Folder with ``raw`` and ``proc``, of which either may be missing.
    report : callable
        Gets a sentence for each folder that cannot be read and is skipped.

    Returns
    -------
    tuple of RunEntry
        By number, the raw one of a run first.
    """
    found = [
        RunEntry(int(match[1]), folder, kind)
        for kind in ("raw", "proc")
        if (proposal_path / kind).is_dir()
        for folder in _folders(proposal_path / kind, report)
        if (match := _RUN_FOLDER.fullmatch(folder.name))
    ]
    return tuple(sorted(found, key=lambda entry: (entry.number, entry.kind != "raw")))


def _folders(path: Path, report: Report) -> list[Path]:
    try:
        with os.scandir(path) as entries:
            return sorted(Path(e.path) for e in entries if e.is_dir())
    except OSError as error:
        report(f"Folder {path} cannot be read: {error.strerror}.")
        return []


def parse_runs(text: str | Sequence[str], root: Path | None = None) -> list[Path]:
    """Run folders that an operator means by ``p900450 r12-14``, ``900450 12 13``, or paths of run folders.

    Parameters
    ----------
    text : str or sequence of str
        Words separated by blanks or commas, or words that are separated already, as a shell hands them over; a
        proposal may be followed by several runs and ranges of runs.
    root : Path, optional
        Folder above all instruments; :func:`data_root` where not given.

    Raises
    ------
    BadParameter
        The text is not understood; the message names the word and shows how to write it.
    BadInput
        The proposal or run does not exist; the message offers those nearby.
    """
    words = [word for part in text for word in _split(part)] if not isinstance(text, str) else _words(text)
    found = list(_parsed(words, root))
    if not found:
        raise BadParameter(f"No run is given; {_EXAMPLE}.")
    return list(dict.fromkeys(found))


def _words(text: str) -> list[str]:
    """Words of a line that was typed: a folder as it is, with its blanks, else as a shell separates them."""
    if _is_folder(text.strip()):
        return [text.strip()]
    try:
        return [word for part in shlex.split(plain(text)) for word in _split(part)]
    except ValueError as error:
        raise BadParameter(f"{text!r} is not understood: a quotation mark is not closed; {_EXAMPLE}.") from error


def _split(part: str) -> list[str]:
    """Words of what is one word for a shell: paths stay whole, runs may be separated by blanks and commas."""
    if _is_folder(part):
        return [part]
    if _is_path(plain(part)):
        return [word for word in re.split(r"[,;]+", part) if word]
    return [word for word in re.split(r"[,;\s]+", plain(part)) if word]


def _is_folder(text: str) -> bool:
    try:
        return os.path.isdir(os.path.expanduser(text))
    except ValueError:  # a NUL
        return False


def _is_path(word: str) -> bool:
    return "/" in word and not _BOTH.fullmatch(word)


def _parsed(words: list[str], root: Path | None) -> Iterator[Path]:
    """Runs of words, one after the other: a word of a run belongs to the proposal before it."""
    folders: list[Path] = []
    for word in words:
        both = _BOTH.fullmatch(word)
        if _is_path(word) or (not folders and _is_folder(word) and not re.fullmatch(r"p\d+", word, re.IGNORECASE)):
            yield _given_folder(word)
        elif both:
            folders = _proposal_folders(both[1], root)
            yield from _run_folders(both[2], folders)
        elif not folders or word[:1] in "pP":
            folders = _proposal_folders(word, root)
        else:
            yield from _run_folders(word, folders)


def _given_folder(word: str) -> Path:
    if not word.isprintable():
        raise BadParameter(f"{word!r} is not a path: it holds characters that cannot be shown.")
    path = os.path.expanduser(word)
    if os.path.isdir(path):
        return Path(path)
    reason = "is a file; give the folder of its run" if os.path.exists(path) else "does not exist"
    raise BadInput(f"{word} {reason}.")


def parse_proposal(text: str) -> int:
    """Number of a proposal that is written as ``900450`` or ``p900450``; BadParameter where it is neither."""
    match = _PROPOSAL.fullmatch(plain(text))
    if not match:
        raise BadParameter(f"{text!r} is not a proposal; {_EXAMPLE}.")
    return int(match[1])


def _proposal_folders(word: str, root: Path | None) -> list[Path]:
    """Folders of a proposal: one, or several where it was given beam time in several cycles."""
    number = parse_proposal(word)
    root = root or data_root()
    if root is None:
        raise BadInput(
            f"Proposal {word} cannot be looked up: {DEFAULT_ROOT} does not exist and EXTRA_DATA_DATA_ROOT names no"
            " folder; give the path of the run folder.")
    found = sorted(root.glob(f"*/*/p{number:06d}"))
    if not found:
        raise BadInput(f"There is no proposal {number} under {root}{_near_proposals(root, number)}.")
    return [_below(folder, root) for folder in found]


def _near_proposals(root: Path, number: int) -> str:
    known = sorted((e.number for e in proposals(root)), key=lambda n: abs(n - number))[:3]
    return f"; nearby are {', '.join(f'p{n:06d}' for n in sorted(known))}" if known else ""


def _run_folders(word: str, folders: Sequence[Path]) -> Iterator[Path]:
    match = _RUNS.fullmatch(word)
    if not match:
        raise BadParameter(f"{word!r} is not a run or a range of runs; {_EXAMPLE}.")
    first, last = int(match[1]), int(match[2] or match[1])
    if not first <= last < first + MAX_RUNS:
        raise BadParameter(f"{word!r} is not a range of runs; it takes first-last with at most {MAX_RUNS} runs.")
    for number in range(first, last + 1):
        yield _run_folder(folders, number)


def _run_folder(folders: Sequence[Path], number: int) -> Path:
    """The folder of a run below that folder of its proposal that has it."""
    held = [path for folder in folders if (path := folder / "raw" / f"r{number:04d}").is_dir()]
    if len(held) > 1:
        raise BadInput(f"Run {number} of proposal {int(folders[0].name[1:])} is in several folders, "
                       f"{' and '.join(map(str, held))}; give the path of the one that is meant.")
    if held:
        return _below(held[0], held[0].parents[4])
    known = {entry.number for folder in folders for entry in runs_of(folder) if entry.kind == "raw"}
    near = sorted(sorted(known, key=lambda n: abs(n - number))[:5])
    offer = f"; nearby runs are {', '.join(map(str, near))}" if near else "; it has no raw runs"
    where = f" in any of {', '.join(map(str, folders))}" if len(folders) > 1 else ""
    raise BadInput(f"Proposal {folders[0].name} has no run {number}{where}{offer}.")


def _below(path: Path, root: Path) -> Path:
    allowed = (root.resolve(), *STORAGE_ROOTS)
    if not any(path.resolve().is_relative_to(place) for place in allowed):
        raise BadInput(f"{path} leads out of {root}, to {path.resolve()}; give that path itself if it is meant.")
    return path
