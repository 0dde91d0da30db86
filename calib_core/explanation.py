"""What the data of a pixel say, as things to draw and numbers: made by who knows the data, drawn by who does not."""

from __future__ import annotations

from dataclasses import dataclass

from calib_core.axes import Array


@dataclass(frozen=True)
class Bars:
    """A histogram: (n + 1,) edges and (n,) counts."""

    name: str
    edges: Array
    counts: Array


@dataclass(frozen=True)
class Mark:
    """A position along x."""

    name: str
    x: float


@dataclass(frozen=True)
class Span:
    """A range along x, its ends inside."""

    name: str
    low: float
    high: float


@dataclass(frozen=True)
class Points:
    """Samples that belong together: (n,) positions and values; those of a number have one colour in all plots.

    ``large`` ones stand for others, such as the middles of groups.
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
    """Items over common axes, whose names and units stand at them."""

    title: str
    x: str
    y: str
    x_unit: str = ""
    y_unit: str = ""
    items: tuple[Item, ...] = ()


@dataclass(frozen=True)
class Number:
    """A number with its name, unit and error; NaN where there is none."""

    name: str
    value: float
    unit: str = ""
    error: float = float("nan")


@dataclass(frozen=True)
class Explanation:
    """Plots and numbers of one pixel at one place, and sentences on what they leave out.

    Attributes
    ----------
    plots, numbers, notes
    steps : str
        After which steps the samples can be looked at as well; empty where there are none.
    """

    plots: tuple[Plot, ...] = ()
    numbers: tuple[Number, ...] = ()
    notes: tuple[str, ...] = ()
    steps: str = ""


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
