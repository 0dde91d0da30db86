"""Other constants for runs that are planned and open already."""

from __future__ import annotations

from dataclasses import replace

from calib_core.characterisation.family import named
from calib_core.jobs.plan import Plan
from calib_core.jobs.spec import JobSpec
from calib_core.jobs.step_constants import bind_before


def with_constants_of(plan: Plan, spec: JobSpec) -> Plan:
    """The plan of the same frames with the constants that another specification gives.

    Parameters
    ----------
    plan : Plan
        Its runs stay as they are, and are those of what comes back.
    spec : JobSpec
        Differs from that of the plan in constants and in parameters of steps alone.

    Returns
    -------
    Plan

    Raises
    ------
    BadInput, BadParameter
        As :func:`~calib_core.jobs.step_constants.bind_before` says.
    """
    assert plan.detector is not None
    method = named(spec.family).method(spec.method).with_changes(spec.parameters)
    modules = [module for module in plan.modules if module is not None]
    before = bind_before(spec, method, plan.detector, modules, plan.before.run)
    others = [note for note in plan.notes if note not in plan.before.told]
    return replace(plan, spec=spec, before=before, notes=(*others, *before.told),
                   context=replace(plan.context, before=before.bound))
