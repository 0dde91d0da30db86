"""Plugin of pytest: every index into an array is checked in every kernel, and the run fails where one was not called.

Kernels are compiled anew, into a folder of this run: of a kernel that is loaded, those within it are not seen.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

import pytest

_KEPT = tempfile.TemporaryDirectory(prefix="calibwb-checked-")
os.environ |= {"NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": _KEPT.name}
assert "numba" not in sys.modules, "numba has read its settings already"


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail where a kernel was not compiled, or without the checks."""
    unchecked = [f"{module}.{name}" for module, name, kernel in kernels() if not is_checked(kernel)]
    if unchecked:
        print(f"\nkernels that ran without checks of their indices, or not at all: {', '.join(unchecked)}")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def kernels() -> Iterator[tuple[str, str, Any]]:
    """All kernels of the core and the window: module, name, and declaration or what was compiled."""
    from numba.core.dispatcher import Dispatcher

    from calib_core.numerics.kernels import Kernel

    for package in ("calib_core", "app"):
        path = importlib.import_module(package).__path__
        for found in pkgutil.walk_packages(path, f"{package}."):
            if not found.name.endswith("__main__"):
                for name, value in vars(importlib.import_module(found.name)).items():
                    if isinstance(value, Kernel | Dispatcher) and value.__module__ == found.name:
                        yield found.name, name, value


def is_checked(kernel: Any) -> bool:
    """Whether a kernel was compiled, each time with checks."""
    made = getattr(kernel, "overloads", {}).values()
    return bool(made) and all(one.target_context.enable_boundscheck for one in made)
