"""Versions of a store whose statistics a job makes anew."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from calib_core.characterisation.unit import Item
from calib_core.characterisation.whole_files import KeepStatistics
from calib_core.errors import BadInput, BadParameter, OutputFailed
from calib_core.jobs.spec import JobSpec
from calib_core.jobs.whole_files import WITH_MAP, Check, Finished, Say, WholeFiles
from calib_core.ranges import parse_numbers
from calib_core.store.base import Version
from calib_core.store.local.index import is_index
from calib_core.store.local.remaking import made_words, remade, without_statistics
from calib_core.store.local.store import LocalStore


class Remade(WholeFiles):
    """Versions whose files are read one after the other.

    Parameters
    ----------
    spec : JobSpec
    method : KeepStatistics
    paths : sequence of Path
        Folder of the store.

    Raises
    ------
    BadInput, BadParameter
        There is no such store or version.
    OutputFailed
        The store cannot be written.
    """

    def __init__(self, spec: JobSpec, method: KeepStatistics, paths: Sequence[Path]) -> None:
        if spec.modules:
            raise BadParameter("Versions are named by their numbers; leave the modules out.")
        if len(paths) != 1 or not is_index(paths[0]):
            raise BadInput(f"{', '.join(map(str, paths))} is not the folder of one store, which would keep "
                           "statistics; give that into which constants are injected.")
        self._folder = paths[0]
        with closing(LocalStore(self._folder)) as store:
            if store.index.read_only:
                raise OutputFailed(f"{store.title} cannot be written: {store.index.read_only}.")
            self._versions = store.named(parse_numbers(method.versions)) if method.versions else (
                without_statistics(store))
            self._title = store.title
        self._failed: list[str] = []
        self._made = 0
        self.lines = (f"{self._title}: statistics of {self.number} version{'s' * (self.number != 1)} are made.",)

    @property
    def number(self) -> int:
        """Versions."""
        return len(self._versions)

    @property
    def largest(self) -> int:
        """Bytes of the largest file with its bad-pixel map."""
        files = (one.path for one in self._versions)
        return int(WITH_MAP * max((path.stat().st_size for path in files if path.is_file()), default=0))

    def items(self) -> Iterator[Item]:
        """Make and keep the statistics of one after the other.

        Yields
        ------
        Item
        """
        with closing(LocalStore(self._folder)) as store:
            for one, why in remade(store, self._versions):
                self._failed += [why] if why else []
                self._made += not why
                yield Item(_row(one, why))

    def finish(self, say: Say, check: Check) -> Finished:
        """Tell of how many they were made, and why of others they were not.

        Parameters
        ----------
        say, check : callable
        """
        for why in self._failed:
            say("WARN", why)
        say("INFO", f"{made_words(self._title, self._made)}.")
        return Finished(status=int(bool(self._failed)))


def _row(one: Version, why: str) -> tuple[object, ...]:
    return one.number, one.pdu, one.calibration, f"{one.begin:%Y-%m-%d %H:%M:%S}", why or "made and kept"
