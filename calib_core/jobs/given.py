"""Constants that a job is given as inputs: whose they are, and what they say of themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from calib_core.characterisation.family import Family
from calib_core.characterisation.inputs import ALL_CONSTANTS, Arranged, Input, inputs_of_steps
from calib_core.characterisation.method import Method
from calib_core.constants.condition import Condition
from calib_core.detector import Detector, DetectorType, Module
from calib_core.errors import BadInput, BadParameter
from calib_core.jobs.said import cells_of, condition_of, of_sets, understood
from calib_core.jobs.sources import Stored
from calib_core.jobs.spec import JobSpec
from calib_core.ranges import format_numbers
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
    of_steps = {one.name for one in inputs_of_steps(method.steps_before())}
    inputs = [one for one in method.inputs(family.kind) if one.of == "constants" and one.name not in of_steps]
    arranged = {one.name: Arranged(one.name, one, None, path=path) for one in inputs
                for path in path_of(spec, one, not one.optional)}
    found = {key: _found(family, one) for key, one in arranged.items()}
    every = [one for constants in found.values() for one in constants]
    if not every:
        return GivenConstants(arranged=arranged)
    kind = _kind(family, every)
    modules = _modules(every)
    wanted, missing = _asked(spec, modules)
    stored = {(module.number, key): _newest(one, found[key], module) for key, one in arranged.items()
              for module in wanted}
    with understood(every[0]):
        identifier = str(every[0].attributes.get("provenance", {}).get("detector", ""))
        condition = condition_of(kind, every[0])
    taken = (f"{one.input.label}: {len(found[key])} constants of {one.path}." for key, one in arranged.items())
    cells = _same_cells([one for of_module in stored.values() for one in of_module.values()])
    return GivenConstants(kind, Detector(identifier, kind, tuple(wanted)), tuple(m.number for m in wanted), cells,
                          arranged, stored, condition, (*missing, *taken, *of_sets(stored.values())))


def _asked(spec: JobSpec, modules: Sequence[Module]) -> tuple[list[Module], tuple[str, ...]]:
    """Modules that are asked for and have constants, and a sentence on the others where there are any."""
    absent = sorted(set(spec.modules) - {module.number for module in modules})
    wanted = [module for module in modules if not spec.modules or module.number in spec.modules]
    told = (f"There are no constants of module{'s' if len(absent) > 1 else ''} {format_numbers(absent)}; "
            f"there are of {format_numbers(module.number for module in modules)}.")
    if not wanted:
        raise BadInput(told)
    return wanted, (told,) if absent else ()


def path_of(spec: JobSpec, one: Input, needed: bool) -> Sequence[str]:
    """The file or folder that was given for an input, or for all; none where it may be left out.

    Parameters
    ----------
    spec : JobSpec
    one : Input
    needed : bool
        Whether something must be given.

    Raises
    ------
    BadParameter
        Nothing was given for one that is needed.
    """
    given = spec.inputs.get(one.name, ()) or spec.inputs.get(ALL_CONSTANTS, ())
    if not given and needed:
        raise BadParameter(f"Nothing was given for {one.label}; give {one.flag}.")
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
    """Modules by number where the files tell it, else in the order of their units' names; each has one unit."""
    modules: dict[int, Module] = {}
    for i, (pdu, one) in enumerate(sorted({one.pdu: one for one in constants}.items())):
        with understood(one):
            number = int(one.attributes.get("module", i))
        if number in modules:
            raise BadInput(f"{modules[number].pdu} and {pdu} are both given as module {number}; "
                           "give the constants of one of them.")
        modules[number] = Module(number, "", str(one.attributes.get("karabo_da", "")), pdu)
    return list(modules.values())


def _newest(arranged: Arranged, constants: Sequence[StoredConstant], module: Module) -> Stored:
    """Constants of a module's unit by their kinds; all that the input reads must be there."""
    found = {one.attributes.get("kind", one.calibration): one for one in constants if one.pdu == module.pdu}
    for kind in arranged.input.kinds:
        if kind.name not in found:
            raise BadInput(f"{arranged.path} has no {kind.name} of {module.pdu} (module {module.number}), "
                           f"which is read for {arranged.input.label}.")
    return found


def _same_cells(constants: Sequence[StoredConstant]) -> tuple[int, ...]:
    """Memory cells of constants, which must be the same in all of them."""
    first = constants[0]
    for one in constants[1:]:
        if cells_of(one) != cells_of(first):
            raise BadInput(f"{one.path} has the memory cells {format_numbers(cells_of(one))}, but {first.path} has "
                           f"{format_numbers(cells_of(first))}; give constants of the same ones.")
    return cells_of(first)
