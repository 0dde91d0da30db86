"""Why a dark flags a pixel, or does not: what each rule says, held against the flags that the maps have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import inf, nan

import numpy as np

from calib_core.axes import Array
from calib_core.characterisation.dark_rules import PROOFS, ROUNDING_VARIANCE, NoData, Rule
from calib_core.characterisation.unit import Maps
from calib_core.constants.badpixels import BadPixels
from calib_core.detector import DetectorType
from calib_core.explanation import Reason

_NO_NUMBER = np.uint32(BadPixels.NO_DARK_DATA | BadPixels.OFFSET_NOISE_EVAL_ERROR)


def known(maps: Maps, frames: float, quantisation: bool, legacy_zeros: bool) -> Maps:
    """Maps as the rules look at them, made of those that are kept.

    Parameters
    ----------
    maps : dict of (slow_scan, fast_scan) arrays
    frames : float
        Of the run; NaN where that is not known.
    quantisation : bool
        Whether the noise is without that of rounding: where it is 0, nobody knows what it was with it.
    legacy_zeros : bool
        Whether files have 0 where there is no number.

    Returns
    -------
    dict
        With ``frames``, ``deviation`` where there is a noise, ``tried`` and ``chance`` where there was a gate.
    """
    made = {**maps, "frames": np.asarray(frames)}
    if legacy_zeros and "bad_pixels" in maps:
        none = (maps["bad_pixels"] & _NO_NUMBER) != 0
        made |= {name: np.where(none & (maps[name] == 0), np.nan, maps[name])
                 for name in ("offset", "noise") if name in maps}
    if "noise" in made:
        noise = made["noise"]
        whole = np.where(noise > 0, np.sqrt(np.square(noise) + ROUNDING_VARIANCE), np.nan)
        made["deviation"] = whole if quantisation else noise
    if "outside" in made:
        made |= {"tried": _tried(made, frames), "chance": made["explained"].astype(np.float64) / 100}
    return made


def _tried(maps: Maps, frames: float) -> Array:
    """Samples that could have been inside the gate; from their share where the number of frames is not known."""
    if np.isfinite(frames):
        tried = np.full(maps["samples"].shape, frames)
        for name in maps.keys() & {"wrong_gain", "cosmic_rays"}:
            tried -= maps[name]
        return tried
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.nan_to_num(np.rint(maps["samples"] / (1 - maps["outside"].astype(np.float64) / 100)), posinf=0.0)


def reasons(
    detector: DetectorType, rules: Sequence[Rule], maps: Maps, row: int, col: int, further: Sequence[Reason] = ()
) -> tuple[Reason, ...]:
    """What there is to say of one pixel.

    Parameters
    ----------
    detector : DetectorType
    rules : sequence of Rule
        Of the gain stage.
    maps : dict of (slow_scan, fast_scan) arrays
        Of one module, memory cell and gain stage, as far as they are there; with ``bad_pixels`` they are compared.
    row, col : int
    further : sequence of Reason
        What rules over several gain stages say.

    Returns
    -------
    tuple of Reason
        Regions that the pixel is in, each rule, and flags that no rule sets from what is there.
    """
    flags = maps.get("bad_pixels")
    if flags is not None and (flags == BadPixels.NO_DARK_DATA).all():
        return (_nothing(),)
    here = 0 if flags is None else int(flags[row, col])
    told = [rule for rule in rules if not _missing(rule, maps)]
    known = {rule: rule.reason(maps, row, col) for rule in told}
    explained = sum({one.flag for one in known.values() if one.set})
    known |= {rule: rule.untold(missing, bool(here & rule.flag & ~explained))
              for rule in rules if (missing := _missing(rule, maps))}
    found = (*_of_regions(detector, row, col), *(known[rule] for rule in rules), *further)
    if flags is None:
        return found
    return (*(_held_against(one, here) for one in found), *_unexplained(found, here))


def _missing(rule: Rule, maps: Maps) -> str:
    """The first map that a rule needs and that is not there; empty where it has all."""
    return next((name for name in rule.needs if name not in maps), "")


def _of_regions(detector: DetectorType, row: int, col: int) -> Iterator[Reason]:
    for one in detector.regions:
        if any(top <= row < bottom and left <= col < right for top, bottom, left, right in one.boxes):
            words = f"The pixel is in the region “{one.name}” of the detector type, which is flagged in any case."
            yield Reason(int(one.flag), "Region", nan, "", -inf, inf, nan, nan, True, words)


def _held_against(one: Reason, flags: int) -> Reason:
    """The reason, with a sentence where it sets a flag that the maps do not have."""
    if not one.set or one.flag & flags:
        return one
    return replace(one, words=f"{one.words} The flags of these maps do not have it.")


def _unexplained(found: Sequence[Reason], flags: int) -> Iterator[Reason]:
    for flag in BadPixels:
        if flags & flag and not any(one.set and one.flag & flag for one in found):
            words = f"The flag “{flag.label}” is set, but it cannot be told from these maps why."
            if flag & PROOFS:
                words = (f"The flag “{flag.label}” stands since the raw samples prove it, before anything was taken "
                         "off; these maps do not tell more.")
            yield Reason(int(flag), "", nan, "", -inf, inf, nan, nan, True, words)


def _nothing() -> Reason:
    """Of a place where the whole module has no data."""
    words = ("No pixel of the module has dark data here: there is no run of this gain stage, no frame of this memory "
             "cell, or nothing but zeros.")
    return Reason(int(NoData.flag), NoData.what, 0.0, NoData.unit, 1.0, inf, nan, nan, True, words)
