"""Changes over time that somebody has confirmed: a new reference begins there; the last one can be taken back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from calib_core.errors import BadParameter
from calib_core.store.local.records import add_act, as_time
from calib_core.store.local.store import LocalStore, described

_LAST = "SELECT * FROM act WHERE what IN ('confirm', 'unconfirm') ORDER BY id DESC LIMIT 1"


@dataclass(frozen=True)
class Confirmed:
    """A change that was confirmed.

    Attributes
    ----------
    version : int
        At which the new reference of its unit and constant begins.
    author, comment : str
    at : datetime
        Aware UTC.
    last : bool
        Whether it is the last one, which can be taken back.
    """

    version: int
    author: str
    comment: str
    at: datetime
    last: bool


def confirm(store: LocalStore, version: int, author: str, comment: str) -> None:
    """Note that what came with a version is as it should be.

    Parameters
    ----------
    store : LocalStore
    version : int
        The first that is changed.
    author, comment : str

    Raises
    ------
    BadParameter
        There is no such version, or its change was confirmed already.
    OutputFailed
        The store cannot be written.
    """
    with store.writing() as writing:
        [one] = store.named([version])
        known = next((found for found in confirmed(store) if found.version == version), None)
        if known is not None:
            raise BadParameter(f"{described(one)}: its change was confirmed already, by {known.author} at "
                               f"{known.at:%Y-%m-%d %H:%M} UTC.")
        act = add_act(writing, "confirm", author, comment, store.clock())
        writing.add("confirmation", version=version, act=act)


def unconfirm(store: LocalStore, author: str, comment: str) -> int:
    """Take the last confirmation back; returns the number of its version.

    Parameters
    ----------
    store : LocalStore
    author, comment : str

    Raises
    ------
    BadParameter
        There is none, or it was taken back already.
    OutputFailed
        The store cannot be written.
    """
    with store.writing() as writing:
        last = writing.rows(_LAST)
        if not last:
            raise BadParameter(f"{store.title}: no change was confirmed yet, so that there is nothing to take back.")
        if last[0]["what"] == "unconfirm":
            raise BadParameter(f"{store.title}: the last confirmation was taken back already, by {last[0]['author']} "
                               f"at {as_time(last[0]['at']):%Y-%m-%d %H:%M} UTC.")
        add_act(writing, "unconfirm", author, comment, store.clock(), last[0]["id"])
        return int(writing.rows("SELECT version FROM confirmation WHERE act = ?", (last[0]["id"],))[0][0])


def confirmed(store: LocalStore) -> Sequence[Confirmed]:
    """Confirmations that were not taken back, the oldest first.

    Parameters
    ----------
    store : LocalStore
    """
    last = store.index.one("SELECT max(id) FROM act WHERE what IN ('confirm', 'unconfirm')")
    return [Confirmed(row["version"], row["author"], row["comment"], as_time(row["at"]), row["id"] == last)
            for row in store.index.rows(
                "SELECT c.version, a.id, a.author, a.comment, a.at FROM confirmation c JOIN act a ON a.id = c.act "
                "WHERE a.id NOT IN (SELECT undoes FROM act WHERE what = 'unconfirm') ORDER BY c.id")]
