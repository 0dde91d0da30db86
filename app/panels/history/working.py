"""Numbers of versions that nobody has read yet: the newest first, a while at a time, so that lines grow."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from calib_core.constants.statistics import VersionStatistics
from calib_core.errors import CalibrationError
from calib_core.subjects.timeline import Asked, Timeline, timeline_of
from calib_core.subjects.version_list import Listed, VersionList, numbers_for


@dataclass
class Known:
    """What is known of versions so far, by their files; no file that was read is read again.

    Threads add to it one entry at a time, and nobody goes through it.

    Attributes
    ----------
    numbers : dict
    unread : dict of Path to str
        Files without numbers, and why.
    """

    numbers: dict[Path, VersionStatistics] = field(default_factory=dict)
    unread: dict[Path, str] = field(default_factory=dict)

    def lacks(self, rows: Sequence[Listed]) -> list[Listed]:
        """Versions that nothing is known of, the newest first."""
        return [one for one in reversed(rows) if one.path not in self.numbers and one.path not in self.unread]

    def read(self, one: Listed, versions: VersionList) -> None:
        """Read a version of a list."""
        try:
            found = numbers_for(one, versions)
        except CalibrationError as error:
            self.unread[one.path] = str(error)
            return
        if found is None:
            self.unread[one.path] = f"{one.path} is no stack of images, so that it has no numbers."
        else:
            self.numbers[one.path] = found


@dataclass(frozen=True, eq=False)
class Worked:
    """What is known after a while of reading.

    Attributes
    ----------
    timeline : Timeline
    lacking : int
        Versions that were not read yet.
    unread : tuple of str
        Why others cannot be read.
    """

    timeline: Timeline
    lacking: int
    unread: tuple[str, ...]


def work(versions: VersionList, rows: Sequence[Listed], known: Known, asked: Asked, seconds: float) -> Worked:
    """Read some versions and make the lines; to be called away from the window's thread.

    Parameters
    ----------
    versions : VersionList
    rows : sequence of Listed
        Of one kind and detector, in the order of time.
    known : Known
        Which grows.
    asked : Asked
        Versions of its operating condition come first.
    seconds : float
        How long; the version that is being read then is finished.
    """
    end = time.monotonic() + seconds
    for one in sorted(known.lacks(rows), key=lambda one: asked.condition not in (None, one.condition)):
        if time.monotonic() > end:
            break
        known.read(one, versions)
    unread = tuple(known.unread[one.path] for one in rows if one.path in known.unread)
    return Worked(timeline_of(rows, known.numbers, asked), len(known.lacks(rows)), unread)
