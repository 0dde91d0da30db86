"""Numbers of versions: those that are kept at once, all others the newest first, a while at a time, so that lines
grow."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from calib_core.constants.statistics import LineNumbers, VersionStatistics, line_numbers
from calib_core.errors import CalibrationError
from calib_core.store.local.confirmations import Confirmed
from calib_core.store.local.pieces import KeptLines
from calib_core.subjects.groups_over_time import Groups, groups_over_time
from calib_core.subjects.kept_lines import (
    OpenStores,
    confirmed_changes,
    in_store,
    kept_groups,
    kept_numbers,
    made_and_kept,
)
from calib_core.subjects.known_numbers import KnownNumbers
from calib_core.subjects.listed import Listed, Rows
from calib_core.subjects.timeline import Asked, ModuleLine, Timeline, timeline_of
from calib_core.subjects.version_list import VersionList, numbers_for


@dataclass
class Known:
    """What is known of versions so far, by their files; no file that was read is read again.

    Threads add to it one entry at a time, and nobody goes through it.

    Attributes
    ----------
    numbers : dict
        Of those that no store keeps.
    kept : dict
        What stores keep, by their folders and kinds of constants.
    groups : dict
        Of groups of pixels.
    unread : dict of Path to str
        Files without numbers, and why.
    unkept : dict of Path to str
        Versions of stores whose numbers were made here, and why they are not kept; empty where they are.
    unread_groups : dict of Path to str
        Files without groups, and why.
    stores : OpenStores
        Where it is asked.
    """

    numbers: dict[Path, LineNumbers] = field(default_factory=dict)
    kept: dict[tuple[Path, str], KeptLines] = field(default_factory=dict)
    groups: dict[Path, VersionStatistics] = field(default_factory=dict)
    unread: dict[Path, str] = field(default_factory=dict)
    unkept: dict[Path, str] = field(default_factory=dict)
    unread_groups: dict[Path, str] = field(default_factory=dict)
    stores: OpenStores = field(default_factory=OpenStores)

    @property
    def known(self) -> KnownNumbers:
        """Numbers of versions."""
        return KnownNumbers(self.numbers, self.kept)

    def lacks(self, rows: Rows, entry: int) -> list[Listed]:
        """Versions that nothing is known of, the newest first."""
        unknown = np.flatnonzero(self.known.of(rows, entry).kind < 0)
        return [one for one in map(rows.__getitem__, unknown[::-1]) if one.path not in self.unread]

    def put(self, path: Path, found: VersionStatistics | None) -> None:
        """Take the numbers of a version; of what is no stack of images there are none."""
        if found is None:
            self.unread[path] = f"{path} is no stack of images, so that it has no numbers."
        else:
            self.groups[path] = found
            self.numbers[path] = line_numbers(found)

    def lacks_kept(self, rows: Rows, entry: int) -> bool:
        """Whether stores have not been asked yet for an entry of some versions."""
        keys = [(folder, kind) for folder in rows.of_stores for kind in rows.kinds]
        return any(key not in self.kept or self.kept[key].entry != entry for key in keys)

    def take_kept(self, rows: Rows, entry: int) -> None:
        """Take what stores keep: numbers that have changed are others from now on."""
        kept = kept_numbers(rows, entry, self.stores)
        for key, found in kept.items():
            self._forget_changed(rows, key, found)
        self.kept |= kept

    def _forget_changed(self, rows: Rows, key: tuple[Path, str], found: KeptLines) -> None:
        """Forget what was known of versions whose numbers a store has made anew, or forgotten since a map came."""
        before = self.kept.get(key)
        places, numbers = rows.of_stores[key[0]]
        there, at = found.places_of(numbers)
        for place in places[there[found.versions["told"][at] == 0]].tolist():
            self.put(rows[place].path, None)
        if before is None or not np.array_equal(before.versions, found.versions):
            known = set() if before is None else set(before.versions.tolist())
            for place, version in zip(places[there].tolist(), found.versions[at].tolist(), strict=True):
                if version not in known:
                    self._forget(rows[place].path)
        for place in np.delete(places, there).tolist():
            one = rows[place]
            if one.version.calibration == key[1] and not self.unkept.get(one.path):
                self._forget(one.path)

    def _forget(self, path: Path) -> None:
        for some in (self.numbers, self.groups, self.unread_groups):
            some.pop(path, None)

    def read(self, one: Listed, versions: VersionList) -> None:
        """Read a version of a list; a store keeps the numbers of its own from now on."""
        try:
            if in_store(one):
                found, why = made_and_kept(one)
                self.unkept[one.path] = why
            else:
                found = numbers_for(one, versions)
            self.put(one.path, found)
        except CalibrationError as error:
            self.unread[one.path] = str(error)

    def read_groups(self, one: Listed) -> None:
        """Read the groups of a version; where they are gone or damaged there are none, which is told."""
        try:
            found = kept_groups(one, self.stores) if in_store(one) else None
        except CalibrationError as error:
            self.unread_groups[one.path] = str(error)
        else:
            if found is not None:
                self.groups[one.path] = found
            else:
                self.unread_groups[one.path] = f"{one.path} has no numbers of groups."


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
    unkept : tuple of str
        Versions of stores that had no numbers: for each why those made here are not kept; empty where they are.
    confirmed : tuple of (Listed, Confirmed) pairs
        Changes that were confirmed in stores.
    """

    timeline: Timeline
    lacking: int
    unread: tuple[str, ...]
    unkept: tuple[str, ...] = ()
    confirmed: tuple[tuple[Listed, Confirmed], ...] = ()


