"""What the commands on a store of constants do."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from calib_core.cli import store_export, store_timeline
from calib_core.cli.progress import ProgressLine
from calib_core.cli.store_calcat import calcat_of, log_in, notes_of
from calib_core.cli.store_why import found_of
from calib_core.cli.store_words import (
    as_json,
    candidate_as_json,
    detail_lines,
    find_line,
    heading,
    serve_lines,
)
from calib_core.constants.expert_mask import author_here
from calib_core.errors import BadInput, BadParameter, OutputFailed
from calib_core.jobs.why_words import as_json as why_as_json
from calib_core.jobs.why_words import lines_of as why_lines
from calib_core.plain_text import shown
from calib_core.ranges import parse_numbers
from calib_core.store.base import ConstantStore, Query, Version
from calib_core.store.constant_paths import constant_files
from calib_core.store.local.by_operator import ByOperator
from calib_core.store.local.candidates import Candidate, candidates_of, known_version
from calib_core.store.local.checking import check as check_store
from calib_core.store.local.checking import left_over
from calib_core.store.local.confirmations import confirm as confirm_change
from calib_core.store.local.confirmations import unconfirm as unconfirm_change
from calib_core.store.local.index import is_index
from calib_core.store.local.injecting import Told
from calib_core.store.local.injecting import inject as inject_into
from calib_core.store.local.injection_table import REFUSED, UNSURE, examine_all, numbers_of
from calib_core.store.local.making import shared_over_a_network
from calib_core.store.local.placing import check_time, type_of_unit
from calib_core.store.local.records import Place
from calib_core.store.local.remaking import made_words, remade, without_statistics
from calib_core.store.local.store import LocalStore, described
from calib_core.store.opening import open_store, usual_store
from calib_core.store.serving.server import Server
from calib_core.store.statuses import Status
from calib_core.store.unanswered import just_missed
from calib_core.typed import has_zone, is_number, parse_number, parse_path, parse_time

Namespace = argparse.Namespace


def find(namespace: Namespace) -> int:
    """Find versions, of the facility's database too where that is asked; returns 1 where there are none."""
    query = _query(namespace)
    with _asked(namespace, LocalStore) as stores:
        told = [(one, one.find(query)) for one in stores]
        lines = [line for one, found in told
                 for line in (*_found_lines(one, found, len(told) > 1, query), *notes_of(one))]
        _print(namespace, [{**as_json(version), "store": one.title} for one, found in told for version in found],
               lines)
    return 0 if any(found for _, found in told) else 1


@contextmanager
def _asked(namespace: Namespace, opened: Callable[[Path], ConstantStore]) -> Iterator[list[ConstantStore]]:
    """The store, and the facility's database beside it; that alone where there is no store of one's own yet."""
    folder = _folder(namespace)
    with ExitStack() as stack:
        beside = stack.enter_context(calcat_of(namespace))
        alone = beside is not None and not namespace.store and not folder.exists()
        own = [] if alone else [stack.enter_context(closing(opened(folder)))]
        yield [*own, *([] if beside is None else [beside])]


def _found_lines(store: ConstantStore, found: Sequence[Version], several: bool, query: Query) -> list[str]:
    if not found:
        return [f"{store.title} has no version that answers.", *just_missed(store, query)]
    return [*([f"{store.title}:"] if several else []), heading(), *map(find_line, found)]


def login(namespace: Namespace) -> int:
    """Keep a login to the facility's database, or forget it."""
    said = log_in(namespace)
    _print(namespace, {"said": said}, [said])
    return 0


def show(namespace: Namespace) -> int:
    """Show all that is known of versions."""
    with closing(_opened(namespace)) as store:
        found = [(one, store.history(one.number)) for one in _versions(store, namespace.versions)]
        _print(namespace, [{**as_json(one), "history": list(map(as_json, history))} for one, history in found],
               [line for one, history in found for line in detail_lines(one, history)])
    return 0


