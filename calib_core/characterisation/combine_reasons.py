"""Why a combined pixel has its flags: rules of combining with values and limits, and which inputs had them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf, nan

import numpy as np

from calib_core.axes import Array
from calib_core.characterisation.combine_cell import Limiting
from calib_core.constants.badpixels import BadPixels
from calib_core.constants.constant import FLAGGED_BY, GAIN_FIELDS
from calib_core.explanation import Reason, RuleText
from calib_core.numerics.combined_gain import Origin

_DARK, _CAPACITOR, _FLAT, _CURRENT, _COMBINING = range(len(FLAGGED_BY))
_OF_LINES = BadPixels.CI_GAIN_OF_OF_THRESHOLD | BadPixels.CI_LINEAR_DEVIATION | BadPixels.CI_EVAL_ERROR
_BOTH = BadPixels.GAIN_THRESHOLDING_ERROR | BadPixels.NO_DARK_DATA
#: Flags that an input can have; a dark has all others, and those that any measurement has.
_ABLE = {
    _CAPACITOR: _OF_LINES | _BOTH,
    _FLAT: BadPixels.FF_GAIN_EVAL_ERROR | BadPixels.FF_GAIN_DEVIATION | BadPixels.FF_NO_ENTRIES,
    _CURRENT: BadPixels.CI2_EVAL_ERROR | BadPixels.CI_GAIN_OF_OF_THRESHOLD | BadPixels.CI_LINEAR_DEVIATION | _BOTH,
}
_ALL = 0xFFFFFFFF
_OF_DARK = (_ALL & ~int(_ABLE[_CAPACITOR] | _ABLE[_FLAT] | _ABLE[_CURRENT])) | int(_BOTH)


@dataclass(frozen=True)
class Rule:
    """What is asked of a value of a pixel.

    Attributes
    ----------
    value : str
        Its name, as in the origins.
    flag : BadPixels
        Set where it is not so.
    stages : tuple of int
        Gain stages that are flagged.
    words : str
        The rule in a sentence.
    limits : (float, float)
        Of the pixel's own measurement.
    """

    value: str
    flag: BadPixels
    stages: tuple[int, ...]
    words: str
    limits: tuple[float, float] = (-inf, inf)


def rules_of(limits: Limiting, with_pc: bool, with_ff: bool, with_cs: bool) -> tuple[Rule, ...]:
    """Rules of combining, of those measurements that take part.

    Parameters
    ----------
    limits : Limiting
    with_pc, with_ff, with_cs : bool
    """
    every, stand_in = (0, 1, 2), "the median of its memory cell stands in, or a number where no pixel has one"
    out, error, lacking = BadPixels.CI_GAIN_OF_OF_THRESHOLD, BadPixels.CI_EVAL_ERROR, BadPixels.INTERPOLATED
    low, high = limits.ff_range
    of_pc = (Rule("ratio HG/MG", error, every, f"Both slopes of the pulse capacitor must be there; else {stand_in}."),
             Rule("ratio HG/MG", out, every, f"The ratio of both slopes must be within its limits, and its "
                  f"error at most {limits.hm_error:.3g} of it; else {stand_in}.", limits.hm_range))
    of_ff = tuple(Rule("gain", flag, every, f"The gain of the flat field must be {what}; else {stand_in}.") for
                  flag, what in ((BadPixels.FF_GAIN_EVAL_ERROR, "there"),
                                 (BadPixels.FF_NO_ENTRIES, "there for any pixel of the memory cell"),
                                 (BadPixels.FF_GAIN_DEVIATION,
                                  f"{low:g} to {high:g} of the median of its memory cell")))
    of_cs = (Rule("ratio MG/LG", BadPixels.CI2_EVAL_ERROR, (2,),
                  f"The current source must tell the ratio; else {stand_in}."),
             Rule("ratio MG/LG", out, (2,), f"The ratio must be within its limits; else {stand_in}.",
                  limits.ml_range))
    return (
        *(of_pc if with_pc else (Rule("ratio HG/MG", lacking, (1, 2), "No pulse capacitor takes part: the ratio is a "
                                      "number for all pixels."),)),
        *(of_ff if with_ff else ()), *(of_cs if with_cs else ()),
        Rule("shift LG", lacking, (2,), "Lines of the pixel's own must tell how low gain is shifted; else it has the "
             "shift of medium gain."),
        *(Rule(f"threshold {name}", BadPixels.GAIN_THRESHOLDING_ERROR, between,
               "A scan or a dark must tell the threshold.")
          for name, between in (("HG-MG", (0, 1)), ("MG-LG", (1, 2)))),
    )


def texts(rules: Sequence[Rule]) -> tuple[RuleText, ...]:
    """The rules for a page.

    Parameters
    ----------
    rules : sequence of Rule
    """
    return tuple(RuleText(int(one.flag), one.value, one.words, "none") for one in rules)


def reasons_of(
    rules: Sequence[Rule], stages: Sequence[str], stage: int, maps: Mapping[str, Array], pixel: tuple[int, int],
) -> tuple[Reason, ...]:
    """What there is to say of a pixel.

    Parameters
    ----------
    rules : sequence of Rule
    stages : sequence of str
        Short names of the gain stages.
    stage : int
        The one that is looked at.
    maps : mapping of arrays
        ``bad_pixels`` (gain, slow_scan, fast_scan) and ``fields`` (field, slow_scan, fast_scan) of a memory cell.
    pixel : (int, int)
    """
    if not {"fields", "bad_pixels"} <= maps.keys():
        return ()
    fields = dict(zip(GAIN_FIELDS, maps["fields"], strict=True))
    by = fields[f"flagged by {stages[stage]}"][pixel]
    sources = 0 if np.isnan(by) else int(by)
    mask = int(maps["bad_pixels"][(stage, *pixel)])
    own = [_own(one, fields, pixel, mask if sources >> _COMBINING & 1 else 0) for one in rules if stage in one.stages]
    return (*own, *_of_inputs(mask, sources, sum({one.flag for one in own if one.set})))


def _own(rule: Rule, fields: Mapping[str, Array], pixel: tuple[int, int], mask: int) -> Reason:
    """A rule of combining; a stand-in is no value of the pixel."""
    origins = fields[f"origin of {rule.value}"]
    values = fields.get(rule.value)
    mine, median = nan, nan
    if values is not None:
        known = values[(origins == Origin.OWN) & np.isfinite(values)]
        mine = float(values[pixel]) if origins[pixel] == Origin.OWN else nan
        median = float(np.median(known)) if known.size else nan
    is_set = bool(mask & int(rule.flag)) and origins[pixel] not in (Origin.OWN, Origin.DARK)
    label = "" if np.isnan(origins[pixel]) else f" It is: {Origin(int(origins[pixel])).label}."
    return Reason(int(rule.flag), rule.value, mine, "", *rule.limits, median, nan, is_set, f"{rule.words}{label}")


def _of_inputs(mask: int, sources: int, known: int) -> Iterator[Reason]:
    """Flags that inputs had, each with every input that can have it, and those of a memory cell that stands in."""
    found = {place: mask & (_OF_DARK if place == _DARK else int(_ABLE[place]))
             for place in (_DARK, _CAPACITOR, _FLAT, _CURRENT) if sources >> place & 1}
    left = mask & ~known
    for flags in found.values():
        left &= ~flags
    for place, flags in found.items():
        for bit in _bits(flags if sources >> _COMBINING & 1 else flags | left):
            yield _of_input(bit, f"flags of {FLAGGED_BY[place]}",
                            f"The constants of the {FLAGGED_BY[place]} flag this pixel; they tell by which rule.")
    if sources >> _COMBINING & 1:
        for bit in _bits(left):
            yield _of_input(bit, "memory cell",
                            "An input does not have this memory cell: another of its row stands in.")


def _bits(mask: int) -> Iterator[int]:
    return (1 << number for number in range(32) if mask >> number & 1)


def _of_input(bit: int, what: str, words: str) -> Reason:
    return Reason(bit, what, nan, "", -inf, inf, nan, nan, True, words)
