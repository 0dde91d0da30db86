"""Copies of the files of a subject, where a program that reads constants finds them again."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from calib_core.errors import BadParameter, OutputFailed
from calib_core.store.files import TEMPORARY_PREFIX

#: Folders below which constants lie in the tree that EXtra reads.
_TREE = ("xfel", "cal")


def copy_files(paths: Sequence[Path], folder: Path) -> None:
    """Copy files under their own names; constants keep their tree, so that the copy opens like the original.

    Nothing is replaced: where one of the names is taken, or two files would have one name, none is copied.

    Raises
    ------
    BadParameter
        Two files would have one name.
    OutputFailed
        A name is taken, or a file cannot be copied.
    """
    targets = [folder / _place(path) for path in paths]
    for target in targets:
        if targets.count(target) > 1:
            raise BadParameter(f"Several of the files would be {target}; copy them one by one into other folders.")
        if target.exists():
            raise OutputFailed(f"{target} exists already, so nothing was copied; choose another folder.")
    for path, target in zip(paths, targets, strict=True):
        _copy(path, target)


def _place(path: Path) -> Path:
    """Tree and name of a constant, the name of any other file."""
    starts = [i for i in range(len(path.parts) - 2) if path.parts[i:i + 2] == _TREE]
    return Path(*path.parts[starts[-1]:]) if starts else Path(path.name)


def _copy(path: Path, target: Path) -> None:
    """Copy a file so that its name shows the whole content or does not exist."""
    temporary = target.with_name(TEMPORARY_PREFIX + target.name)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, temporary)
        temporary.rename(target)
    except OSError as error:
        raise OutputFailed(f"{path} could not be copied to {target}: {error.strerror or error}.") from error
    finally:
        temporary.unlink(missing_ok=True)
