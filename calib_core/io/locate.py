"""Finding proposals and runs in the facility's folders, and understanding what operators type."""

from __future__ import annotations

import logging
import os
import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from calib_core.errors import BadInput, BadParameter

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
    return " ".join(found) if all(found) else Path(path).absolute().name


def holds_run(path: Path) -> bool:
    """Whether a folder has files of a raw or processed run, or a file is one.

    Parameters
    ----------
    path : Path
        False where it cannot be looked into.
    """
    if not path.is_dir():
        return bool(_RUN_FILE.match(path.name))
    try:
        with os.scandir(path) as entries:
            return any(_RUN_FILE.match(entry.name) for entry in entries)
    except OSError:
        return False


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


def parse_runs(text: str, root: Path | None = None) -> list[Path]:
    """Run folders that an operator means by ``p900450 r12-14``, ``900450 12 13``, or paths of run folders.

    Parameters
    ----------
    text : str
        Words separated by blanks or commas; a proposal may be followed by several runs and ranges of runs.
    root : Path, optional
        Folder above all instruments; :func:`data_root` where not given.

    Raises
    ------
    BadParameter
        The text is not understood; the message names the word and shows how to write it.
    BadInput
        The proposal or run does not exist; the message offers those nearby.
    """
    whole = text.strip()
    if os.path.isdir(whole):
        return [Path(whole)]
    found = list(_parsed(_words(whole), root))
    if not found:
        raise BadParameter(f"No run is given; {_EXAMPLE}.")
    return list(dict.fromkeys(found))


def _words(text: str) -> list[str]:
    try:
        quoted = shlex.split(text)
    except ValueError as error:
        raise BadParameter(f"{text!r} is not understood: a quotation mark is not closed; {_EXAMPLE}.") from error
    return [word for part in quoted for word in ([part] if os.path.isdir(part) else re.split(r"[,;]+", part)) if word]


def _is_path(word: str) -> bool:
    return "/" in word and not _BOTH.fullmatch(word)


def _parsed(words: list[str], root: Path | None) -> Iterator[Path]:
    folder: Path | None = None
    for word in words:
        both = _BOTH.fullmatch(word)
        if _is_path(word):
            yield _given_folder(word)
        elif both:
            folder = _proposal_folder(both[1], root)
            yield from _run_folders(both[2], folder)
        elif folder is None or word[:1] in "pP":
            folder = _proposal_folder(word, root)
        else:
            yield from _run_folders(word, folder)


def _given_folder(word: str) -> Path:
    if not word.isprintable():
        raise BadParameter(f"{word!r} is not a path: it holds characters that cannot be shown.")
    path = os.path.expanduser(word)
    if os.path.isdir(path):
        return Path(path)
    reason = "is a file; give the folder of its run" if os.path.exists(path) else "does not exist"
    raise BadInput(f"{word} {reason}.")


def _proposal_folder(word: str, root: Path | None) -> Path:
    match = _PROPOSAL.fullmatch(word)
    if not match:
        raise BadParameter(f"{word!r} is not a proposal; {_EXAMPLE}.")
    root = root or data_root()
    if root is None:
        raise BadInput(
            f"Proposal {word} cannot be looked up: {DEFAULT_ROOT} does not exist and EXTRA_DATA_DATA_ROOT names no"
            " folder; give the path of the run folder.")
    number = int(match[1])
    found = sorted(root.glob(f"*/*/p{number:06d}"))
    if not found:
        raise BadInput(f"There is no proposal {number} under {root}{_near_proposals(root, number)}.")
    return _below(found[0], root)


def _near_proposals(root: Path, number: int) -> str:
    known = sorted((e.number for e in proposals(root)), key=lambda n: abs(n - number))[:3]
    return f"; nearby are {', '.join(f'p{n:06d}' for n in sorted(known))}" if known else ""


def _run_folders(word: str, folder: Path) -> Iterator[Path]:
    match = _RUNS.fullmatch(word)
    if not match:
        raise BadParameter(f"{word!r} is not a run or a range of runs; {_EXAMPLE}.")
    first, last = int(match[1]), int(match[2] or match[1])
    if not first <= last < first + MAX_RUNS:
        raise BadParameter(f"{word!r} is not a range of runs; it takes first-last with at most {MAX_RUNS} runs.")
    for number in range(first, last + 1):
        yield _run_folder(folder, number)


def _run_folder(folder: Path, number: int) -> Path:
    path = folder / "raw" / f"r{number:04d}"
    if path.is_dir():
        return _below(path, folder.parents[2])
    known = {entry.number for entry in runs_of(folder) if entry.kind == "raw"}
    near = sorted(sorted(known, key=lambda n: abs(n - number))[:5])
    offer = f"; nearby runs are {', '.join(map(str, near))}" if near else "; it has no raw runs"
    raise BadInput(f"Proposal {folder.name} has no run {number}{offer}.")


def _below(path: Path, root: Path) -> Path:
    allowed = (root.resolve(), *STORAGE_ROOTS)
    if not any(path.resolve().is_relative_to(place) for place in allowed):
        raise BadInput(f"{path} leads out of {root}, to {path.resolve()}; give that path itself if it is meant.")
    return path
