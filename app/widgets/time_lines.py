"""Lines of numbers over time: what is drawn of them at a width, and which point is meant."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from calib_core.numerics.rising import last_of_each

#: Lines are broken where neighbouring versions are so many times the usual distance apart, and at least so long.
_BREAK, _LEAST_BREAK = 7.0, 2 * 86400.0
#: Points of one screen column that are drawn: the first, the least, the largest and the last.
_OF_COLUMN = 4


@dataclass(frozen=True)
class TimeMark:
    """A change in a line: where it begins and what is said of it; a drift has no start (``steps`` is False)."""

    start: float
    seen: float
    size: float
    score: float
    level: str
    steps: bool = True


@dataclass(frozen=True, eq=False)
class TimeLine:
    """Numbers of one group of pixels in the order of time.

    Attributes
    ----------
    key : int
        Whose line it is, such as the number of a module.
    name : str
        As short as it stands beside the plot.
    times : (n,) float64
        Seconds since 1970, rising.
    values : (n,) float64
        NaN where a version has none.
    level : str
        ``amber`` or ``red`` where there is a change, else nothing.
    marks : tuple of TimeMark
    chosen : bool
        Whether it is the one that is looked at.
    refused : (n,) bool, optional
        Versions that do not count, since somebody has decided so.
    tone : str
        Name of its colour, where it is a line of its own kind and has no change.
    """

    key: int
    name: str
    times: np.ndarray
    values: np.ndarray
    level: str = ""
    marks: tuple[TimeMark, ...] = ()
    chosen: bool = False
    refused: np.ndarray | None = None
    tone: str = ""


@dataclass(frozen=True)
class TimeScene:
    """What a plot over time shows.

    Attributes
    ----------
    lines : tuple of TimeLine
        Of one operating condition.
    title, unit : str
        Of the values.
    conditions : tuple of (str, (n,) float64) pairs
        Names and times of the versions of each condition, the one of the lines first; others are never joined to it.
    reference : (float, float), optional
        Begin and end of the versions that the values are compared with.
    forming : str
        Words on a reference that is not there yet.
    exchanges : tuple of (float, str) pairs
        Times at which whose line is whose is in doubt, and words.
    """

    lines: tuple[TimeLine, ...] = ()
    title: str = ""
    unit: str = ""
    conditions: tuple[tuple[str, np.ndarray], ...] = ()
    reference: tuple[float, float] | None = None
    forming: str = ""
    exchanges: tuple[tuple[float, str], ...] = ()
    breaks: float = field(init=False, default=_LEAST_BREAK)

    def __post_init__(self) -> None:
        object.__setattr__(self, "breaks", max(map(longest_step, (one.times for one in self.lines)),
                                               default=_LEAST_BREAK))

    @property
    def span(self) -> tuple[float, float]:
        """Time of the first and of the last version of any condition; NaN without one."""
        every = (*(line.times for line in self.lines), *(at for _, at in self.conditions))
        times = [one for one in every if len(one)]
        return (min(one[0] for one in times), max(one[-1] for one in times)) if times else (np.nan, np.nan)

    @property
    def refused(self) -> tuple[np.ndarray, np.ndarray]:
        """Times and values of the versions that do not count."""
        some = [(one.times[one.refused], one.values[one.refused]) for one in self.lines if one.refused is not None]
        times, values = (np.concatenate([np.empty(0), *(one[axis] for one in some)]) for axis in (0, 1))
        return times, values

    def gaps(self) -> list[tuple[float, float]]:
        """Stretches without a version of any line."""
        every = [line.times for line in self.lines if len(line.times)]
        times = np.sort(np.concatenate(every), kind="stable") if every else np.empty(0)
        wide = np.flatnonzero(np.diff(times) > self.breaks)
        return [(float(times[i]), float(times[i + 1])) for i in wide]


def longest_step(times: np.ndarray) -> float:
    """How far neighbours of a line may be apart, in seconds: further ones are not joined.

    Parameters
    ----------
    times : (n,) float64
        Seconds, rising.
    """
    steps = np.diff(times)
    return max(_LEAST_BREAK, _BREAK * float(np.median(steps))) if len(steps) else _LEAST_BREAK


def drawn(
    times: np.ndarray, values: np.ndarray, span: tuple[float, float], columns: int, breaks: float,
    whole: tuple[float, float] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Points of a line that look as all of it at a width; a NaN stands where it is broken.

    Parameters
    ----------
    times, values : (n,) float64
        Seconds, rising; NaN where there is no value.
    span : (float, float)
        Times at the edges of the plot; the neighbours outside are drawn too, so that lines leave it.
    columns : int
        Of the screen.
    breaks : float
        Seconds between neighbours that are not joined.
    whole : (float, float), optional
        Part of which every point is drawn.

    Returns
    -------
    x, y : (m,) float64
        At most four points of each column outside of the whole part, and NaN between them where the line is broken.
    """
    first = max(0, int(np.searchsorted(times, span[0])) - 1)
    end = min(len(times), int(np.searchsorted(times, span[1], "right")) + 1)
    x, y = times[first:end], values[first:end]
    if len(x) > _OF_COLUMN * columns:
        kept = _kept(x, y, span, columns, whole)
        x, y, far = x[kept], y[kept], _broken(x, breaks)[kept]
    else:
        far = _broken(x, breaks)
    places = np.flatnonzero(far)
    return np.insert(x, places, x[places]), np.insert(y, places, np.nan)


