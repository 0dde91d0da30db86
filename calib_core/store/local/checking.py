"""Whether a store is whole: its records, the files that they name, and files that no record names."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from calib_core.errors import BadInput
from calib_core.store.base import Version
from calib_core.store.constants import STORE
from calib_core.store.files import TEMPORARY_PREFIX, explained, make_folder, sync_folder
from calib_core.store.local.blocks import PREFIX, read_blocks, same_line
from calib_core.store.local.candidates import candidates_of
from calib_core.store.local.index import Index
from calib_core.store.local.injecting import adopt
from calib_core.store.local.lines import drop_lines
from calib_core.store.local.pieces import wrongly_packed
from calib_core.store.local.schema import RECORDS
from calib_core.store.local.store import LocalStore, described
from calib_core.store.local.writing import BEGINNING, linked
from calib_core.store.seals import sha256_of

#: Where files are brought that are no constants of the store; nothing is deleted.
QUARANTINE = "quarantine"
Told = Callable[[int, int], None]


@dataclass(frozen=True)
class Fault:
    """Something that is not as it should be, and what was done about it; empty where nothing was."""

    sentence: str
    done: str = ""


def check(store: LocalStore, repair: bool, author: str, told: Told | None = None) -> Iterator[Fault]:
    """Look through a store.

    Parameters
    ----------
    store : LocalStore
    repair : bool
        Whether files without a record are adopted as drafts, or brought into quarantine; files that were moved are
        brought back; and what the index keeps beside its records is made anew.
    author : str
        Who adopts.
    told : callable, optional
        Told after each file how many were looked at, and of how many.

    Yields
    ------
    Fault
        Records first, then files. Files that are gone or changed stay so: only a copy of the same bytes helps.
    """
    yield from (Fault(text) for text in _damage(store.index))
    yield from _standing(store, repair)
    yield from _packed(store, repair)
    named = {one.path: one for one in store.every()}
    there = sorted((store.folder / STORE).glob("*/*/cal.*.h5"))
    strangers = [path for path in there if path not in named]
    lost = []
    for done, (path, version) in enumerate(named.items(), 1):
        if fault := _changed(path, version):
            lost.append((version, fault))
        if told is not None:
            told(done, len(named))
    yield from _numbers(store, repair)
    spare = {sha256_of(path): path for path in strangers}
    for version, fault in lost:
        found = spare.get(version.sha256) if not version.path.exists() else None
        yield Fault(fault if found is None else f"{fault[:-1]}; {found} has its bytes.",
                    _bring_back(found, version.path) if found is not None and repair else "")
    for path in spare.values():
        if path.exists():
            yield _stranger(store, path, repair, author)


def _damage(index: Index) -> Iterator[str]:
    """Sentences on what is wrong in the index itself."""
    for row in index.rows("PRAGMA integrity_check"):
        if row[0] != "ok":
            yield f"{index.path} is damaged: {row[0]}."
    for row in index.rows("PRAGMA foreign_key_check"):
        yield f"Record {row[1]} of “{row[0]}” names another that is not there ({index.path})."
    yield from broken_links(index)


def broken_links(index: Index) -> Iterator[str]:
    """Sentences on records that were changed, removed or put in by somebody else: the first, and how many more.

    Parameters
    ----------
    index : Index
    """
    last = BEGINNING
    for link in index.rows("SELECT * FROM chain ORDER BY id"):
        table = link["of_table"]
        found = index.rows(f"SELECT * FROM {table} WHERE id = ?", (link["of_row"],)) if table in RECORDS else []
        if not found or linked(last, table, dict(found[0])) != link["sha256"]:
            yield (f"Record {link['of_row']} of “{table}” was {'changed' if found else 'removed'} by somebody else; "
                   f"what was written after it may be as well ({index.path}).")
            return
        last = link["sha256"]
    for table in RECORDS:
        more = index.one(f"SELECT count(*) FROM {table} WHERE id NOT IN "
                         "(SELECT of_row FROM chain WHERE of_table = ?)", (table,))
        if more:
            yield (f"{more} record{'s' * (more > 1)} of “{table}” {'were' if more > 1 else 'was'} put in by somebody "
                   f"else ({index.path}).")


_WRONG = """
    SELECT count(*) FROM (
        SELECT v.id, v.constant, v.pdu, v.begin_at,
               (SELECT status FROM decision d WHERE d.version = v.id ORDER BY d.id DESC LIMIT 1) AS status
        FROM version v) a
    LEFT JOIN standing s ON s.version = a.id AND s.constant = a.constant AND s.pdu = a.pdu
        AND s.begin_at = a.begin_at AND s.status = a.status
    WHERE s.version IS NULL"""


def _standing(store: LocalStore, repair: bool) -> Iterator[Fault]:
    """What the index keeps of the last decisions, against the decisions."""
    wrong = store.index.one(_WRONG)
    more = store.index.one("SELECT count(*) FROM standing WHERE version NOT IN (SELECT id FROM version)")
    if not wrong and not more:
        return
    done = ""
    if repair:
        with store.writing() as writing:
            writing.renew_standing()
        done = "made anew from the decisions"
    yield Fault(f"What {wrong + more} version{'s' * (wrong + more > 1)} of {store.title} stand at is not what was "
                "decided last.", done)


def _packed(store: LocalStore, repair: bool) -> Iterator[Fault]:
    """What the index has packed of numbers of versions, against their rows."""
    if not (wrong := wrongly_packed(store.index)):
        return
    done = ""
    if repair:
        with store.writing() as writing:
            writing.renew_packed()
        done = "made anew from the numbers"
    yield Fault(f"What is packed of {wrong} line{'s' * (wrong > 1)} over time of {store.title} differs from the "
                "numbers of the versions.", done)


def _numbers(store: LocalStore, repair: bool) -> Iterator[Fault]:
    """Files of numbers that are not those that were kept, or not those of the lines."""
    wrong = []
    for number, kept in store.lines.of(one.number for one in store.every()).items():
        if kept.numbers is None:
            continue
        try:
            if not same_line(read_blocks(kept.blocks, kept.sha256), kept.numbers):
                raise BadInput(f"{kept.blocks} has other numbers than the line of version {number}.")
        except BadInput as error:
            wrong.append((number, str(error)))
    if repair and wrong:
        with store.writing() as writing:
            drop_lines(writing, [number for number, _ in wrong])
    for _, sentence in wrong:
        yield Fault(sentence, "forgotten, to be made anew with calibwb store statistics" if repair else "")


def _changed(path: Path, version: Version) -> str:
    """Sentence on a file that is not what was injected; empty where it is."""
    if not version.sha256:
        return ""
    try:
        if sha256_of(path) == version.sha256:
            return ""
    except BadInput as error:
        return f"{described(version)}: {error}"
    return f"{described(version)}: {path} was changed since it was injected; its checksum differs."


def _stranger(store: LocalStore, path: Path, repair: bool, author: str) -> Fault:
    """A file that no record names: adopted as a draft where it could be injected, else kept aside."""
    [one] = candidates_of(store, [path])
    if one.known is not None:
        why = f"{path} is a copy of {described(one.known)}."
    elif one.refused or one.stands_in:
        reason = one.refused or f"nobody has confirmed {one.stands_in}."
        why = f"{path} is in no record, and cannot be taken: {reason}"
    else:
        return Fault(f"{path} is in no record; it can be taken as a draft.",
                     adopt(store, one, author) if repair else "")
    return Fault(why, _set_aside(store, path) if repair else "")


def _set_aside(store: LocalStore, path: Path) -> str:
    target = store.folder / QUARANTINE / path.relative_to(store.folder)
    return f"brought to {_move(path, target)}"


def _bring_back(found: Path, path: Path) -> str:
    return f"brought back to {_move(found, path)}"


def _move(path: Path, target: Path) -> Path:
    """Give a file another name, on the disk before it is told; what has that name stays, and it gets one like it."""
    with explained(target, 0):
        make_folder(target.parent)
        free = next(name for name in _free(target) if not name.exists())
        os.rename(path, free)
        sync_folder(free.parent)
        sync_folder(path.parent)
    return free


def _free(target: Path) -> Iterator[Path]:
    yield target
    number = 1
    while True:
        yield target.with_name(f"{target.name}.{number}")
        number += 1


def left_over(store: LocalStore) -> tuple[Path, ...]:
    """Files that an interrupted program has left: temporary ones, and numbers of constants that are of no record.

    Parameters
    ----------
    store : LocalStore
    """
    named = store.lines.named_files()
    numbers = (path for path in (store.folder / STORE).glob(f"*/*/{PREFIX}*.h5") if path not in named)
    return tuple(sorted((*store.folder.rglob(TEMPORARY_PREFIX + "*"), *numbers)))
