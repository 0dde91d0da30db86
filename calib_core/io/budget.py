"""Sharing one memory budget fairly between workers, and cutting memory cells into blocks that fit."""

from __future__ import annotations

import ctypes
import os
import resource
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from calib_core.errors import BadParameter, Cancelled

#: Freed memory of less than this is not worth asking the C library for, bytes.
_WORTH_RETURNING = 64 << 20
#: Longest time between two looks at whether the operator cancelled, seconds.
POLL_SECONDS = 0.1
#: Of glibc alone; other C libraries give memory back by themselves.
_TRIM, _OPTION = (getattr(ctypes.CDLL(None), name, None) for name in ("malloc_trim", "mallopt"))
#: glibc's numbers (malloc.h) for how many heaps there may be, from which size on memory is asked of the system alone,
#: and how much that is free at the end of the heap goes back to it: M_ARENA_MAX, M_MMAP_THRESHOLD, M_TRIM_THRESHOLD.
_HEAPS, _ALONE, _KEPT = -8, -3, -1
#: The largest that glibc takes for the second; and more than any budget's arrays of that size for the third.
_LARGE, _MUCH = 32 << 20, 1 << 30
#: Memory that a job takes unless told: for each thread, in all at least, and of what there is at most one part in so
#: many.
_THREAD_MEMORY_MB, _USUAL_MEMORY_MB, _MEMORY_SHARE = 512, 2048, 4
#: No job is done with less.
LEAST_MEMORY_MB = 384
#: Where control groups of both versions tell how much memory a process may use.
_GROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


class MemoryBudget:
    """A number of bytes that workers reserve parts of; they are served in the order in which they ask.

    Parameters
    ----------
    total_bytes : int
        Size of the budget. A request for more than that is served once nothing else is reserved.
    cancelled : callable, optional
        Asked at least every 0.1 s by those who wait; where it says True they raise Cancelled.
    """

    def __init__(self, total_bytes: int, cancelled: Callable[[], bool] = lambda: False) -> None:
        if total_bytes <= 0:
            raise BadParameter(f"A memory budget of {total_bytes} bytes is not allowed; it takes at least 1.")
        self.total_bytes = total_bytes
        self.cancelled = cancelled
        self._reserved = 0
        self._changed = threading.Condition()
        self._waiting: deque[object] = deque()

    @property
    def reserved(self) -> int:
        """Bytes that are reserved now, never more than the budget."""
        return self._reserved

    @property
    def is_wanted(self) -> bool:
        """Whether somebody waits for memory."""
        return bool(self._waiting)

    @contextmanager
    def reserve(self, n: int) -> Iterator[None]:
        """Wait until ``n`` bytes are free and hold them inside the ``with`` block.

        Raises
        ------
        Cancelled
            The operator cancelled while this waited.
        """
        size = min(max(n, 0), self.total_bytes)
        self._take(size)
        try:
            yield
        finally:
            if size >= _WORTH_RETURNING:
                _return_to_system()
            self._give_back(size)

    def take_now(self, n: int) -> bool:
        """Hold ``n`` bytes until :meth:`give_back`, if they are free and nobody waits; False where they are not."""
        with self._changed:
            if self._waiting or self._reserved + n > self.total_bytes:
                return False
            self._reserved += n
            return True

    def give_back(self, n: int) -> None:
        """End to hold what :meth:`take_now` took."""
        if n >= _WORTH_RETURNING:
            _return_to_system()
        self._give_back(n)

    def _take(self, size: int) -> None:
        ticket = object()
        with self._changed:
            self._waiting.append(ticket)
            try:
                while self._waiting[0] is not ticket or self._reserved + size > self.total_bytes:
                    if self.cancelled():
                        raise Cancelled("The job was cancelled while it waited for memory.")
                    self._changed.wait(POLL_SECONDS)
                self._reserved += size
            finally:
                self._waiting.remove(ticket)
                self._changed.notify_all()

    def _give_back(self, size: int) -> None:
        with self._changed:
            self._reserved -= size
            self._changed.notify_all()


def share_heap() -> None:
    """Have threads use memory that was freed, which glibc would keep for one thread alone or give back to the system.

    Memory that nobody has touched costs a fault for each page. What is free goes back when a reservation ends. It
    takes hold for threads that allocate for the first time, so a program asks for it before it has any.
    """
    if _OPTION is not None:
        for option, value in ((_HEAPS, 1), (_ALONE, _LARGE), (_KEPT, _MUCH)):
            _OPTION(option, value)


def _return_to_system() -> None:
    """Give freed memory back, which glibc keeps otherwise: the next reservation would come on top of it."""
    if _TRIM is not None:
        _TRIM(0)


def cells_per_block(bytes_per_cell: int, available: int, n_cells: int) -> int:
    """Memory cells per block such that a block fits and all blocks are about equally large.

    Parameters
    ----------
    bytes_per_cell : int
        Working memory for one memory cell, bytes.
    available : int
        Memory for one block, bytes.
    n_cells : int
        Memory cells that are to be cut into blocks.

    Returns
    -------
    int
        At least 1, also where not even one memory cell fits; not more than ``n_cells`` unless that is 0.
    """
    if n_cells <= 0:
        return 1
    fitting = min(n_cells, max(1, available // max(1, bytes_per_cell)))
    blocks = -(-n_cells // fitting)
    return -(-n_cells // blocks)


def usable_bytes() -> int:
    """Memory that this process may use at all, bytes: the machine's, or less where its control group has less."""
    found = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for path in _GROUP_LIMITS:
        with suppress(OSError, ValueError):  # there is none, or it says “max”
            found = min(found, int(path.read_text("ascii")))
    return found


def usable_processors() -> int:
    """Processors that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def resident_bytes() -> int:
    """Memory that this process holds now, bytes; its peak where the system does not tell."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text("ascii").split()[1]) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def default_memory_mb(threads: int) -> int:
    """Memory budget of a job that is not told any, MiB, by what this machine has.

    Parameters
    ----------
    threads : int
        Of the job; 0 stands for one per processor.
    """
    wanted = max(_USUAL_MEMORY_MB, _THREAD_MEMORY_MB * (threads or usable_processors()))
    return max(LEAST_MEMORY_MB, min(wanted, (usable_bytes() >> 20) // _MEMORY_SHARE))
