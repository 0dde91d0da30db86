"""Locks of sums to which files that are gone through at the same time are added."""

from __future__ import annotations

from threading import Lock


class Locks:
    """Locks of memory cells, or of other parts of the same sums.

    A copy, pickled or not, has its own.

    Parameters
    ----------
    number : int
    """

    def __init__(self, number: int) -> None:
        self._number, self._all = number, [Lock() for _ in range(number)]

    def __reduce__(self) -> tuple[type[Locks], tuple[int]]:
        return Locks, (self._number,)

    def __getitem__(self, place: int) -> Lock:
        return self._all[place]
