"""Which constants answer a question of a database: by operating condition, and by time.

A constant was made at an operating condition, and says how far from each of its values it still holds. It answers a
question that has the same parameters, each with a value within. Of those that do, time decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Literal, Protocol, TypeVar

from calib_core.constants.condition import Value

#: The newest from before a time, or the closest to it, be it later.
Strategy = Literal["prior", "closest"]


@dataclass(frozen=True)
class Setting:
    """A parameter's value that a constant was made at, and how far from it the constant holds.

    Attributes
    ----------
    value : float or str
    lower, upper : float
        How much smaller and larger a number that is asked for may be; both ends are allowed.
    others : tuple of float or str
        Further values that the constant was made at, of a parameter that follows the gain stage.
    absent : bool
        Whether one of the values is an old default that nobody asks for, so that a question without the parameter is
        answered too.
    unit : str
        For people.
    """

    value: Value
    lower: float = 0.0
    upper: float = 0.0
    others: tuple[Value, ...] = ()
    absent: bool = False
    unit: str = ""

    @cached_property
    def values(self) -> tuple[Value, ...]:
        """All values that it was made at, each once."""
        return tuple(dict.fromkeys((self.value, *self.others)))

    @cached_property
    def _bounds(self) -> tuple[tuple[float, float], ...]:
        """Smallest and largest number around each value, as people add them: 0.7 and 0.1 is 0.8."""
        lower, upper = Decimal(repr(float(self.lower))), Decimal(repr(float(self.upper)))
        numbers = [Decimal(repr(float(one))) for one in self.values if not isinstance(one, str)]
        return tuple((float(one - lower), float(one + upper)) for one in numbers)

    def admits(self, asked: Value) -> bool:
        """Whether a value that is asked for is near enough; a text where the constant's begins with it.

        Parameters
        ----------
        asked : float or str
            An empty text is one of its own, and the begin of no other.
        """
        if isinstance(asked, str):
            return any(isinstance(one, str) and (one.startswith(asked) if asked else not one) for one in self.values)
        return any(low <= asked <= high for low, high in self._bounds)

    def shown(self) -> str:
        """The value with its unit."""
        return f"{self.value} {self.unit}".rstrip()


@dataclass(frozen=True)
class Compared:
    """A parameter in which a constant and a question were compared.

    Attributes
    ----------
    name : str
    held : Setting, optional
        The constant's; None where it has none.
    asked : tuple of float or str
        Values of the question; empty where it has none.
    against : str
        What speaks against the constant, in words; empty where nothing does.
    """

    name: str
    held: Setting | None
    asked: tuple[Value, ...]
    against: str = ""


def compare(held: Mapping[str, Setting], asked: Mapping[str, Sequence[Value]]) -> Iterator[Compared]:
    """Compare a constant's operating condition with that of a question, parameter by parameter.

    Parameters
    ----------
    held : mapping of str to Setting
        Of the constant.
    asked : mapping of str to sequence
        Values of a question; where there are several, one of them is enough.

    Yields
    ------
    Compared
        A parameter that one side alone has speaks against the constant, and so do numbers beyond a deviation by
        however little.
    """
    for name in dict.fromkeys((*held, *asked)):
        mine, theirs = held.get(name), tuple(asked.get(name, ()))
        yield Compared(name, mine, theirs, _against(name, mine, theirs))


def _against(name: str, mine: Setting | None, theirs: tuple[Value, ...]) -> str:
    if mine is None or not theirs:
        return "" if mine is not None and mine.absent else f"{name} is known on one side only"
    if any(mine.admits(value) for value in theirs):
        return ""
    return f"{name} differs: {mine.shown()} and {theirs[0]}{mine.unit and f' {mine.unit}'}"


def difference(held: Mapping[str, Setting], asked: Mapping[str, Sequence[Value]]) -> str:
    """What speaks against a constant's operating condition, by the parameters' names.

    Parameters
    ----------
    held : mapping of str to Setting
    asked : mapping of str to sequence

    Returns
    -------
    str
        The first difference of :func:`compare`; empty where the constant answers.
    """
    return next((one.against for one in compare(held, asked) if one.against), "")


class Dated(Protocol):
    """What is valid from some time on."""

    @property
    def begin(self) -> datetime | None:
        """Begin of validity, aware UTC; None where it tells none."""


Some = TypeVar("Some", bound=Dated)


def best(ordered: Sequence[Some], event: datetime, strategy: Strategy) -> Some | None:
    """The one of several that time decides for.

    Parameters
    ----------
    ordered : sequence
        By begin; of two that begin at once the later one counts, which is the one that was made later.
    event : datetime
        Aware.
    strategy : str
        ``prior``: the newest that begins before, or at, the event. ``closest``: the one whose begin is the closest,
        be it later; of two that are as close the one before.

    Returns
    -------
    object or None
        None where none tells its time, or none begins before the event.
    """
    dated = [one for one in ordered if one.begin is not None]
    if strategy == "closest":
        return min(reversed(dated), key=lambda one: _apart(one, event), default=None)
    return next((one for one in reversed(dated) if _begins(one) <= event), None)


def _begins(one: Dated) -> datetime:
    assert one.begin is not None
    return one.begin


def _apart(one: Dated, event: datetime) -> tuple[timedelta, bool]:
    return abs(_begins(one) - event), _begins(one) > event
