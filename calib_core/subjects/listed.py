"""Versions of constants in the order of time, with where they belong, and what is asked of many of them at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calib_core.detector import DetectorType
from calib_core.store.base import ConstantStore, Version
from calib_core.store.constants import StoredConstant
from calib_core.store.local.store import LocalStore
from calib_core.store.statuses import Status
from calib_core.subjects.same_conditions import Condition

_REFUSED = (Status.REJECTED, Status.WITHDRAWN)
_Places = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Listed:
    """A version of a module's constant, with where it belongs.

    Attributes
    ----------
    version : Version
        As the store knows it; a folder knows neither status nor author.
    detector : str
        Identifier; the title of the type where nothing tells it.
    kind : DetectorType, optional
        None where nothing tells the type.
    module : int
    begin : datetime
        Of its validity, aware UTC.
    condition : tuple of (str, value) pairs
        The one that it shares with others; empty until all are known.
    runs : str
        What it was made of, in words.
    stored : StoredConstant, optional
        Its file with names of its axes, where it has been read already.
    store : ConstantStore, optional
        Which reads it else, and tells its history.
    """

    version: Version
    detector: str
    kind: DetectorType | None
    module: int
    begin: datetime
    condition: Condition = ()
    runs: str = ""
    stored: StoredConstant | None = None
    store: ConstantStore | None = None

    @cached_property
    def path(self) -> Path:
        """Its file."""
        return self.version.path


class Rows(tuple[Listed, ...]):
    """Versions of one kind of a detector, in the order of time.

    What is asked of each of thousands is found once, as long as they are looked at, whichever numbers are.
    """

    @cached_property
    def seconds(self) -> NDArray[np.float64]:
        """Their begins, (versions,) seconds since 1970."""
        return np.array([one.begin.timestamp() for one in self], np.float64)

    @cached_property
    def refused(self) -> NDArray[np.bool_]:
        """Whether somebody has decided that each does not count, (versions,)."""
        return np.array([one.version.status in _REFUSED for one in self], bool)

    @cached_property
    def of_stores(self) -> Mapping[Path, tuple[_Places, NDArray[np.int64]]]:
        """Which are of our own stores, by their folders: their places among the rows, and their numbers there."""
        numbers = np.array([one.version.number for one in self], np.int64)
        stores = [one.store for one in self]
        found: dict[Path, list[_Places]] = {}
        for store in set(stores):
            if isinstance(store, LocalStore):
                found.setdefault(store.folder, []).append(np.flatnonzero([one is store for one in stores]))
        return {folder: (places, numbers[places]) for folder, places in
                ((folder, np.sort(np.concatenate(some))) for folder, some in found.items())}

    @cached_property
    def kinds(self) -> frozenset[str]:
        """Names of their kinds: one, unless somebody put several together."""
        return frozenset(one.version.calibration for one in self)

    @cached_property
    def units(self) -> tuple[tuple[tuple[int, str], ...], _Places]:
        """Modules and physical units, sorted, and which of them each version is of."""
        found = [(one.module, one.version.pdu) for one in self]
        every = tuple(sorted(set(found)))
        places = {unit: place for place, unit in enumerate(every)}
        return every, np.array([places[unit] for unit in found], np.intp)

    @cached_property
    def _by_condition(self) -> Mapping[Condition, _Places]:
        found: dict[Condition, list[int]] = {}
        for place, one in enumerate(self):
            found.setdefault(one.condition, []).append(place)
        return {condition: np.array(places, np.intp) for condition, places in found.items()}

    def conditions(self, first: Condition | None) -> list[tuple[Condition, _Places]]:
        """Places of versions by their operating condition.

        Parameters
        ----------
        first : tuple, optional
            The condition that comes first if it is there; that with the newest version comes next.
        """
        found = self._by_condition
        ordered = sorted(found, key=lambda one: (one == first, self[found[one][-1]].begin), reverse=True)
        return [(one, found[one]) for one in ordered]

    def some(self, places: NDArray[Any]) -> Rows:
        """Those at some places, in the order of these.

        Parameters
        ----------
        places : (n,) integer
        """
        if len(places) == len(self):
            return self
        chosen = Rows(itemgetter(*places.tolist())(self) if len(places) > 1 else [self[place] for place in places])
        chosen.__dict__.update(seconds=self.seconds[places], refused=self.refused[places])
        return chosen
