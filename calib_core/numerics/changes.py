"""Changes in a line of numbers over time, against a reference of its own beginning.

With z the distance of a version from the median of the reference in its σ, S_k of the last k versions is
|Σ clip(z)| / √(k (1 + v k / n) (1 + r) / (1 − r)): n versions made the reference, whose median has the variance
v / n, and r is the correlation of neighbouring versions. The largest S_k of a version is its score.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from calib_core.numerics.kernels import njit
from calib_core.numerics.robust import MAD_TO_SIGMA

_Array = NDArray[Any]
_Float = NDArray[np.float64]

#: Versions from one begin that is tried to the next, where levels are told from lines.
_BEGINS = 3
#: Versions that are scored beside each other: what is known of them so far stays in the nearest cache.
_BESIDE = 512


@dataclass(frozen=True)
class Rule:
    """What makes a change.

    Attributes
    ----------
    reference : int
        Versions that a reference is made of.
    shortest, longest : int
        Versions that are added up.
    clip : float
        σ at which a single version counts no further.
    median_variance : float
        Variance of a median, in units of that of the mean.
    correlation_added, correlation_most : float
        What is added to the correlation that is found, and the largest that is taken.
    amber, red : float
        Scores above which a change is told, and is sure.
    over : float
        Score below which it has ended.
    """

    reference: int
    shortest: int
    longest: int
    clip: float
    median_variance: float
    correlation_added: float
    correlation_most: float
    amber: float
    red: float
    over: float

    @property
    def numbers(self) -> _Float:
        """Versions that are added up, (lengths,) float64."""
        return np.arange(self.shortest, self.longest + 1.0)


@dataclass(frozen=True)
class Reference:
    """What versions are compared with.

    Attributes
    ----------
    centre, spread : float
        Median and σ of its versions, in the unit of the line; NaN without any.
    correlation : float
        Of neighbouring versions, with what is added to it.
    versions : int
        That it is made of; it is forming as long as the rule wants more.
    """

    centre: float
    spread: float
    correlation: float
    versions: int

    def largest(self, rule: Rule) -> float:
        """The score that a change of any size has at most: each version counts as far as it is clipped.

        Parameters
        ----------
        rule : Rule
        """
        return float(np.max(rule.clip * rule.numbers * self.scales(rule)))

    def scales(self, rule: Rule) -> _Float:
        """What a sum of clipped shifts over each number of versions is multiplied by, (lengths,) float64.

        Parameters
        ----------
        rule : Rule
        """
        k, r = rule.numbers, self.correlation
        return 1 / np.sqrt(k * (1 + rule.median_variance * k / rule.reference) * (1 + r) / (1 - r))

    def shifts(self, values: _Array) -> _Float:
        """Distances from the centre in σ; of a line that has no spread, 0 or infinite.

        Parameters
        ----------
        values : (n,) float64

        Returns
        -------
        (n,) float64
        """
        away = np.asarray(values, np.float64) - self.centre
        if self.spread > 0:
            return away / self.spread
        return np.where(away == 0, 0.0, np.copysign(np.inf, away))


@dataclass(frozen=True)
class Change:
    """A stretch of versions that are not as those of the reference.

    Attributes
    ----------
    start : int
        Index of the first version that is changed, as far as it can be told; a drift has no start.
    seen : int
        Index of the version at which it was told first.
    until : int
        Index of the last version before the score says that it has ended.
    score : float
        The largest.
    size, sigmas : float
        Median of the changed versions less the centre of the reference, in the unit of the line and in its σ.
    level : str
    kind : str
        Whether a level that is kept or a line that goes on explains the versions better.
    """

    start: int
    seen: int
    until: int
    score: float
    size: float
    sigmas: float
    level: Literal["amber", "red"]
    kind: Literal["step", "drift"]


def reference_of(values: _Array, errors: _Array, rule: Rule) -> Reference:
    """Make a reference of the first versions.

    Parameters
    ----------
    values : (n,) float64
        Finite, in the order of time; those beyond the reference are not looked at.
    errors : (n,) float64
        Counting errors of the values, in their unit; 0 where nothing is counted. The spread is not less than their
        median: numbers that never differed may differ by chance in the next version.
    rule : Rule

    Returns
    -------
    Reference
    """
    first = np.asarray(values[: rule.reference], np.float64)
    if not len(first):
        return Reference(np.nan, np.nan, np.nan, 0)
    centre = float(np.median(first))
    spread = max(MAD_TO_SIGMA * float(np.median(np.abs(first - centre))), float(np.median(errors[: rule.reference])))
    shifts = np.clip(Reference(centre, spread, 0.0, len(first)).shifts(first), -rule.clip, rule.clip)
    found = _correlation(shifts) + rule.correlation_added
    return Reference(centre, spread, min(max(found, 0.0), rule.correlation_most), len(first))


def _correlation(shifts: _Float) -> float:
    """Correlation of each with the next, about their mean; 0 where they do not differ."""
    away = shifts - shifts.mean()
    power = float(away @ away)
    return float(away[1:] @ away[:-1]) / power if power > 0 else 0.0


def scores(values: _Array, reference: Reference, rule: Rule, first: int = 0) -> tuple[_Float, NDArray[np.int64]]:
    """Score versions after the reference.

    Parameters
    ----------
    values : (n,) float64
        Finite, in the order of time, from the first of the reference on.
    reference : Reference
    rule : Rule
    first : int
        Versions before are not scored, as they were already.

    Returns
    -------
    score : (n − first,) float64
        The largest S_k; NaN where the version is one of the reference or there is none yet.
    number : (n − first,) int64
        The k of it; 0 where there is none.

    Raises
    ------
    ValueError
        The values are not one line.
    """
    values = np.ascontiguousarray(values, np.float64)
    if values.ndim != 1:
        raise ValueError(f"values must be one line, but have the shape {values.shape}")
    score, number = np.full(len(values) - first, np.nan), np.zeros(len(values) - first, np.int64)
    if reference.versions >= rule.reference:
        start = max(first, rule.reference)
        shifts = np.clip(reference.shifts(values), -rule.clip, rule.clip)
        _scores(shifts, reference.scales(rule), start, rule.shortest, score[start - first:], number[start - first:])
    return score, number


@njit(nogil=True, cache=True)
def _scores(shifts, scales, start, shortest, score, number):  # type: ignore[no-untyped-def]
    """Versions beside each other, of which the processor takes several at once; each is summed backwards."""
    total, most, best = np.empty(_BESIDE), np.empty(_BESIDE), np.empty(_BESIDE, np.int64)
    for begin in range(start, shifts.size, _BESIDE):
        beside = min(_BESIDE, shifts.size - begin)
        total[:], most[:], best[:] = 0.0, -1.0, 0
        for k in range(1, shortest + scales.size):
            first = max(0, k - 1 - begin)
            added = shifts[begin + first + 1 - k:begin + beside + 1 - k]
            sums, largest, length = total[first:beside], most[first:beside], best[first:beside]
            for i in range(added.size):
                sums[i] += added[i]
            if k >= shortest:
                scale = scales[k - shortest]
                for i in range(added.size):
                    found = abs(sums[i]) * scale
                    above = found > largest[i]
                    length[i] = k if above else length[i]
                    largest[i] = found if above else largest[i]
        score[begin - start:begin - start + beside] = most[:beside]
        number[begin - start:begin - start + beside] = best[:beside]


def changes(values: _Array, score: _Array, number: _Array, reference: Reference, rule: Rule) -> tuple[Change, ...]:
    """Changes that scores tell, in the order of time.

    The start is that of the largest score as long as what is added up reaches it; later ones say nothing of it.

    Parameters
    ----------
    values : (n,) float64
        From the first version of the reference on.
    score, number : (n,)
        Of :func:`scores`.
    reference : Reference
    rule : Rule

    Returns
    -------
    tuple of Change
    """
    shifts = reference.shifts(values)
    return tuple(_change(values, shifts, score, number, (seen, until), reference, rule)
                 for seen, until in _stretches(score, rule))


def _stretches(score: _Array, rule: Rule) -> Iterator[tuple[int, int]]:
    """Versions from where the score is above the limit to where it falls below the lower one."""
    above = np.concatenate(([False], score > rule.over, [False]))
    ends = np.flatnonzero(above[1:] != above[:-1])
    for first, end in zip(ends[::2].tolist(), ends[1::2].tolist(), strict=True):
        told = np.flatnonzero(score[first:end] > rule.amber)
        if len(told):
            yield first + int(told[0]), end - 1


def _change(
    values: _Array, shifts: _Float, score: _Array, number: _Array, stretch: tuple[int, int], reference: Reference,
    rule: Rule,
) -> Change:
    seen, until = stretch
    best = seen
    for version in range(seen + 1, until + 1):
        if version - _start(best, number) >= rule.longest:
            break
        best = version if score[version] > score[best] else best
    start, most = _start(best, number), float(score[seen:until + 1].max())
    changed = slice(start, best + 1)
    around = slice(max(0, start - rule.longest), min(until, start + 2 * rule.longest) + 1)
    return Change(
        start, seen, until, most, float(np.median(values[changed])) - reference.centre,
        float(np.median(shifts[changed])), "red" if most > rule.red else "amber",
        "drift" if _goes_on(shifts[around], start - around.start, rule.clip) else "step")


def _start(version: int, number: _Array) -> int:
    return version + 1 - int(number[version])


def _goes_on(shifts: _Float, start: int, clip: float) -> bool:
    """Whether a line from some version on explains more than a level does; both begin at 0 and have one number."""
    shifts = np.where(np.isfinite(shifts), shifts, 0.0)
    begins = range(0, len(shifts) - 2, _BEGINS)
    level = min(_left(shifts, _level(shifts, begin), clip) for begin in begins)
    line = min(_left(shifts, _line(shifts, begin), clip) for begin in begins)
    return line < level


def _level(shifts: _Float, begin: int) -> _Float:
    return np.where(np.arange(len(shifts)) >= begin, np.median(shifts[begin:]), 0.0)


def _line(shifts: _Float, begin: int) -> _Float:
    """The line from a version on that has the least sum of distances."""
    along = np.maximum(np.arange(len(shifts)) - begin + 1.0, 0.0)
    slopes, weights = shifts[begin:] / along[begin:], along[begin:]
    order = np.argsort(slopes)
    middle = np.searchsorted(np.cumsum(weights[order]), weights.sum() / 2)
    return np.asarray(along * slopes[order[middle]], np.float64)


def _left(shifts: _Float, model: _Float, clip: float) -> float:
    """Sum of squares that a model leaves, each version clipped."""
    return float(np.sum(np.minimum(np.abs(shifts - model), clip) ** 2))
