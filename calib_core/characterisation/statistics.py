"""Statistics of constants over time: numbers of groups of pixels of each version, and what has changed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import ClassVar

import numpy as np

from calib_core.axes import Array, At, Axis, Result
from calib_core.characterisation.change_checks import Changes
from calib_core.characterisation.checks import Check
from calib_core.characterisation.inputs import History, Input
from calib_core.characterisation.method import Method
from calib_core.characterisation.outputs import Output, StatisticsOutput
from calib_core.characterisation.unit import Accumulator, Block, Context, Maps, Unit
from calib_core.constants.statistics import About, PairedMap, VersionStatistics, paired, statistics_of
from calib_core.detector import DetectorType
from calib_core.errors import BadParameter
from calib_core.numerics.flag_counts import BITS, Flagged
from calib_core.numerics.group_statistics import SETS, Cut, Numbers
from calib_core.params import knob
from calib_core.pixel_rectangles import mask_of, parse_rectangles
from calib_core.resource_files import read_resource
from calib_core.store.about import FLAGS, about_of, abouts_of, shape_of
from calib_core.store.constants import StoredConstant
from calib_core.typed import parse_time, plain

#: Names under which a version's values, and the flags that go with them, are handed over.
VALUES, MAP = "values", "map"
_MAP_OF = "map of "
_GROUPS = ("version", "set", "entry", "cell_row", "block_y", "block_x")
_FLAGS = ("version", "entry", "cell_row", "block_y", "block_x")
_NAMES = ("mean", "std", "median", "n")
_COUNTS = ("number", "by_flag", "total")
_GROUP = read_resource("statistics", "groups")


def map_of(label: str) -> str:
    """Name under which the file of the bad-pixel map of a version is known.

    Parameters
    ----------
    label : str
        Of the version.
    """
    return _MAP_OF + label


class Statistics(Method):
    """Mean, spread, median and flags of each version of constants, by gain stage and groups of pixels, and changes.

    Versions of other operating conditions or shapes never share a line.
    """

    command: ClassVar[str] = "STATS"
    aliases: ClassVar[tuple[str, ...]] = ("STATS_FROM_DB", "STAT_FROM_DB")
    title: ClassVar[str] = "Statistics over time"
    verb: ClassVar[str] = "Statistics"
    use_when: ClassVar[str] = "Several sets of constants of one detector are there."
    caution: ClassVar[str] = "A change is told only where 60 versions before make a reference."
    split: ClassVar[str] = "version"
    work = "statistics"

    calibrations: str = knob("", help="Names in the database with commas between, such as Offset,Noise; all unless "
                             "given")
    since: str = knob("", help="Begin of validity from which on versions are taken, such as 2026-03-02; all unless "
                      "given")
    until: str = knob("", help="Begin of validity up to which versions are taken; all unless given")
    newest: int = knob(0, ge=0, le=100_000, unit="versions", help="Newest versions of each line; 0 takes all")
    block: str = knob("", help="Pixels of a group, rows x columns, such as 64x64; an ASIC unless given")
    region: str = knob("", help="Pixels that are the only group, in rectangles MODULE:ROW-ROW,COLUMN-COLUMN with the "
                       "first and the last of each, such as 3:0-63,64-127; several with a semicolon between")
    cells_in_row: int = knob(_GROUP["memory_cells"]["value"], ge=1, le=4096, unit="cells",
                             help="Neighbouring memory cells of a group")
    bad_pixels: bool = knob(True, help="Leave flagged pixels out of the good ones")
    map_within: float = knob(float(_GROUP["pair_minutes"]["value"]), ge=0, le=1e6, unit="min",
                             help="How far in time the bad-pixel map of a constant may be")

    def inputs(self, kind: DetectorType | None) -> tuple[Input, ...]:
        """Folder of constants, of which all versions are taken.

        Returns
        -------
        tuple of Input
        """
        history = History(
            tuple(filter(None, (one.strip() for one in self.calibrations.split(",")))), _time(self.since, "since"),
            _time(self.until, "until"), self.newest, timedelta(minutes=self.map_within) if self.bad_pixels else None,
            None if self.region else self.cut)
        return (Input("sets", "sets of constants", "constants", history=history,
                      help="folder of constants, all versions of which are taken"),)

    def cut(self, kind: DetectorType) -> Cut:
        """How values are cut into groups.

        Raises
        ------
        BadParameter
            The block is not written as two numbers, or does not tile the pixels.
        """
        found = re.fullmatch(r"(\d{1,5})\s*[x×,]\s*(\d{1,5})", plain(self.block)) if self.block else None
        if self.block and not found:
            raise BadParameter(f"block = {self.block!r} is not allowed; it takes rows x columns, such as 64x64.")
        rows, columns = (int(found[1]), int(found[2])) if found else kind.asic_shape
        slow, fast = kind.shape
        if not rows or not columns or slow % rows or fast % columns:
            raise BadParameter(f"block = {self.block!r} is not allowed; blocks of {rows} x {columns} pixels do not "
                               f"tile the {slow} x {fast} pixels of a module of {kind.title}.")
        return Cut((rows, columns), self.cells_in_row)

    def chosen(self, kind: DetectorType, module: int) -> tuple[Cut, Array | None]:
        """How values of a module are cut, and which of its pixels are looked at, (slow_scan, fast_scan) bool.

        Returns
        -------
        Cut
        array or None
            None for all.

        Raises
        ------
        BadParameter
            The region is none, or has no pixel of the module.
        """
        if not self.region:
            return self.cut(kind), None
        mask = mask_of(parse_rectangles(self.region, "region"), module, kind.shape, "region")
        return Cut((1, int(mask.sum())), self.cells_in_row, self.region), mask

    def groups(self, kind: DetectorType, module: int, stored: StoredConstant) -> tuple[int, int, int, int]:
        """Numbers of groups of a version: entries, rows of memory cells, blocks along both axes of pixels."""
        cut, mask = self.chosen(kind, module)
        lengths = shape_of(stored)
        return cut.shape(lengths if mask is None else (*lengths[:2], 1, int(mask.sum())))

    def axes(self, context: Context) -> tuple[Axis, ...]:
        """Versions, all and good values, gain stages or other entries, groups, and bits of flags.

        Returns
        -------
        tuple of Axis
        """
        labels = tuple(sorted({label for _, label in context.files if not label.startswith(_MAP_OF)}))
        shapes = [self.groups(context.detector, module, one) for (module, _), one in context.files.items()]
        shapes = shapes or [(1, 1, 1, 1)]
        entries, rows, down, across = (range(max(lengths)) for lengths in zip(*shapes, strict=True))
        known = {about_of(one).entries for one in context.files.values()}
        return (
            Axis("version", "Version", labels), Axis("set", "Pixels", SETS),
            Axis("entry", "Entry", known.pop() if len(known) == 1 else tuple(entries)),
            Axis("cell_row", "Row of memory cells", tuple(rows), of_slot=True),
            Axis("block_y", "Block along slow scan", tuple(down), of_slot=True),
            Axis("block_x", "Block along fast scan", tuple(across), of_slot=True),
            Axis("bit", "Flag", tuple(range(BITS)), of_slot=True),
        )

    def results(self, kind: DetectorType | None) -> tuple[Result, ...]:
        """Numbers of groups and of entries as a whole, and counts of flags.

        Returns
        -------
        tuple of Result
        """
        words = {"mean": "Mean", "std": "Standard deviation", "median": "Median", "n": "Number"}
        groups = (_number(name, f"{words[name]} of a group", _GROUPS) for name in _NAMES)
        whole = (_number(f"whole_{name}", f"{words[name]} of an entry as a whole", _GROUPS[:3]) for name in _NAMES)
        help_of = {"number": ("Flagged", "Values of a group that are flagged"),
                   "by_flag": ("Flagged by", "The same by flag"), "total": ("Values", "All values of a group")}
        counts = (Result(name, title, "pixels", "i4", text, over=(*_FLAGS, *(("bit",) if name == "by_flag" else ())),
                         pixels=False, role="count", missing=-1.0, hidden=True)
                  for name, (title, text) in help_of.items())
        return (*groups, *whole, *counts)

    def outputs(self, kind: DetectorType | None) -> tuple[Output, ...]:
        """Statistics as HDF5, and lines and changes as tables.

        Returns
        -------
        tuple of Output
        """
        return (StatisticsOutput(tuple(one.name for one in self.results(kind)), self.versions),)

    def checks(self, kind: DetectorType | None) -> tuple[Check, ...]:
        """Whether a line has changed."""
        return (Changes(self.versions),)

    def begin(self, context: Context, unit: Unit, index: int, previous: Accumulator | None) -> OfVersions:
        """Versions of which nothing was read yet.

        Returns
        -------
        OfVersions
        """
        return OfVersions(self, context, unit)

    def reduce(self, context: Context, unit: Unit, accumulator: Accumulator) -> Iterator[tuple[At, Maps]]:
        """Numbers of each version that the module has.

        Yields
        ------
        at : dict
        results : dict of arrays
        """
        assert isinstance(accumulator, OfVersions)
        yield from (({"version": index}, _padded(one, context)) for index, one in accumulator.found.items())

    def versions(
        self, context: Context, module: int, values: Callable[[str], Array]
    ) -> tuple[VersionStatistics, ...]:
        """Numbers of a module's versions, of its results.

        Parameters
        ----------
        context : Context
        module : int
        values : callable
            A result by its name, over its axes.
        """
        return versions_of(context, module, values, self)


def _time(text: str, name: str) -> datetime | None:
    return parse_time(text, name) if text else None


def _number(name: str, text: str, over: tuple[str, ...]) -> Result:
    counts = name.endswith("n") and not name.endswith("an")
    return Result(name, text, "", "i8" if counts else "f8", f"{text}, for all values and for good ones", over=over,
                  pixels=False, role="count" if counts else "value", missing=0.0 if counts else np.nan,
                  hidden="cell_row" in over)  # tables of all groups are too long to be looked at


class OfVersions(Accumulator):
    """Numbers of some versions of a module.

    Parameters
    ----------
    method : Statistics
    context, unit

    Attributes
    ----------
    found : dict of int to VersionStatistics
        By the index of the version.
    """

    def __init__(self, method: Statistics, context: Context, unit: Unit) -> None:
        self._cut, self._mask = method.chosen(context.detector, unit.module or 0)
        self._context, self._unit = context, unit
        self.found: dict[int, VersionStatistics] = {}

    def update(self, name: str, chunk: Block) -> None:
        """Take a version; one that the module has not is empty."""
        if chunk.made is not None:
            self.found[chunk.index] = chunk.made
        elif VALUES in chunk.values:
            label = str(self._context.axes["version"].labels[chunk.index])
            about = about_of(self._context.files[self._unit.module or 0, label])
            flags = chunk.values.get(MAP)
            self.found[chunk.index] = statistics_of(
                about, self._of_region(chunk.values[VALUES]), None if flags is None else self._of_region(flags),
                self._cut)

    def _of_region(self, values: Array) -> Array:
        """Values (entries, cells, 1, pixels) of the region; all as they are where there is none."""
        return values if self._mask is None else np.ascontiguousarray(values[:, :, self._mask][:, :, None])

    def merge(self, other: OfVersions) -> None:
        """Take versions of another."""
        self.found |= other.found

    @property
    def coverage(self) -> Array:
        """1 for each version that is done, (block,) int64."""
        return np.array([index in self.found for index in self._unit.block], np.int64)


def _padded(one: VersionStatistics, context: Context) -> Maps:
    """Numbers of a version in arrays of the length of the axes."""
    found: Maps = {}
    for names, numbers, prefix, over in (
            (_NAMES, one.groups, "", _GROUPS), (_NAMES, one.whole, "whole_", _GROUPS[:3]),
            (_COUNTS, one.flags, "", _FLAGS)):
        for name in names if numbers is not None else ():
            axes = (*over, "bit") if name == "by_flag" else over
            found[f"{prefix}{name}"] = _longer(
                getattr(numbers, name), tuple(len(context.axes[axis]) for axis in axes[1:]))
    return found


def _longer(values: Array, shape: tuple[int, ...]) -> Array:
    out = np.full(shape, np.nan if values.dtype.kind == "f" else 0, values.dtype)
    out[tuple(map(slice, values.shape))] = values
    return out


def versions_of(
    context: Context, module: int, values: Callable[[str], Array], method: Statistics
) -> tuple[VersionStatistics, ...]:
    """Numbers of a module's versions, of its results.

    Parameters
    ----------
    context : Context
    module : int
    values : callable
        A result by its name, over its axes.
    method : Statistics
    """
    cut, _ = method.chosen(context.detector, module)
    abouts = abouts_of(context.files.values())
    of = {name: values(name) for name in (*_NAMES, *(f"whole_{one}" for one in _NAMES), *_COUNTS)}
    found = []
    for index, label in enumerate(context.axes["version"].labels):
        stored = context.files.get((module, str(label)))
        if stored is not None:
            map_, arrays = context.files.get((module, map_of(str(label)))), {name: of[name][index] for name in of}
            about = replace(abouts[stored.path], module=module)
            found.append(_of_arrays(about, cut, arrays, method.groups(context.detector, module, stored),
                                    None if map_ is None else paired(about, abouts[map_.path])))
    return tuple(found)


def _of_arrays(
    about: About, cut: Cut, arrays: Mapping[str, Array], shape: tuple[int, ...], map_: PairedMap | None
) -> VersionStatistics:
    """Numbers of a version, without what pads them."""
    part = tuple(map(slice, shape))
    flags = Flagged(*(arrays[name][part].astype(np.int64) for name in _COUNTS))
    if about.comparable.calibration.startswith(FLAGS):
        return VersionStatistics(about, cut, None, None, flags)
    groups = Numbers(*(arrays[name][(slice(None), *part)] for name in _NAMES))
    whole = Numbers(*(arrays[f"whole_{name}"][:, part[0]] for name in _NAMES))
    return VersionStatistics(about, cut, groups, whole, None if map_ is None else flags, map_)

