"""Exchanged modules over time: versions whose maps fit the one before of another module better than their own."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calib_core.errors import CalibrationError
from calib_core.numerics.exchange import correlations, exchanges, pattern
from calib_core.resource_files import read_resource
from calib_core.store.about import is_flags, is_stack, part_of, shape_of
from calib_core.subjects.listed import Listed
from calib_core.subjects.timeline import ModuleLine
from calib_core.subjects.version_list import VersionList, map_of, stored_of

_Float = NDArray[np.float64]
#: Gain stage, and files that were compared with those before.
Compared = tuple[int, tuple[tuple[Path, Path], ...]]
_RULE = read_resource("statistics", "changes")["exchange"]


@dataclass(frozen=True)
class Exchanged:
    """A version whose map is that of another module.

    Attributes
    ----------
    begin : datetime
        Of its validity.
    module, fits : int
        Its place, and that whose map before it is like.
    own, other : float
        Correlations with the maps before of both.
    sure : float
        Difference of the two in errors of a correlation; the rule has the least of them that is told.
    """

    begin: datetime
    module: int
    fits: int
    own: float
    other: float
    sure: float

    @property
    def words(self) -> str:
        """What was found, with its numbers."""
        return (f"m{self.module} is like m{self.fits} before: correlation {self.other:.3f}, with its own "
                f"{self.own:.3f}, {self.sure:.0f} errors apart")


class ExchangeSearch:
    """Compares the maps of all modules with those before, the newest first, a while at a time.

    Of each version one image is read, that of the first memory cell; images of two moments are in memory at a time.

    Parameters
    ----------
    lines : sequence of ModuleLine
        Of one condition.
    entry : int
        Of the gain stages.
    among : VersionList
        That their versions are of.
    known : dict, optional
        What was found before by the files that were compared, so that a version more costs little; it grows.
    """

    def __init__(
        self, lines: Sequence[ModuleLine], entry: int, among: VersionList,
        known: dict[Compared, tuple[Exchanged, ...]] | None = None,
    ) -> None:
        shape = max((_shape(one) for one in lines), key=[_shape(one) for one in lines].count, default=())
        self._lines = [one for one in lines if _shape(one) == shape]
        self._entry, self._among = entry, among
        times = [one.times for one in self._lines]
        self._times = [float(one) for one in np.unique(np.concatenate(times))] if len(times) > 1 else []
        self._known = {} if known is None else known
        self._patterns: OrderedDict[Path, _Float | None] = OrderedDict()
        self.found: tuple[Exchanged, ...] = ()
        self.unread: tuple[str, ...] = ()

    @property
    def lacking(self) -> int:
        """Moments that were not looked at yet."""
        return len(self._times)

    def work(self, seconds: float) -> None:
        """Look at some moments; the one that is looked at then is finished.

        Parameters
        ----------
        seconds : float
        """
        end = time.monotonic() + seconds
        while self._times:
            self.found = (*self._found_at(self._times.pop()), *self.found)
            if time.monotonic() > end:
                break

    def _found_at(self, when: float) -> tuple[Exchanged, ...]:
        """What was exchanged at one moment, as it was found before where the same files were compared."""
        pairs = [(one, int(np.searchsorted(one.times, when))) for one in self._lines]
        pairs = [(one, place) for one, place in pairs if 0 < place < len(one.times) and one.times[place] == when]
        compared = self._entry, tuple((one.rows[place].path, one.rows[place - 1].path) for one, place in pairs)
        if compared not in self._known:
            self._known[compared] = tuple(self._compare(when, pairs))
        return self._known[compared]

    def _compare(self, when: float, pairs: Sequence[tuple[ModuleLine, int]]) -> Iterator[Exchanged]:
        """Modules at one moment whose maps fit others better, of lines and the places of their versions."""
        read = [(one.module, self._pattern(one.rows[place]), self._pattern(one.rows[place - 1]))
                for one, place in pairs]
        there = [(module, new, old) for module, new, old in read if new is not None and old is not None]
        if len(there) < 2:
            return
        pixels = there[0][1].size
        fits = correlations(*(np.stack([one[side] for one in there]) for side in (1, 2)))
        for one in exchanges(fits, pixels, _RULE["sigma"]):
            sure = (one.other - one.own) / np.sqrt(2 / pixels)
            yield Exchanged(datetime.fromtimestamp(when, UTC), there[one.module][0], there[one.fits][0], one.own,
                            one.other, float(sure))

    def _pattern(self, one: Listed) -> _Float | None:
        """Pattern of a version's map, read once; None where it has none."""
        if one.path not in self._patterns:
            try:
                self._patterns[one.path] = _pattern_of(one, self._entry, self._among)
            except CalibrationError as error:
                self._patterns[one.path] = None
                self.unread = (*self.unread, str(error))
        self._patterns.move_to_end(one.path)
        while len(self._patterns) > 3 * len(self._lines):
            self._patterns.popitem(last=False)
        return self._patterns[one.path]


def _shape(line: ModuleLine) -> tuple[int, ...]:
    kind = line.rows[-1].kind
    return () if kind is None else kind.shape


def _pattern_of(one: Listed, entry: int, among: VersionList) -> _Float | None:
    stored = stored_of(one)
    if one.kind is None or not is_stack(stored) or is_flags(stored):
        return None
    whole = [slice(0, length) for length in shape_of(stored)[2:]]
    values = part_of(stored, 0, *whole)
    map_ = map_of(one, stored, among)
    flags = None if map_ is None else part_of(map_, 0, *whole)
    image = values[min(entry, len(values) - 1)]
    bad = np.zeros(image.shape, bool) if flags is None else flags[min(entry, len(flags) - 1)] != 0
    return pattern(image, bad, one.kind.asic_shape, _RULE["clip"])
