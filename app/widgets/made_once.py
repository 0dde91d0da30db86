"""What linked maps would each make of the same arrays, made once for all of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable

import numpy as np

Arrays = tuple[np.ndarray | None, ...]


class MadeOnce:
    """What was made last; arrays that come back must not have been changed meanwhile.

    Parameters
    ----------
    most : int
        How many are kept.
    """

    def __init__(self, most: int) -> None:
        self._made: deque[tuple[Hashable, Arrays, np.ndarray]] = deque(maxlen=most)

    def of(self, arrays: Arrays, how: Hashable, make: Callable[[], np.ndarray]) -> np.ndarray:
        """Give what was made of the same arrays in the same way, else make it.

        Parameters
        ----------
        arrays : tuple of ndarray or None
            Compared by the memory that they lie in, which is kept for that.
        how : hashable
            All else that it depends on.
        make : callable

        Returns
        -------
        ndarray
            Not to be written to.
        """
        for way, kept, made in self._made:
            if way == how and all(map(_same, kept, arrays)):
                return made
        made = make()
        self._made.append((how, arrays, made))
        return made


def _same(one: np.ndarray | None, other: np.ndarray | None) -> bool:
    """Whether two are the same memory, which both keep alive."""
    if one is None or other is None:
        return one is other
    return one is other or (one.shape == other.shape and one.ctypes.data == other.ctypes.data)
