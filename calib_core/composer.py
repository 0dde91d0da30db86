"""A thread that makes pictures of what is looked at and sleeps otherwise: only the newest view counts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

from calib_core.axes import Picture, View
from calib_core.errors import Cancelled

#: Time between two questions whether there is something new, s.
_ASK_INTERVAL = 0.5


class Composer:
    """Composes pictures of views in a thread of its own, so that nobody waits for a disk.

    Parameters
    ----------
    compose : callable
        ``compose(view) -> iterator of Picture``, better and better ones of the same view; between two, somebody may
        look at something else, and then the others are not asked for. None gives that opportunity without a picture.
    publish : callable
        Takes a picture.
    tell : callable
        Takes words on what went wrong, whatever it is, and empty ones once a view was composed after that; the
        thread goes on.
    again : callable, optional
        ``again() -> bool``, asked now and then while nobody looks at anything else: whether the last view is to be
        composed again. None says that there is nothing new to come, so that nobody is asked until the next view.
    pause : float
        Shortest time between two pictures of the same view, s.
    """

    def __init__(
        self, compose: Callable[[View], Iterator[Picture | None]], publish: Callable[[Picture], None],
        tell: Callable[[str], None], again: Callable[[], bool | None] = lambda: None, pause: float = 0.0,
    ) -> None:
        self._compose, self._publish, self._tell, self._again, self._pause = compose, publish, tell, again, pause
        self._view: View | None = None
        self._composed: View | None = None
        self._changed = threading.Condition()
        self._wanted, self._stopped = False, False
        self._is_last = True
        self._thread = threading.Thread(target=self._run, name="calibwb-composer", daemon=True)
        self._thread.start()

    def look_at(self, view: View) -> None:
        """Ask for a picture; returns at once."""
        with self._changed:
            self._view, self._wanted = view, True
            self._changed.notify()

    def renew(self) -> None:
        """Ask for the picture of the last view once more, since something has changed; returns at once."""
        with self._changed:
            self._wanted = self._view is not None
            self._changed.notify()

    def check(self) -> None:
        """Raise Cancelled where something else is looked at by now; asked by who composes what takes long."""
        if self._interrupted():
            raise Cancelled("Something else is looked at by now.")

    def stop(self, finish: bool = False) -> None:
        """End the thread; once is enough.

        Parameters
        ----------
        finish : bool
            Whether a picture that was asked for still comes; else it is left where it is.
        """
        with self._changed:
            self._stopped = True
            self._wanted &= finish
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._stopped or self._view is not self._composed, self._pause)
                self._changed.wait_for(self._interrupted, None if self._is_last else _ASK_INTERVAL)
                view, wanted, self._wanted = self._view, self._wanted, False
                if self._stopped and not wanted:
                    return
            self._composed = view
            if view is not None:
                self._attend(view, wanted)

    def _interrupted(self) -> bool:
        return self._stopped or self._wanted

    def _attend(self, view: View, wanted: bool) -> None:
        """Compose a view if there is a reason to; trouble is told, and the next one is composed all the same."""
        try:
            again = wanted or self._again()
            self._is_last = again is None
            if again:
                self._show(view)
                self._tell("")
        except Exception as error:
            self._is_last = False
            self._tell(str(error) or type(error).__name__)

    def _show(self, view: View) -> None:
        """Publish pictures of a view until somebody looks at something else."""
        for picture in self._compose(view):
            if picture is not None:
                self._publish(picture)
            if self._interrupted():
                return
