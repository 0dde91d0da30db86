"""Constants that a job is given as inputs: whose they are, and what they say of themselves."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from calib_core.characterisation.family import Family
from calib_core.characterisation.inputs import ALL_CONSTANTS, Arranged, Input, inputs_of_steps
from calib_core.characterisation.method import Method
from calib_core.constants.condition import Condition
from calib_core.constants.constant import ConstantKind
from calib_core.detector import Detector, DetectorType, Module
from calib_core.errors import BadInput, BadParameter, and_others
from calib_core.jobs.agreed import agreed, cells_of_all
from calib_core.jobs.constant_blocks import ConstantBlocks, Entries, OfAxis, OfCells, OfGroups
from calib_core.jobs.file_constant import FileConstant, turned
from calib_core.jobs.histories import histories_of, modules_of, of_one_detector
from calib_core.jobs.kept_numbers import kept_numbers
from calib_core.jobs.said import groups_of, of_sets
from calib_core.jobs.sources import Blocks
from calib_core.jobs.spec import JobSpec
from calib_core.jobs.whole_files import WholeFiles
from calib_core.jobs.whole_files_of import whole_files_of
from calib_core.ranges import format_numbers
from calib_core.store.bare_files import with_axes
from calib_core.store.base import ConstantStore, Query
from calib_core.store.constants import STORE, StoredConstant
from calib_core.store.folder import Folder
from calib_core.store.opening import open_store, usual_store
from calib_core.store.stated import understood
from calib_core.store.statuses import Status

#: Constants of one module by their kind.
Stored = Mapping[str, StoredConstant]


@dataclass(frozen=True)
class GivenConstants:
    """Constants of a job that reads no raw run; without any, a job of no detector.

    Attributes
    ----------
    kind, detector
        The type and the detector that they are of.
    modules : tuple of int or None
        That take part.
    cells : tuple of int
        Memory cells that are made something of.
    arranged : mapping
        Inputs that were given, by their names.
    blocks : mapping
        Constants by module and name of the input.
    condition : Condition
        In which all of them agree.
    left_out : dict
        Why a module takes no part, by number.
    lines : tuple of str
        What was taken for each input.
    notes : tuple of str
        What is missing, and what is doubtful.
    """

    kind: DetectorType | None = None
    detector: Detector | None = None
    modules: tuple[int | None, ...] = (None,)
    cells: tuple[int, ...] = ()
    arranged: Mapping[str, Arranged] = field(default_factory=dict)
    blocks: Mapping[tuple[int | None, str], Blocks] = field(default_factory=dict)
    condition: Condition = field(default_factory=lambda: Condition(()))
    left_out: dict[int, str] = field(default_factory=dict)
    lines: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def files(self) -> dict[tuple[int, str], StoredConstant]:
        """All of them by module and kind."""
        return {(module, kind): one for (module, _), blocks in self.blocks.items()
                if module is not None and not isinstance(blocks, WholeFiles) for kind, one in blocks.stored.items()}


def constants_of(spec: JobSpec, family: Family, method: Method) -> GivenConstants:
    """Constants of a job's inputs, the newest of each unit and kind.

    Raises
    ------
    BadInput
        A file cannot be read, there is no constant of a kind that an input needs, or they do not go together.
    BadParameter
        An input that is needed was not given.
    """
    if whole := [one for one in _inputs(family, method) if one.whole]:
        return _whole(spec, family, method, whole[0])
    arranged = {one.name: Arranged(one.name, one, None, path=path) for one in _inputs(family, method)
                for path in path_of(spec, one, not one.optional)}
    if with_history := [one for one in arranged.values() if one.input.history is not None]:
        return _with_history(spec, with_history[0])
    found = {key: _found(spec, family, one) for key, one in arranged.items()}
    arranged = {key: one for key, one in arranged.items() if found[key]}
    every = [one for constants in found.values() for one in constants]
    if not every:
        return GivenConstants(arranged=arranged)
    kind = _kind(family, every)
    wanted, missing = _asked(spec, _modules(every))
    stored, left_out, lacking = _of_modules(arranged, found, wanted)
    blocks: dict[tuple[int | None, str], ConstantBlocks] = {
        (module.number, key): _blocks(one, kind, arranged[key].input, method.split)
              for (module, key), one in stored.items()}
    with understood(every[0]):
        identifier = str(every[0].attributes.get("provenance", {}).get("detector", ""))
    cells, of_cells = cells_of_all(method, blocks.values())
    counted = [one for of_module in stored.values() for one in of_module.values()]
    condition, differences = agreed(kind, counted, method, spec.conditions)
    taken = (f"{one.input.label}: {len(found[key])} constants of {one.path}." for key, one in arranged.items())
    unread = [f"{name} was given, but is not read with these parameters." for name in sorted(
        set(spec.inputs) - {one.name for one in method.inputs(family.kind)} - {ALL_CONSTANTS})]
    modules = tuple(module.number for module in wanted if module.number not in left_out)
    left = (f"Module {number} left out: {why}" for number, why in left_out.items())
    as_whole = {number: [one for (of, _), each in blocks.items() if of == number for one in each.files]
                for number in modules}
    return GivenConstants(
        kind, Detector(identifier, kind, tuple(wanted)), modules, cells, arranged, blocks, condition, left_out,
        tuple(taken), (*missing, *unread, *left, *lacking, *differences, *of_cells, *of_sets(stored.values()),
                       *turned(as_whole)))


def _whole(spec: JobSpec, family: Family, method: Method, one: Input) -> GivenConstants:
    """Files that are taken as they are, of whatever detector."""
    paths: Sequence[str] = spec.inputs.get(one.name, ()) or spec.inputs.get(ALL_CONSTANTS, ())
    if not paths:
        paths = path_of(spec, one, not one.optional) or (str(usual_store()),)
    files = whole_files_of(spec, method, tuple(map(Path, paths)))
    arranged = {one.name: Arranged(one.name, one, None, path=", ".join(paths))}
    return GivenConstants(arranged=arranged, blocks={(None, one.name): files}, lines=files.lines, notes=files.notes)


def _with_history(spec: JobSpec, arranged: Arranged) -> GivenConstants:
    """All versions of the constants of one detector; in which condition each is decides with which it is compared."""
    history = arranged.input.history
    assert history is not None
    store = open_store(arranged.path)
    known = kept_numbers(store)
    stored = known.stored()
    if not stored:
        raise BadInput(f"{store.title} has no constants of which there could be a history; it has {kinds_in(store)}.")
    every, kind, identifier = of_one_detector(stored, spec.detector)
    numbers, guessed = modules_of(every, kind)
    modules = {number: Module(number, "", "", pdu) for pdu, number in numbers.items()}
    wanted, missing = _asked(spec, [modules[number] for number in sorted(modules)])
    asked = {module.number for module in wanted}
    units = {pdu: number for pdu, number in numbers.items() if number in asked}
    found = histories_of(every, units, kind, history, known)
    blocks: dict[tuple[int | None, str], Blocks] = {
        (number, arranged.key): one for number, one in found.blocks.items()}
    line = f"{arranged.input.label}: {len(every)} constants of {arranged.path}."
    return GivenConstants(kind, Detector(identifier, kind, tuple(wanted)), tuple(found.blocks), (),
                          {arranged.key: arranged}, blocks, lines=(line,), notes=(*missing, *guessed, *found.notes))


def _inputs(family: Family, method: Method) -> list[Input]:
    """Inputs of constants that no step reads."""
    of_steps = {one.name for one in inputs_of_steps(method.steps_before())}
    return [one for one in method.inputs(family.kind) if one.of == "constants" and one.name not in of_steps]


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


def _found(spec: JobSpec, family: Family, one: Arranged) -> list[StoredConstant]:
    """Constants of an input's kinds in its file, folder or store, the oldest first."""
    with closing(open_store(one.path)) as store:
        return _found_in(store, spec, family, one)


