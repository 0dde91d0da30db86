"""Numbers of listed versions that a store keeps, and those that it keeps from now on; confirmed changes of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
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


#: Opens the store of a folder for whoever asks, until the end of a block.
Opening = Callable[[Path], AbstractContextManager[LocalStore]]


def opened(folder: Path) -> AbstractContextManager[LocalStore]:
    """A store that is let go at the end of a block: other threads have their own.

    Parameters
    ----------
    folder : Path

    Raises
    ------
    BadInput
        It is gone or damaged.
    """
    return closing(LocalStore(folder))


class OpenStores:
    """Stores that stay open as long as they are held, since to open one takes longer than to ask it.

    One asks at a time. A store that was replaced by another one meanwhile is opened anew.
    """

    def __init__(self) -> None:
        self._open: dict[Path, tuple[LocalStore, int]] = {}
        self._one, self._held = threading.Lock(), False

    @contextmanager
    def __call__(self, folder: Path) -> Iterator[LocalStore]:
        """The store of a folder; for questions that are answered at once.

        Parameters
        ----------
        folder : Path

        Raises
        ------
        BadInput
            It is gone or damaged.
        """
        with self._one:
            store, inode = self._open.pop(folder, (None, 0))
            if store is not None and inode != _inode(store):
                store.close()
                store = None
            if store is None:
                store = LocalStore(folder)
            try:
                yield store
            except BaseException:
                store.close()
                raise
            if self._held:
                self._open[folder] = store, _inode(store)
            else:
                store.close()

    def hold(self) -> None:
        """Keep open from now on what is asked."""
        self._held = True

    def let_go(self) -> None:
        """Close them, and from now on each once it was asked; waits for who asks."""
        self._held = False
        with self._one:
            for store, _ in self._open.values():
                store.close()
            self._open.clear()


def _inode(store: LocalStore) -> int:
    """Which file the index of a store is; 0 where it is gone."""
    return store.index.path.stat().st_ino if store.index.path.is_file() else 0


def _folder_of(one: Listed) -> Path:
    assert isinstance(one.store, LocalStore)
    return one.store.folder


def kept_numbers(rows: Rows, entry: int, opening: Opening = opened) -> dict[tuple[Path, str], KeptLines]:
    """Numbers of an entry that stores keep of versions, by their folders and kinds of constants.

    Parameters
    ----------
    rows : Rows
    entry : int
    opening : callable
        Opens stores.

    Raises
    ------
    BadInput
        A store is gone or damaged.
    """
    found = {}
    for folder, (places, _) in rows.of_stores.items():
        units = {unit for _, unit in rows.units[0]} if len(places) == len(rows) else {
            rows[place].version.pdu for place in places}
        with opening(folder) as store:
            for calibration in rows.kinds:
                found[folder, calibration] = store.lines.numbers_of(units, calibration, entry)
    return found


def kept_groups(one: Listed, opening: Opening = opened) -> VersionStatistics | None:
    """Numbers of a version's groups of pixels that its store keeps; None where it keeps none.

    Parameters
    ----------
    one : Listed
    opening : callable
        Opens stores.

    Raises
    ------
    BadInput
        Their file is gone or damaged.
    """
    with opening(_folder_of(one)) as store:
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
    with opened(_folder_of(one)) as store:
        made = made_anew(store, one.version)
        try:
            if store.index.read_only:
                raise OutputFailed(f"{store.title} cannot be written: {store.index.read_only}.")
            keep(store, one.version, made)
        except OutputFailed as error:
            return made.numbers, str(error)
    return made.numbers, ""


def last_record(folders: Iterable[str], opening: Opening = opened) -> tuple[int, ...]:
    """Number of the last record of each store among some places, which grows with whatever is written there.

    Parameters
    ----------
    folders : iterable of str
    opening : callable
        Opens stores.

    Raises
    ------
    BadInput
        A store is gone or damaged.
    """
    found = []
    for folder in filter(is_index, map(Path, folders)):
        with opening(folder) as store:
            found.append(int(store.index.one("SELECT max(id) FROM chain") or 0))
    return tuple(found)


def confirmed_changes(rows: Rows, opening: Opening = opened) -> list[tuple[Listed, Confirmed]]:
    """Changes of some versions that were confirmed in their stores, in the order in which they were.

    Parameters
    ----------
    rows : Rows
    opening : callable
        Opens stores.

    Raises
    ------
    BadInput
        A store is gone or damaged.
    """
    found: list[tuple[Listed, Confirmed]] = []
    for folder, (places, numbers) in rows.of_stores.items():
        with opening(folder) as store:
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
    with opened(_folder_of(one)) as store:
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
    with opened(_folder_of(one)) as store:
        last = [found.version for found in confirmations.confirmed(store) if found.last]
        if last != [one.version.number]:
            raise BadInput(f"The last confirmation in {store.title} is not that of version {one.version.number} any "
                           "more; look again.")
        confirmations.unconfirm(store, author, "")
