"""Constants that a job is given as inputs: whose they are, and what they say of themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from calib_core.axes import Array
from calib_core.characterisation.family import Family
from calib_core.characterisation.inputs import ALL_CONSTANTS, Arranged, Input, inputs_of_steps
from calib_core.characterisation.method import Method
from calib_core.constants.condition import Condition, Found
from calib_core.constants.constant import ConstantKind
from calib_core.correction.pipeline import BoundPipeline, Pipeline
from calib_core.correction.step import Images
from calib_core.detector import Detector, DetectorType, Module
from calib_core.errors import BadInput, BadParameter
from calib_core.jobs.sources import Stored
from calib_core.jobs.spec import JobSpec
from calib_core.ranges import format_numbers
from calib_core.store.constants import StoredConstant, list_constants, read_constant
from calib_core.store.manifests import doubts


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
    arranged = {one.name: Arranged(one.name, one, None, path=path) for one in inputs for path in _path(spec, one)}
    found = {key: _found(family, one) for key, one in arranged.items()}
    every = [one for constants in found.values() for one in constants]
    if not every:
        return GivenConstants(arranged=arranged)
    kind = _kind(family, every)
    modules = _modules(every)
    wanted, missing = _asked(spec, modules)
    stored = {(module.number, key): _newest(one, found[key], module) for key, one in arranged.items()
              for module in wanted}
    with _understood(every[0]):
        identifier = str(every[0].attributes.get("provenance", {}).get("detector", ""))
        condition = _condition(kind, every[0])
    taken = (f"{one.input.label}: {len(found[key])} constants of {one.path}." for key, one in arranged.items())
    cells = _same_cells([one for of_module in stored.values() for one in of_module.values()])
    return GivenConstants(kind, Detector(identifier, kind, tuple(wanted)), tuple(m.number for m in wanted), cells,
                          arranged, stored, condition, (*missing, *taken, *_of_sets(stored.values())))


def _of_sets(stored: Iterable[Stored]) -> tuple[str, ...]:
    """Sentences on constants that are taken of sets of which not all is there."""
    return tuple(f"Constants are taken although their set is not whole. {text}"
                 for text in doubts(one for of_module in stored for one in of_module.values()))


def _asked(spec: JobSpec, modules: Sequence[Module]) -> tuple[list[Module], tuple[str, ...]]:
    """Modules that are asked for and have constants, and a sentence on the others where there are any."""
    absent = sorted(set(spec.modules) - {module.number for module in modules})
    wanted = [module for module in modules if not spec.modules or module.number in spec.modules]
    told = (f"There are no constants of module{'s' if len(absent) > 1 else ''} {format_numbers(absent)}; "
            f"there are of {format_numbers(module.number for module in modules)}.")
    if not wanted:
        raise BadInput(told)
    return wanted, (told,) if absent else ()


def bind_before(
    spec: JobSpec, method: Method, detector: Detector, modules: Sequence[int]
) -> tuple[dict[int, BoundPipeline], tuple[str, ...]]:
    """Steps that codes go through first, bound to the constants of each module, and sentences for the log.

    Raises
    ------
    BadInput
        A file cannot be read, is not of the detector, or there is none for a module.
    """
    steps = method.steps_before()
    inputs = inputs_of_steps(steps)
    if not steps:
        return {}, ()
    files = {one.name: _files(one, path, detector.type) for one in inputs for path in _path(spec, one)}
    alone = len(modules) == 1
    constants = {number: _of_module(inputs, files, detector, number, alone) for number in modules}
    bound = {number: Pipeline(steps).bind(found, detector.type) for number, found in constants.items()}
    skipped = dict.fromkeys(one.reason for pipeline in bound.values() for one in pipeline.skipped)
    told = (f"The {inputs[0].label} of module {number} {text}." for number, one in bound.items() for text in one.told)
    used = ({kind: one.stored for kind, one in of_module.found.items()} for of_module in constants.values())
    return bound, (*skipped, *told, *_of_sets(used))


def _files(one: Input, given: str, kind: DetectorType) -> tuple[str, list[StoredConstant]]:
    """Constants of an input's kind in the file or folder that was given for it."""
    path, [wanted] = Path(given), one.kinds
    name = kind.calibrations[wanted.name].name
    found = list_constants(path) if path.is_dir() else (read_constant(path),)
    fitting = [constant for constant in found if constant.calibration == name]
    if not fitting:
        raise BadInput(f"{path} has no {one.label} {name}; it has "
                       f"{', '.join(sorted({constant.calibration for constant in found})) or 'no constants'}.")
    return given, fitting


