"""Numbers of versions that are made anew of their files: where an index keeps none, or somebody asks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing

from calib_core.errors import BadInput
from calib_core.store.base import Version
from calib_core.store.files import write_atomically
from calib_core.store.local.blocks import Made, beside_of
from calib_core.store.local.candidates import kind_of
from calib_core.store.local.lines import put_line
from calib_core.store.local.store import LocalStore
from calib_core.store.local.values import Maps, looked_at
from calib_core.store.seals import sha256_of


def made_anew(store: LocalStore, version: Version) -> Made:
    """Make the numbers of a version of its file and of its bad-pixel map.

    Parameters
    ----------
    store : LocalStore
    version : Version

    Raises
    ------
    BadInput
        Its file is gone, damaged, or too large.
    """
    kind, named, _ = kind_of(store.read(version))
    with closing(Maps((), store.maps_near, sha256_of)) as maps:
        found = looked_at(named, kind, version.pdu, maps)
    if found.made is None:
        raise BadInput(found.note)
    return found.made()


def without_statistics(store: LocalStore) -> Sequence[Version]:
    """Versions of which a store keeps no numbers.

    Parameters
    ----------
    store : LocalStore
    """
    return store.named(store.lines.lacking())


def remade(store: LocalStore, versions: Iterable[Version]) -> Iterator[tuple[Version, str]]:
    """Make the numbers of versions anew and keep them, one after the other.

    Parameters
    ----------
    store : LocalStore
    versions : iterable of Version

    Yields
    ------
    version : Version
        That is done.
    why : str
        Why its numbers could not be made: those before, if there were any, stay. Empty where they were.

    Raises
    ------
    OutputFailed
        The store cannot be written.
    """
    for one in versions:
        try:
            made = made_anew(store, one)
        except BadInput as error:
            yield one, str(error)
        else:
            keep(store, one, made)
            yield one, ""


def made_words(title: str, number: int) -> str:
    """Of how many versions of a store numbers were made.

    Parameters
    ----------
    title : str
        Of the store.
    number : int
    """
    return f"{title}: statistics of {number} version{'s' * (number != 1)} made and kept"


def keep(store: LocalStore, version: Version, made: Made) -> None:
    """Bring a file of numbers to its place, then its row; files of other numbers of the same constant go.

    Parameters
    ----------
    store : LocalStore
    version : Version
    made : Made

    Raises
    ------
    OutputFailed
        The store cannot be written.
    """
    beside = made.beside(version.path)
    for path, image in beside.items():
        write_atomically(path, image, overwrite=True)
    with store.writing() as writing:
        put_line(writing, version.number, made, "".join(str(one.relative_to(store.folder)) for one in beside))
    for other in beside_of(version.path):
        if other not in beside:
            other.unlink(missing_ok=True)
