"""What a worker holds from unit to unit: its part of the memory budget, and its buffers within it."""

from __future__ import annotations

from contextlib import ExitStack

from calib_core.io.budget import MemoryBudget
from calib_core.io.buffers import Buffers


class Held:
    """A reservation that goes on while nobody waits for memory, so that buffers can be used again.

    Parameters
    ----------
    budget : MemoryBudget
        Of the job.
    """

    def __init__(self, budget: MemoryBudget) -> None:
        self._budget = budget
        self._size = 0
        self._reserved = ExitStack()
        #: For arrays that are counted in the reservation.
        self.buffers = Buffers()

    def take(self, n: int) -> None:
        """Hold ``n`` bytes or more, waiting for them where they are not held yet.

        Raises
        ------
        Cancelled
            The operator cancelled while this waited.
        """
        if n <= self._size and not self._budget.is_wanted:
            return
        self.release()
        self._reserved.enter_context(self._budget.reserve(n))
        self._size = n

    def take_now(self, n: int) -> bool:
        """Hold ``n`` bytes or more if that needs no waiting; False, with nothing held, where it does.

        Parameters
        ----------
        n : int
        """
        if n <= self._size and not self._budget.is_wanted:
            return True
        self.release()
        if not self._budget.take_now(n):
            return False
        self._reserved.callback(self._budget.give_back, n)
        self._size = n
        return True

    def release(self) -> None:
        """Give everything back, before waiting for other work or memory for it."""
        self.buffers.clear()
        self._size = 0
        self._reserved.close()
