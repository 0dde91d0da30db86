"""Why this constant: what the command says on the versions that a run resolves to."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from calib_core.constants.condition import Value
from calib_core.detector.registry import detector_types
from calib_core.errors import BadParameter
from calib_core.io.locate import parse_runs
from calib_core.jobs.why import Asked, WhyOfRun, why
from calib_core.ranges import parse_numbers
from calib_core.store.base import ConstantStore
from calib_core.store.statuses import ACCEPTED, Status


def found_of(namespace: argparse.Namespace, store: ConstantStore, conditions: Mapping[str, Value]) -> WhyOfRun:
    """Look which versions the run resolves to.

    Parameters
    ----------
    namespace : Namespace
    store : ConstantStore
    conditions : mapping
        The operator's, by the database's names or ours.
    """
    paths = parse_runs(namespace.run)
    if len(paths) != 1:
        raise BadParameter(f"{len(paths)} runs were given; give one, such as p900450 r12 or the path of its folder.")
    return why(paths[0], store, Asked(
        tuple(namespace.kind), tuple(parse_numbers(namespace.modules)) if namespace.modules else (),
        namespace.karabo_id, dict(map(_by_our_name, conditions.items())),
        ACCEPTED | ({Status.DRAFT} if namespace.drafts else frozenset()), namespace.closest))


def _by_our_name(told: tuple[str, Value]) -> tuple[str, Value]:
    """A parameter by our name, which is the same for all detector types that call it so in the database."""
    name, value = told
    known = {one.database_name: one.name for kind in detector_types() for one in kind.condition}
    return known.get(name, name), value