def work(versions: VersionList, rows: Rows, known: Known, asked: Asked, seconds: float) -> Worked:
    """Read some versions and make the lines; to be called away from the window's thread.

    Parameters
    ----------
    versions : VersionList
    rows : Rows
    known : Known
        Which grows.
    asked : Asked
        Versions of its operating condition come first.
    seconds : float
        How long; the version that is being read then is finished. 0 begins anew with what stores keep.
    """
    if not seconds or known.lacks_kept(rows, asked.entry):
        known.take_kept(rows, asked.entry)
    lacking = sorted(known.lacks(rows, asked.entry), key=lambda one: asked.condition not in (None, one.condition))
    for one in _while(lacking, seconds):
        known.read(one, versions)
    confirmed = tuple(confirmed_changes(rows, known.stores))
    told = (*(row for row, _ in confirmed), *told_in_files(versions, rows))
    begins = {(one.version.pdu, one.begin) for one in told}
    unread, unkept = (tuple(some[one.path] for one in rows if one.path in some) if some else ()
                      for some in (known.unread, known.unkept))
    timeline = timeline_of(rows, known.known, replace(asked, confirmed=asked.confirmed | begins))
    return Worked(timeline, len(known.lacks(rows, asked.entry)), unread, unkept, confirmed)


def told_in_files(versions: VersionList, rows: Rows) -> list[Listed]:
    """Versions at which a new reference begins as files of statistics tell it."""
    return [one for one in rows if (found := versions.numbers.get(one.path)) is not None
            and found.about.confirmed] if versions.numbers else []


def work_groups(line: ModuleLine, known: Known, asked: Asked, seconds: float) -> tuple[Groups, int]:
    """Read groups of some versions of a line, the newest first, and put together what is known of them.

    Returns
    -------
    groups : Groups
    lacking : int
        Versions whose groups were not read yet.
    """
    lacking = [one for one in reversed(line.rows) if one.path not in known.groups
               and one.path not in known.unread_groups]
    read = 0
    for one in _while(lacking, seconds):
        known.read_groups(one)
        read += 1
    return groups_over_time(line, known.groups, asked), len(lacking) - read


def _while(rows: Sequence[Listed], seconds: float) -> Iterator[Listed]:
    end = time.monotonic() + seconds
    for one in rows:
        if time.monotonic() > end:
            return
        yield one


def progress_of(worked: Worked, number: int, left_out: int) -> str:
    """How many versions are read, and what is missing of them, in words.

    Parameters
    ----------
    worked : Worked
    number, left_out : int
        Versions that are looked at, and those that are left out since they are not accepted.
    """
    unread, without = worked.unread, worked.timeline.without_map
    unkept = [why for why in worked.unkept if why]
    read = f"{number - worked.lacking:,} of " if worked.lacking else ""
    parts = [f"{read}{number:,} version{'s' * (number != 1)}{' read' if read else ''}",
             f"{left_out:,} that are not accepted left out" if left_out else "",
             f"{without:,} without a bad-pixel map: all their pixels count as good" if without else "",
             f"{len(worked.unkept):,} had no statistics in the store: made now and kept"
             if len(worked.unkept) > len(unkept) else "",
             f"{len(unkept):,} are not kept: {unkept[0]}" if unkept else "",
             f"{len(unread):,} cannot be read: {unread[0]}" if unread else ""]
    return " · ".join(filter(None, parts))
