"""Numbers of listed versions that a store keeps, and those that it keeps from now on; confirmed changes of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from calib_core.constants.statistics import VersionStatistics
from calib_core.errors import BadInput, OutputFailed
from calib_core.store.local import confirmations
from calib_core.store.local.blocks import read_blocks
from calib_core.store.local.confirmations import Confirmed
from calib_core.store.local.index import is_index
from calib_core.store.local.pieces import KeptLines
from calib_core.store.local.remaking import keep, made_anew
from calib_core.store.local.store import LocalStore
from calib_core.subjects.listed import Listed, Rows


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


def kept_numbers(rows: Rows, entry: int) -> dict[tuple[Path, str], KeptLines]:
    """Numbers of an entry that stores keep of versions, by their folders and kinds of constants.

    Parameters
    ----------
    rows : Rows
    entry : int

    Raises
    ------
    BadInput
        A store is gone or damaged.
    """
    found = {}
    for folder, (places, _) in rows.of_stores.items():
        units = {unit for _, unit in rows.units[0]} if len(places) == len(rows) else {
            rows[place].version.pdu for place in places}
        with closing(LocalStore(folder)) as store:
            for calibration in rows.kinds:
                found[folder, calibration] = store.lines.numbers_of(units, calibration, entry)
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


def confirmed_changes(rows: Rows) -> list[tuple[Listed, Confirmed]]:
    """Changes of some versions that were confirmed in their stores, in the order in which they were.

    Parameters
    ----------
    rows : Rows

    Raises
    ------
    BadInput
        A store is gone or damaged.
    """
    found: list[tuple[Listed, Confirmed]] = []
    for folder, (places, numbers) in rows.of_stores.items():
        with closing(LocalStore(folder)) as store:
            found += [(rows[place], one) for one in confirmations.confirmed(store)
                      for place in places[numbers == one.version]]
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
