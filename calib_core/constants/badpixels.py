"""Bad-pixel flags with the facility's bit values (European-XFEL/EXtra, ``extra.calibration.BadPixels``)."""

from __future__ import annotations

import difflib
from enum import IntFlag

from calib_core.errors import BadParameter


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


def flags_named(text: str, parameter: str = "flags") -> int:
    """Flags by their names, as bits.

    Parameters
    ----------
    text : str
        Names, or labels, in any case, with commas between.
    parameter : str
        What is told to have them.

    Raises
    ------
    BadParameter
        One is no flag; the nearest names are told.
    """
    found = 0
    for word in filter(None, (one.strip() for one in text.split(","))):
        name = word.upper().replace(" ", "_").replace("-", "_")
        if name not in BadPixels.__members__:
            near = ", ".join(difflib.get_close_matches(name, BadPixels.__members__, 3, 0.0))
            raise BadParameter(f"{parameter} = {text!r} is not allowed; {word!r} is no flag, the nearest are {near}.")
        found |= BadPixels[name]
    return int(found)
