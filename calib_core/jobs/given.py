"""Constants that a job is given as inputs: whose they are, and what they say of themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from calib_core.characterisation.family import Family
from calib_core.characterisation.inputs import Arranged, Input
from calib_core.characterisation.method import Method
from calib_core.constants.condition import Condition, Found
from calib_core.detector import Detector, DetectorType, Module
from calib_core.errors import BadInput, BadParameter
from calib_core.jobs.sources import Stored
from calib_core.jobs.spec import JobSpec
from calib_core.store.constants import StoredConstant, list_constants, read_constant


@dataclass(frozen=True)
class GivenConstants:
    """Constants of a job that reads no raw run; without any, a job of no detector."""

    kind: DetectorType | None = None
    detector: Detector | None = None
    modules: tuple[int | None, ...] = (None,)
    cells: tuple[int, ...] = ()
    arranged: Mapping[str, Arranged] = field(default_factory=dict)
    stored: dict[tuple[int, str], Stored] = field(default_factory=dict)
    condition: Condition = field(default_factory=lambda: Condition(()))
    notes: tuple[str, ...] = ()


def constants_of(spec: JobSpec, family: Family, method: Method) -> GivenConstants:
    """Constants of a job's inputs, the newest of each unit and kind.

    Raises
    ------
    BadInput
        A file cannot be read, or there is no constant of a kind that an input needs.
    BadParameter
        An input that is needed was not given.
    """
    inputs = [one for one in method.inputs(family.kind) if one.of == "constants"]
    arranged = {one.name: Arranged(one.name, one, None, path=path) for one in inputs for path in _path(spec, one)}
    found = {key: _found(family, one) for key, one in arranged.items()}
    every = [one for constants in found.values() for one in constants]
    if not every:
        return GivenConstants(arranged=arranged)
    kind = _kind(family, every)
    modules = _modules(every)
    wanted = [module for module in modules if not spec.modules or module.number in spec.modules]
    stored = {(module.number, key): _newest(constants, module.pdu) for key, constants in found.items()
              for module in wanted}
    detector = Detector(str(every[0].attributes.get("provenance", {}).get("detector", "")), kind, tuple(wanted))
    cells = tuple(np.atleast_1d(every[0].attributes.get("cells", [0])).tolist())
    notes = tuple(f"{one.input.label}: {len(found[key])} constants of {one.path}." for key, one in arranged.items())
    return GivenConstants(kind, detector, tuple(m.number for m in wanted), cells, arranged, stored,
                          _condition(kind, every[0]), notes)


def _path(spec: JobSpec, one: Input) -> Sequence[str]:
    given = spec.inputs.get(one.name, ())
    if not given and not one.optional:
        raise BadParameter(f"No {one.label} were given; give {one.flag}.")
    return given[:1]


def _found(family: Family, one: Arranged) -> list[StoredConstant]:
    """Constants of an input's kinds in its file or folder, the oldest first."""
    path = Path(one.path)
    stored = list_constants(path) if path.is_dir() else (read_constant(path),)
    kinds = {kind.name for kind in one.input.kinds}
    fitting = [constant for constant in stored if constant.attributes.get("kind", constant.calibration) in kinds]
    if not fitting:
        raise BadInput(f"{path} has no constant of {', '.join(sorted(kinds))} for {family.name}; it has "
                       f"{', '.join(sorted({c.calibration for c in stored})) or 'no constants'}.")
    return sorted(fitting, key=lambda constant: constant.path.name)


def _kind(family: Family, constants: Sequence[StoredConstant]) -> DetectorType:
    """The family's detector type that the constants are of, by the database's type and the shape of the pixels."""
    one = constants[0]
    for kind in family.types:
        shape = dict(zip(one.dims, one.shape, strict=False))
        same = str(one.attributes.get("detector_type", kind.database_type)).lower() == kind.database_type.lower()
        if same and (shape.get("slow_scan", 1), shape.get("fast_scan")) == kind.shape:
            return kind
    raise BadInput(f"{one.path} is no constant of {family.name}: it is of "
                   f"{one.attributes.get('detector_type', 'an unknown type')} with the shape {one.shape}.")


def _modules(constants: Sequence[StoredConstant]) -> list[Module]:
    """Modules by number where the files tell it, else in the order of their units' names."""
    units = {one.pdu: one for one in constants}
    return [Module(int(one.attributes.get("module", i)), "", str(one.attributes.get("karabo_da", "")), pdu)
            for i, (pdu, one) in enumerate(sorted(units.items()))]


def _newest(constants: Sequence[StoredConstant], pdu: str) -> Stored:
    return {one.attributes.get("kind", one.calibration): one for one in constants if one.pdu == pdu}


def _condition(kind: DetectorType, one: StoredConstant) -> Condition:
    return Condition(kind.condition, dict(_values(kind, one.attributes.get("conditions", {}))))


def _values(kind: DetectorType, said: Mapping[str, Any]) -> Iterator[tuple[str, Found]]:
    for parameter in kind.condition:
        if parameter.database_name in said:
            entry = said[parameter.database_name]
            yield parameter.name, Found(entry["value"], f"constant: {entry.get('origin', '')}")
