"""What is remarkable of a dark: runs whose offset drifts by more than their noise, and runs of few frames."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import exp, lgamma, sqrt

import numpy as np

from calib_core.axes import Array
from calib_core.characterisation.dark_unstable import FEWEST
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


def few_frames(frames: Mapping[str, int], gated: bool) -> Iterator[str]:
    """What runs of few frames mean: the standard deviation of n normal samples is low by 1 − c₄(n) on average.

    Parameters
    ----------
    frames : mapping of str to int
        Fewest frames of a memory cell, by the label of each run.
    gated : bool
        Whether pixels that blink would be found with more.

    Yields
    ------
    str
        One sentence for all runs that have fewer than :data:`FEWEST` frames.
    """
    few = {label: n for label, n in frames.items() if n < FEWEST}
    if few:
        least = min(few.values())
        low = f" too low by {1 - unbiasing(least):.1%}" if least > 1 else " as no number"
        more = f" Whether pixels blink is not tested below {FEWEST} frames." if gated else ""
        named = ", ".join(f"{label}: {n}" for label, n in few.items())
        yield f"Few frames per memory cell ({named}): the noise comes out{low}.{more}"


def unbiasing(n: int) -> float:
    """c₄(n) = √(2/(n − 1)) Γ(n/2) / Γ((n − 1)/2): expected standard deviation of n normal samples over σ."""
    return sqrt(2 / (n - 1)) * exp(lgamma(n / 2) - lgamma((n - 1) / 2))
