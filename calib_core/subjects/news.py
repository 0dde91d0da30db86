"""Whether subjects that pictures are made of have something new, so that a picture is made again only then."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from calib_core.axes import Array, Picture, View
from calib_core.subjects.base import Subject

#: Version of each source, and whether it has ended.
_Stamp = tuple[tuple[int, bool], ...]


class News:
    """What one thread knows of the sources of its pictures.

    Sources are never asked to look at anything: what they show elsewhere stays.

    Parameters
    ----------
    sources : sequence of Subject
    """

    def __init__(self, sources: Sequence[Subject]) -> None:
        self._sources = tuple(sources)
        self._seen: _Stamp | None = None
        self._coverage: Array | None = None
        self._quiet = False

    def again(self) -> bool | None:
        """Whether the last picture is to be made again.

        Returns
        -------
        bool or None
            None once all sources had ended before it was made.
        """
        if self._seen is not None and all(ended for _, ended in self._seen):
            return None
        quiet = self._stamp() == self._seen
        if quiet and self._is_whole:
            return False
        self._quiet = quiet
        return True

    def pictures(self, view: View, compose: Callable[[View], Picture]) -> Iterator[Picture]:
        """The picture of a view; none where it is made again and sources have nothing new for it.

        Parameters
        ----------
        view : View
        compose : callable
        """
        coverage, self._coverage = self._coverage, None
        quiet, self._quiet = self._quiet, False
        self._seen = self._stamp()  # before it is made: what changes meanwhile is seen next time
        picture = compose(view)
        self._coverage = picture.coverage
        if not quiet or coverage is None or not np.array_equal(coverage, picture.coverage):
            yield picture

    def _stamp(self) -> _Stamp:
        return tuple((one.version, one.ended) for one in self._sources)

    @property
    def _is_whole(self) -> bool:
        """Whether the last picture has all that there will be; a version need not tell of every place."""
        return self._coverage is not None and float(self._coverage.min(initial=1.0)) >= 1
