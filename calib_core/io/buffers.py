"""Memory that a worker uses again: memory that nobody has touched yet is dearer than what is written into it."""

from __future__ import annotations

import weakref
from math import prod
from typing import Any

import numpy as np

from calib_core.axes import Array

#: Bytes that arrays begin at a multiple of: a line of the cache, so that no vector of a row lies in two.
_LINE = 64


def aligned(shape: tuple[int, ...], dtype: Any) -> Array:
    """Array with anything in it that begins with a line of the cache; NumPy's own large ones begin 16 bytes later.

    Parameters
    ----------
    shape : tuple of int
    dtype : dtype or what makes one
    """
    size = prod(shape) * np.dtype(dtype).itemsize
    memory = np.empty(size + _LINE, np.uint8)
    begin = -memory.ctypes.data % _LINE
    made: Array = memory[begin:begin + size].view(dtype).reshape(shape)
    return made


class Buffers:
    """Large arrays of one worker, whose memory comes back when nobody holds them or a view of them any more.

    A copy, pickled or not, is empty: what it would hold is the worker's.
    """

    def __init__(self) -> None:
        self._free: list[Array] = []

    def __reduce__(self) -> tuple[type[Buffers], tuple[()]]:
        return Buffers, ()

    def array(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """Array with anything in it.

        Parameters
        ----------
        shape : tuple of int
        dtype : dtype or what makes one

        Returns
        -------
        array
            In memory that is held already where a piece is large enough. Where none is, all pieces that nobody uses
            are given up first, so that no more is held than was once in use.
        """
        size = prod(shape) * np.dtype(dtype).itemsize
        if size == 0:
            return np.empty(shape, dtype)
        memory = self._take(size)
        # an array on something that is no array: views of views hold on to this one, and not to the memory itself
        lease = np.frombuffer(memory[:size].data, dtype)
        weakref.finalize(lease, self._free.append, memory).atexit = False
        return lease.reshape(shape)

    def full(self, shape: tuple[int, ...], dtype: Any, value: int) -> Array:
        """Array with a value everywhere.

        Parameters
        ----------
        shape : tuple of int
        dtype : dtype or what makes one
        value : int

        Returns
        -------
        array
            As of :meth:`array`.
        """
        array = self.array(shape, dtype)
        array.fill(value)
        return array

    def _take(self, size: int) -> Array:
        fitting = [i for i, memory in enumerate(self._free) if memory.nbytes >= size]
        if fitting:
            return self._free.pop(min(fitting, key=lambda i: self._free[i].nbytes))
        self.clear()
        return aligned((size,), np.uint8)

    def clear(self) -> None:
        """Give up what nobody uses."""
        self._free.clear()
