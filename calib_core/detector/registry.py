"""The known detector types: our own files, those that entry points declare, and which of them a run shows."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence
from functools import cache
from importlib.metadata import entry_points

from calib_core.detector import Detector, DetectorType, Module
from calib_core.errors import BadParameter

_declared: dict[str, DetectorType] = {}


def declare(detector: DetectorType) -> DetectorType:
    """Add a detector type to the registry; a name that exists is replaced."""
    _declared[detector.name] = detector
    return detector


def withdraw(name: str) -> None:
    """Remove a detector type from the registry (tests that declare their own)."""
    _declared.pop(name, None)


@cache
def discover() -> None:
    """Load all descriptors, our own and those that entry points declare."""
    package = importlib.import_module("calib_core.detectors")
    for found in pkgutil.iter_modules(package.__path__):
        if not found.name.startswith("_"):  # what several descriptors share
            importlib.import_module(f"{package.__name__}.{found.name}")
    for point in entry_points(group="calibwb.detectors"):
        point.load()


def detector_types() -> tuple[DetectorType, ...]:
    """All known detector types: our own files and those that entry points ``calibwb.detectors`` declare."""
    discover()
    return tuple(_declared[name] for name in sorted(_declared))


def detector_type(name: str) -> DetectorType:
    """Detector type by its name, in any case.

    Raises
    ------
    BadParameter
        There is none of this name.
    """
    for kind in detector_types():
        if kind.name == name.upper():
            return kind
    known = ", ".join(kind.name for kind in detector_types())
    raise BadParameter(f"There is no detector type “{name}”; known types are {known}.")


def identify(sources: Sequence[str]) -> tuple[Detector, ...]:
    """Detectors that a run's instrument sources show, with their modules in order."""
    found: dict[tuple[str, str], list[Module]] = {}
    for kind in detector_types():
        for source in sources:
            match = kind.raw.match(source)
            if match:
                found.setdefault((kind.name, match[0]), []).append(_module(kind, source, *match))
    return tuple(
        Detector(identifier, _declared[name], tuple(sorted(modules, key=lambda m: m.number)))
        for (name, identifier), modules in sorted(found.items())
    )


def _module(kind: DetectorType, source: str, identifier: str, number: int) -> Module:
    aggregator = kind.raw.aggregator.format(module=number)
    return Module(number, source, aggregator, f"{identifier}_{aggregator}")
