"""Named axes, results over them, and what somebody looks at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
#: Indices along some axes, by their names.
At = Mapping[str, int]
#: What an entry of an axis is called: a gain stage's name, the number of a memory cell, a current.
Label = str | int | float


@dataclass(frozen=True)
class Axis:
    """A named axis of results: gain, cell, threshold, scan, parameter.

    Inside the core its entries are addressed by their index. Labels are for matching frames, for files, and for
    whoever looks at results.

    Attributes
    ----------
    name, title : str
        In declarations, and on the screen.
    labels : tuple of str or of numbers
    unit : str
        Of the labels.
    of_slot : bool
        Whether several of its entries are looked at side by side, as thresholds are.
    value_units : tuple of str
        Of the values at each entry, where they are different quantities; empty where results have one unit.
    first : tuple of str or of numbers
        Labels of those entries that are looked at before the others.
    members : tuple of tuple of int
        Memory cells that each entry stands for, of an axis of groups of them; empty for others.
    drawn : bool
        Whether numbers of a module along it are drawn as a curve, at the place of their other axes.
    states : tuple of str or of numbers
        Labels of those entries whose values are states, as that of a fit, and no amounts.
    """

    name: str
    title: str
    labels: tuple[Label, ...]
    unit: str = ""
    of_slot: bool = False
    value_units: tuple[str, ...] = ()
    first: tuple[Label, ...] = ()
    members: tuple[tuple[int, ...], ...] = ()
    drawn: bool = False
    states: tuple[Label, ...] = ()

    def __len__(self) -> int:
        """Number of entries."""
        return len(self.labels)

    def index(self, label: Label) -> int:
        """Index of a label; ValueError where there is none such."""
        return self.labels.index(label)

    @property
    def in_order(self) -> tuple[int, ...]:
        """Indices of all entries, those that are looked at first before the others."""
        ahead = self.indices([one for one in self.first if one in self.labels])
        return (*ahead, *(index for index in range(len(self)) if index not in ahead))

    def indices(self, labels: Sequence[Label]) -> tuple[int, ...]:
        """Indices of several labels."""
        place = {label: index for index, label in enumerate(self.labels)}
        return tuple(place[label] for label in labels)

    def relabelled(self, labels: tuple[Label, ...]) -> Axis:
        """The same axis with other entries, those that stay in their units."""
        known = dict(zip(self.labels, self.value_units, strict=bool(self.value_units)))
        return replace(self, labels=labels, value_units=tuple(known.get(one, "") for one in labels) if known else ())

    def nearest(self, label: Label) -> int:
        """Index of the label, or of the nearest number; 0 where it is neither here nor a number."""
        if label in self.labels:
            return self.labels.index(label)
        numbers = [abs(one - label) if _both_numbers(one, label) else float("inf")  # type: ignore[operator]
                   for one in self.labels]
        return min(range(len(numbers)), key=numbers.__getitem__, default=0)


def _both_numbers(one: Label, other: Label) -> bool:
    return isinstance(one, int | float) and isinstance(other, int | float)


@dataclass(frozen=True)
class Result:
    """Something that a characterisation makes, over named axes.

    Attributes
    ----------
    name, title, unit, help : str
    dtype : str, or tuple of (name, dtype) pairs
        Of several named columns for a table, whose rows are as many as there are.
    over : tuple of str
        Axes before the pixels, by name; none where there is one of it.
    pixels : bool
        Whether images (slow_scan, fast_scan) follow; else a curve, a table or a number.
    role : str
        Values, bad-pixel flags, or counts.
    error : str
        Result that is the spread of one sample of this one.
    count : str
        Result with the samples behind each value, where its statistical error follows from them: a value is the mean
        of samples with the spread ``error`` or, without an ``error``, a spread of samples itself, a noise.
    quality : str
        Result with errors of this one's entries and how sure they are, which is handed on with it.
    scale_of : str
        Result whose colour levels this one shares, so that both can be compared.
    centre : float
        Value that means no difference, about which colour levels lie symmetric; NaN where there is none such.
    missing : float
        Stands in a constant where there are no data.
    hidden : bool
        Kept, but not offered on the screen.
    marks : tuple of (number, str)
        Places along its curve that have a name.
    verdict : str
        How new values are tested against accepted ones: by their ``shift`` in units of :attr:`noise`, by their
        ``ratio``, or by their relative ``change``; empty where they are not.
    noise : str
        Result that is the spread of a sample in what this one is for, which an offset need not have been made with.
    tested : tuple of Label
        Entries of its first axis that are tested; all unless given.
    """

    name: str
    title: str
    unit: str
    dtype: str | tuple[tuple[str, str], ...]
    help: str
    over: tuple[str, ...] = ("gain", "cell")
    pixels: bool = True
    role: Literal["value", "flags", "count"] = "value"
    error: str = ""
    count: str = ""
    quality: str = ""
    scale_of: str = ""
    centre: float = float("nan")
    missing: float = float("nan")
    hidden: bool = False
    marks: tuple[tuple[float, str], ...] = ()
    verdict: Literal["", "shift", "ratio", "change"] = ""
    noise: str = ""
    tested: tuple[Label, ...] = ()

    @property
    def is_table(self) -> bool:
        """Whether it has named columns."""
        return not isinstance(self.dtype, str)

    @property
    def numpy_dtype(self) -> np.dtype[Any]:
        """Type of its values."""
        return np.dtype(self.dtype if isinstance(self.dtype, str) else list(self.dtype))

    @property
    def blank(self) -> float | int:
        """What stands on the screen where there are no data: NaN, or 0 for whole numbers."""
        return float("nan") if self.numpy_dtype.kind == "f" else 0

    @property
    def filling(self) -> float | int:
        """What stands in files where there are no data."""
        return self.missing if self.numpy_dtype.kind == "f" or not np.isnan(self.missing) else 0

    def shape(self, axes: Mapping[str, Axis]) -> tuple[int, ...]:
        """Lengths of the axes that it is over."""
        return tuple(len(axes[name]) for name in self.over)


@dataclass(frozen=True)
class Pick:
    """A result, at fixed entries of the axes whose entries are looked at side by side."""

    result: str
    at: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class View:
    """What somebody looks at: indices along axes, some modules (empty: all), some results (empty: all offered)."""

    at: At = field(default_factory=dict)
    modules: tuple[int, ...] = ()
    picks: tuple[Pick, ...] = ()


@dataclass(frozen=True)
class Tried:
    """A part of a picture that was made with other parameters than the rest.

    Attributes
    ----------
    module : int
    rows, columns : slice
        Pixels of that module, along slow_scan and fast_scan.
    words : str
        Which parameters, such as ``margin_hg 40 (made with 20)``.
    """

    module: int
    rows: slice
    columns: slice
    words: str


@dataclass(frozen=True)
class Picture:
    """Maps of a view.

    Attributes
    ----------
    view : View
        What was asked for.
    modules : tuple of int
        Module numbers in the order of the first axis of the maps.
    maps : mapping of (modules, slow_scan, fast_scan) arrays
        By pick; read-only; missing data are NaN (0 in flags and counts).
    coverage : (modules,) array
        Share of the frames behind each module's maps, 0 to 1.
    tried : Tried, optional
        What of it is a preview of other parameters.
    counts : (2, modules) array, optional
        How much is behind each module's maps, and how much there will be; None where it is not counted.
    counted : str
        What is counted: frames behind the maps, or entries of an axis of which there are maps.
    there : mapping of str to (entries,) arrays
        Of an axis by whose entries maps come, while some are to come: the share of the modules that have each entry,
        0 to 1, those whose data are being read counted half; NaN where there will be none.
    made_of : Picture, optional
        The picture that this one is with something added.
    """

    view: View
    modules: tuple[int, ...]
    maps: Mapping[Pick, Array]
    coverage: Array
    tried: Tried | None = None
    counts: Array | None = None
    counted: str = "frame"
    there: Mapping[str, Array] = field(default_factory=dict)
    made_of: Picture | None = None


def unit_of(result: Result, at: At, axes: Mapping[str, Axis]) -> str:
    """Unit of a result at a place: its own, unless entries of one of its axes are different quantities."""
    units = [axes[name].value_units[at[name]] for name in result.over if name in at and axes[name].value_units]
    return units[0] if units else result.unit


def side_by_side(result: Result, axes: Mapping[str, Axis]) -> tuple[str, ...]:
    """Names of those of its axes whose entries are looked at side by side."""
    return tuple(name for name in result.over if name in axes and axes[name].of_slot)


def picks_of(result: Result, axes: Mapping[str, Axis]) -> tuple[Pick, ...]:
    """All that can be looked at of a result: one, or each entry of its axes of slots."""
    side = side_by_side(result, axes)
    entries = product(*(axes[name].in_order for name in side))
    return tuple(Pick(result.name, tuple(zip(side, entry, strict=True))) for entry in entries)


def index_of(result: Result, at: At, axes: Mapping[str, Axis]) -> tuple[int, ...]:
    """Indices of a result along the axes that it is over, the last entry where an axis has fewer; 0 if not given."""
    return tuple(min(max(at.get(name, 0), 0), max(len(axes[name]) - 1, 0)) for name in result.over)
