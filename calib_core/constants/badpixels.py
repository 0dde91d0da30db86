"""Bad-pixel flags with the facility's bit values (European-XFEL/EXtra, ``extra.calibration.BadPixels``)."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntFlag
from functools import cache, reduce
from operator import or_

from calib_core.errors import BadParameter
from calib_core.resource_files import read_resource

#: All bits of a mask.
ALL = 0xFFFFFFFF


class BadPixels(IntFlag):
    """Reasons for which a pixel is not to be trusted; masks are uint32, a good pixel has value 0."""

    OFFSET_OUT_OF_THRESHOLD = 1 << 0
    NOISE_OUT_OF_THRESHOLD = 1 << 1
    OFFSET_NOISE_EVAL_ERROR = 1 << 2
    NO_DARK_DATA = 1 << 3
    CI_GAIN_OF_OF_THRESHOLD = 1 << 4  # the misspelling is the facility's name
    CI_LINEAR_DEVIATION = 1 << 5
    CI_EVAL_ERROR = 1 << 6
    FF_GAIN_EVAL_ERROR = 1 << 7
    FF_GAIN_DEVIATION = 1 << 8
    FF_NO_ENTRIES = 1 << 9
    CI2_EVAL_ERROR = 1 << 10
    VALUE_IS_NAN = 1 << 11
    VALUE_OUT_OF_RANGE = 1 << 12
    GAIN_THRESHOLDING_ERROR = 1 << 13
    DATA_STD_IS_ZERO = 1 << 14
    ASIC_STD_BELOW_NOISE = 1 << 15
    INTERPOLATED = 1 << 16
    NOISY_ADC = 1 << 17
    OVERSCAN = 1 << 18
    NON_SENSITIVE = 1 << 19
    NON_LIN_RESPONSE_REGION = 1 << 20
    WRONG_GAIN_VALUE = 1 << 21
    NON_STANDARD_SIZE = 1 << 22
    EXPERT_CHOICE = 1 << 23
    USER1 = 1 << 30
    USER2 = 1 << 31

    @property
    def label(self) -> str:
        """Name for the screen, such as ``offset out of threshold``."""
        return (self.name or "").replace("_", " ").lower()


@dataclass(frozen=True)
class FlagPreset:
    """Flags that make a pixel bad together: a word for them, what they are, and their bits."""

    name: str
    help: str
    flags: int


@cache
def flag_presets() -> tuple[FlagPreset, ...]:
    """Named sets of flags, in the order of ``resources/flags/presets.yaml``."""
    return tuple(FlagPreset(str(name), one["help"], _every(one["flags"]) & ~_every(one.get("without", ())))
                 for name, one in read_resource("flags", "presets").items())


def _every(names: Sequence[str] | str) -> int:
    """Bits of flags by their names; a star stands for all 32, also such as have no name."""
    return ALL if names == "*" else reduce(or_, (int(BadPixels[name]) for name in names), 0)


def flags_named(text: str, parameter: str = "flags") -> int:
    """Flags by their names, or by those of presets, as bits.

    Parameters
    ----------
    text : str
        Names, or labels, or words of :func:`flag_presets`, in any case, with commas between.
    parameter : str
        What is told to have them.

    Raises
    ------
    BadParameter
        One is no flag and no preset; the nearest names are told.
    """
    found, presets = 0, {one.name.upper(): one.flags for one in flag_presets()}
    known = {**presets, **{name: int(flag) for name, flag in BadPixels.__members__.items()}}
    for word in filter(None, (one.strip() for one in text.split(","))):
        name = word.upper().replace(" ", "_").replace("-", "_")
        if name not in known:
            near = ", ".join(_shown(one) for one in difflib.get_close_matches(name, known, 3, 0.0))
            raise BadParameter(f"{parameter} = {text!r} is not allowed; {word!r} is no flag, the nearest are {near}.")
        found |= known[name]
    return found


def _shown(name: str) -> str:
    """A known name as it is written in pages: presets in small letters."""
    return name if name in BadPixels.__members__ else name.lower()
