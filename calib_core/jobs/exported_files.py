"""Constants that a job copies out of stores, folders and files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from calib_core.characterisation.unit import Item
from calib_core.characterisation.whole_files import Export
from calib_core.constants.condition import Value
from calib_core.detector.registry import detector_types
from calib_core.errors import BadInput, BadParameter
from calib_core.jobs.spec import JobSpec
from calib_core.jobs.whole_files import Check, Finished, Left, Say, WholeFiles, conditions_in, written
from calib_core.ranges import parse_numbers
from calib_core.store.base import ConstantStore, Query, Version
from calib_core.store.export_choice import Chosen, aged_words, check_room, choose, missing
from calib_core.store.export_summary import row_of, write_summary
from calib_core.store.exporting import (
    SOME_MISSING,
    Exported,
    check_some,
    copy_or_why,
    lost_words,
    names_of_several,
)
from calib_core.store.local.store import LocalStore
from calib_core.store.opening import open_store
from calib_core.store.statuses import ACCEPTED, Status
from calib_core.store.unanswered import just_missed
from calib_core.typed import parse_time

_EVERY = frozenset(Status)


class Copies(WholeFiles):
    """Versions that are copied into a folder.

    Parameters
    ----------
    spec : JobSpec
    method : Export
    paths : sequence of Path
        Stores, folders and files.

    Raises
    ------
    BadInput, BadParameter
        Nothing answers, or a question is not allowed.
    OutputFailed
        The folder cannot take them.
    """

    def __init__(self, spec: JobSpec, method: Export, paths: Sequence[Path]) -> None:
        self._folder, self._layout = spec.out_folder, method.layout
        self._at = parse_time(method.at, "at") if method.at else datetime.now(UTC)
        self._stores = [open_store(str(path)) for path in paths]
        self._chosen = [_chosen(store, spec, method, self._at) for store in self._stores]
        self._made: list[Exported] = []
        if not self.number:
            raise BadInput(" ".join((f"{', '.join(store.title for store in self._stores)}: no version answers; "
                                     "nothing was copied.", *self._just_missed())))
        self.lines = tuple(f"{len(one.versions)} version{'s' * (len(one.versions) != 1)} of {store.title} answer"
                           f"{'s' * (len(one.versions) == 1)}." for one, store in zip(
                               self._chosen, self._stores, strict=True))
        self.notes = tuple(self._doubts())

    @property
    def number(self) -> int:
        """Versions."""
        return sum(len(one.versions) for one in self._chosen)

    @property
    def largest(self) -> int:
        """Bytes of the largest file."""
        files = (version.path for one in self._chosen for version in one.versions)
        return max((path.stat().st_size for path in files if path.is_file()), default=0)

    def items(self) -> Iterator[Item]:
        """Copy one after the other, and then tell what is missing.

        Yields
        ------
        Item
        """
        for one in self._chosen:
            check_room(one, self._folder)
        twice = names_of_several([version for one in self._chosen for version in one.versions])
        for store, chosen in zip(self._stores, self._chosen, strict=True):
            for version in chosen.versions:
                made = copy_or_why(store, version, self._folder, self._layout, twice)
                self._made.append(replace(made, fallback=version in chosen.instead))
                yield self._item(self._made[-1])
        yield from map(self._item, self._absent)

    def finish(self, say: Say, check: Check) -> Finished:
        """Write the table of what was copied and what is missing.

        Parameters
        ----------
        say, check : callable
        """
        check_some(self._made)
        every, there = [*self._made, *self._absent], [one for one in self._made if not one.why]
        summary = write_summary(self._folder, every, self._at)
        size = sum(one.bytes for one in there) / 1e6
        for one in self._made:
            if one.why:
                say("WARN", one.why)
        say("INFO", f"{len(there)} constant{'s' * (len(there) != 1)} copied, {size:.1f} MB{lost_words(every)}.")
        if summary.kept:
            say("INFO", summary.words)
        files = (Left(one.path, "constant", one.sha256, one.bytes) for one in self._made if one.path is not None)
        status = 0 if len(there) == len(every) else SOME_MISSING
        return Finished((*files, written(summary.path, "table")), None, status)

    def close(self) -> None:
        """Close the stores; they are opened again when they are asked."""
        for store in self._stores:
            store.close()

    @property
    def _absent(self) -> tuple[Exported, ...]:
        """What none of the stores has."""
        there = {(one.pdu, one.calibration) for chosen in self._chosen for one in chosen.versions}
        every = {(one.unit, one.calibration): one for chosen in self._chosen for one in chosen.absent}
        return tuple(one for key, one in every.items() if key not in there)

    def _just_missed(self) -> Iterator[str]:
        for store, chosen in zip(self._stores, self._chosen, strict=True):
            if chosen.asked is not None:
                yield from just_missed(store, chosen.asked)

    def _doubts(self) -> Iterator[str]:
        for lost in self._absent:
            yield f"There is no {lost.calibration} of {lost.unit} that answers; it is missing."
        others, number = sum(len(one.instead) for one in self._chosen), self.number
        if others:
            yield f"{others} of {number} constants are of the other operating condition (fallback)."
        for one in self._chosen:
            if one.asked is not None and (aged := aged_words(one.versions, one.at, one.asked.take)):
                yield aged

    def _item(self, one: Exported) -> Item:
        cells = row_of(one, self._folder, self._at)
        return Item(tuple((float("nan") if kind == "f8" else "") if cell is None else cell
                          for cell, (_, kind) in zip(cells, Export.columns, strict=True)))


def _chosen(store: ConstantStore, spec: JobSpec, method: Export, at: datetime) -> Chosen:
    """Versions of a store: those that are named by number, all of files, or those that answer."""
    if method.versions and isinstance(store, LocalStore):
        return Chosen(tuple(store.named(parse_numbers(method.versions))), (), (), at)
    if method.versions:
        return Chosen(store.find(Query(take="all")), (), (), at)
    query = _query(spec, method, at)
    typed = {"condition": {**conditions_in(method.condition, "condition"), **spec.conditions},
             "fallback": conditions_in(method.fallback, "fallback")}
    if any(typed.values()):
        typed = {what: _by_database(store, query, some, what) for what, some in typed.items()}
    wanted = replace(query, condition=typed["condition"] or None)
    found = choose(store, wanted, at, typed["fallback"], method.fallback_days)
    return _of_modules(store, found, spec.modules, query.calibrations) if spec.modules else found


def _query(spec: JobSpec, method: Export, at: datetime) -> Query:
    statuses = ACCEPTED | ({Status.DRAFT} if spec.drafts else set())
    return Query(_words(method.calibrations), _words(method.units), spec.detector, method.detector_type, None, at,
                 method.take, parse_time(method.snapshot, "snapshot") if method.snapshot else None,
                 statuses=frozenset(statuses))


def _words(text: str) -> tuple[str, ...]:
    return tuple(filter(None, (one.strip() for one in text.split(","))))


def _by_database(
    store: ConstantStore, query: Query, given: Mapping[str, Value], what: str
) -> dict[str, Value]:
    """Values by the database's names of their parameters, of the only detector type that a question is about."""
    types = {one.detector_type.lower() for one in store.find(replace(query, take="newest", statuses=_EVERY))}
    kinds = [kind for kind in detector_types() if kind.database_type.lower() in types]
    if given and len(types) != 1:
        there = ", ".join(sorted(types)) or "none"
        raise BadParameter(f"{what} asks for one detector type, and {store.title} has {there} of what is asked; name "
                           "the detector, or its type.")
    names = {one.name: one.database_name for kind in kinds for one in kind.condition}
    if unknown := [name for name in given if name not in (*names, *names.values())]:
        raise BadParameter(f"{what}: there is no “{unknown[0]}” in an operating condition of {types.pop()}; it has "
                           f"{', '.join(names)}.")
    return {names.get(name, name): value for name, value in given.items()}


def _of_modules(
    store: ConstantStore, found: Chosen, modules: Sequence[int], calibrations: Sequence[str]
) -> Chosen:
    """What was chosen of some modules alone, and which of them lack something."""
    numbers = [(one, _module(store, one)) for one in found.versions]
    own = tuple(one for one, number in numbers if number in modules)
    there = {number: one.pdu for one, number in numbers if number in modules}
    names = [there.get(number, f"module {number}") for number in modules]
    kinds = calibrations or sorted({one.calibration for one in found.versions})
    instead = tuple(one for one in found.instead if one in own)
    return Chosen(own, instead, missing(own, kinds, names), found.at, found.asked)


def _module(store: ConstantStore, one: Version) -> int | None:
    if one.module is not None or one.number:
        return one.module
    told = store.read(one).attributes.get("module")
    return None if told is None else int(told)
