"""Where versions are looked for: folders and stores of what is open, and the facility's database."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from app.session.sources import Source
from calib_core.subjects.calcat_versions import with_calcat
from calib_core.subjects.on_disk import lasting
from calib_core.subjects.version_list import VersionList, list_versions


def found_in(places: Sequence[str], calcat: bool) -> tuple[VersionList, str, bool]:
    """What is in some places, and in the facility's database where that is asked; what it said."""
    listed = list_versions(*places)
    if not calcat:
        return listed, "", False
    beside = with_calcat(listed)
    return beside.versions, beside.sentence, beside.lacks_login


def place_of(source: Source) -> str:
    """Folder of the tree that the constants of a source lie in; empty where there are none."""
    files: Sequence[Path] = lasting(source.opened) if source.opened is not None else ()
    constants = [path for path in files if path.name.startswith("cal.")]
    return str(_root_of(constants[0])) if constants else ""


def _root_of(path: Path) -> Path:
    """Folder above the tree of constants that a file lies in; its own where it lies in none."""
    folders = path.absolute().parents
    return folders[4] if len(folders) > 4 and (folders[3].name, folders[2].name) == ("xfel", "cal") else folders[0]
