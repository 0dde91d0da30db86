"""Numbers of one version of a constant, by gain stage and groups of pixels, and the lines of several versions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from calib_core.axes import Label
from calib_core.constants.history import Comparable, share_line
from calib_core.numerics.flag_counts import Flagged, flagged
from calib_core.numerics.group_statistics import GOOD, SETS, Cut, Numbers, numbers_of

_Array = NDArray[Any]


@dataclass(frozen=True)
class PairedMap:
    """The bad-pixel map by which a constant's good values are told.

    Attributes
    ----------
    path : str
    seconds : float
        How much later than the constant it begins to be valid.
    """

    path: str
    seconds: float


@dataclass(frozen=True)
class About:
    """What a version is of.

    Attributes
    ----------
    comparable : Comparable
    module : int
    begin : datetime
        Of its validity, aware UTC.
    axis : str
        Of its entries: gain, threshold, parameter.
    entries : tuple of str or of numbers
    unit : str
        Of the values; empty for flags.
    path : str
        Its file.
    confirmed : bool
        Whether somebody has confirmed what came with it: a new reference begins there.
    """

    comparable: Comparable
    module: int
    begin: datetime
    axis: str = "gain"
    entries: tuple[Label, ...] = ()
    unit: str = ""
    path: str = ""
    confirmed: bool = False


@dataclass(frozen=True)
class VersionStatistics:
    """Numbers of one version of a constant.

    Attributes
    ----------
    about : About
    cut : Cut
    groups, whole : Numbers, optional
        Of (2, entries, cell rows, blocks y, blocks x) groups, and of (2, entries) as a whole; None for flags.
    flags : Flagged, optional
        Of the map that goes with it, or of itself; None where there is no map.
    map : PairedMap, optional
        None where there is none, and for flags.
    """

    about: About
    cut: Cut
    groups: Numbers | None
    whole: Numbers | None
    flags: Flagged | None
    map: PairedMap | None = None


def statistics_of(
    about: About, values: _Array, flags: _Array | None, cut: Cut, map_: PairedMap | None = None,
    count: Callable[[_Array, Cut], Flagged] = flagged,
) -> VersionStatistics:
    """Make the numbers of a version.

    Parameters
    ----------
    about : About
    values : (entries, cells, slow_scan, fast_scan) float32, float64, or uint32 of flags
    flags : (entries, cells, slow_scan, fast_scan) uint32, optional
        Of the map that goes with it; where it has other entries, a flag of any of them counts in all.
    cut : Cut
    map_ : PairedMap, optional
        Where the flags are from.
    count : callable
        Counts flags in groups.

    Returns
    -------
    VersionStatistics

    Raises
    ------
    ValueError
        A shape or type does not fit.
    """
    if values.dtype == np.uint32:
        return VersionStatistics(about, cut, None, None, count(values, cut))
    mask = None if flags is None else _fitting(flags, values.shape)
    groups, whole = numbers_of(values, mask, cut)
    counted = None if mask is None else count(mask, cut)
    return VersionStatistics(about, cut, groups, whole, counted, None if mask is None else map_)


def _fitting(flags: _Array, shape: Sequence[int]) -> _Array:
    """Flags with the shape of values; the same array where it has it."""
    if flags.shape == tuple(shape):
        return flags
    if len(flags) not in (1, shape[0]):
        flags = np.bitwise_or.reduce(flags, axis=0, keepdims=True)
    try:
        return np.broadcast_to(flags, shape)
    except ValueError:
        raise ValueError(f"flags of {flags.shape} do not go with values of {tuple(shape)}") from None


#: What a line keeps of each entry: numbers of all and of good values, and values with a flag of all values.
COLUMNS = (*(f"{name} of {some}" for some in SETS for name in ("mean", "std", "median", "n")), "flagged", "values")
#: Those of them that lines over time are drawn of.
DRAWN = ("mean of good", "std of good", "median of good", "flagged", "values")
DRAWN_PLACES = [COLUMNS.index(name) for name in DRAWN]
_NUMBERS = ("mean", "std", "median", "n")


@dataclass(frozen=True)
class LineKind:
    """What the numbers of versions have in common that may be on one line.

    Attributes
    ----------
    shape : tuple of (str, int) pairs
        Axes and their lengths, sorted by name.
    entries : tuple of str or of numbers
    unit : str
        Of the values; empty for flags.
    block_shape : (int, int)
        Pixels of a group (slow_scan, fast_scan).
    is_flags : bool
        Whether values are flags, which have a share alone.
    """

    shape: tuple[tuple[str, int], ...]
    entries: tuple[Label, ...]
    unit: str
    block_shape: tuple[int, int]
    is_flags: bool = False


class LineNumbers(NamedTuple):
    """Numbers of the entries of one version as a whole: what a line has of it.

    Attributes
    ----------
    kind : LineKind
    numbers : bytes
        (entries, :data:`COLUMNS`) float64; NaN of what there is none, such as flags without a map.
    """

    kind: LineKind
    numbers: bytes

    def drawn(self, entry: int) -> NDArray[np.float64]:
        """Numbers of an entry that lines over time are drawn of, (:data:`DRAWN`,) float64; NaN where it is not there.

        Parameters
        ----------
        entry : int
        """
        table = np.frombuffer(self.numbers).reshape(-1, len(COLUMNS))
        return table[entry, DRAWN_PLACES] if entry < len(table) else np.full(len(DRAWN), np.nan)


def line_numbers(one: VersionStatistics) -> LineNumbers:
    """Numbers of a version's entries as a whole.

    Parameters
    ----------
    one : VersionStatistics
    """
    table = np.full((len(one.about.entries), len(COLUMNS)), np.nan)
    if one.whole is not None:
        parts = [getattr(one.whole, name)[place] for place in range(len(SETS)) for name in _NUMBERS]
        table[:, :len(parts)] = np.stack(parts, axis=1)
    if one.flags is not None:
        for place, counts in enumerate((one.flags.number, one.flags.total)):
            table[:, len(COLUMNS) - 2 + place] = counts.reshape(len(table), -1).sum(axis=1)
    about = one.about
    kind = LineKind(about.comparable.shape, about.entries, about.unit, one.cut.block_shape,
                    one.whole is None)
    return LineNumbers(kind, table.tobytes())


def nearest_map(one: About, maps: Iterable[About], most: timedelta) -> tuple[About, PairedMap] | None:
    """The bad-pixel map nearest to a constant in time: of its unit, and of no other operating condition.

    Parameters
    ----------
    one : About
    maps : iterable of About
    most : timedelta
        How far it may be away.

    Returns
    -------
    (About, PairedMap) or None
        The later of two that are as near; None where there is none near enough.
    """
    near = [other for other in maps if other.comparable.unit == one.comparable.unit
            and abs(other.begin - one.begin) <= most and agree(one.comparable, other.comparable)]
    if not near:
        return None
    best = min(near, key=lambda other: (abs(other.begin - one.begin), one.begin - other.begin, other.path))
    return best, paired(one, best)


def paired(one: About, map_: About) -> PairedMap:
    """A map as that of a constant.

    Parameters
    ----------
    one, map_ : About
    """
    return PairedMap(map_.path, (map_.begin - one.begin).total_seconds())


def agree(one: Comparable, other: Comparable) -> bool:
    """Whether two conditions have the same values of what both tell.

    Parameters
    ----------
    one, other : Comparable
    """
    theirs = dict(other.condition)
    return all(value == theirs[name] for name, value in one.condition if name in theirs)


@dataclass(frozen=True)
class Line:
    """Numbers of one entry of versions that are comparable, in the order of time.

    Attributes
    ----------
    comparable : Comparable
    entry : str or number
        Label of the gain stage, or what else the entries are.
    begins : tuple of datetime
    values, errors : (versions,) float64
        Medians of the good values, in the unit of the constant; of flags the logit of their share with the error of
        counting.
    unit : str
    confirmed : tuple of int
        Indices of versions at which a new reference begins.
    """

    comparable: Comparable
    entry: Label
    begins: tuple[datetime, ...]
    values: NDArray[np.float64]
    errors: NDArray[np.float64]
    unit: str
    confirmed: tuple[int, ...] = ()


def together(versions: Iterable[VersionStatistics]) -> Mapping[Comparable, tuple[VersionStatistics, ...]]:
    """Versions that are comparable, each in the order of time; of those of one time the last is kept.

    Parameters
    ----------
    versions : iterable of VersionStatistics
    """
    found: dict[Comparable, dict[datetime, VersionStatistics]] = {}
    for one in versions:
        found.setdefault(one.about.comparable, {})[one.about.begin] = one
    return {key: tuple(found[key][begin] for begin in sorted(found[key])) for key in sorted(found, key=str)}


def lines_of(versions: Sequence[VersionStatistics]) -> tuple[Line, ...]:
    """Lines of comparable versions, one for each entry.

    Parameters
    ----------
    versions : sequence of VersionStatistics
        Of :func:`together`.
    """
    first, unit = versions[0].about, "logit" if versions[0].whole is None else versions[0].about.unit
    begins = tuple(one.about.begin for one in versions)
    confirmed = tuple(place for place, one in enumerate(versions) if one.about.confirmed)
    return tuple(Line(first.comparable, label, begins, *_numbers(versions, place), unit, confirmed)
                 for place, label in enumerate(first.entries))


def _numbers(versions: Sequence[VersionStatistics], entry: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Values and errors of an entry."""
    if all(one.whole is not None for one in versions):
        values = np.array([one.whole.median[GOOD, entry] for one in versions if one.whole is not None])
        return values, np.zeros(len(values))
    counts = np.array([(one.flags.number[entry].sum(), one.flags.total[entry].sum()) for one in versions
                       if one.flags is not None])
    return share_line(*counts.T)