def inject(namespace: Namespace) -> int:
    """Take constants as drafts, or tell what would be taken; in a dry run 1 where one of them could not be."""
    paths = [path for given in namespace.given for path in constant_files(given)]
    if namespace.dry_run:
        return _tell_of(namespace, paths)
    with closing(LocalStore(_folder(namespace), create=True)) as store:
        with _progress(namespace, "looked at") as told:
            found = candidates_of(store, paths, _by_operator(namespace), told)
        with _progress(namespace, "in place") as told:
            made = inject_into(store, found, *_who(namespace), told)
        there = (f"{described(one)} is there already, {one.status}." for one in made.known)
        lines = [*_notes(found), *_shared(store), *there,
                 f"{len(made.versions)} constant{'s' * (len(made.versions) != 1)} injected into {store.title} as "
                 "drafts" + (f": versions {_numbers(made.versions)}" if made.versions else "")]
        _print(namespace, {"injected": [as_json(one) for one in made.versions],
                           "known": [as_json(one) for one in made.known]}, lines)
    return 0


def _tell_of(namespace: Namespace, paths: Sequence[Path]) -> int:
    """Tell what would be injected; a store that is not there yet is like an empty one."""
    with TemporaryDirectory() as empty:
        there = is_index(_folder(namespace))
        folder = _folder(namespace) if there else Path(empty)
        with closing(LocalStore(folder, create=not there)) as store, _progress(namespace, "looked at") as told:
            found = examine_all(store, paths, _by_operator(namespace), told)
    lines = [] if there else [f"There is no store at {_folder(namespace)} yet; it would be made."]
    notes = _notes(one.candidate for one in found)
    _print(namespace, list(map(candidate_as_json, found)),
           [*lines, *(one.line for one in found), *notes, numbers_of(found)])
    return int(any(one.state in (REFUSED, UNSURE) for one in found))


def accept(namespace: Namespace) -> int:
    """Accept drafts."""
    return _decide(namespace, Status.ACCEPTED)


def reject(namespace: Namespace) -> int:
    """Reject drafts."""
    return _decide(namespace, Status.REJECTED)


def withdraw(namespace: Namespace) -> int:
    """Withdraw accepted versions."""
    return _decide(namespace, Status.WITHDRAWN)


def undo(namespace: Namespace) -> int:
    """Take back the last decision."""
    with closing(_opened(namespace)) as store:
        _tell_changed(namespace, store.undo(*_who(namespace)))
    return 0


def confirm(namespace: Namespace) -> int:
    """Confirm a change over time, whose first version begins a new reference."""
    with closing(_opened(namespace)) as store:
        [one] = _versions(store, [namespace.version])
        confirm_change(store, one.number, *_who(namespace))
        _print(namespace, as_json(one), [f"{described(one)} begins a new reference."])
    return 0


def unconfirm(namespace: Namespace) -> int:
    """Take the last confirmation of a change back."""
    with closing(_opened(namespace)) as store:
        [one] = store.named([unconfirm_change(store, *_who(namespace))])
        _print(namespace, as_json(one), [f"{described(one)} begins no new reference any more."])
    return 0


def install(namespace: Namespace) -> int:
    """Note which unit is at a place."""
    detector, slash, aggregator = namespace.place.partition("/")
    if not (detector and slash and aggregator):
        raise BadParameter(f"{namespace.place!r} is no place; it takes DETECTOR/AGGREGATOR.")
    unit, begin = "" if namespace.unit == "-" else namespace.unit, _time(namespace.begin, "from")
    place = Place(detector, aggregator, namespace.module)
    kind = type_of_unit(unit, place, namespace.detector_type)
    with closing(LocalStore(_folder(namespace), create=True)) as store:
        check_time(store, begin, f"{unit or 'Nothing'} cannot be at {aggregator} from")
        store.install(unit, place, kind, begin, *_who(namespace))
    _print(namespace, {"installed": unit}, [f"{unit or 'Nothing'} is at {aggregator} of {detector} from "
                                            f"{begin:%Y-%m-%d %H:%M} UTC on."])
    return 0


