"""Runs whose offset drifts by more than their noise are told."""

from __future__ import annotations

import numpy as np

from calib_core.characterisation.drift import FRAMES, drift_over_run
from calib_core.detector import Array
from calib_core.jobs.plan import Plan
from calib_core.jobs.spool import Spool


def drifts(plan: Plan, module: int, spool: Spool) -> list[str]:
    """A sentence for each run of a module whose offset drifts by more than the median noise.

    Codes that go through a look-up table are not compared: the few frames are read as they are stored.
    """
    if plan.tables or not {"offset", "noise", "bad_pixels"} <= {spec.name for spec in plan.maps}:
        return []
    taken = zip(plan.context.arranged, plan.stages, strict=True)
    found = [(plan.runs[key].label, *_drift(plan, module, key, stage, spool)) for key, stage in taken]
    return [
        f"Module {module}: the offset of {run} drifts by {drift:+.1f} ADU over the run, more than the noise of "
        f"{noise:.1f} ADU; look at the count map and at the light."
        for run, drift, noise in found if abs(drift) > noise
    ]


def _drift(plan: Plan, module: int, key: str, stage: int, spool: Spool) -> tuple[float, float]:
    frames = plan.frames[module, key].some(FRAMES)
    offsets: dict[int, Array] = {}
    good: dict[int, Array] = {}
    noises = []
    for cell in np.unique(frames.cell):
        at = plan.cells.index(int(cell))
        if not spool.has("offset", stage, at):
            continue
        offsets[int(cell)] = spool.filled("offset", stage, at)
        good[int(cell)] = spool.filled("bad_pixels", stage, at) == 0
        noises.append(float(np.median(spool.filled("noise", stage, at)[good[int(cell)]], axis=None))
                      if good[int(cell)].any() else np.nan)
    noise = float(np.nanmedian(noises)) if np.isfinite(noises).any() else np.inf
    return drift_over_run(frames, offsets, good), noise
