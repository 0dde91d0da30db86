"""What is asked of each file of a dark: can its frames be those of a detector, and are they like the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from calib_core.axes import Array
from calib_core.characterisation.by_gain_stage import code_of
from calib_core.characterisation.checks import Check
from calib_core.characterisation.finished import Finished
from calib_core.characterisation.unit import Context
from calib_core.detector import Frames
from calib_core.numerics.middle import median
from calib_core.numerics.robust import MAD_TO_SIGMA
from calib_core.remarks import CheckText, Remark

#: Frames of each file that are looked at.
FRAMES = 6
#: Largest share of full samples, and of other gain bits, that pixels which are bad may explain.
MOST = 0.1
#: Standard errors by which the levels of two files differ by chance.
ERRORS = 5.0


@dataclass(frozen=True)
class Level:
    """Where the frames of a file lie above the offset.

    Attributes
    ----------
    level : float
        Median over the frames of the median of frame − offset, ADU; NaN where there is no offset.
    noise : float
        Scatter of a pixel within a frame, ADU.
    error : float
        Standard error of the level, ADU, from the scatter between the frames: common mode is in it.
    """

    level: float
    noise: float
    error: float


class Files(Check):
    """Each file of a run holds what a detector without light can have recorded, as the others do.

    Where codes go through a step, full samples and levels are not looked at, since frames are as stored.
    """

    @property
    def text(self) -> CheckText:
        """The check in words."""
        return CheckText(
            "files", f"of {FRAMES} frames of each file: share of full samples; share of other gain bits than the "
            "stage has; neighbours that are equal to the bit; level, the median of frame − offset, beside the median "
            "level of all files",
            f"more than {MOST:.0%} full or of other bits; any equal neighbours; a level that is further off than the "
            f"noise of a pixel and {ERRORS:g} standard errors of the level",
            "none: no two frames of noise are equal, and the error of a level has common mode in it",
            "a file of other frames shifts or widens the results by about its share of the run")

    def remarks(self, context: Context, module: int, finished: Finished) -> Iterator[Remark]:
        """A sentence for each file that is not like a detector, or the others; BadInput where it cannot be read."""
        for key, arranged in context.arranged.items():
            if arranged.run is None:
                continue
            levels = {}
            as_stored = not context.is_prepared(module)
            full = context.detector.saturation if as_stored else None
            for name, frames in finished.of_files(key, FRAMES):
                told = list(unlike_a_detector(frames, full, code_of(context, key)))
                if not told and as_stored:
                    levels[name] = _level(context, key, finished, frames)
                for found, words in told:
                    yield self._remark(context, key, module, (*found, f"{name} of {arranged.run.label}: {words}"))
            for name, value, limit in odd_levels(levels):
                words = (f"{name} of {arranged.run.label}: its frames lie {value:+.1f} ADU from those of the other "
                         f"files, more than the {limit:.1f} ADU that noise explains; look at the light.")
                yield self._remark(context, key, module, (value, limit, "ADU", words))

    def _remark(self, context: Context, key: str, module: int, found: tuple[float, float, str, str]) -> Remark:
        value, limit, unit, words = found
        return Remark(self.text.kind, module, context.stage_of(key), value, limit, unit, f"Module {module}: {words}")


def unlike_a_detector(
    frames: Frames, full: int | None, code: int | None
) -> Iterator[tuple[tuple[float, float, str], str]]:
    """What no detector without light records.

    Parameters
    ----------
    frames : Frames
        A few of one file.
    full : int, optional
        Code from which on the converter is full, ADU; None where frames are not in the unit of that.
    code : int, optional
        Gain bits of the stage; None where there are none.

    Yields
    ------
    found : tuple of (float, float, str)
        Value, limit and unit.
    words : str
        It as the end of a sentence.
    """
    share = float(np.mean(frames.adc >= full)) if len(frames) and full is not None else 0.0
    if share > MOST:
        yield (share, MOST, ""), f"{share:.0%} of its samples are full ({full} ADU or more); look at its frames."
    equal = sum(np.array_equal(one, other) for one, other in pairwise(frames.block))
    if equal and share <= MOST:
        yield ((float(equal), 0.0, "frames"),
               f"{equal} of {len(frames)} frames equal the one before to the bit; they are no independent samples.")
    other = 0.0 if frames.gain is None or code is None or not len(frames) else float(np.mean(frames.gain != code))
    if other > MOST:
        yield ((other, MOST, ""), f"{other:.0%} of its samples have other gain bits than {code}; they are left out.")


def odd_levels(levels: dict[str, Level]) -> Iterator[tuple[str, float, float]]:
    """Files whose frames lie elsewhere than those of the others.

    Parameters
    ----------
    levels : dict of Level
        By the name of the file, in the order of the run; of two that differ the second is told.

    Yields
    ------
    name : str
    value, limit : float
        Level beside that of the others, and what would not have been told, ADU.
    """
    known = {name: one for name, one in levels.items() if np.isfinite(one.level)}
    if len(known) < 2:
        return
    some = list(known.values())
    usual = some[0].level if len(some) == 2 else float(np.median([one.level for one in some]))
    error = float(np.median([one.error for one in some]))
    for name, one in known.items():
        limit = one.noise + ERRORS * float(np.hypot(one.error, error))
        if abs(one.level - usual) > limit:
            yield name, one.level - usual, limit


def _level(context: Context, key: str, finished: Finished, frames: Frames) -> Level:
    found = []
    for adc, cell in zip(frames.adc, frames.cell.tolist(), strict=True):
        at = {"gain": context.arranged[key].at["gain"], "cell": context.axes["cell"].index(cell)}
        if finished.has("offset", at):
            found.append(adc - finished.filled("offset", at))
    return level_of(found)


def level_of(residuals: Sequence[Array]) -> Level:
    """Level of a file from its frames.

    Parameters
    ----------
    residuals : sequence of (slow_scan, fast_scan) float32
        Frame − offset, ADU; NaN where there is no offset.

    Returns
    -------
    Level
        NaN where there is nothing.
    """
    kept = [one[np.isfinite(one)] for one in residuals]
    kept = [one for one in kept if one.size]
    if not kept:
        return Level(np.nan, np.nan, np.nan)
    medians = np.array([median(one) for one in kept])
    noises = [median(np.abs(one - middle)) for one, middle in zip(kept, medians, strict=True)]
    scatter = float(medians.std(ddof=1)) if len(medians) > 1 else 0.0
    return Level(float(np.median(medians)), MAD_TO_SIGMA * float(np.median(noises)), scatter / np.sqrt(len(medians)))
