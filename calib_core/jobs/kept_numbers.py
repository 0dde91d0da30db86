"""Numbers of versions that a store keeps, so that a history of them opens no file of a constant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from calib_core.numerics.group_statistics import Cut
from calib_core.store.about import CONFIRMED
from calib_core.store.base import ConstantStore, Query, Version
from calib_core.store.constants import StoredConstant
from calib_core.store.local.confirmations import confirmed
from calib_core.store.local.lines import Kept
from calib_core.store.local.store import LocalStore


@dataclass(frozen=True)
class KeptNumbers:
    """Versions of a store, and what it keeps of their numbers.

    Attributes
    ----------
    store : ConstantStore
    versions : mapping of Path to Version
        By their files.
    kept : mapping of Path to Kept
        Of those that there are numbers of.
    confirmed : frozenset of int
        Numbers of the versions at which a new reference begins.
    """

    store: ConstantStore
    versions: Mapping[Path, Version] = field(default_factory=dict)
    kept: Mapping[Path, Kept] = field(default_factory=dict)
    confirmed: frozenset[int] = frozenset()

    @property
    def keeps(self) -> bool:
        """Whether the store is one that keeps numbers."""
        return isinstance(self.store, LocalStore)

    def stored(self) -> list[StoredConstant]:
        """What the files of all versions tell, which are opened where the store does not know it.

        Raises
        ------
        BadInput
            A file is gone or damaged.
        """
        return [self._told(self.kept[path].stored(one), one) if path in self.kept else self.read(path)
                for path, one in self.versions.items()]

    def read(self, path: Path) -> StoredConstant:
        """What a file tells.

        Parameters
        ----------
        path : Path
            Of a version.

        Raises
        ------
        BadInput
            It is gone, damaged or another one.
        """
        one = self.versions[path]
        return self._told(replace(self.store.read(one), pdu=one.pdu), one)

    def _told(self, stored: StoredConstant, one: Version) -> StoredConstant:
        """With what the store alone knows."""
        if one.number not in self.confirmed:
            return stored
        return replace(stored, attributes={**stored.attributes, CONFIRMED: True})

    def fitting(self, path: Path, map_: StoredConstant | None, cut: Cut) -> Kept | None:
        """What is kept of a version with a bad-pixel map, cut into some groups; None where that is not kept.

        Parameters
        ----------
        path : Path
        map_ : StoredConstant, optional
        cut : Cut
        """
        found = self.kept.get(path)
        if found is None or found.cut != cut:
            return None
        with_map = None if map_ is None else self.versions[map_.path].number
        return found if found.map == with_map else None


def kept_numbers(store: ConstantStore) -> KeptNumbers:
    """All versions of a store, and what it keeps of them; of a folder of files nothing.

    Parameters
    ----------
    store : ConstantStore
    """
    found: Sequence[Version] = store.find(Query(take="all"))
    versions = {one.path: one for one in found}
    if not isinstance(store, LocalStore):
        return KeptNumbers(store, versions)
    kept = store.lines.of(one.number for one in found)
    return KeptNumbers(store, versions, {one.path: kept[one.number] for one in found
                                         if one.number in kept and kept[one.number].numbers is not None},
                       frozenset(one.version for one in confirmed(store)))
