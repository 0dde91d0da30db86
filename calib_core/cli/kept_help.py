"""Help that was shown before is kept: it is made of declarations, and to load those takes longer than to print them.

A text is kept under a hash of all that it follows from: the words, every file of the program and its resources, what
is installed beside it, the languages, the width, and the memory that a job would take here. What has another hash is
made anew. Families of other packages are in no hash, so nothing is kept where there are any.

Of the widths of terminals a few are taken, so that ``calibwb warmup`` can keep every help for nearly all of them.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from calib_core import __version__
from calib_core.cli.printing import show_any_character
from calib_core.io.budget import default_memory_mb
from calib_core.numerics import kept_code

_HELP = ("-h", "--help")
#: Columns that help is made for; narrower and wider terminals have their own.
WIDTHS = (80, 100, 120, 160)
#: The window's words are its own.
_WINDOW = "window"
_PROGRAM = Path(__file__).resolve().parents[1]
_FOLDERS = (_PROGRAM, _PROGRAM.parent / "resources")
_ENDINGS = (".py", ".yaml")
#: What is beside a package that is installed, and tells what it adds to others.
_PACKAGES = (".dist-info", ".egg-info")
#: What argparse looks at for its own words.
_LANGUAGES = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
#: Words that this process was started with, where they ask for help.
_expected: list[str] = []


def width() -> int:
    """Columns of a help: the most of :data:`WIDTHS` that the terminal has, else its own."""
    columns = shutil.get_terminal_size().columns
    return max((one for one in WIDTHS if one <= columns), default=columns) if columns <= WIDTHS[-1] else columns


def show(words: Sequence[str]) -> bool:
    """Print the help that these words ask for, where it is kept; says whether it was.

    Parameters
    ----------
    words : sequence of str
        Of the command line, without the program's name.
    """
    if not _asked(words) or not kept_code.has_folder():
        return False
    text = kept_code.load(_name(words))
    if text is None:
        return False
    show_any_character()
    print(text.decode(), end="", flush=True)
    return True


def expect(words: Sequence[str]) -> None:
    """Keep the help that is printed from now on under these words, if they ask for help."""
    _expected[:] = words if _asked(words) else ()


def keep(text: str) -> None:
    """Keep a help that is about to be printed, where one is expected and no other package adds families.

    Parameters
    ----------
    text : str
    """
    if _expected:
        keep_for(_expected, text)


def keep_for(words: Sequence[str], text: str) -> None:
    """Keep a help of these words, where there is a folder and no other package adds families.

    Parameters
    ----------
    words : sequence of str
        With that which asks for help at their end.
    text : str
        As it is made for :func:`width`.
    """
    if kept_code.has_folder() and _is_ours_alone():
        kept_code.save(_name(words), text.encode())


def _asked(words: Sequence[str]) -> bool:
    """Whether words are names of commands and end by asking for help."""
    *commands, last = words or ("",)
    return last in _HELP and commands[:1] != [_WINDOW] and not any(word.startswith("-") for word in commands)


def _is_ours_alone() -> bool:
    """Whether no other package adds a family."""
    from calib_core.detectors import elsewhere  # it looks through all that is installed

    return not elsewhere()


def _name(words: Sequence[str]) -> str:
    """Name of the kept text, which follows from all that the text follows from."""
    follows = (*words[:-1], __version__, sys.version, width(), default_memory_mb(0),
               [os.environ.get(one) for one in _LANGUAGES], [one for one in map(_installed, sys.path) if one],
               [_files(folder) for folder in _FOLDERS])
    return hashlib.sha256(repr(follows).encode()).hexdigest() + kept_code.TEXT


def _installed(folder: str) -> list[tuple[str, int]]:
    """Packages that are installed in a folder, and when."""
    if not os.path.isdir(folder or os.curdir):
        return []
    with os.scandir(folder or os.curdir) as entries:
        return sorted((one.name, one.stat().st_mtime_ns) for one in entries if one.name.endswith(_PACKAGES))


def _files(folder: Path | os.DirEntry[str]) -> list[object]:
    """Files of a folder and of those in it, each with its time and size."""
    found: list[object] = []
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda one: one.name):
            if entry.is_dir():
                found.append((entry.name, _files(entry)))
            elif entry.name.endswith(_ENDINGS):
                status = entry.stat()
                found.append((entry.name, status.st_mtime_ns, status.st_size))
    return found
