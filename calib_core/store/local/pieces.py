"""Numbers of versions that lines over time are drawn of, as an index has them packed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calib_core.constants.statistics import DRAWN, LineKind
from calib_core.errors import BadInput
from calib_core.store.local.blocks import line_kind
from calib_core.store.local.index import Index
from calib_core.store.local.packing import ROWS, VERSION, is_damaged, packed


@dataclass(frozen=True, eq=False)
class KeptLines:
    """Numbers of an entry of some versions that an index keeps.

    Attributes
    ----------
    entry : int
        Such as that of a gain stage.
    versions : (n,) of int64 ``version``, int32 ``told`` and uint32 ``stamp``
        Their numbers; which kind they are of, 0 where they have no numbers; and what tells other numbers from these.
    numbers : (n, :data:`DRAWN`) float64
        NaN of what there is none, such as an entry that a version lacks.
    kinds : mapping of int to LineKind
        By ``told``.
    """

    entry: int
    versions: NDArray[Any]
    numbers: NDArray[np.float64]
    kinds: Mapping[int, LineKind]

    def places_of(self, numbers: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Which of some versions are among these, and where.

        Parameters
        ----------
        numbers : (m,) int64
            Of versions.

        Returns
        -------
        there, at : (k,) int
            Places among the numbers, and among these versions.
        """
        own = self.versions["version"]
        if np.array_equal(own, numbers):
            return np.arange(len(own)), np.arange(len(own))
        order = np.argsort(own, kind="stable")
        at = order[np.searchsorted(own, numbers, sorter=order).clip(0, len(own) - 1)] if len(own) else order
        there = np.flatnonzero(own[at] == numbers) if len(own) else at
        return there, at[there]


def lines_of(index: Index, units: Iterable[str], calibration: str, entry: int) -> KeptLines:
    """Numbers of all versions of some units and a kind.

    Parameters
    ----------
    index : Index
    units : iterable of str
    calibration : str
        The database's name.
    entry : int

    Raises
    ------
    BadInput
        The index is damaged.
    """
    asked = (json.dumps(list(units)), calibration)
    rows = index.rows(
        "SELECT s.pdu, s.calibration, s.versions, p.numbers FROM pdu u JOIN calibration k "
        "JOIN stretch s ON s.pdu = u.id AND s.calibration = k.id LEFT JOIN piece p ON p.pdu = s.pdu "
        "AND p.calibration = s.calibration AND p.entry = ? AND p.since = s.since "
        "WHERE u.name IN (SELECT value FROM json_each(?)) AND k.name = ?", (entry, *asked))
    parts = [(row["versions"], row["numbers"]) for row in rows]
    if not all(_fits(*one) for one in parts):
        every = [one for line in sorted({(row["pdu"], row["calibration"]) for row in rows})
                 for one in index.rows(ROWS, line)]
        if wrong := [row["version"] for row in every if is_damaged(row)]:
            raise BadInput(f"{index.path} has damaged numbers of version {wrong[0]}; calibwb store check --repair "
                           "forgets them, so that they are made anew.")
        versions, numbers = packed(every)
        parts = [(versions, numbers.get(entry))]
    there = np.frombuffer(b"".join([one for one, _ in parts]), VERSION)
    table = np.frombuffer(b"".join([_or_none(some, one) for one, some in parts])).reshape(-1, len(DRAWN))
    told = np.flatnonzero(np.bincount(there["told"]))
    said = index.rows("SELECT id, said FROM told WHERE id IN (SELECT value FROM json_each(?))",
                      (json.dumps(told.tolist()),))
    return KeptLines(entry, there, table, {row["id"]: line_kind(row["said"]) for row in said})


def _fits(versions: bytes | None, numbers: bytes | None) -> bool:
    """Whether a stretch is packed, and the numbers of an entry are of its versions."""
    return versions is not None and (numbers is None or len(numbers) == _bytes(versions))


def _bytes(versions: bytes) -> int:
    """Bytes of the numbers of an entry of some versions."""
    return len(versions) // VERSION.itemsize * len(DRAWN) * 8


def _or_none(numbers: bytes | None, versions: bytes) -> bytes:
    """Numbers of an entry, NaN where no version of a stretch has it."""
    return np.full(_bytes(versions) // 8, np.nan).tobytes() if numbers is None else numbers


def wrongly_packed(index: Index) -> int:
    """Lines, by unit and kind, of which something else is packed than their rows say.

    Parameters
    ----------
    index : Index
    """
    lines = index.rows("SELECT pdu, calibration FROM line UNION SELECT pdu, calibration FROM stretch")
    return sum(_is_wrong(index, tuple(line)) for line in lines)


def _is_wrong(index: Index, line: tuple[int, ...]) -> bool:
    """Whether the stretches of a line lack a row, or have something else."""
    rows = index.rows(f"{ROWS} ORDER BY begin_at, version", line)
    stretches = index.rows("SELECT since, versions FROM stretch WHERE pdu = ? AND calibration = ? ORDER BY since",
                           line)
    if not stretches or (rows and rows[0]["begin_at"] < stretches[0]["since"]):
        return True
    pieces: dict[int, dict[int, bytes]] = {}
    for since, entry, image in index.rows(
            "SELECT since, entry, numbers FROM piece WHERE pdu = ? AND calibration = ?", line):
        pieces.setdefault(since, {})[entry] = image
    ends = [*(one["since"] for one in stretches[1:]), np.inf]
    for (since, versions), end in zip(stretches, ends, strict=True):
        own, there = [row for row in rows if since <= row["begin_at"] < end], pieces.pop(since, {})
        if versions is not None and (any(map(is_damaged, own)) or (versions, there) != packed(own)):
            return True
    return bool(pieces)


