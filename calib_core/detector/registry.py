"""The known detector types: our own files, those that entry points declare, and which of them a run shows."""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache

from calib_core.detector import Detector, DetectorType, Module
from calib_core.detector.corrected_type import as_corrected
from calib_core.detector.raw_layout import CORRECTED, RAW
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
    for name in package.files():
        importlib.import_module(f"{package.__name__}.{name}")
    for point in package.elsewhere():
        point.load()


def load(name: str) -> None:
    """Load the descriptor of one family; all, where none of our own files alone has its name.

    Parameters
    ----------
    name : str
        In any case.
    """
    package = importlib.import_module("calib_core.detectors")
    if name.lower() in package.files() and name.upper() not in (point.name.upper() for point in package.elsewhere()):
        importlib.import_module(f"{package.__name__}.{name.lower()}")
    else:
        discover()


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


def identify(
    sources: Sequence[str], files: Mapping[str, Sequence[str]] | None = None, category: str = RAW
) -> tuple[Detector, ...]:
    """Detectors that a run's instrument sources show, with their modules in order.

    Parameters
    ----------
    sources : sequence of str
    files : mapping, optional
        Aggregators of the files that list each source; where they are not known, those that the type usually has.
    category : str
        Of the files: types of corrected ones have the layout of those.
    """
    kinds = {kind.name: as_corrected(kind) if category == CORRECTED else kind for kind in detector_types()}
    found: dict[tuple[str, str], list[Module]] = {}
    for kind in kinds.values():
        for source in sources:
            match = kind.raw.match(source)
            if match:
                found.setdefault((kind.name, match[0]), []).append(
                    _module(kind, source, *match, (files or {}).get(source, ())))
    return tuple(
        Detector(identifier, kinds[name], _told_apart(identifier, _in_order(kinds[name], modules)))
        for (name, identifier), modules in sorted(found.items())
    )


def _in_order(kind: DetectorType, modules: Sequence[Module]) -> list[Module]:
    """Modules by number; corrected files may list one under the name of its raw source too, as another name of it."""
    ordered = sorted(modules, key=lambda m: m.number)
    if not kind.raw.is_corrected:
        return ordered
    # the new names come first in the order of letters
    first = {module.number: module for module in sorted(ordered, key=lambda m: m.source, reverse=True)}
    return [first[number] for number in sorted(first)]


def _module(kind: DetectorType, source: str, identifier: str, number: int, files: Sequence[str]) -> Module:
    """A module at the aggregator whose files list it; a file of another module's name does not rename it."""
    usual, behind = kind.raw.usual(number)
    first = kind.raw.first_module
    others = {kind.raw.usual(other)[0] for other in range(first, first + kind.max_modules)}
    foreign = sorted(set(files) - others)
    return Module(number, source, (usual if usual in files or not foreign else foreign[0]) + behind, "")


def _told_apart(identifier: str, modules: Sequence[Module]) -> tuple[Module, ...]:
    """Modules with the names of their units; those that share an aggregator have their number behind it."""
    shared = Counter(module.aggregator for module in modules)
    named = [replace(m, aggregator=f"{m.aggregator}/{m.number}") if shared[m.aggregator] > 1 else m for m in modules]
    return tuple(replace(m, pdu=unit_name(identifier, m.aggregator)) for m in named)


def unit_name(identifier: str, aggregator: str) -> str:
    """Name of a physical detector unit that nobody has named; it can be part of a path."""
    return f"{identifier}_{aggregator.replace('/', '_')}"