def _found_in(store: ConstantStore, spec: JobSpec, family: Family, one: Arranged) -> list[StoredConstant]:
    path, kinds = Path(one.path), {kind.name for kind in (*one.input.kinds, *one.input.also)}
    stored = _stored(store, tuple(sorted(_names(family, kinds))), spec.detector)
    fitting = [constant for constant in stored if _kind_of(constant) in kinds]
    if not any(_kind_of(constant) in {kind.name for kind in one.input.kinds} for constant in fitting):
        if one.input.optional and path.is_dir() and one.input.name not in spec.inputs:  # the folder given for all
            return []
        wanted = ", ".join(sorted(kind.name for kind in one.input.kinds))
        raise BadInput(f"{path} has no constant of {wanted} for {family.name}; it has "
                       f"{kinds_in(store)}.")
    return sorted(fitting, key=lambda constant: constant.path.name)


def _stored(store: ConstantStore, names: tuple[str, ...], detector: str) -> tuple[StoredConstant, ...]:
    """The newest constant of each unit and kind; a folder does not ask for the detector."""
    return tuple(map(store.read, store.find(Query(names, detector=detector, take="newest"))))


def _names(family: Family, kinds: Collection[str]) -> Iterator[str]:
    """The database's names of kinds, of each of the family's types; others are called as they are."""
    for name in kinds:
        yield name
        yield from (kind.calibrations[name].name for kind in family.types if name in kind.calibrations)


