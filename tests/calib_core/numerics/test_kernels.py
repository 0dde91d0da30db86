"""Kernels are declared without numba, and compiled with all that they call when one of their module is called."""

from __future__ import annotations

import subprocess
import sys
import threading
from types import ModuleType

import numpy as np
import pytest
from numba.core.dispatcher import Dispatcher

from calib_core.numerics import kernels
from calib_core.numerics.kernels import Kernel, inner_loops

SOURCE = """
from calib_core.numerics.kernels import njit
LENGTH = 3

@njit(nogil=True)
def outer(values):
    \"\"\"Says what it does.\"\"\"
    for i in range(LENGTH):
        values[i] = inner(values[i])

@njit(nogil=True)
def inner(value):
    return 2 * value + 1
"""


@pytest.fixture
def module() -> ModuleType:
    """Two kernels of which the first calls one that is declared after it."""
    made = ModuleType("made")
    exec(SOURCE, made.__dict__)
    return made


def test_a_kernel_calls_those_that_stand_below_it(module):
    outer, values = module.outer, np.arange(3)
    assert isinstance(outer, Kernel)
    assert (outer.__name__, outer.__doc__) == ("outer", "Says what it does.")
    outer(values)
    assert values.tolist() == [1, 3, 5]
    assert isinstance(module.outer, Dispatcher)
    assert isinstance(module.inner, Dispatcher)
    outer(values)  # who took the declaration before has the same
    assert values.tolist() == [3, 7, 11]
    assert len(outer.signatures) == 1


def test_threads_that_call_at_once_get_one_kernel(module):
    outer, found = module.outer, []

    def call() -> None:
        outer(np.arange(3))
        found.append(outer.made)

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len({id(one) for one in found}) == 1


def test_inner_loops_are_read_when_they_are_needed():
    [join] = inner_loops("os.path", "join")
    assert join.made("a", "b") == "a/b"
    [nothing] = inner_loops("os.path", "nothing_of_this_name")
    with pytest.raises(AttributeError):
        nothing.made  # noqa: B018


def test_numba_comes_with_the_first_call():
    code = ("import sys, numpy as np\nfrom calib_core.numerics import moments, robust, stability, tracks\n"
            "assert 'numba' not in sys.modules\nvalues = np.arange(12, dtype=np.uint16)\n"
            "print(robust.median(values.reshape(3, 4), 0, 99))\n"
            "assert 'numba' in sys.modules")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout == "[4. 5. 6. 7.]\n"


def test_what_numba_is_not_to_find_is_there_for_all_others() -> None:
    """While one thread loads numba without a module, another may import it."""
    script = """
import importlib, sys, threading
from calib_core.numerics.kept_kernel import _Missing

assert "scipy.linalg" not in sys.modules and not any(isinstance(one, _Missing) for one in sys.meta_path)
sys.meta_path.insert(0, _Missing("tabnanny"))
found = []
other = threading.Thread(target=lambda: found.append(importlib.import_module("tabnanny")))
try:
    importlib.import_module("tabnanny")
except ImportError as error:
    print(error)
other.start()
other.join()
print(found[0].__name__)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["tabnanny is not looked for here", "tabnanny"]


def test_a_kernel_that_cannot_be_made_says_why(monkeypatch):
    """As where numba is imported without handles for its files."""
    def fails(function, options):
        raise AttributeError("module 'numba' has no attribute 'njit'")

    monkeypatch.setattr(kernels, "_compiled", fails)

    @kernels.njit()
    def twice(value):
        return 2 * value

    with pytest.raises(RuntimeError, match="twice could not be compiled: module 'numba' has no attribute"):
        twice(1)
