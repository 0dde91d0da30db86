"""What is known of the numbers of listed versions: those that stores keep, and those that were read one by one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calib_core.constants.statistics import DRAWN, LineKind, LineNumbers
from calib_core.store.local.pieces import KeptLines
from calib_core.subjects.listed import Rows

#: What our own stores keep, by their folders and kinds of constants.
Kept = Mapping[tuple[Path, str], KeptLines]


@dataclass(frozen=True, eq=False)
class Numbered:
    """Numbers of an entry of listed versions.

    Attributes
    ----------
    kinds : tuple of LineKind
    kind : (versions,) int64
        Which of them each version is; negative where nothing is known.
    table : (versions, :data:`DRAWN`) float64
        NaN where nothing is known.
    """

    kinds: tuple[LineKind, ...]
    kind: NDArray[np.int64]
    table: NDArray[np.float64]

    def column(self, name: str) -> NDArray[np.float64]:
        """Numbers of a name in :data:`DRAWN`, (versions,) float64.

        Parameters
        ----------
        name : str
        """
        return self.table[:, DRAWN.index(name)]


@dataclass(frozen=True, eq=False)
class KnownNumbers:
    """Numbers of versions.

    Attributes
    ----------
    read : mapping of Path to LineNumbers
        By their files: those that no store keeps.
    kept : mapping
        Of one entry, that which is asked for.
    """

    read: Mapping[Path, LineNumbers] = field(default_factory=dict)
    kept: Kept = field(default_factory=dict)

    def of(self, rows: Rows, entry: int) -> Numbered:
        """What is known of some versions.

        Parameters
        ----------
        rows : Rows
        entry : int
            Such as that of a gain stage.
        """
        kind, table = np.full(len(rows), -1), np.empty((len(rows), len(DRAWN)))
        kinds: dict[LineKind, int] = {}
        for (folder, calibration), lines in self.kept.items():
            if folder in rows.of_stores and calibration in rows.kinds and lines.entry == entry:
                places, numbers = rows.of_stores[folder]
                there, at = lines.places_of(numbers)
                codes = np.full(max(lines.kinds, default=0) + 1, -1)
                for told, one in lines.kinds.items():
                    codes[told] = kinds.setdefault(one, len(kinds))
                kind[places[there]] = codes[lines.versions["told"][at]]
                if len(there) == len(rows):  # memory that nobody has touched is dearer than what is read
                    table = lines.numbers[at]
                else:
                    table[places[there]] = lines.numbers[at]
        table[kind < 0] = np.nan
        for place in np.flatnonzero(kind < 0).tolist() if self.read else ():
            if (found := self.read.get(rows[place].path)) is not None:
                kind[place], table[place] = kinds.setdefault(found.kind, len(kinds)), found.drawn(entry)
        return Numbered(tuple(kinds), kind, table)
