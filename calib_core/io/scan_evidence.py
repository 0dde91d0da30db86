"""What a run tells of a scan in which the detector charges its pixels by itself."""

from __future__ import annotations

import numpy as np

from calib_core.detector import Array, Detector, Frames, FrameSelection, ScanEvidence
from calib_core.errors import BadInput
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
        Trains of which slow control is asked.

    Returns
    -------
    ScanEvidence
        Without changes where no module can be read.
    """
    trains = [file.access.train_ids for file in run.files if len(file.access.train_ids)]
    first, last = (int(edge) for edge in (min(map(np.min, trains)), max(map(np.max, trains))))
    return ScanEvidence(_changes(run, detector), _told(run, detector, selection), first, last)


def _changes(run: Run, detector: Detector) -> tuple[float, ...]:
    """Of the first module that can be read, whether it has enough trains or not."""
    for module in detector.modules:
        try:
            frames = run.frames(detector, module, FrameSelection()).some(_FRAMES)
        except BadInput:
            continue
        if len(frames) > 1:
            return tuple(column_changes(frames).tolist())
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