def _of_module(
    inputs: Sequence[Input], files: Mapping[str, tuple[str, list[StoredConstant]]], detector: Detector, number: int,
    alone: bool,
) -> FileConstants:
    """Constants of one module; a single file serves a single module whatever its unit."""
    found, pdu = {}, detector.module(number).pdu
    for one in inputs:
        given, stored = files.get(one.name, ("", []))
        own = [constant for constant in stored if constant.pdu == pdu]
        mine = own or (stored if alone and len(stored) == 1 else [])
        if given and not mine:
            raise BadInput(f"{given} has no {one.label} of module {number} ({pdu}); it has those of "
                           f"{', '.join(sorted({constant.pdu for constant in stored}))}.")
        found.update({kind.name: FileConstant(mine[-1]) for kind in one.kinds if mine})
    return FileConstants(found)


@dataclass(frozen=True)
class FileConstant:
    """A constant in a file as steps take it."""

    stored: StoredConstant

    @property
    def why(self) -> str:
        """Its file."""
        return str(self.stored.path)

    @property
    def dims(self) -> Sequence[str]:
        """Names of the axes as they are in the file."""
        return self.stored.dims

    @property
    def data(self) -> Array:
        """The whole array as it is in the file."""
        return self.stored.data()

    def of(self, images: Images) -> Array:
        """Values for images, (n, slow_scan, fast_scan): no step that stands before codes asks for them."""
        raise NotImplementedError("constants of files are taken whole")


@dataclass(frozen=True)
class FileConstants:
    """Constants of one module in files, by the name of their kind."""

    found: Mapping[str, FileConstant]

    def get(self, kind: ConstantKind) -> FileConstant | None:
        """The constant of a kind, or None where there is none."""
        return self.found.get(kind.name)


def _path(spec: JobSpec, one: Input) -> Sequence[str]:
    given = spec.inputs.get(one.name, ()) or spec.inputs.get(ALL_CONSTANTS, ())
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
    """Modules by number where the files tell it, else in the order of their units' names; each has one unit."""
    modules: dict[int, Module] = {}
    for i, (pdu, one) in enumerate(sorted({one.pdu: one for one in constants}.items())):
        with _understood(one):
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
        if _cells(one) != _cells(first):
            raise BadInput(f"{one.path} has the memory cells {format_numbers(_cells(one))}, but {first.path} has "
                           f"{format_numbers(_cells(first))}; give constants of the same ones.")
    return _cells(first)


def _cells(one: StoredConstant) -> tuple[int, ...]:
    """Memory cells as the file names them; counted from 0 where it does not."""
    if "cell" not in one.dims:
        return (0,)
    number = one.shape[one.dims.index("cell")]
    with _understood(one):
        cells = tuple(int(cell) for cell in np.atleast_1d(one.attributes.get("cells", np.arange(number))))
    if len(cells) != number:
        raise BadInput(f"{one.path} has {number} memory cells, but names {len(cells)}.")
    return cells


@contextmanager
def _understood(one: StoredConstant) -> Iterator[None]:
    """Turn attributes that are something else than they should be into one sentence."""
    try:
        yield
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise BadInput(f"{one.path} says of itself what cannot be understood ({type(error).__name__}: {error}); "
                       "its attributes are damaged or another program's.") from error


def _condition(kind: DetectorType, one: StoredConstant) -> Condition:
    said = {**one.attributes.get("recorded", {}), **one.attributes.get("conditions", {})}
    return Condition(kind.condition, dict(_values(kind, said)))


def _values(kind: DetectorType, said: Mapping[str, Any]) -> Iterator[tuple[str, Found]]:
    for parameter in kind.condition:
        if parameter.database_name in said:
            entry = said[parameter.database_name]
            yield parameter.name, Found(entry["value"], f"constant: {entry.get('origin', '')}",
                                        others=tuple(entry.get("values", ())))
