"""What the data of a pixel say, as things to draw and numbers: made by who knows the data, drawn by who does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from calib_core.axes import Array


@dataclass(frozen=True)
class Asked:
    """How somebody wants a pixel to be explained.

    Attributes
    ----------
    corrected : bool
        Behind the steps that :attr:`Explanation.steps` offers, where it does.
    compared : bool
        Beside what other programs make of the same samples, those that :attr:`Explanation.others` offers.
    task : (str, str)
        Family and command whose ``parameters`` are tried; those of another characterisation are not.
    parameters : mapping
        Differences from the defaults of that characterisation.
    """

    corrected: bool = False
    compared: bool = False
    task: tuple[str, str] = ("", "")
    parameters: Mapping[str, Any] = field(default_factory=dict)


#: Nothing in particular.
PLAINLY = Asked()


@dataclass(frozen=True)
class Bars:
    """A histogram: (n + 1,) edges and (n,) counts."""

    name: str
    edges: Array
    counts: Array


@dataclass(frozen=True)
class Mark:
    """A position along x; its number stands beside its name unless it is one of many."""

    name: str
    x: float
    one_of_many: bool = False


@dataclass(frozen=True)
class Span:
    """A range along x, its ends inside, which a parameter may stand for.

    Attributes
    ----------
    name, low, high
    knob : str
        Parameter that moves with the ends; none where they cannot be moved.
    origin : float
        From where the parameter counts down to the upper end; NaN where it is both ends.
    number : int
        Of the points that it is about, whose colour it has.
    """

    name: str
    low: float
    high: float
    knob: str = ""
    origin: float = float("nan")
    number: int = 0

    def value(self, low: float, high: float) -> int | list[float]:
        """Value of the parameter, in whole units, once the ends are elsewhere."""
        if self.origin == self.origin:
            return max(0, round(self.origin - high))
        return [float(round(low)), float(round(high))]


@dataclass(frozen=True)
class Points:
    """Samples that belong together: (n,) positions and values; those of a number have one colour in all plots.

    ``large`` ones stand for others, such as the middles of groups; those with a number are somebody else's.
    """

    name: str
    x: Array
    y: Array
    number: int = 0
    large: bool = False


@dataclass(frozen=True)
class Line:
    """A curve: (n,) positions and values, NaN where it is interrupted; dashed where it is not of the points below."""

    name: str
    x: Array
    y: Array
    dashed: bool = False


@dataclass(frozen=True)
class Level:
    """A value along y."""

    name: str
    y: float


Item = Bars | Mark | Span | Points | Line | Level


@dataclass(frozen=True)
class Plot:
    """Items over common axes, whose names and units stand at them.

    ``log`` values are drawn by their logarithm, those of 0 and below not at all.
    """

    title: str
    x: str
    y: str
    x_unit: str = ""
    y_unit: str = ""
    items: tuple[Item, ...] = ()
    log: bool = False


@dataclass(frozen=True)
class Number:
    """A number with its name, unit and error; NaN where there is none.

    Attributes
    ----------
    name, value, unit, error
    limit : float
        Largest size that it may have.
    theirs : float
        What another program says, which ``by`` names.
    """

    name: str
    value: float
    unit: str = ""
    error: float = float("nan")
    limit: float = float("nan")
    theirs: float = float("nan")
    by: str = ""

    @property
    def is_beyond(self) -> bool:
        """Whether it is larger than it may be."""
        return abs(self.value) > self.limit

    @property
    def away(self) -> float:
        """Difference from the other program in units of the error, of numbers without one relative to their size."""
        scale = self.error if self.error > 0 else max(abs(self.value), abs(self.theirs))
        return abs(self.value - self.theirs) / scale if scale > 0 else abs(self.value - self.theirs)


@dataclass(frozen=True)
class Explanation:
    """Plots and numbers of one pixel at one place, and sentences on what they leave out.

    Attributes
    ----------
    plots, numbers, notes
    steps : str
        After which steps the samples can be looked at as well; empty where there are none.
    others : str
        Which other programs can be asked for the same; empty where there are none.
    tried : str
        Parameters that are tried in place of those of the results, and what these were made with; else empty.
    grows : bool
        Whether it is made of results of a job that goes on, and will be another one later.
    """

    plots: tuple[Plot, ...] = ()
    numbers: tuple[Number, ...] = ()
    notes: tuple[str, ...] = ()
    steps: str = ""
    others: str = ""
    tried: str = ""
    grows: bool = False


@dataclass(frozen=True)
class RowFrames:
    """Raw samples of a row of pixels at one place: values (frames, fast_scan) uint16 ADU, and their train ids."""

    values: Array
    trains: Array


@dataclass(frozen=True)
class Reason:
    """Why a pixel has a flag, or what a rule says of one that has not.

    Attributes
    ----------
    flag : int
        Mask of one bit.
    what : str
        Quantity that the rule looks at, such as ``Offset``.
    value : float
        Of the pixel, NaN where it has none.
    unit : str
    low, high : float
        Limits of the rule, their ends inside; infinite where there is none on that side.
    median, sigmas : float
        Median of the group of pixels that the limit comes from, and the distance of the value from it in their
        scale; NaN where the rule knows no group.
    set : bool
        Whether the rule sets the flag.
    words : str
        The rule in one sentence.
    """

    flag: int
    what: str
    value: float
    unit: str
    low: float
    high: float
    median: float
    sigmas: float
    set: bool
    words: str


@dataclass(frozen=True)
class RuleText:
    """A rule in words, for a page.

    Attributes
    ----------
    flag : int
        Mask of one bit.
    what : str
        Statistic that it looks at.
    limit : str
        Where a pixel is good.
    alarms : str
        How often it flags a good pixel.
    """

    flag: int
    what: str
    limit: str
    alarms: str
