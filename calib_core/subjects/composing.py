"""Pictures of a subject that is made of others, composed while they change and never for anything else."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import numpy as np

from calib_core.axes import Array, Picture, View
from calib_core.subjects.base import Subject

#: Time between two looks at whether a running source has something new, s.
_LOOK_INTERVAL = 0.5

#: Version of each source, and whether it has ended.
_Stamp = tuple[tuple[int, bool], ...]


class Composing:
    """Composes pictures of the newest view in a thread of its own.

    It sleeps until there is a view, and then while neither the view nor a source changes. Sources are never asked
    to look at anything: what they show elsewhere stays.

    Parameters
    ----------
    sources : sequence of Subject
    compose : callable
        ``compose(view)`` makes a picture.
    publish : callable
        Takes each picture.
    tell : callable
        Takes a sentence where a picture could not be made, and an empty one once the next was.
    """

    def __init__(
        self, sources: Sequence[Subject], compose: Callable[[View], Picture], publish: Callable[[Picture], None],
        tell: Callable[[str], None],
    ) -> None:
        self._sources, self._compose, self._publish, self._tell = tuple(sources), compose, publish, tell
        self._view: View | None = None
        self._changed = threading.Condition()
        self._dirty, self._stopped = False, False
        self._seen: _Stamp | None = None
        self._coverage: Array | None = None
        self._thread = threading.Thread(target=self._run, name="calibwb-compose", daemon=True)
        self._thread.start()

    def look_at(self, view: View) -> None:
        """Look at something; only the newest counts.

        Parameters
        ----------
        view : View
        """
        with self._changed:
            self._view, self._dirty = view, True
            self._changed.notify()

    def stop(self) -> None:
        """End the thread after the picture that it is at; once is enough."""
        with self._changed:
            self._stopped = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._dirty or self._stopped, self._patience())
                view, dirty, self._dirty = self._view, self._dirty, False
                if self._stopped:
                    return
            if view is not None:
                self._show(view, dirty)

    def _patience(self) -> float | None:
        """Longest time to sleep, s: for ever before there is a view, and once a picture has all there will be."""
        all_ended = self._seen is not None and all(ended for _, ended in self._seen)
        return None if self._view is None or all_ended else _LOOK_INTERVAL

    def _show(self, view: View, dirty: bool) -> None:
        """Make a picture if there is a reason to; whatever goes wrong with one is told, and the next is made."""
        try:
            stamp = tuple((one.version, one.ended) for one in self._sources)
            news = dirty or stamp != self._seen
            self._seen = stamp  # before it is made: what changes meanwhile is seen next time
            if news or not self._is_whole:
                self._make(view, news)
        except Exception as error:
            self._coverage = None
            self._tell(f"The picture of the comparison is not up to date: {str(error) or type(error).__name__}")

    @property
    def _is_whole(self) -> bool:
        """Whether the last picture has all that there will be; a version need not tell of every place."""
        return self._coverage is not None and float(self._coverage.min(initial=1.0)) >= 1

    def _make(self, view: View, news: bool) -> None:
        picture = self._compose(view)
        if news or self._coverage is None or not np.array_equal(self._coverage, picture.coverage):
            self._publish(picture)
        self._coverage = picture.coverage
        self._tell("")
