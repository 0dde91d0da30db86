"""What proves to the facility's database who asks; it is in the system's keyring, and in no file of ours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib import import_module
from typing import Any

from calib_core.errors import BadInput

_SERVICE = "calibwb CalCat"


class LoginNeeded(BadInput):
    """The keyring has no login that the database takes."""


@dataclass(frozen=True)
class Credentials:
    """Client of the facility's login, as the database's pages make it, and whose it is."""

    client_id: str
    client_secret: str = field(repr=False)
    email: str


def credentials_for(address: str) -> Credentials:
    """What the keyring has for an address.

    Parameters
    ----------
    address : str

    Raises
    ------
    BadInput
        There is no keyring, or nothing in it.
    """
    with _keyring() as keyring:
        told = keyring.get_password(_SERVICE, address)
    if told is None:
        raise LoginNeeded(f"{address} needs a login, and the system's keyring has none; calibwb store login puts it "
                       "there.")
    try:
        return Credentials(**json.loads(told))
    except (ValueError, TypeError) as error:
        raise LoginNeeded(f"What the system's keyring has for {address} is no login of calibwb; make it anew with "
                       "calibwb store login.") from error


def check_keyring(address: str) -> None:
    """Make sure that logins can be kept, before anybody types one.

    Parameters
    ----------
    address : str

    Raises
    ------
    BadInput
        There is no keyring, or it refuses.
    """
    with _keyring() as keyring:
        keyring.get_password(_SERVICE, address)


def keep(address: str, credentials: Credentials) -> None:
    """Put a login into the keyring in place of the one before.

    Parameters
    ----------
    address : str
    credentials : Credentials

    Raises
    ------
    BadInput
        There is no keyring, or it refuses.
    """
    with _keyring() as keyring:
        keyring.set_password(_SERVICE, address, json.dumps(asdict(credentials)))


def forget(address: str) -> bool:
    """Take a login out of the keyring; says whether there was one.

    Parameters
    ----------
    address : str

    Raises
    ------
    BadInput
        There is no keyring, or it refuses.
    """
    with _keyring() as keyring:
        if keyring.get_password(_SERVICE, address) is None:
            return False
        keyring.delete_password(_SERVICE, address)
    return True


@contextmanager
def _keyring() -> Iterator[Any]:
    """The system's keyring; one sentence where it is missing, closed or refuses."""
    try:
        keyring = import_module("keyring")
        errors = import_module("keyring.errors")
    except ImportError as error:
        raise BadInput("The package keyring is not installed, through which logins are kept; install "
                       "calibwb[calcat].") from error
    try:
        yield keyring
    except errors.KeyringError as error:
        why = str(error).strip().rstrip(".") or type(error).__name__
        raise BadInput(f"The system's keyring cannot be used: {why}.") from error