def check(namespace: Namespace) -> int:
    """Look through the store; returns 1 where something is not as it should be and was not repaired."""
    with closing(_opened(namespace)) as store:
        with _progress(namespace, "looked at") as told:
            found = list(check_store(store, namespace.repair, _author(namespace), told))
        rest = left_over(store)
        lines = [f"! {one.sentence}{f' → {one.done}' if one.done else ''}" for one in found]
        lines += [*_shared(store)]
        lines += [f"  {len(rest)} files of programs that write or were ended"] if rest else []
        number = len(store.every())
        lines.append(f"{store.title}: {number} version{'s' * (number != 1)}, "
                     f"{'all as it should be' if not found else _faults(len(found))}")
        _print(namespace, {"versions": number, "temporary": list(map(str, rest)), "faults": [
            {"sentence": one.sentence, "done": one.done} for one in found]}, lines)
    return int(any(not one.done for one in found))


def statistics(namespace: Namespace) -> int:
    """Make statistics anew and keep them, version by version; returns 1 where some could not be made."""
    with closing(_opened(namespace)) as store:
        if store.index.read_only:
            raise OutputFailed(f"{store.title} cannot be written: {store.index.read_only}.")
        asked = _versions(store, namespace.versions) if namespace.versions else without_statistics(store)
        failed = list[str]()
        with _progress(namespace, "done") as told:
            for done, (_, why) in enumerate(remade(store, asked), 1):
                failed += [why] if why else []
                told(done, len(asked))
        number = len(asked) - len(failed)
        lines = [*(f"! {sentence}" for sentence in failed), made_words(store.title, number)]
        _print(namespace, {"made": number, "failed": failed}, lines)
    return int(bool(failed))


def why(namespace: Namespace) -> int:
    """Tell which versions a run resolves to; returns 1 where a kind of a module has none."""
    conditions = dict(map(_parameter, namespace.condition))
    with _asked(namespace, lambda folder: open_store(str(folder))) as stores:
        told = [(one, found_of(namespace, one, conditions)) for one in stores]
        lines = [line for one, found in told for line in (*why_lines(found), *notes_of(one))]
        as_plain = [why_as_json(found) for _, found in told]
        _print(namespace, as_plain if namespace.calcat is not None else as_plain[0], lines)
    return int(any(one.taken is None for _, found in told for one in found.found))


def export(namespace: Namespace) -> int:
    """Copy versions into files, those of the facility's database where it is asked; 3 where some are missing."""
    with calcat_of(namespace) as calcat, closing(calcat or _opened(namespace)) as store:
        query = _query(namespace)
        made, summary, at = store_export.exported(namespace, store, query, dict(map(_parameter, namespace.fallback)))
        lines = [*store_export.lines_of(made, summary, at, store, query), *notes_of(store)]
        _print(namespace, store_export.as_json(made), lines)
    return store_export.status_of(made)


def timeline(namespace: Namespace) -> int:
    """Tell numbers of versions over time, and what has changed; written as a table too where that is asked."""
    told = store_timeline.told_of(namespace, _folder(namespace), _conditions(namespace))
    lines = list(store_timeline.lines_of(told))
    if namespace.csv:
        lines.append(store_timeline.write_table(Path(namespace.csv), told, namespace.overwrite))
    _print(namespace, store_timeline.as_json(told), lines)
    return 0


def serve(namespace: Namespace) -> int:
    """Answer other programs until the operator ends it."""
    with closing(_opened(namespace)) as store, Server(store, namespace.port, namespace.drafts) as server:
        seen = sorted(server.statuses)
        _print(namespace, {"url": server.url, "folder": str(store.folder.absolute()), "statuses": seen},
               serve_lines(server.url, store.folder.absolute(), seen))
        sys.stdout.flush()
        with suppress(KeyboardInterrupt):
            server.serve_forever()
    return 0


def _faults(number: int) -> str:
    return f"{number} fault{'s' * (number != 1)}"


def _decide(namespace: Namespace, status: Status) -> int:
    with closing(_opened(namespace)) as store:
        chosen = [one.number for one in _versions(store, namespace.versions)]
        _tell_changed(namespace, store.decide(chosen, status, *_who(namespace)))
    return 0


def _tell_changed(namespace: Namespace, changed: Sequence[Version]) -> None:
    _print(namespace, [as_json(one) for one in changed], [f"{described(one)} is {one.status}." for one in changed])


