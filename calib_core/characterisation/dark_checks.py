"""Runs whose offset drifts by more than their noise are told."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from calib_core.axes import Array
from calib_core.characterisation.drift import FRAMES, drift_over_run
from calib_core.characterisation.unit import Context, Finished


def drifts(context: Context, module: int, finished: Finished) -> Iterator[str]:
    """A sentence for each run of a module whose offset drifts by more than the median noise.

    Parameters
    ----------
    context : Context
    module : int
    finished : Finished
        Offset, noise and bad pixels of the module, and a few frames of its runs as they are stored.
    """
    for key, arranged in context.arranged.items():
        drift, noise = _drift(context, key, finished)
        if arranged.run is not None and abs(drift) > noise:
            yield (f"Module {module}: the offset of {arranged.run.label} drifts by {drift:+.1f} ADU over the run, "
                   f"more than the noise of {noise:.1f} ADU; look at the count map and at the light.")


def _drift(context: Context, key: str, finished: Finished) -> tuple[float, float]:
    frames, gain = finished.some(key, FRAMES), context.arranged[key].at["gain"]
    offsets: dict[int, Array] = {}
    good: dict[int, Array] = {}
    noises = []
    for cell in np.unique(frames.cell).tolist():
        at = {"gain": gain, "cell": context.axes["cell"].index(cell)}
        if not finished.has("offset", at):
            continue
        offsets[cell] = finished.filled("offset", at)
        good[cell] = finished.filled("bad_pixels", at) == 0
        noises.append(float(np.median(finished.filled("noise", at)[good[cell]], axis=None))
                      if good[cell].any() else np.nan)
    noise = float(np.nanmedian(noises)) if np.isfinite(noises).any() else np.inf
    return drift_over_run(frames, offsets, good), noise
