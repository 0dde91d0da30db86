"""Events of a corrected run by class, beside the shares that one expects."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from calib_core.axes import Array, Result
from calib_core.characterisation.checks import Check
from calib_core.characterisation.finished import Finished
from calib_core.characterisation.unit import Context
from calib_core.correction.split_events import SplitEvents
from calib_core.detector import DetectorType
from calib_core.numerics.split_events import CLASSES, SHAPELESS, SPOILED, TOO_LARGE
from calib_core.remarks import CheckText, Remark

#: Code of each class, that of its first direction; 0 stands for events of small sums, which have any code.
CODES = (100, 200, 300, 400, SHAPELESS, SPOILED, TOO_LARGE, 0)
#: Shares are of those that are no artefact of flagged samples.
_VALID, _COUNTED, _LARGE, _SMALL = slice(0, 4), slice(0, 5), slice(0, 7), 7
_COLUMNS = (("code", "i8"), ("events", "i8"), ("share", "f8"), ("expected", "f8"))
#: Events of a pixel above which neighbours are often of other photons.
_MOST = 0.01


def result(kind: DetectorType | None) -> Result:
    """Table of the classes.

    Returns
    -------
    Result
        Columns code, events, share and expected share in per cent of the events that are not beside flagged samples,
        too large or of small sums, NaN where there is none.
    """
    words = ("Events by class: codes 100 to 400 have one to four samples, 1000 another shape or lies at an edge, "
             "1001 lies beside flagged samples, 1002 is too large, 0 is of any kind and has a sum up to "
             "split_events_counted_above, which is half of the photon energy where it is given. Shares are per cent "
             "of those without the last three")
    expected = "" if kind is None or kind.events is None else f"; expected: {kind.events.source}"
    return Result("events", "Events, shares in %", "", _COLUMNS, words + expected, over=(), pixels=False)


def table(kind: DetectorType, counts: Array) -> Array:
    """Rows of the table.

    Parameters
    ----------
    kind : DetectorType
    counts : (8,) int64
        Events by class.

    Returns
    -------
    (8,) array
        With the columns of :func:`result`.
    """
    rows = np.zeros(CLASSES, list(_COLUMNS))
    rows["code"], rows["events"], rows["share"], rows["expected"] = CODES, counts, np.nan, np.nan
    if total := counts[_COUNTED].sum():
        rows["share"][_COUNTED] = 100 * counts[_COUNTED] / total
    if kind.events is not None:
        rows["expected"][_COUNTED] = kind.events.shares
    return rows


class Crowded(Check):
    """Photons are far enough apart to be told from each other."""

    @property
    def text(self) -> CheckText:
        """The check in words."""
        return CheckText(
            "crowded events", "events of a frame over its pixels", f"> {_MOST:.0%}",
            "none: it counts what is there", "charge of neighbouring photons runs together, and their events are "
            "refused or have a wrong sum")

    def remarks(self, context: Context, module: int, finished: Finished) -> Iterator[Remark]:
        """A sentence on the share.

        Yields
        ------
        Remark
            In per cent of the pixels.
        """
        rows, frames = finished.values("events"), int(finished.values("frames").sum())
        events = int(rows["events"][_LARGE].sum())
        share = events / (frames * context.detector.pixels) if frames else 0.0
        if share > _MOST:
            valid = rows["events"][_VALID].sum() / events
            yield Remark(
                self.text.kind, module, "", 100 * share, 100 * _MOST, "%",
                f"Module {module}: there is an event in {share:.1%} of the pixels of a frame, and {1 - valid:.1%} of "
                "them are refused; classes and sums of so crowded photons are not to be relied on.")


class ByChance(Check):
    """Noise alone makes no events, or none of them is counted.

    Parameters
    ----------
    step : SplitEvents
        With its threshold.
    """

    def __init__(self, step: SplitEvents) -> None:
        self._step = step

    @property
    def text(self) -> CheckText:
        """The check in words."""
        return CheckText(
            "events of noise", "N · P(> n σ) of a frame of N pixels and the primary threshold n, where sums of any "
            "size are counted", "> 1", "none: it is what the threshold lets through",
            "they are singles, and raise the share of these")

    def remarks(self, context: Context, module: int, finished: Finished) -> Iterator[Remark]:
        """A sentence with their number in a frame, and what was found.

        Yields
        ------
        Remark
            In events of a frame.
        """
        primary, pixels = self._step.primary, context.detector.pixels
        expected = pixels * math.erfc(primary / math.sqrt(2)) / 2
        frames = int(finished.values("frames").sum())
        if expected > 1 and frames and not _counted_above(context, module):
            found = int(finished.values("events")["events"][_COUNTED].sum()) / frames
            yield Remark(
                self.text.kind, module, "", expected, 1.0, "events",
                f"Module {module}: above {primary:g} σ noise alone makes {expected:.0f} events in a frame of "
                f"{pixels:,} pixels, and {found:,.0f} are found; with --absolute-gain-photon-energy only those "
                "above half of a photon are counted, with --split-events-counted-above those with a larger sum.")


class TooSmall(Check):
    """Events of small sums are few, or it is known how many they are."""

    @property
    def text(self) -> CheckText:
        """The check in words."""
        return CheckText(
            "small events", "events whose sum is up to split_events_counted_above", "any",
            "as many as noise makes above the primary threshold",
            "they are in no share of a class, and the files have them")

    def remarks(self, context: Context, module: int, finished: Finished) -> Iterator[Remark]:
        """A sentence with their number, and their share of all events.

        Yields
        ------
        Remark
            In events.
        """
        counts = finished.values("events")["events"]
        small, every = int(counts[_SMALL]), int(counts.sum())
        if small:
            yield Remark(
                self.text.kind, module, "", small, 0.0, "events",
                f"Module {module}: {small:,} of {every:,} events ({small / every:.1%}) have a sum of "
                f"{_counted_above(context, module):.4g} ADU at most, and are in no share of a class.")


def checks_of(step: SplitEvents) -> tuple[Check, ...]:
    """What is asked of the events of a module.

    Parameters
    ----------
    step : SplitEvents
        As it was asked for.
    """
    return Crowded(), ByChance(step), TooSmall()


def _counted_above(context: Context, module: int) -> float:
    """Sum above which the events of a module are counted in their classes, ADU; 0 where all are."""
    steps = (one.step for one in context.before[module].steps)
    return next((one.counted_above or 0.0 for one in steps if isinstance(one, SplitEvents)), 0.0)
