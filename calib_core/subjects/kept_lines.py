"""Numbers of listed versions that a store keeps, and those that it keeps from now on; confirmed changes of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from calib_core.constants.statistics import LineNumbers, VersionStatistics
from calib_core.errors import BadInput, OutputFailed
from calib_core.store.local import confirmations
from calib_core.store.local.blocks import read_blocks
from calib_core.store.local.confirmations import Confirmed
from calib_core.store.local.index import is_index
from calib_core.store.local.remaking import keep, made_anew
from calib_core.store.local.store import LocalStore
from calib_core.subjects.version_list import Listed


def in_store(one: Listed) -> bool:
    """Whether a version is of our own store, which keeps numbers and confirmations.

    Parameters
    ----------
    one : Listed
    """
    return isinstance(one.store, LocalStore)


@contextmanager
def _opened(one: Listed) -> Iterator[LocalStore]:
    """The store of a version, open for whoever asks: other threads have their own."""
    assert isinstance(one.store, LocalStore)
    with closing(LocalStore(one.store.folder)) as store:
        yield store


def _by_store(rows: Iterable[Listed]) -> Mapping[Path, list[Listed]]:
    """Versions of our own stores by their folders."""
    found: dict[Path, list[Listed]] = {}
    for one in rows:
        if isinstance(one.store, LocalStore):
            found.setdefault(one.store.folder, []).append(one)
    return found


def kept_numbers(rows: Iterable[Listed]) -> dict[Path, LineNumbers | None]:
    """Numbers of versions that stores keep, by their files; None of what is no stack of images.

    Parameters
    ----------
    rows : iterable of Listed

    Raises
    ------
    BadInput
        A store is gone or damaged.
    """
    found: dict[Path, LineNumbers | None] = {}
    for some in _by_store(rows).values():
        kept: dict[int, LineNumbers | None] = {}
        with _opened(some[0]) as store:
            for calibration in {one.version.calibration for one in some}:
                kept |= store.lines.numbers_of({one.version.pdu for one in some}, calibration)
        found |= {one.path: kept[one.version.number] for one in some if one.version.number in kept}
    return found


def kept_groups(one: Listed) -> VersionStatistics | None:
    """Numbers of a version's groups of pixels that its store keeps; None where it keeps none.

    Parameters
    ----------
    one : Listed

    Raises
    ------
    BadInput
        Their file is gone or damaged.
    """
    with _opened(one) as store:
        found = store.lines.of([one.version.number]).get(one.version.number)
    return None if found is None or found.numbers is None else read_blocks(found.blocks, found.sha256)


def made_and_kept(one: Listed) -> tuple[VersionStatistics | None, str]:
    """Make the numbers of a version that its store keeps none of, and have it keep them.

    Parameters
    ----------
    one : Listed

    Returns
    -------
    VersionStatistics or None
        None of what is no stack of images.
    str
        Why they are not kept; empty where they are.

    Raises
    ------
    BadInput
        Its file is gone, damaged, or too large.
    """
    with _opened(one) as store:
        made = made_anew(store, one.version)
        try:
            if store.index.read_only:
                raise OutputFailed(f"{store.title} cannot be written: {store.index.read_only}.")
            keep(store, one.version, made)
        except OutputFailed as error:
            return made.numbers, str(error)
    return made.numbers, ""


def last_record(folders: Iterable[str]) -> tuple[int, ...]:
    """Number of the last record of each store among some places, which grows with whatever is written there.

    Parameters
    ----------
    folders : iterable of str

    Raises
    ------
    BadInput
        A store is gone or damaged.
    """
    found = []
    for folder in filter(is_index, map(Path, folders)):
        with closing(LocalStore(folder)) as store:
            found.append(int(store.index.one("SELECT max(id) FROM chain") or 0))
    return tuple(found)


def confirmed_changes(rows: Sequence[Listed]) -> list[tuple[Listed, Confirmed]]:
    """Changes of some versions that were confirmed in their stores, in the order in which they were.

    Parameters
    ----------
    rows : sequence of Listed

    Raises
    ------
    BadInput
        A store is gone or damaged.
    """
    found: list[tuple[Listed, Confirmed]] = []
    for some in _by_store(rows).values():
        with _opened(some[0]) as store:
            by_number = {one.version.number: one for one in some}
            found += [(by_number[one.version], one) for one in confirmations.confirmed(store)
                      if one.version in by_number]
    return found


def confirm(one: Listed, author: str, comment: str) -> None:
    """Note in its store that what came with a version is as it should be.

    Parameters
    ----------
    one : Listed
    author, comment : str

    Raises
    ------
    BadParameter
        It was confirmed already.
    OutputFailed
        The store cannot be written.
    """
    with _opened(one) as store:
        confirmations.confirm(store, one.version.number, author, comment)


def unconfirm(one: Listed, author: str) -> None:
    """Take a confirmation back.

    Parameters
    ----------
    one : Listed
        At which it is.
    author : str

    Raises
    ------
    BadInput
        Another one is the last by now, which alone can be taken back.
    OutputFailed
        The store cannot be written.
    """
    with _opened(one) as store:
        last = [found.version for found in confirmations.confirmed(store) if found.last]
        if last != [one.version.number]:
            raise BadInput(f"The last confirmation in {store.title} is not that of version {one.version.number} any "
                           "more; look again.")
        confirmations.unconfirm(store, author, "")
