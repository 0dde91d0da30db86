"""What a run tells of a scan in which the detector charges its pixels by itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

import numpy as np

from calib_core.detector import Array, Detector, Frames, FrameSelection, ScanEvidence
from calib_core.errors import BadInput
from calib_core.io.frames import ModuleFrames
from calib_core.io.run import Run

#: Frames that are looked at: a few of any steps show which columns change.
_FRAMES = 24


def scan_evidence(run: Run, detector: Detector, selection: FrameSelection) -> ScanEvidence:
    """By how much each column changes, the number of the pattern that slow control tells, and the trains of the run.

    Parameters
    ----------
    run : Run
    detector : Detector
        One of this run's.
    selection : FrameSelection
        Trains that are used; how many there must be is not asked here.

    Returns
    -------
    ScanEvidence
        Without changes where no module can be read.
    """
    frames = list(_of_modules(run, detector, replace(selection, min_trains=1, max_lost=1.0)))
    edges = [int(edge) for one in frames for edge in (one.train.min(), one.train.max())] or [0]
    return ScanEvidence(_changes(frames), _told(run, detector, selection), min(edges), max(edges))


def _of_modules(run: Run, detector: Detector, selection: FrameSelection) -> Iterator[ModuleFrames]:
    """Frames of the modules that can be read, whether they have enough trains or not."""
    for module in detector.modules:
        with suppress(BadInput):  # the job tells of those that it leaves out
            frames = run.frames(detector, module, selection)
            if len(frames):
                yield frames


def _changes(frames: Sequence[ModuleFrames]) -> tuple[float, ...]:
    """Of the first module of which frames can be read."""
    for one in frames:
        with suppress(BadInput):
            some = one.some(_FRAMES)
            if len(some) > 1:
                return tuple(column_changes(some).tolist())
    return ()


def column_changes(frames: Frames) -> Array:
    """Range of the median signal of each column over frames, after what all columns share was taken away.

    Parameters
    ----------
    frames : Frames

    Returns
    -------
    (fast_scan,) float64, ADU
    """
    columns = np.median(frames.adc, axis=1)
    return np.asarray(np.ptp(columns - np.median(columns, axis=1, keepdims=True), axis=0))


def _told(run: Run, detector: Detector, selection: FrameSelection) -> int | None:
    injection = detector.type.injection
    if injection is None:
        return None
    control = run.control(detector, selection=selection)
    for source in injection.device.sources(control, detector.identifier):
        readings = control.told(source, injection.key)
        if readings is not None and readings.values.size:
            return int(readings.values[0])
    return None
