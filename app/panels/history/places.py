"""Where versions are looked for: folders and stores of what is open, and the facility's database."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from app.session.sources import Source
from calib_core.errors import BadInput
from calib_core.subjects.calcat_versions import with_calcat
from calib_core.subjects.listed import Listed
from calib_core.subjects.on_disk import lasting
from calib_core.subjects.report import name_of
from calib_core.subjects.sign_off import SignOff
from calib_core.subjects.version_list import VersionList, list_versions, set_of


def found_in(places: Sequence[str], calcat: bool) -> tuple[VersionList, str, bool]:
    """What is in some places, and in the facility's database where that is asked; what it said."""
    listed = list_versions(*places)
    if not calcat:
        return listed, "", False
    beside = with_calcat(listed)
    return beside.versions, beside.sentence, beside.lacks_login


def report_on(row: Listed, among: VersionList) -> Path:
    """The report on the constants of a version that the store keeps.

    Raises
    ------
    BadInput
        There is none, or it is another file by now; or the constants are gone.
    """
    found = set_of(row, among)
    kept = SignOff().report_of(name_of(found))
    if kept is None:
        raise BadInput(f"No report on {found.title} is kept in the store; show it, and “Report” in the menu File "
                       "writes one, which is kept once something was decided.")
    return kept


def place_of(source: Source) -> str:
    """Folder of the tree that the constants of a source lie in; empty where there are none."""
    files: Sequence[Path] = lasting(source.opened) if source.opened is not None else ()
    constants = [path for path in files if path.name.startswith("cal.")]
    return str(_root_of(constants[0])) if constants else ""


def _root_of(path: Path) -> Path:
    """Folder above the tree of constants that a file lies in; its own where it lies in none."""
    folders = path.absolute().parents
    return folders[4] if len(folders) > 4 and (folders[3].name, folders[2].name) == ("xfel", "cal") else folders[0]
