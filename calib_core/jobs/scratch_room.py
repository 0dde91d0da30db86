"""How much of a job's scratch space lies in memory: what its constants will hold, where the budget has room."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from calib_core.jobs.constant_files import is_made_in_memory, layouts
from calib_core.jobs.handed_over import leaving
from calib_core.jobs.plan import Plan

#: Share of the working memory that scratch space may take.
_SHARE = 4


def with_scratch_in_memory(plan: Plan) -> Plan:
    """Set a part of a job's working memory aside for scratch space, which then needs no disk.

    Only for what the job's constants will hold, since that is freed when they are written; all of it or nothing.
    Units and constants must have what they need in the rest.

    Parameters
    ----------
    plan : Plan

    Returns
    -------
    Plan
        The same plan where there is too little room.
    """
    size = _leaving_bytes(plan)
    if plan.in_memory or not size or size * _SHARE > plan.room:
        return plan
    made = replace(plan, room=plan.room - size, in_memory=size)
    largest = max((plan.unit_bytes(unit) for unit in plan.units), default=0)
    as_before = all(is_made_in_memory(made, one) == is_made_in_memory(plan, one) for one in layouts(plan))
    return made if largest <= made.room and as_before else plan


def _leaving_bytes(plan: Plan) -> int:
    """Space of all images that the constants of a job will hold, bytes."""
    names = set(leaving(plan))
    images = sum(int(np.prod(one.shape(plan.context.axes))) * one.numpy_dtype.itemsize
                 for one in plan.results if one.name in names)
    return images * (plan.kind.pixels if plan.kind else 0) * len(plan.modules)
