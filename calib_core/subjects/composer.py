"""A thread that makes pictures of what is looked at and sleeps otherwise: only the newest view counts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

from calib_core.axes import Picture, View


class Composer:
    """Composes pictures of views in a thread of its own, so that nobody waits for a disk.

    Parameters
    ----------
    compose : callable
        ``compose(view) -> iterator of Picture``, better and better ones of the same view; between two, somebody may
        look at something else, and then the others are not asked for. None gives that opportunity without a picture.
    publish : callable
        Takes a picture.
    warn : callable
        Takes a sentence on what went wrong; the thread goes on with the next view.
    """

    def __init__(
        self, compose: Callable[[View], Iterator[Picture | None]], publish: Callable[[Picture], None],
        warn: Callable[[str], None],
    ) -> None:
        self._compose, self._publish, self._warn = compose, publish, warn
        self._view: View | None = None
        self._changed = threading.Condition()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="calibwb-composer", daemon=True)
        self._thread.start()

    def look_at(self, view: View) -> None:
        """Ask for a picture; returns at once."""
        with self._changed:
            self._view = view
            self._changed.notify()

    def stop(self) -> None:
        """End the thread; a picture that is on its way is left."""
        with self._changed:
            self._stopped = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(self._interrupted)
                view, self._view = self._view, None
                if self._stopped or view is None:
                    return
            self._show(view)

    def _interrupted(self) -> bool:
        return self._stopped or self._view is not None

    def _show(self, view: View) -> None:
        """Publish pictures of a view until somebody looks at something else; trouble is told."""
        try:
            for picture in self._compose(view):
                if picture is not None:
                    self._publish(picture)
                if self._interrupted():
                    return
        except Exception as error:
            self._warn(f"The picture could not be made: {error}")
