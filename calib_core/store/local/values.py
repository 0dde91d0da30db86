"""Values of files that are injected: read once, made sure of, and their numbers made while they are in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property, partial
from pathlib import Path

import numpy as np

from calib_core.axes import Array
from calib_core.constants.constant import KINDS
from calib_core.constants.statistics import About, nearest_map
from calib_core.detector import DetectorType
from calib_core.errors import BadInput
from calib_core.numerics.flag_counts import CountedOnce
from calib_core.resource_files import read_resource
from calib_core.store.about import about_of, begin_of, is_flags, is_stack, shape_of, values_of
from calib_core.store.bare_files import with_axes
from calib_core.store.constants import StoredConstant, opened, read_constant
from calib_core.store.images import PIXELS
from calib_core.store.local.blocks import Made, made_of, numbers_of
from calib_core.store.scratch import piece_of

#: Reads the bad-pixel maps of a unit that begin within a span of a time.
Near = Callable[[str, datetime, timedelta], Sequence[StoredConstant]]
_GIB = 1 << 30
#: Values that may be in memory beside those of the constant before, bytes.
_TOGETHER = 128 << 20


def pair_span() -> timedelta:
    """How far in time a bad-pixel map may be from its constant."""
    return timedelta(minutes=float(read_resource("statistics", "groups")["pair_minutes"]["value"]))


def _size(stored: StoredConstant) -> int:
    """Bytes of the values."""
    return int(np.prod(stored.shape, dtype=np.int64)) * np.dtype(stored.dtype).itemsize


def too_large(stored: StoredConstant) -> str:
    """Sentence on a constant whose values are too many to be in memory together; empty where they are not.

    Parameters
    ----------
    stored : StoredConstant
    """
    most = float(read_resource("statistics", "groups")["most_gib"]["value"])
    size = _size(stored) / _GIB
    return "" if size <= most else (f"{stored.path} has {size:.1f} GiB of values, and statistics are made of up to "
                                    f"{most:g} GiB; it has none.")


class Maps:
    """Bad-pixel maps that go with constants: of those that are given together, else of those that are there.

    Parameters
    ----------
    paths : sequence of Path
        All files that are given.
    near : callable
        Reads those that are there.
    sha256_of : callable
        Checksum of a file.
    """

    def __init__(self, paths: Sequence[Path], near: Near, sha256_of: Callable[[Path], str]) -> None:
        self._paths, self._near = paths, near
        self._sha256_of = sha256_of
        self._digests: dict[Path, str] = {}
        self._read: dict[Path, StoredConstant] = {}
        self._last: tuple[Path | None, Array | None] = None, None
        self._beside = ThreadPoolExecutor(1, thread_name_prefix="calibwb-numbers")
        self._making: Future[Made] | None = None
        #: Counts flags of a map once, in the thread that makes numbers.
        self.count = CountedOnce()

    def make(self, numbers: Callable[[], Made]) -> Callable[[], Made]:
        """Make numbers in a thread beside, while the next file is read or brought to its place; tells them when they
        are there.

        Parameters
        ----------
        numbers : callable
        """
        self._making = self._beside.submit(numbers)
        return self._making.result

    def make_room(self, needed: int) -> None:
        """Wait for numbers that are being made where the next values are many, so that both are never in memory.

        Parameters
        ----------
        needed : int
            Bytes.
        """
        if self._making is not None and (needed > _TOGETHER or not self._making.running()):
            wait((self._making,))

    def close(self) -> None:
        """Take no more; what is being made is made."""
        self._beside.shutdown(wait=False)

    def stored(self, path: Path) -> StoredConstant:
        """What a file tells of itself, read once.

        Parameters
        ----------
        path : Path

        Raises
        ------
        BadInput
            It cannot be read.
        """
        if path not in self._read:
            self._read[path] = read_constant(path)
        return self._read[path]

    def sha256_of(self, path: Path) -> str:
        """Checksum of a file, made once.

        Parameters
        ----------
        path : Path

        Raises
        ------
        BadInput
            It cannot be read.
        """
        if path not in self._digests:
            self._digests[path] = self._sha256_of(path)
        return self._digests[path]

    def of(self, stored: StoredConstant, kind: DetectorType, unit: str) -> StoredConstant | None:
        """The map of a constant, of the same pixels; None of a map, and where none is near.

        Parameters
        ----------
        stored : StoredConstant
            With names of its axes, a stack of images.
        kind : DetectorType
        unit : str
            As those that are there call it.
        """
        if is_flags(stored):
            return None
        about, span = about_of(stored), pair_span()
        return (_nearest(about, _fitting(self._given.get(stored.pdu, ()), stored, kind))
                or _nearest(about, _fitting(self._near(unit, about.begin, span), stored, kind)))

    def flags(self, map_: StoredConstant) -> Array:
        """Values of a map; the last one stays in memory, since several constants have it.

        Parameters
        ----------
        map_ : StoredConstant
        """
        if self._last[0] != map_.path:
            self._last = None, None  # so that never two are in memory
            self._last = map_.path, values_of(map_)
        assert self._last[1] is not None
        return self._last[1]

    @cached_property
    def _given(self) -> Mapping[str, Sequence[StoredConstant]]:
        """Maps among the files that are given, by unit; what cannot be read is told of the file itself."""
        found: dict[str, list[StoredConstant]] = {}
        for path in self._paths:
            try:
                one = self.stored(path)
            except BadInput:
                continue
            if is_flags(one) and begin_of(one)[0] is not None:
                found.setdefault(one.pdu, []).append(one)
        return found


def _nearest(about: About, maps: Iterable[StoredConstant]) -> StoredConstant | None:
    """The nearest of some maps; None where there is none near enough."""
    fitting = {str(one.path): one for one in maps}
    found = nearest_map(about, map(about_of, fitting.values()), pair_span())
    return None if found is None else fitting[found[0].path]


def _fitting(
    maps: Sequence[StoredConstant], stored: StoredConstant, kind: DetectorType
) -> Iterator[StoredConstant]:
    """Those that are of the same pixels and memory cells."""
    for one in maps:
        try:
            named = with_axes(one, kind)[0]
        except BadInput:  # told of that file itself
            continue
        if is_stack(named) and shape_of(named)[1:] == shape_of(stored)[1:]:
            yield named


@dataclass(frozen=True)
class Values:
    """What the values of a constant are.

    Attributes
    ----------
    limit, missing : float
        Share of them that may be no number, and that are.
    made : callable, optional
        Tells their numbers, once they are made; None where they are not.
    note : str
        Why they were not; empty where they were, or nobody has asked.
    """

    limit: float
    missing: float
    made: Callable[[], Made] | None = None
    note: str = ""


def looked_at(stored: StoredConstant, kind: DetectorType, unit: str, maps: Maps | None) -> Values:
    """Read the values of a constant once.

    Parameters
    ----------
    stored : StoredConstant
        With names of its axes.
    kind : DetectorType
    unit : str
        As the store calls it.
    maps : Maps, optional
        None where no numbers are made.

    Raises
    ------
    BadInput
        Too many are no number, or they are damaged.
    """
    note = too_large(stored)
    if note or maps is None or not is_stack(stored):
        limit, share = _checked(stored, _missing_in_pieces(stored))
        return Values(limit, share, None if note or maps is None else Made, note if maps is not None else "")
    maps.make_room(_size(stored))
    values = maps.flags(stored) if is_flags(stored) else values_of(stored)
    limit, share = _checked(stored, _missing(values, _used(stored)))
    map_ = maps.of(stored, kind, unit)
    with_map = "" if map_ is None else maps.sha256_of(map_.path)
    numbers = partial(numbers_of, stored, kind, values, map_, None if map_ is None else maps.flags(map_),
                      maps.count)
    return Values(limit, share, maps.make(lambda: made_of(stored, numbers(), with_map)))


def _checked(stored: StoredConstant, share: float) -> tuple[float, float]:
    """Share of the values that may be no number, and that are; BadInput where there are too many."""
    limits = read_resource("store", "injection")["missing"]
    most = float(limits.get(_kind_of(stored), limits[""]))
    if share > most:
        raise BadInput(f"{stored.path} has no number in {share:.1%} of its values; at most {most:.0%} may have none "
                       f"in {stored.calibration}.")
    return most, share


def _kind_of(stored: StoredConstant) -> str:
    return str(stored.attributes.get("kind", stored.calibration))


def _used(stored: StoredConstant) -> Sequence[int]:
    """Entries of the leading axis that corrections read; none where they read all."""
    kind = _kind_of(stored)
    return KINDS[kind].used if kind in KINDS else ()


def _missing(values: Array, used: Sequence[int]) -> float:
    """Share of the values (entries, …) that are no number, of the entries that corrections read."""
    if values.dtype.kind != "f":
        return 0.0
    found = [np.count_nonzero(~np.isfinite(values[entry])) for entry in used or range(len(values))]
    return sum(map(int, found)) / max(len(found) * int(values[0].size), 1)


def _missing_in_pieces(stored: StoredConstant) -> float:
    """The same of values that are not read as a whole."""
    if np.dtype(stored.dtype).kind != "f":
        with opened(stored, whole=True):
            return 0.0
    used = _used(stored)
    leading = next((place for place, dim in enumerate(stored.dims) if dim not in ("cell", *PIXELS)), 0)
    axes = [place for place in range(len(stored.shape)) if place != leading or not used]
    axis, step = piece_of(stored.shape, stored.chunks["data"], np.dtype(stored.dtype).itemsize, axes)
    missing = looked = 0
    with opened(stored, whole=True) as data:
        for at in range(0, stored.shape[axis], step):
            some = data[(*(slice(None),) * axis, slice(at, at + step))]
            values = np.take(some, used, leading) if used else some
            missing, looked = missing + int(np.count_nonzero(~np.isfinite(values))), looked + values.size
    return float(missing / max(looked, 1))
