"""The door to numba: a kernel is declared where it stands, and numba is imported when the first one is called.

Kernels call each other, and numba takes what a name means from the kernel's module when it compiles. So when the
first kernel of a module is made, numba's functions are put in place of all declarations of that module, those that it
has from other modules too.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from functools import update_wrapper
from importlib import import_module
from typing import Any

#: Bytes of a line of the cache.
LINE = 64
#: Pixels that an inner loop takes at once.
LANES = 32
#: Samples that go through the operations of a correction together, and those of a tile, which stays in the cache.
PATCH, CORRECTED = 16, 4096
#: Bytes from one copy of a constant's tile to the next.
ROOM = 4 * CORRECTED + 128
#: Frames of which the bisection in 8 bits takes a multiple.
NARROW_STEP = 4
#: Frames that the inner loop of the moments takes at once.
ROWS = 16
#: Frames after which sums inside of windows are folded into whole ones: of the widest windows, and of any.
LEAST_ROWS, MOST_ROWS = 64, 256
#: From the lower ends of windows to the upper ones: sums of distances over so many rows fit in 16 bits.
NARROW, WIDTH = 0xFFFF // MOST_ROWS, 0xFFFF // LEAST_ROWS
#: Bits that tell of a tile's pixels: some gates reach beyond their windows, some are empty; whole sums are begun.
REACHES, EMPTY, BEGUN = 1, 2, 4
#: What is known of a tile: frames in the sums inside of its windows, −1 before it has any; those that fit; its marks.
HELD, ROOM_FOR, MARKS = 0, 1, 2

_LOCK = threading.RLock()


class Declared:
    """Something that only compiled code uses: made when that code is needed, and then in place of this."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._made: Any = None

    @property
    def made(self) -> Any:
        """What is compiled; numba is imported if it was not yet."""
        with _LOCK:
            if self._made is None:
                self._made = self._make()
            return self._made


class Kernel(Declared):
    """A function that is compiled when it is called.

    Parameters
    ----------
    function : callable
        As numba is to compile it; other kernels that it calls stand in its module.
    options : dict
        Of ``numba.njit``; with ``cache`` what is compiled is kept, by :mod:`calib_core.numerics.kept_code`.
    """

    def __init__(self, function: Callable[..., Any], options: dict[str, Any]) -> None:
        super().__init__(lambda: _compiled(function, options))
        self._names: dict[str, Any] = function.__globals__
        update_wrapper(self, function)

    @property
    def made(self) -> Any:
        """The function that numba compiles, and finds by name all that it calls."""
        with _LOCK:
            if self._made is None:
                try:
                    self._made = self._make()
                except AttributeError as error:  # of a property, it would be asked for as an attribute, without end
                    raise RuntimeError(f"{self.__name__} could not be compiled: {error}") from error
                _replace(self._names)
            return self._made

    def __call__(self, *args: Any) -> Any:
        """Call the compiled function."""
        return self.made(*args)

    def __getattr__(self, name: str) -> Any:
        """What numba's function has, such as ``signatures``."""
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.made, name)


def njit(**options: Any) -> Callable[[Callable[..., Any]], Kernel]:
    """Declare a kernel.

    Parameters
    ----------
    **options
        Of numba's decorator of this name.

    Returns
    -------
    callable
        Decorator that makes a :class:`Kernel` of a function.
    """
    return lambda function: Kernel(function, options)


def prepare() -> None:
    """Import numba, so that it is there when the first kernel is called, who meets again what goes wrong here."""
    with suppress(Exception):
        import_module("calib_core.numerics.kept_kernel")


def inner_loops(module: str, *names: str) -> tuple[Any, ...]:
    """Functions that emit instructions, of a module that imports numba; for kernels alone.

    Parameters
    ----------
    module : str
        Full name; it is imported when a kernel that uses them is called.
    *names : str
        Of the functions.

    Returns
    -------
    tuple of Declared
        One for each name; a kernel calls them like functions.
    """
    return tuple(Declared(lambda name=name: getattr(import_module(module), name)) for name in names)  # type: ignore[misc]


def _compiled(function: Callable[..., Any], options: dict[str, Any]) -> Any:
    return import_module("calib_core.numerics.kept_kernel").compiled(function, **options)


def _replace(names: dict[str, Any]) -> None:
    """Put what is compiled in place of what is declared, in a module's names."""
    with _LOCK:
        for name, value in list(names.items()):
            if isinstance(value, Declared):
                names[name] = value.made
