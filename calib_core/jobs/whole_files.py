"""Files that a job takes as they are, one by one, of whatever detector."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from calib_core.axes import Label
from calib_core.characterisation.unit import Item
from calib_core.constants.condition import Value
from calib_core.errors import BadParameter
from calib_core.store.constants import StoredConstant
from calib_core.typed import is_number, parse_number

#: Tells the log something: level and sentence.
Say = Callable[[str, str], None]
#: Asked between pieces of work; may raise Cancelled.
Check = Callable[[], None]
#: Size of a constant with its map: offsets have eight bytes for a value, flags four.
WITH_MAP = 1.6


@dataclass(frozen=True)
class Left:
    """A file that was written: what it is, its SHA-256 (hexadecimal) and its size in bytes."""

    path: Path
    what: str
    sha256: str
    bytes: int


@dataclass(frozen=True)
class Finished:
    """What is left when all files were taken.

    Attributes
    ----------
    written : tuple of Left
    rows : sequence, optional
        Of the table, where they are others than those that came file by file.
    status : int
        Exit status of a command whose job is done.
    """

    written: tuple[Left, ...] = ()
    rows: Sequence[Sequence[object]] | None = None
    status: int = 0


class WholeFiles(ABC):
    """Files of a job without modules.

    Attributes
    ----------
    lines, notes : tuple of str
        What was taken, and what is doubtful of it, for the log.
    """

    lines: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    @abstractmethod
    def number(self) -> int:
        """How many there are."""

    @property
    @abstractmethod
    def largest(self) -> int:
        """Bytes of the largest, which is in memory as a whole."""

    @abstractmethod
    def items(self) -> Iterator[Item]:
        """Take one after the other.

        Yields
        ------
        Item
        """

    @abstractmethod
    def finish(self, say: Say, check: Check) -> Finished:
        """Do what is done when all were taken.

        Parameters
        ----------
        say, check : callable

        Raises
        ------
        CalibrationError
            It cannot be done.
        """

    def blocks(self, labels: Mapping[int, Label]) -> Iterator[Item]:
        """The same as :meth:`items`; there are no entries of an axis.

        Parameters
        ----------
        labels : mapping
        """
        return self.items()

    @property
    def bytes_beside(self) -> int:
        """Memory while a file is taken."""
        return self.largest

    @property
    def stored(self) -> Mapping[str, StoredConstant]:
        """Constants that tell of themselves before they are read: none."""
        return {}

    def stop(self) -> None:
        """Nothing is read as a whole for others."""
        return

    def close(self) -> None:
        """Let go of what is open: nothing, unless it says otherwise."""
        return


def conditions_in(text: str, what: str) -> dict[str, Value]:
    """Values of an operating condition, such as ``bias_voltage=250, memory_cells=352``.

    Parameters
    ----------
    text : str
        A comma that is followed by something else than a parameter belongs to the value.
    what : str
        The parameter that it was typed for.

    Raises
    ------
    BadParameter
        It is written otherwise.
    """
    found: dict[str, str] = {}
    last = ""
    for part in text.split(",") if text.strip() else ():
        name, equals, value = part.partition("=")
        if equals and name.strip() and value.strip():
            last = name.strip()
            found[last] = value.strip()
        elif last and not equals:
            found[last] += f",{part}"
        else:
            raise BadParameter(f"{what} = {text!r} is not allowed; it takes PARAMETER=VALUE with commas between, "
                               "such as bias_voltage=250, memory_cells=352.")
    return {name: parse_number(value) if is_number(value) else value for name, value in found.items()}


def written(path: Path, what: str) -> Left:
    """A small file that was written.

    Parameters
    ----------
    path : Path
    what : str
    """
    data = path.read_bytes()
    return Left(path, what, hashlib.sha256(data).hexdigest(), len(data))