def kinds_in(store: ConstantStore) -> str:
    """Kinds of constants that a store has, for the end of a sentence."""
    drafts = Query(take="newest", statuses=frozenset({Status.DRAFT}))
    kinds, waiting = ({one.calibration for one in store.find(asked)} for asked in (Query(take="newest"), drafts))
    more = ", ".join(sorted(waiting - kinds))
    there = ", ".join(sorted(kinds)) or _no_constants(store)
    return f"{there}, and drafts of {more} (--drafts takes them)" if more else there


def _no_constants(store: ConstantStore) -> str:
    """Words on a store without any; of a folder, where they would be looked for."""
    tree = isinstance(store, Folder) and store.path.is_dir()
    return f"no constants: there are no files {STORE}/<type>/<unit>/cal.*.h5" if tree else "no constants"


def _kind_of(one: StoredConstant) -> str:
    """Kind of a constant as its file tells it, else its name in the database."""
    return str(one.attributes.get("kind", one.calibration))


def _kind(family: Family, constants: Sequence[StoredConstant]) -> DetectorType:
    """The family's detector type that the constants are of, by the database's type and the shape of the pixels."""
    one = constants[0]
    for kind in family.types:
        shape = dict(zip(one.dims, one.shape, strict=False))
        same = str(one.attributes.get("detector_type", kind.database_type)).lower() == kind.database_type.lower()
        if same and (not one.dims or (shape.get("slow_scan", 1), shape.get("fast_scan")) == kind.shape):
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


def _of_modules(
    arranged: Mapping[str, Arranged], found: Mapping[str, Sequence[StoredConstant]], wanted: Sequence[Module]
) -> tuple[dict[tuple[Module, str], Stored], dict[int, str], tuple[str, ...]]:
    """Newest constants of modules and inputs, why modules are left out, and sentences on what others lack."""
    stored: dict[tuple[Module, str], Stored] = {
        (module, key): {_kind_of(one): one for one in found[key] if one.pdu == module.pdu}
        for key in arranged for module in wanted}
    lacks = {place: _lack(arranged[place[1]], one, place[0]) for place, one in stored.items()}
    left_out: dict[int, str] = {}
    for (module, key), why in lacks.items():
        if why and not arranged[key].input.optional:
            left_out.setdefault(module.number, why)
    if len(left_out) == len(wanted):
        first, *others = left_out.values()
        raise BadInput(first + and_others(len(others), "module lacks constants too"))
    told = tuple(f"{why} The module is done without." for (module, _), why in lacks.items()
                 if why and module.number not in left_out)
    there = {place: one for place, one in stored.items() if not lacks[place] and place[0].number not in left_out}
    return there, left_out, told


def _lack(arranged: Arranged, stored: Stored, module: Module) -> str:
    """Sentence on a constant that an input needs and a module has not; empty where it has all."""
    return next((f"{arranged.path} has no {kind.name} of {module.pdu} (module {module.number}), which is read for "
                 f"{arranged.input.label}." for kind in arranged.input.kinds if kind.name not in stored), "")


def _blocks(stored: Stored, kind: DetectorType, one: Input, split: str) -> ConstantBlocks:
    kinds = {kind.name: kind for kind in (*one.kinds, *one.also)}
    named = {name: with_axes(constant, kind)[0] for name, constant in stored.items()}
    return ConstantBlocks(named, {name: _entries(constant, kinds[name], kind, split)
                                  for name, constant in named.items()})


def _entries(stored: StoredConstant, wanted: ConstantKind, kind: DetectorType, split: str) -> Entries:
    """A constant by memory cell where its type declares it or groups tell them, else along the axes of the file."""
    declared = any(one.name == stored.calibration for one in kind.calibrations.values())
    if split == "cell" and declared:
        return OfCells(FileConstant(stored, wanted, kind, dtype="f8").checked())
    if split == "cell" and "group" in stored.dims:
        return OfGroups(stored, groups_of(stored), wanted.used)
    return OfAxis(stored, split)
