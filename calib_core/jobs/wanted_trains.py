"""Trains that were asked for and are not there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from calib_core.detector import FrameSelection
from calib_core.io.frames import ModuleFrames
from calib_core.io.run import Run


def trains_not_there(selection: FrameSelection, frames: Iterable[ModuleFrames]) -> Iterator[str]:
    """Say which trains that were asked for no module has frames of.

    Parameters
    ----------
    selection : FrameSelection
    frames : iterable of ModuleFrames
        Of all modules.

    Yields
    ------
    str
        One sentence, or none where each range has at least one train.
    """
    trains = [one.train for one in frames]
    absent = [f"{first}-{last}" if last > first else str(first) for first, last in selection.trains
              if not any(((train >= first) & (train <= last)).any() for train in trains)]
    if absent:
        yield f"Of the trains that were asked for, {', '.join(absent)} have no frames that are used."


def devices_not_there(selection: FrameSelection, runs: Iterable[Run]) -> Iterator[str]:
    """Say which runs have no device by which frames were to be chosen, so that it is not done.

    Parameters
    ----------
    selection : FrameSelection
    runs : iterable of Run

    Yields
    ------
    str
        A sentence for each of these runs.
    """
    yield from filter(None, (run.lacks(selection) for run in runs))
