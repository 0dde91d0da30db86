"""Numbers of a constant over its versions: which of them are comparable, and what has changed in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calib_core.numerics.changes import Change, Reference, Rule, changes, reference_of, scores
from calib_core.resource_files import read_resource

_Array = NDArray[Any]
_NO_RULE = ("source", "exchange")


def change_rule() -> Rule:
    """The rule that ``resources/statistics/changes`` has."""
    return Rule(**{name: value for name, value in read_resource("statistics", "changes").items()
                   if name not in _NO_RULE})


@dataclass(frozen=True)
class Comparable:
    """What versions have in common that are compared: others never share a line.

    Attributes
    ----------
    unit, calibration : str
        Physical detector unit, and name in the database.
    condition : tuple of (str, float or str) pairs
        What the database's queries of this calibration have, sorted by name.
    shape : tuple of (str, int) pairs
        Axes and their lengths.
    """

    unit: str
    calibration: str
    condition: tuple[tuple[str, float | str], ...] = ()
    shape: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Judged:
    """What the versions of a line tell.

    Attributes
    ----------
    score : (versions,) float64
        NaN where a version has no value, or there is no reference for it.
    number : (versions,) int64
        Versions behind each score; those without a value are not counted.
    changes : tuple of Change
        Their versions are indices of the line.
    references : tuple of (int, Reference) pairs
        Index of the version from which on each is in force; the last may be forming.
    rule : Rule
    """

    score: NDArray[np.float64]
    number: NDArray[np.int64]
    changes: tuple[Change, ...]
    references: tuple[tuple[int, Reference], ...]
    rule: Rule

    @property
    def forming(self) -> str:
        """Words on a reference that is not there yet; empty where it is."""
        versions = self.references[-1][1].versions
        needed = self.rule.reference
        return f"reference forming, {versions} of {needed}" if versions < needed else ""

    @property
    def blind(self) -> str:
        """Words on versions that go together so much that no change would be told; empty where one would be."""
        reference = self.references[-1][1]
        if self.forming or reference.largest(self.rule) > self.rule.amber:
            return ""
        return f"no change can be told, neighbouring versions have a correlation of {reference.correlation:.1f}"

    @property
    def now(self) -> Change | None:
        """The change that the newest version still shows, of those that have a value."""
        scored = np.flatnonzero(np.isfinite(self.score))
        return next((one for one in self.changes if one.until == scored[-1]), None)


def judged(
    values: _Array, errors: _Array, rule: Rule, confirmed: Sequence[int] = (), before: Judged | None = None
) -> Judged:
    """Judge the versions of a line.

    Parameters
    ----------
    values : (versions,) float64
        In the order of time; NaN where a version has none, which is passed over.
    errors : (versions,) float64
        Counting errors in the same unit, 0 where nothing is counted.
    rule : Rule
    confirmed : sequence of int
        Indices of versions at which somebody confirmed a change: each begins a new reference.
    before : Judged, optional
        What was found of fewer versions of the same line with the same confirmations: those that have a score keep
        it, so that a new version costs little.

    Returns
    -------
    Judged

    Raises
    ------
    ValueError
        Values and errors are not of the same versions, or a confirmed change is of none of them.
    """
    values, errors = np.asarray(values, np.float64), np.asarray(errors, np.float64)
    if values.ndim != 1 or values.shape != errors.shape:
        raise ValueError(f"values of {values.shape} have errors of {errors.shape}")
    if wrong := [index for index in confirmed if not 0 <= index < len(values)]:
        raise ValueError(f"a change was confirmed at version {wrong[0]} of {len(values)}")
    score, number = np.full(len(values), np.nan), np.zeros(len(values), np.int64)
    if before is not None:
        score[:len(before.score)], number[:len(before.number)] = before.score, before.number
    found, references = list[Change](), list[tuple[int, Reference]]()
    for begin, end in pairwise((*sorted({0, *confirmed}), len(values))):
        places = begin + np.flatnonzero(np.isfinite(values[begin:end]))
        reference = reference_of(values[places], errors[places], rule)
        references.append((begin, reference))
        known = 0 if before is None else int(np.count_nonzero(places < len(before.score)))
        score[places[known:]], number[places[known:]] = scores(values[places], reference, rule, known)
        found += [_at(one, places) for one in changes(
            values[places], score[places], number[places], reference, rule)]
    return Judged(score, number, tuple(found), tuple(references), rule)


def _at(change: Change, places: _Array) -> Change:
    """A change with the indices of all versions, those without a value among them."""
    start, seen, until = (int(places[index]) for index in (change.start, change.seen, change.until))
    return replace(change, start=start, seen=seen, until=until)


def share_line(bad: _Array, total: _Array) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Shares as numbers that may be added up: their logits, with the errors of counting.

    Half a pixel is added on either side, so that none and all have a number too.

    Parameters
    ----------
    bad, total : (versions,) integer
        Flagged pixels of all pixels; none of none is NaN.

    Returns
    -------
    logit : (versions,) float64
        ln(p / (1 − p)).
    error : (versions,) float64
        Of it, where the number of flagged pixels has the error of its square root.
    """
    bad, total = np.asarray(bad, np.float64), np.asarray(total, np.float64)
    there, some, rest = total > 0, bad + 0.5, total - bad + 0.5
    # √n / N of the share, by the slope of the logit, 1 / (p (1 − p))
    errors = (total + 1) / (np.sqrt(some) * rest)
    return np.where(there, np.log(some / rest), np.nan), np.where(there, errors, np.nan)
