"""Questions to the facility's database through EXtra's client; a failure is one sentence, or a kept answer."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import platformdirs

from calib_core.errors import BadInput
from calib_core.store.calcat.addresses import needs_login
from calib_core.store.calcat.credentials import LoginNeeded, credentials_for
from calib_core.store.calcat.kept_answers import KeptAnswers, Question

#: Seconds that are waited for a connection, and for an answer.
PATIENCE = 3.0, 60.0
#: Seconds for which a database that could not be reached is not tried again.
REST = 30.0
#: Statuses of HTTP: what is asked for is not there, and the first of those that are the server's own trouble.
_NOT_FOUND, _OF_SERVER = 404, 500


class NotThere(BadInput):
    """The database does not have what was asked for."""


def usual_folder() -> Path:
    """Folder of answers that are kept."""
    return platformdirs.user_cache_path("calibwb") / "calcat"


class Connection:
    """A database at an address.

    Parameters
    ----------
    address : str
        Without ``/api``.
    kept : KeptAnswers, optional
        The usual folder unless given.
    client : object, optional
        EXtra's; made at the first question unless given.
    """

    def __init__(self, address: str, kept: KeptAnswers | None = None, client: Any = None) -> None:
        self.address = address.rstrip("/").removesuffix("/api")
        self.kept = kept or KeptAnswers(usual_folder())
        self._client = client
        self._down, self._until = "", 0.0
        self._oldest: datetime | None = None
        self._told_of: list[str] = []

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on answers that are not of now, or were not kept."""
        of_then = "" if self._oldest is None else (
            f"CalCat cannot be reached at {self.address} ({self._down}); what is told are answers that were kept, "
            f"the oldest of them of {self._oldest:%Y-%m-%d %H:%M} UTC.")
        return tuple(filter(None, (of_then, self.kept.trouble, *self._told_of[:1])))

    @property
    def as_of(self) -> datetime:
        """When the oldest answer so far was given, aware; now where all were given now."""
        return self._oldest or datetime.now(UTC)

    def tell(self, sentence: str) -> None:
        """Note something; of several sentences the first is told."""
        self._told_of.append(sentence)

    def get(self, path: str, words: Mapping[str, str] | None = None, content: str = "", lasting: bool = False) -> Any:
        """Answer to a question; the one that was kept where the database cannot be reached.

        Parameters
        ----------
        path : str
            Behind ``/api/``.
        words : mapping, optional
            What follows ``?``.
        content : str
            JSON.
        lasting : bool
            Whether the answer never changes, so that one that was kept is as good.

        Raises
        ------
        NotThere
            The database does not have it.
        BadInput
            The database cannot be reached and nothing was kept, it refuses, or what answers is another program.
        """
        _check_installed()
        question = Question(self.address, path, dict(words or {}), content)
        kept = self.kept.get(question)
        if kept is not None and lasting:
            return kept.data
        try:
            data = self._asked(question)
        except _Unreachable as error:
            if kept is None:
                raise BadInput(f"CalCat cannot be reached at {self.address} ({error}), and nothing was kept that "
                               f"answers {path}.") from error
            self._oldest = min(kept.at, self._oldest or kept.at)
            return kept.data
        self.kept.put(question, data)
        return data

    def rows(self, path: str, words: Mapping[str, str]) -> list[Any]:
        """All rows of a list, page by page.

        Parameters
        ----------
        path : str
        words : mapping
            With ``page_size``.
        """
        found: list[Any] = []
        page = self.get(path, words)
        while isinstance(page, list) and page:
            found += page
            if len(page) < int(words["page_size"]):
                break
            page = self.get(path, {**words, "page": str(len(found) // int(words["page_size"]) + 1)})
        return found

    def close(self) -> None:
        """Let go of the connection."""
        if self._client is not None:
            self._client.session.close()

    def _asked(self, question: Question) -> Any:
        if time.monotonic() < self._until:
            raise _Unreachable(self._down)
        with self._told(question.path):
            return self._made_client().get(question.path, dict(question.words) or None,
                                           data=question.content or None, timeout=PATIENCE)

    @contextmanager
    def _told(self, path: str) -> Iterator[None]:
        """Turn what the client raises into one sentence."""
        errors, login = import_module("requests.exceptions"), import_module("oauthlib.oauth2").OAuth2Error
        try:
            yield
        except errors.HTTPError as error:  # with a sentence of the database, or without
            raise self._refusal(path, error.response.status_code, str(error)) from error
        except errors.RequestException as error:
            if isinstance(error, ValueError):
                raise BadInput(f"{self.address} is no address of CalCat: {error}.") from error
            self._down, self._until = _reason(error), time.monotonic() + REST
            raise _Unreachable(self._down) from error
        except ValueError as error:
            raise BadInput(f"{self.address} answers {path} with what is no JSON; it is no CalCat.") from error
        except login as error:
            raise LoginNeeded(f"{self.address} refuses the login that the system's keyring has: {error}; make it "
                              "anew with calibwb store login.") from error

    def _refusal(self, path: str, status: int, said: str) -> Exception:
        """What an answer is that has an error's status."""
        if status == _NOT_FOUND:
            return NotThere(f"CalCat at {self.address} has no {path}.")
        if status >= _OF_SERVER:
            self._down = f"it answers with status {status}"
            return _Unreachable(self._down)
        return BadInput(f"CalCat at {self.address} refuses {path}: {said.rstrip('.')}.")

    def _made_client(self) -> Any:
        if self._client is None:
            self._client = _client(import_module("extra.calibration"), self.address)
        return self._client


class _Unreachable(Exception):
    """Nothing answers."""


def _check_installed() -> None:
    if find_spec("extra") is None:
        raise BadInput("EXtra is not installed, through which CalCat is asked; install calibwb[calcat].")


def _client(calibration: Any, address: str) -> Any:
    """EXtra's client for an address, with a login where that needs one."""
    if not needs_login(address):
        return calibration.CalCatAPIClient(f"{address}/api/")
    known = credentials_for(address)
    login = import_module("oauth2_xfel_client").Oauth2ClientBackend(
        client_id=known.client_id, client_secret=known.client_secret, scope="", token_url=f"{address}/oauth/token",
        session_token=None, max_retries=1, timeout=PATIENCE[0], ssl_verify=True)
    return calibration.CalCatAPIClient(f"{address}/api/", login, known.email)


def _reason(error: Exception) -> str:
    """The innermost cause in its own words, without addresses of objects."""
    cause: Any = error
    while (deeper := getattr(cause, "reason", None) or cause.__context__ or next(
            (one for one in cause.args if isinstance(one, Exception)), None)) is not None:
        cause = deeper
    return str(getattr(cause, "strerror", None) or cause or type(cause).__name__).rstrip(".")