def _folder(namespace: Namespace) -> Path:
    return Path(namespace.store) if namespace.store else usual_store()


def _opened(namespace: Namespace) -> LocalStore:
    return LocalStore(_folder(namespace))


def _who(namespace: Namespace) -> tuple[str, str]:
    return _author(namespace), namespace.comment


def _author(namespace: Namespace) -> str:
    """Who acts: as given, else the name of the login."""
    return str(namespace.author or author_here())


def _query(namespace: Namespace) -> Query:
    statuses = {Status(word) for word in namespace.status} or {Status.ACCEPTED}
    times = {name: _time(text, name) for name in ("at", "snapshot") if (text := getattr(namespace, name))}
    return Query(tuple(namespace.calibration), tuple(namespace.pdu), namespace.karabo_id, namespace.detector_type,
                 _conditions(namespace) or None, take=namespace.take or ("prior" if "at" in times else "all"),
                 statuses=frozenset(statuses | ({Status.DRAFT} if namespace.drafts else set())), **times)


def _time(text: str, name: str) -> datetime:
    """A time that was typed; one without a zone is taken as UTC, which is said."""
    found = parse_time(text, name)
    if not has_zone(text):
        print(f"WARN  --{name} {text} tells no zone: it is taken as UTC, {found:%Y-%m-%d %H:%M:%S}+00:00.",
              file=sys.stderr)
    return found


def _conditions(namespace: Namespace) -> dict[str, float | str]:
    return dict(map(_parameter, namespace.condition))


def _by_operator(namespace: Namespace) -> ByOperator:
    """What was typed of files that do not tell it themselves."""
    begin = _time(namespace.begin, "begin") if namespace.begin else None
    return ByOperator(_conditions(namespace), namespace.karabo_id, namespace.detector_type, begin,
                      namespace.confirm_units)


def _parameter(word: str) -> tuple[str, float | str]:
    name, equals, value = word.partition("=")
    if not (name.strip() and equals and value.strip()):
        raise BadParameter(f"--condition {word} is not of the form PARAMETER=VALUE, such as Memory cells=352.")
    return name.strip(), parse_number(value) if is_number(value) else value.strip()


def _versions(store: LocalStore, words: Iterable[str]) -> list[Version]:
    """Versions by numbers, or by the checksums of files."""
    found: list[Version] = []
    for word in words:
        if re.fullmatch(r"[\d\s,–-]+", word):
            found += store.named(parse_numbers(word))
        elif parse_path(word).exists():
            found += [_of_file(store, path) for path in constant_files(parse_path(word))]
        else:
            raise BadParameter(f"“{word}” is neither the number of a version, such as 3,7-12, nor a file that is "
                               "there.")
    return list({one.number: one for one in found}.values())


def _of_file(store: LocalStore, path: Path) -> Version:
    found = known_version(store, path)
    if found is None:
        raise BadInput(f"{path} is no version of {store.title}, nor a copy of one; no record has its checksum.")
    return found


def _notes(found: Iterable[Candidate]) -> list[str]:
    return list(dict.fromkeys(f"WARN  {note}" for one in found if one.known is None for note in one.notes))


@contextmanager
def _progress(namespace: Namespace, what: str) -> Iterator[Told]:
    """A line on the terminal that moves with the files; none where there is no terminal, or a program reads."""
    line = ProgressLine(silent=namespace.json or not sys.stderr.isatty())
    try:
        yield lambda done, of: line.show(done / of, f"{done} of {of} files {what}")
    finally:
        line.end()


def _shared(store: LocalStore) -> list[str]:
    """A warning where other machines may have the store's folder too."""
    kind = shared_over_a_network(store.folder)
    return [f"WARN  {store.title} is on a file system of a network ({kind}): one machine at a time may write there."
            ] if kind else []


def _numbers(versions: Sequence[Version]) -> str:
    numbers = sorted(one.number for one in versions)
    return f"{numbers[0]}–{numbers[-1]}" if len(numbers) > 2 else ", ".join(map(str, numbers))


def _print(namespace: Namespace, data: Any, lines: Iterable[str]) -> None:
    if namespace.json:
        print(json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False))
    else:
        print("\n".join(map(shown, lines)))
