"""What a run tells of a scan in which the detector charges its pixels by itself."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

import numpy as np

from calib_core.detector import Detector, FrameSelection, ScanEvidence
from calib_core.detector.clues import as_number
from calib_core.detector.injection import Injection
from calib_core.errors import BadInput
from calib_core.io.frames import ModuleFrames
from calib_core.io.run import Run
from calib_core.numerics.scan_lines import changing_lines

#: Frames that are looked at: a few of any steps show which lines of pixels change.
_FRAMES = 24


def scan_evidence(run: Run, detector: Detector, injection: Injection, selection: FrameSelection) -> ScanEvidence:
    """By how much each line of pixels changes, what slow control tells of the source, and the trains of the run.

    Parameters
    ----------
    run : Run
    detector : Detector
        One of this run's.
    injection : Injection
        The source that is scanned.
    selection : FrameSelection
        Trains that are used; how many there must be is not asked here.

    Returns
    -------
    ScanEvidence
        Without changes where no module can be read.
    """
    frames = list(_of_modules(run, detector, replace(selection, min_trains=1, max_lost=1.0)))
    edges = [int(edge) for one in frames for edge in (one.train.min(), one.train.max())] or [0]
    told, current = (_told(run, detector, injection, key, selection)
                     for key in (injection.key, injection.current_key))
    changes, course = _changes(frames, injection, min(edges))
    return ScanEvidence(changes, None if told is None else int(told), min(edges), max(edges), current, course)


def _of_modules(run: Run, detector: Detector, selection: FrameSelection) -> Iterator[ModuleFrames]:
    """Frames of the modules that can be read, whether they have enough trains or not."""
    for module in detector.modules:
        with suppress(BadInput):  # the job tells of those that it leaves out
            frames = run.frames(detector, module, selection)
            if len(frames):
                yield frames


def _changes(
    frames: Sequence[ModuleFrames], injection: Injection, first: int,
) -> tuple[tuple[float, ...], tuple[tuple[int, float], ...]]:
    """Changes of lines, and the course of those that change, of the first module of which frames can be read."""
    for one in frames:
        with suppress(BadInput):
            some = one.some(_FRAMES)
            if len(some) > 1:
                above = changing_lines(some.adc, injection.pixels_of_lines(some.adc.shape[1:]))
                changes = np.ptp(above, axis=0)
                course = above[:, changes > changes.max() / 2].mean(axis=1)
                steps = (some.train.astype(np.int64) - first).tolist()
                return tuple(changes.tolist()), tuple(zip(steps, course.tolist(), strict=True))
    return (), ()


def _told(
    run: Run, detector: Detector, injection: Injection, key: str, selection: FrameSelection,
) -> float | None:
    if not key:
        return None
    control = run.control(detector, selection=selection)
    for source in injection.device.sources(control, detector.identifier):
        readings = control.told(source, key)
        if readings is not None and readings.values.size and math.isfinite(value := as_number(readings.values[0])):
            return value
    return None
