"""What tells of a constant, a file or a version of a store: its operating condition, as far as it is understood."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from calib_core.constants.condition import Condition, Found
from calib_core.detector import DetectorType
from calib_core.errors import BadInput


class Stated(Protocol):
    """What tells of a constant: its file, or a version of a store."""

    @property
    def path(self) -> Path:
        """Its file."""

    @property
    def pdu(self) -> str:
        """Physical detector unit."""

    @property
    def calibration(self) -> str:
        """The database's name of its kind."""

    @property
    def conditions(self) -> Mapping[str, Any]:
        """What is told of its operating condition, by the database's names."""

    @property
    def begin(self) -> datetime | None:
        """Begin of validity, aware UTC, where it is told."""

    @property
    def created(self) -> datetime | None:
        """When its file was made, aware UTC, where it is told."""


@contextmanager
def understood(one: Stated) -> Iterator[None]:
    """Turn attributes that are something else than they should be into one sentence."""
    try:
        yield
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise BadInput(f"{one.path} says of itself what cannot be understood ({type(error).__name__}: {error}); "
                       "its attributes are damaged or another program's.") from error


def condition_of(kind: DetectorType, one: Stated) -> Condition:
    """Operating condition that the file tells, with as many values as it tells.

    The database neither stores nor asks for the old default of a newer parameter: of what a constant has, and a file
    that tells others leaves out, it holds.

    Parameters
    ----------
    kind : DetectorType
        Declares the parameters.
    one : StoredConstant or Version

    Raises
    ------
    BadInput
        What it says cannot be understood.
    """
    with understood(one):
        told = dict(_values(kind, one.conditions))
    return Condition(kind.condition, {**dict(_left_out(kind, one)), **told} if told else {})


def _left_out(kind: DetectorType, one: Stated) -> Iterator[tuple[str, Found]]:
    own = [calibration for calibration in kind.calibrations.values() if calibration.name == one.calibration]
    names = {name for calibration in own for name in kind.condition_of(calibration)}
    for parameter in kind.condition:
        if parameter.name in names and parameter.left_out_at is not None:
            yield parameter.name, Found(parameter.left_out_at, "constant: left out, as the old default is")


def _values(kind: DetectorType, said: Mapping[str, Any]) -> Iterator[tuple[str, Found]]:
    for parameter in kind.condition:
        if parameter.database_name in said:
            entry = said[parameter.database_name]
            yield parameter.name, Found(entry["value"], f"constant: {entry.get('origin', '')}",
                                        bool(entry.get("sure", True)),
                                        others=tuple(entry.get("values", ())))