def one_in_each(times: np.ndarray, span: tuple[float, float], columns: int) -> np.ndarray:
    """The first time of each column of the screen that has any.

    Parameters
    ----------
    times : (n,) float64
        Seconds, rising.
    span : (float, float)
        Times at the edges of the plot.
    columns : int
    """
    inside = times[np.searchsorted(times, span[0]):np.searchsorted(times, span[1], "right")]
    if len(inside) <= columns:
        return inside
    starts = np.searchsorted(inside, np.linspace(*span, columns + 1)[:-1])
    starts = starts[starts < len(inside)]
    return inside[starts[last_of_each(starts)]]


def _broken(times: np.ndarray, breaks: float) -> np.ndarray:
    """Whether each is too far from the one before, (n,) bool."""
    return np.concatenate(([False], np.diff(times) > breaks)) if len(times) else np.zeros(0, bool)


def _kept(
    x: np.ndarray, y: np.ndarray, span: tuple[float, float], columns: int, whole: tuple[float, float] | None
) -> np.ndarray:
    """Rising indices of the first, least, largest and last of each column, and of all of a part."""
    edges = np.linspace(*span, columns + 1)
    starts = np.concatenate(([0], np.searchsorted(x, edges)))
    starts = starts[last_of_each(starts) & (starts < len(x))]
    ends = np.append(starts[1:], len(x)) - 1
    found = [starts, ends, *(_extreme(y, starts, ufunc, blank) for ufunc, blank in (
        (np.minimum, np.inf), (np.maximum, -np.inf)))]
    if whole is not None:
        found.append(np.arange(np.searchsorted(x, whole[0]), np.searchsorted(x, whole[1], "right")))
    kept = np.sort(np.concatenate(found), kind="stable")
    return kept[last_of_each(kept)]


def _extreme(y: np.ndarray, starts: np.ndarray, ufunc: np.ufunc, blank: float) -> np.ndarray:
    """Index of the first least or largest value from each start to the next."""
    there = np.where(np.isnan(y), blank, y)
    most = ufunc.reduceat(there, starts)
    same = np.flatnonzero(there == np.repeat(most, np.diff(np.append(starts, len(y)))))
    return same[np.searchsorted(same, starts)]


def nearest(
    lines: tuple[TimeLine, ...], at: tuple[float, float], pixel: tuple[float, float], reach: float
) -> tuple[TimeLine, int] | None:
    """The point of some lines that is meant by a place in the plot.

    Parameters
    ----------
    lines : tuple of TimeLine
        Earlier ones are taken where two are as near.
    at : (float, float)
        Time and value.
    pixel : (float, float)
        Seconds and values of one pixel of the screen.
    reach : float
        Pixels that it may be away.

    Returns
    -------
    (TimeLine, int) or None
        Line and index; None where no point is near enough.
    """
    best: tuple[float, TimeLine, int] | None = None
    for line in lines:
        first, end = np.searchsorted(line.times, (at[0] - reach * pixel[0], at[0] + reach * pixel[0]))
        away = np.hypot((line.times[first:end] - at[0]) / pixel[0], (line.values[first:end] - at[1]) / pixel[1])
        if not np.isfinite(away).any():
            continue
        place = int(np.nanargmin(away))
        if away[place] <= reach and (best is None or away[place] < best[0]):
            best = float(away[place]), line, int(first) + place
    return None if best is None else best[1:]


def columns_of(
    times: np.ndarray, rows: np.ndarray, span: tuple[float, float], columns: int, breaks: float
) -> np.ndarray:
    """Values of groups as columns of an image: each version lasts until the next, unless that is too far.

    Parameters
    ----------
    times : (n,) float64
        Seconds, rising.
    rows : (groups, n) float64
        NaN where a version has no value.
    span : (float, float)
        Times at the left and at the right edge.
    columns : int
        Of the image.
    breaks : float
        Seconds between versions that are not joined; such a one has a column of its own.

    Returns
    -------
    (groups, columns) float32
        Of a column with several versions the mean of those that have a value; NaN where there is none.
    """
    found = np.full((len(rows), columns), np.nan, np.float32)
    edges = np.linspace(*span, columns + 1)
    first, end = np.searchsorted(times, edges[:-1]), np.searchsorted(times, edges[1:])
    own = np.flatnonzero(end > first)
    there = np.isfinite(rows)
    sums = np.cumsum(np.pad(np.where(there, rows, 0.0), ((0, 0), (1, 0))), axis=1)
    counts = np.cumsum(np.pad(there, ((0, 0), (1, 0))), axis=1)
    number = counts[:, end[own]] - counts[:, first[own]]
    with np.errstate(invalid="ignore", divide="ignore"):
        found[:, own] = np.where(number > 0, (sums[:, end[own]] - sums[:, first[own]]) / number, np.nan)
    before = first - 1
    last = times[before.clip(0)] if len(times) else np.zeros(columns)
    following = times[first.clip(0, max(0, len(times) - 1))] if len(times) else np.zeros(columns)
    lasting = (end == first) & (before >= 0) & (first < len(times)) & (following - last <= breaks)
    found[:, lasting] = rows[:, before[lasting]]
    return found
