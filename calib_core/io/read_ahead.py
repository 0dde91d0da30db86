"""When it pays to announce to the system which part of a file will be read next."""

from __future__ import annotations

#: Slower than this, bytes per second, data come from a disk and not from the page cache.
_MEMORY_RATE = 1.5e9
#: Chunks announced to the system after one that came from disk.
_ANNOUNCED = 8


class ReadAhead:
    """Whether to announce the next chunk: it halves the time where data come from disk, and costs a quarter else."""

    def __init__(self) -> None:
        self._left = 0

    def pays(self, n_bytes: int, seconds: float) -> bool:
        """Judge by how long the last chunk took; announced chunks come fast, so one slow one counts for several.

        Parameters
        ----------
        n_bytes : int
        seconds : float
        """
        self._left = _ANNOUNCED if n_bytes < _MEMORY_RATE * seconds else self._left - 1
        return self._left > 0
