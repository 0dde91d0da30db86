"""Frames that were asked for: trains that are not there, and how many are left out by what was asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from calib_core.detector import FrameSelection
from calib_core.io.frames import ModuleFrames
from calib_core.io.run import Run
from calib_core.ranges import ALL, format_numbers


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


def frames_left_out(
    selection: FrameSelection, frames: Mapping[tuple[int, str], ModuleFrames], runs: Mapping[str, Run],
) -> Iterator[str]:
    """Say how many frames are used where some were chosen by trains, pulses or light, and why others are not.

    Parameters
    ----------
    selection : FrameSelection
    frames : mapping
        By module and key of the run.
    runs : mapping
        By key.

    Yields
    ------
    str
        One sentence for modules of which the same is to be said.
    """
    by_light = selection.lit != "off" or selection.least_energy is not None
    found: dict[str, list[int]] = {}
    some = by_light or selection.sequences or selection.trains or selection.pulses != ALL
    for (module, key), one in frames.items() if some else ():
        causes = ", ".join(f"{number:,} {reason}" for reason, number in one.excluded.items()) or "none"
        text = f"{len(one):,} frames of {runs[key].label} are used; left out are {causes}"
        found.setdefault(text, []).append(module)
    for text, modules in found.items():
        yield f"Of module{'s' if len(modules) > 1 else ''} {format_numbers(modules)} {text}."
