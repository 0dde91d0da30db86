"""What can be looked at of a frame on its way through the steps of a correction."""

from __future__ import annotations

import numpy as np

from calib_core.axes import Array, Result
from calib_core.correction.images import Images
from calib_core.detector import Frames
from calib_core.jobs.preview import Passed, Preview


def results_of(preview: Preview) -> tuple[Result, ...]:
    """What can be looked at: the frame before and after the steps, after each of them, and what each changes.

    They are the same whichever steps are on, as long as the unit of what comes out is.

    Parameters
    ----------
    preview : Preview

    Returns
    -------
    tuple of Result
        All over (cell, train).
    """
    over, kind = ("cell", "train"), preview.plan.detector_type
    first = [kind.stages[0].short] if kind.in_parallel else []  # of a frame in each gain stage
    found = [
        Result("raw", " ".join(("Raw", *first)), "ADU", "f4", "Frame as it is stored", over),
        Result("corrected", "Corrected", preview.unit, "f4", "Frame after all steps that are on", over),
        Result("bad_pixels", "Mask", "", "u4", "Flags after all steps", over, role="flags", missing=0.0),
        Result("stage", "Gain stage", "", "f4", "Gain stage of each sample, the first is 0", over),
    ]
    unit = "ADU"
    for step, done in ((link.step, link.done) for link in preview.links):
        unit = (step.unit_after or unit) if done else unit
        found.append(Result(f"after_{step.word}", f"After {_small(step.title)}", unit, "f4",
                            f"Frame after the step {step.title}; nothing where it is off", over))
        if step.unit_in == step.unit_after:
            found.append(Result(f"effect_{step.word}", f"With − without {_small(step.title)}", preview.unit, "f4",
                                f"Frame after all steps, less the one without {step.title}; nothing where it is off",
                                over, centre=0.0))
    return tuple(found)


def value_of(result: Result, preview: Preview, module: int, frames: Frames, passed: Passed) -> Array:
    """Image of a result of one frame.

    Parameters
    ----------
    result : Result
        One of :func:`results_of`.
    preview : Preview
    module : int
    frames : Frames
        The frame.
    passed : Passed
        The same after the steps of the preview.

    Returns
    -------
    (slow_scan, fast_scan) array
        Of the result's type.
    """
    kind, _, word = result.name.partition("_")
    if word and kind in ("after", "effect") and word not in passed.after:
        return np.full(frames.adc.shape[1:], np.nan, np.float32)
    if result.name == "bad_pixels":
        flags: Array = passed.last.mask[0]
        return flags
    if kind == "stage":
        return np.asarray(passed.last.stage[0], np.float32)
    if kind == "raw":
        return np.asarray(frames.adc[0], np.float32)
    if kind == "after":
        return _values(passed.after[word])
    if kind == "effect":
        with np.errstate(invalid="ignore"):
            return _values(passed.last) - _values(preview.without(module, word, frames))
    return _values(passed.last)


def _values(images: Images) -> Array:
    return np.asarray(images.values[0], np.float32)


def _small(title: str) -> str:
    """Title inside of another; abbreviations stay."""
    return title if title[:2].isupper() else title[:1].lower() + title[1:]
