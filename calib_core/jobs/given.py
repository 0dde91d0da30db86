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
from calib_core.constants.badpixels import BadPixels
from calib_core.constants.condition import Condition, Found
from calib_core.constants.constant import INTERNAL_DIMS, ConstantKind
from calib_core.correction.of_samples import OfSamples
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
    spec: JobSpec, method: Method, detector: Detector, modules: Sequence[int], condition: Condition
) -> tuple[dict[int, BoundPipeline], tuple[str, ...]]:
    """Steps that frames go through, bound to the constants of each module, and sentences for the log.

    Raises
    ------
    BadInput
        A file cannot be read, is not of the detector or of another operating condition, there is none for a module,
        or a step is done for some modules only.
    """
    steps = method.steps_before()
    inputs = inputs_of_steps(steps)
    if not steps:
        return {}, ()
    files = {one.name: found for one in inputs for path in _path(spec, one)
             if (found := _files(one, path, detector.type, one.name not in spec.inputs))}
    if not method.takes_other_conditions:
        _check_conditions(files.values(), detector.type, condition)
    alone = len(modules) == 1
    constants = {number: _of_module(inputs, files, detector, number, alone) for number in modules}
    bound = {number: Pipeline(steps).bind(found, detector.type) for number, found in constants.items()}
    skipped = dict.fromkeys(one.reason for pipeline in bound.values() for one in pipeline.skipped)
    _check_same_steps(bound)
    told = (f"The {inputs[0].label} of module {number} {text}." for number, one in bound.items() for text in one.told)
    used = ({kind: one.stored for kind, one in of_module.found.items()} for of_module in constants.values())
    return bound, (*skipped, *told, *_of_sets(used))


#: File or folder, and the constants of one kind in it.
_Files = tuple[str, list[StoredConstant]]


def _check_same_steps(bound: Mapping[int, BoundPipeline]) -> None:
    """Refuse a step that is done for some modules only: their data would not be of one unit."""
    for number, pipeline in bound.items():
        for one in pipeline.skipped:
            done = [other for other, its in bound.items() if one.step not in {s.step for s in its.skipped}]
            if done:
                raise BadInput(f"{one.reason.rstrip('.')} of module {number}, but there is of module {done[0]}; give "
                               "it for all modules, or switch the step off.")


def _check_conditions(files: Iterable[_Files], kind: DetectorType, condition: Condition) -> None:
    """Refuse constants that say they are of another operating condition."""
    own = {calibration.name: calibration for calibration in kind.calibrations.values()}
    for _, constants in files:
        for one in constants:
            with _understood(one):
                theirs = _condition(kind, one)
            names = [name for name in kind.condition_of(own[one.calibration])
                     if name in theirs.values and name in condition.values]
            if why := theirs.of(names).matches(condition.of(names)):
                raise BadInput(f"{one.path} is of another operating condition than the run: {why} "
                               "(--other-conditions takes it all the same).")


def _files(one: Input, given: str, kind: DetectorType, among_others: bool) -> _Files | None:
    """Constants of an input's kind in the file or folder that was given for it, or for all inputs."""
    path, [wanted] = Path(given), one.kinds
    name = kind.calibrations[wanted.name].name
    found = list_constants(path) if path.is_dir() else (read_constant(path),)
    fitting = [constant for constant in found if constant.calibration == name]
    if not fitting and one.optional and among_others:
        return None
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
        found.update({kind.name: FileConstant(mine[-1], kind, detector.type) for kind in one.kinds if mine})
    return FileConstants(found)


@dataclass(frozen=True, eq=False)
class FileConstant:
    """A constant in a file as steps take it."""

    stored: StoredConstant
    kind: ConstantKind
    detector: DetectorType

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
        """Values for images: they are asked of what :meth:`read` gives, so that nobody holds them for ever."""
        raise NotImplementedError("a constant of a file is read first")

    def read(self) -> OfSamples:
        """The constant in memory, by gain stage and memory cell."""
        flags = self.kind.dtype.startswith("u")
        values = self._in_order().astype(np.uint32 if flags else np.float32)
        missing = int(BadPixels.NO_DARK_DATA) if flags else np.nan
        cells = _cells(self.stored) if self.stored.dims else tuple(range(values.shape[1]))
        return OfSamples(values, cells, missing, self.why)

    def _in_order(self) -> Array:
        """Values with the axes in the usual order, which files of the facility do not name."""
        if self.stored.dims:
            return self.stored.values()
        values, kind = self.stored.data(), self.detector
        names = list(next(one.dims for one in kind.calibrations.values() if one.name == self.stored.calibration))
        for axis, length in (("cell", kind.max_cells), ("gain", len(kind.stages))):
            if len(names) > values.ndim and (length == 1 or axis == "cell"):
                names.remove(axis)
        known = dict(zip(INTERNAL_DIMS[2:], kind.shape, strict=True)) | {"gain": len(kind.stages)}
        found = dict(zip(names, values.shape, strict=False))
        if len(names) != values.ndim or any(found[name] != known.get(name, found[name]) for name in names):
            raise BadInput(f"{self.why} has the shape {values.shape}; a constant {self.stored.calibration} of "
                           f"{kind.title} has the axes {', '.join(names)} with {known}.")
        order = [names.index(name) for name in INTERNAL_DIMS if name in names]
        missing = tuple(i for i, name in enumerate(INTERNAL_DIMS) if name not in names)
        return np.expand_dims(values.transpose(order), missing)


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
