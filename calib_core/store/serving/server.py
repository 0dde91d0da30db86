"""A server on this machine alone that answers from a store, and only reads."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

from calib_core.errors import BadParameter
from calib_core.plain_text import shown
from calib_core.store.local.store import LocalStore
from calib_core.store.serving.answers import Answer, Answers, Asked, refused
from calib_core.store.statuses import ACCEPTED, Status

#: The only address that is listened at.
HOST = "127.0.0.1"
#: Longest content of a question, bytes; operating conditions have a few hundred.
LONGEST = 1 << 20
_log = logging.getLogger(__name__)


class Server(ThreadingHTTPServer):
    """Answers programs of this machine, several at once.

    Parameters
    ----------
    store : LocalStore
    port : int
        0 takes one that is free.
    drafts : bool
        Whether drafts are seen too.

    Raises
    ------
    BadParameter
        The port is taken, or nobody may have it.
    """

    daemon_threads = True

    def __init__(self, store: LocalStore, port: int = 0, drafts: bool = False) -> None:
        try:
            super().__init__((HOST, port), _Handler)
        except (OSError, OverflowError) as error:
            why = getattr(error, "strerror", None) or "it is no number from 0 to 65535"
            raise BadParameter(f"port = {port} is not allowed: {why}; give another, or 0 for one that is free."
                               ) from error
        self.url = f"http://{HOST}:{self.server_address[1]}"
        # pages of other sites that lead a browser here ask by names of their own
        self.names = {f"{name}:{self.server_address[1]}" for name in (HOST, "localhost")}
        self.statuses = ACCEPTED | ({Status.DRAFT} if drafts else frozenset())
        self._answers = Answers(store, self.statuses, self.url)
        # one thread asks the store, so that it has one connection however many programs come and go
        self._thread = ThreadPoolExecutor(1, "store")

    def answer(self, path: str, content: bytes) -> Answer:
        """Answer to a question.

        Parameters
        ----------
        path : str
            With what follows ``?``.
        content : bytes
        """
        asked = urlsplit(path)
        prefix, slash, address = asked.path.partition("/api/")
        if prefix or not slash:
            return refused(f"Addresses begin with {self.url}/api/.", 404)
        words = dict(parse_qsl(asked.query, keep_blank_values=True))
        return self._thread.submit(self._answers.answer, address, Asked(words, content)).result()

    def server_close(self) -> None:
        """Let go of the port."""
        super().server_close()
        if hasattr(self, "_thread"):
            self._thread.shutdown()


class _Handler(BaseHTTPRequestHandler):
    """One program that asks."""

    protocol_version = "HTTP/1.1"
    timeout = 60  # s; a program that says nothing for so long is let go
    wbufsize = -1  # head and rows go out at once: in two pieces the second waits 40 ms for the other side's answer

    def do_GET(self) -> None:
        """Answer; a question of another form gets a sentence."""
        if self.headers.get("Host", "") not in cast(Server, self.server).names:
            self._send(refused("This store is served to programs of this machine, by its own address.", 403))
            return
        length = self.headers.get("Content-Length") or "0"
        if not length.isdecimal() or int(length) > LONGEST:
            self.close_connection = True
            self._send(refused(f"The content is longer than {LONGEST} bytes, or does not tell its length.", 413))
            return
        content = self.rfile.read(int(length))
        try:
            self._send(cast(Server, self.server).answer(self.path, content))
        except Exception:
            _log.exception("%s was not answered", shown(self.path))
            self._send(refused("The store could not answer; its log tells why.", 500))

    def _refuse(self) -> None:
        self.close_connection = True
        self._send(refused("This store is only read here; calibwb store inject puts constants in.", 405))

    do_POST = do_PUT = do_PATCH = do_DELETE = _refuse

    def _send(self, answer: Answer) -> None:
        data = json.dumps(answer.data, ensure_ascii=False).encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - it is called so in the library
        """Tell who asked what, for those who want to know."""
        _log.debug("%s", shown(format % args))


@contextmanager
def serving(store: LocalStore, drafts: bool = False) -> Iterator[Server]:
    """A server in a thread of its own, until the block ends.

    Parameters
    ----------
    store : LocalStore
    drafts : bool
    """
    with Server(store, drafts=drafts) as server:
        thread = threading.Thread(target=server.serve_forever, name="serving", daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
