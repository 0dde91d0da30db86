"""A folder of constants, or a single file, as a store: what lies there answers, and nobody decides on it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from calib_core.store.base import Query, Version, answering
from calib_core.store.constants import StoredConstant, list_constants, read_constant
from calib_core.store.manifests import files_of, is_set
from calib_core.store.stated import understood


class Folder:
    """Constants in the facility's tree below a folder, of a set by its manifest, or of one file.

    Parameters
    ----------
    path : Path
        All of it is read when it is asked for the first time, and not again.
    """

    tells_others = True
    notes: tuple[str, ...] = ()

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def title(self) -> str:
        """The folder."""
        return str(self.path)

    @cached_property
    def stored(self) -> tuple[StoredConstant, ...]:
        """Constants that lie there, by their paths.

        Raises
        ------
        BadInput
            One of them cannot be read.
        """
        if self.path.is_dir():
            return list_constants(self.path)
        return tuple(map(read_constant, files_of(self.path) if is_set(self.path) else (self.path,)))

    @cached_property
    def _by_path(self) -> dict[Path, StoredConstant]:
        return {one.path: one for one in self.stored}

    def find(self, query: Query) -> tuple[Version, ...]:
        """Versions that answer; a folder knows neither decisions nor where units are, and has no snapshots.

        Parameters
        ----------
        query : Query
        """
        return answering(map(version_of, self.stored), query, datetime.now(UTC))

    def read(self, version: Version) -> StoredConstant:
        """The file of a version, as it was read.

        Parameters
        ----------
        version : Version
        """
        return self._by_path[version.path]

    def close(self) -> None:
        """Nothing: files are open only while they are read."""

    def units_of(self, detector: str, at: datetime | None) -> Mapping[str, str]:
        """Nothing: files do not tell where their units are.

        Parameters
        ----------
        detector : str
        at : datetime or None
        """
        return {}


def version_of(one: StoredConstant) -> Version:
    """What a file tells of itself as a version.

    Parameters
    ----------
    one : StoredConstant

    Raises
    ------
    BadInput
        It says of itself what cannot be understood.
    """
    with understood(one):
        conditions = one.conditions
    return Version(one.path, one.pdu, one.calibration, str(one.attributes.get("detector_type", "")),
                   one.begin or one.created, one.created, conditions, dataset=f"/{one.pdu}/{one.calibration}/0",
                   aggregator=str(one.attributes.get("karabo_da", "")))
