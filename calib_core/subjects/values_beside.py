"""Control values beside constants over time: what the constants recorded of them, else what their runs still tell."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calib_core.errors import BadInput, CalibrationError
from calib_core.io.run import Run
from calib_core.subjects.listed import Listed
from calib_core.subjects.version_list import stored_of

#: Versions, the newest and others spread over time, that are asked what they recorded.
_ASKED = 200


@dataclass(frozen=True, eq=False)
class ValuesBeside:
    """Values of one name, one for each moment at which versions begin to be valid.

    Attributes
    ----------
    name, unit : str
    times, values : (moments,) float64
        Seconds since 1970; NaN where nothing is told.
    recorded, of_runs : int
        Moments whose value the constants recorded, and whose is read from their runs.
    unknown : tuple of str
        Why others have none.
    """

    name: str
    unit: str
    times: NDArray[np.float64]
    values: NDArray[np.float64]
    recorded: int
    of_runs: int
    unknown: tuple[str, ...]

    @property
    def words(self) -> str:
        """How many values there are and where from, and why others are not there."""
        lacking = f"{len(self.unknown):,} without: {self.unknown[0]}" if self.unknown else ""
        return " · ".join(filter(None, (
            f"{self.name}: {self.recorded:,} recorded with the constants" if self.recorded else self.name,
            f"{self.of_runs:,} read from their runs" if self.of_runs else "", lacking)))


def names_beside(rows: Sequence[Listed]) -> dict[str, str]:
    """Names of the numbers that constants recorded of their runs, with their units; of many versions some are asked.

    Parameters
    ----------
    rows : sequence of Listed
    """
    found: dict[str, str] = {}
    for one in (*rows[:-_ASKED:max(1, len(rows) // _ASKED)], *rows[-_ASKED:]):
        for name, entry in _told(one).items():
            if _number(entry) is not None:
                found.setdefault(name, str(entry.get("unit", "")))
    return dict(sorted(found.items()))


class BesideSearch:
    """Takes or reads the values of one name, the newest first, a while at a time.

    Parameters
    ----------
    rows : sequence of Listed
        Of one kind and detector, of any operating condition.
    name : str
        As constants record it; or a control source and a key of it, with a blank between, as in ``SOURCE key.value``.
    """

    def __init__(self, rows: Sequence[Listed], name: str) -> None:
        self.name, self._unit = name, names_beside(rows).get(name, "")
        self._moments: dict[datetime, list[Listed]] = {}
        for one in rows:
            self._moments.setdefault(one.begin, []).append(one)
        self._left = sorted(self._moments)
        self._values: dict[datetime, float] = {}
        self._unknown: dict[datetime, str] = {}
        self._recorded = 0

    @property
    def lacking(self) -> int:
        """Moments that were not looked at yet."""
        return len(self._left)

    def work(self, seconds: float) -> ValuesBeside:
        """Look at some moments; the one that is looked at then is finished.

        Parameters
        ----------
        seconds : float
        """
        end = time.monotonic() + seconds
        while self._left:
            self._look(self._left.pop())
            if time.monotonic() > end:
                break
        return self._found()

    def _look(self, moment: datetime) -> None:
        known = [value for one in self._moments[moment]
                 if (value := _number(_told(one).get(self.name))) is not None]
        if known:
            self._recorded += 1
            self._values[moment] = float(np.median(known))
            return
        try:
            self._values[moment] = _of_runs(stored_of(self._moments[moment][0]).attributes, self.name)
        except CalibrationError as error:
            self._unknown[moment] = str(error)

    def _found(self) -> ValuesBeside:
        moments = sorted((*self._values, *self._unknown))
        return ValuesBeside(
            self.name, self._unit, np.array([one.timestamp() for one in moments]),
            np.array([self._values.get(one, np.nan) for one in moments], np.float64), self._recorded,
            len(self._values) - self._recorded,
            tuple(self._unknown[one] for one in sorted(self._unknown, reverse=True)))


def _told(one: Listed) -> Mapping[str, Any]:
    """What a version recorded, by the database's names."""
    return {**(one.stored.conditions if one.stored is not None else {}), **one.version.conditions}


def _number(entry: object) -> float | None:
    value = entry.get("value") if isinstance(entry, Mapping) else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _of_runs(attributes: Mapping[str, Any], name: str) -> float:
    """Median over the runs that constants were made of, each of them its median over the trains."""
    source, blank, key = name.strip().partition(" ")
    raw = attributes.get("raw_data")
    paths = [str(one["path"]) for one in raw if isinstance(one, Mapping) and one.get("path")] if isinstance(
        raw, list) else []
    if not blank:
        raise BadInput(f"{name} was not recorded with the constants, and is no control source and key with a blank "
                       "between.")
    if not paths:
        raise BadInput("The constants do not tell which runs they were made of.")
    return float(np.median([_of_run(Path(path), source, key.strip()) for path in dict.fromkeys(paths)]))


@cache
def _of_run(path: Path, source: str, key: str) -> float:
    with Run.open(path) as run:
        if not run.detectors:
            raise BadInput(f"Run {run.label} has no detector that is known.")
        told = run.control(run.detectors[0]).told(source, key.removesuffix(".value"))
        if told is None:
            raise BadInput(f"Run {run.label} tells nothing of {source} {key}.")
        if told.values.dtype.kind not in "biuf":
            raise BadInput(f"{source} {key} is no number in run {run.label}.")
        return float(np.median(told.values))
