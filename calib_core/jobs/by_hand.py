"""Constants that the operator gives for a module and kind in place of those that would be chosen."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from calib_core.characterisation.inputs import BY_HAND, BY_HAND_FORM, NEUTRAL, Input
from calib_core.constants.constant import ConstantKind
from calib_core.detector import Detector
from calib_core.errors import BadInput, BadParameter
from calib_core.ranges import format_numbers, parse_numbers
from calib_core.store.constants import StoredConstant, read_constant
from calib_core.typed import parse_path

_WORD = re.compile(r"([\d\s,-]+):\s*(\w+)\s*=\s*(.+)", re.ASCII | re.DOTALL)
#: Files by module and kind, as a specification has them.
ByHand = Mapping[int, Mapping[str, str]]


def parse_by_hand(words: Sequence[str]) -> dict[int, dict[str, str]]:
    """Files by module and kind.

    Parameters
    ----------
    words : sequence of str
        Such as ``3:Offset=FILE``; the module may be a range, the file the word ``neutral``.

    Returns
    -------
    dict
        As :class:`~calib_core.jobs.spec.JobSpec` takes it, with absolute paths.

    Raises
    ------
    BadParameter
        A word is written otherwise, or names a module and kind twice.
    """
    found: dict[int, dict[str, str]] = {}
    for word in words:
        match = _WORD.fullmatch(word.strip())
        if match is None:
            raise BadParameter(f"{BY_HAND} {word} is not of the form {BY_HAND_FORM}, such as 3:Offset=cal.17.h5 or "
                               f"0-15:Offset={NEUTRAL}.")
        numbers, kind, path = match.groups()
        for number in parse_numbers(numbers):
            if kind in found.setdefault(number, {}):
                raise BadParameter(f"{BY_HAND} names {kind} of module {number} twice; name it once.")
            found[number][kind] = path if path == NEUTRAL else str(parse_path(path).absolute())
    return found


def by_hand_words(given: ByHand) -> list[str]:
    """Words that :func:`parse_by_hand` reads; modules with the same together."""
    together: dict[tuple[str, str], list[int]] = {}
    for number, of_module in sorted(given.items()):
        for kind, path in of_module.items():
            together.setdefault((kind, path), []).append(number)
    return [f"{format_numbers(numbers)}:{kind}={path}" for (kind, path), numbers in together.items()]


def check_by_hand(given: ByHand, inputs: Sequence[Input], detector: Detector) -> dict[tuple[int, str], str]:
    """Files by module and the name of their kind, once they can be meant.

    Parameters
    ----------
    given : mapping
        Of a specification; kinds may be written in small letters, or as the database has them.
    inputs : sequence of Input
        Constants that steps take.
    detector : Detector
        With the modules that are asked for.

    Returns
    -------
    dict

    Raises
    ------
    BadParameter
        No step takes such a constant, or the module takes no part.
    """
    kinds = [kind.name for one in inputs for kind in one.kinds]
    stored = {one.name.lower(): name for name, one in detector.type.calibrations.items() if name in kinds}
    names = {**stored, **{name.lower(): name for name in kinds}}
    numbers = [module.number for module in detector.modules]
    found = {}
    for number, of_module in given.items():
        for kind, path in of_module.items():
            if kind.lower() not in names:
                raise BadParameter(f"{BY_HAND} {number}:{kind}={path} is not allowed; no step takes {kind}. Steps "
                                   f"take {', '.join(kinds)}.")
            if number not in numbers:
                raise BadParameter(f"{BY_HAND} {number}:{kind}={path} is not allowed; module {number} takes no part. "
                                   f"There are {format_numbers(numbers)}.")
            found[number, names[kind.lower()]] = path
    return found


def read_by_hand(path: str, kind: ConstantKind, detector: Detector, number: int) -> StoredConstant:
    """A constant that was given for a module and kind.

    Parameters
    ----------
    path : str
    kind : ConstantKind
    detector : Detector
    number : int
        Of the module.

    Raises
    ------
    BadInput
        It cannot be read, or is of another kind or unit.
    """
    found, wanted = read_constant(Path(path)), detector.type.calibrations[kind.name].name
    pdu = detector.module(number).pdu
    if found.calibration != wanted:
        raise BadInput(f"{path} was given as {kind.name} of module {number}, but is a constant "
                       f"{found.calibration}; give one of {wanted}.")
    if found.pdu != pdu:
        raise BadInput(f"{path} was given for module {number}, whose unit is {pdu}, but is of {found.pdu}; give one "
                       f"of {pdu}, or say with --pdu {number}={found.pdu} that this is the module's unit.")
    return found
