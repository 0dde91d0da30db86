"""The facility's database beside a store: what is asked of both, and the login to it."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager

from calib_core.errors import BadInput, BadParameter
from calib_core.store.base import ConstantStore
from calib_core.store.calcat.addresses import needs_login, usual_address
from calib_core.store.calcat.connection import Connection
from calib_core.store.calcat.credentials import Credentials, check_keyring, forget, keep
from calib_core.store.calcat.store import CalCat


@contextmanager
def calcat_of(namespace: argparse.Namespace) -> Iterator[CalCat | None]:
    """The database that is asked too; None where it is not.

    Parameters
    ----------
    namespace : Namespace
    """
    if namespace.calcat is None:
        yield None
        return
    with closing(CalCat(Connection(namespace.calcat or usual_address()))) as found:
        yield found


def notes_of(store: ConstantStore) -> list[str]:
    """What is to be known of a store's answers.

    Parameters
    ----------
    store : ConstantStore
    """
    return [f"WARN  {note}" for note in store.notes]


def log_in(namespace: argparse.Namespace) -> str:
    """Keep a login, or forget it; says which.

    Parameters
    ----------
    namespace : Namespace

    Raises
    ------
    BadParameter
        The address needs none, or something lacks.
    BadInput
        There is no keyring, or nobody types the secret.
    """
    address = namespace.address.rstrip("/")
    if not needs_login(address):
        raise BadParameter(f"{address} needs no login; those that begin with https:// do.")
    if namespace.forget:
        return f"The login to {address} was {'forgotten' if forget(address) else 'not in the keyring'}."
    if not namespace.client_id:
        raise BadParameter("Give --client-id, as the database's pages have made it.")
    check_keyring(address)
    keep(address, Credentials(namespace.client_id, _secret(), namespace.email))
    return f"The login to {address} is in the system's keyring."


def _secret() -> str:
    """What is typed without being shown, or the first line that another program gives."""
    try:
        said = getpass.getpass("Secret: ") if sys.stdin.isatty() else sys.stdin.readline().strip()
    except EOFError:
        said = ""
    if not said:
        raise BadInput("No secret was typed; nothing was kept.")
    return said
