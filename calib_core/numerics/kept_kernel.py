"""Numba's kernels, kept on disk by :mod:`kept_code` instead of numba itself."""

from __future__ import annotations

import hashlib
import inspect
import pickle
import platform
import sys
import threading
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Any

import llvmlite
import numba
import numpy as np
from numba.core import config
from numba.core.caching import NullCache
from numba.core.compiler import CompileResult
from numba.core.dispatcher import Dispatcher
from numba.core.serialize import dumps

from calib_core.numerics import kept_code

#: Settings of numba (``NUMBA_…`` in the environment) with which it makes other code of the same source.
_SETTINGS = (
    "BOUNDSCHECK", "OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE", "DEBUGINFO_DEFAULT", "EXTEND_VARIABLE_LIFETIMES")


class _Missing(MetaPathFinder):
    """Says to one thread that a module is not there; others may import it meanwhile."""

    def __init__(self, name: str) -> None:
        self._name, self._thread = name, threading.get_ident()

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> None:
        if fullname == self._name and threading.get_ident() == self._thread:
            raise ModuleNotFoundError(f"{fullname} is not looked for here", name=fullname)


def _without_linear_algebra() -> None:
    """Load what numba looks for SciPy's linear algebra with, but without it: a tenth of the start of a small job.

    Only `numpy.cov` in kernels would ask what was found there; others look for themselves.
    """
    missing = _Missing("scipy.linalg")
    sys.meta_path.insert(0, missing)
    try:
        import_module("numba.np.arraymath")
    finally:
        sys.meta_path.remove(missing)


_without_linear_algebra()


def compiled(function: Callable[..., Any], cache: bool = False, **options: Any) -> Any:
    """Have numba compile a function when it is called, or load what an earlier process has compiled.

    Parameters
    ----------
    function : callable
        Python function that numba understands.
    cache : bool
        Keep it, and look for what is kept.
    **options
        Of ``numba.njit``, such as ``nogil`` and ``fastmath``.
    """
    if cache and function.__closure__:
        raise ValueError(f"{function.__qualname__} has a closure; what it holds is in no kept kernel's name")
    kernel = numba.njit(no_cfunc_wrapper=True, **options)(function)  # C calls none; it would be compiled with each
    if cache and isinstance(kernel, Dispatcher):  # else numba is told to compile nothing
        kernel._cache = _KeptKernel(function)  # type: ignore[attr-defined]
    return kernel


class _KeptKernel(NullCache):  # type: ignore[misc]
    """What numba asks before it compiles a kernel, and tells afterwards."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        target_context.refresh()
        code = kept_code.load(self._name(sig, target_context.codegen()))
        if code is None:
            kept_code.compiling()
        # unpickled only where nobody but the user, or who installed the software, can have put it
        return None if code is None else CompileResult._rebuild(target_context, *pickle.loads(code))

    def save_overload(self, sig: Any, cres: Any) -> None:
        if not cres.library.has_dynamic_globals and all(part.can_cache for part in cres.lifted):
            kept_code.save(self._name(sig, cres.codegen), dumps(cres._reduce()))

    def _name(self, sig: Any, codegen: Any) -> str:
        """File name that stands for the source, the signature, the processor, numba's settings and all versions."""
        function = self._function
        sources = _digest_of_sources(Path(inspect.getfile(function)))
        key = repr((sources, str(sig), codegen.magic_tuple(), _settings(), _versions()))
        digest = hashlib.sha256(key.encode()).hexdigest()
        return f"{function.__module__}.{function.__qualname__}-{digest}{kept_code.SUFFIX}"


@cache
def _digest_of_sources(path: Path) -> str:
    """Hash of a kernel's file and of all files here, since a kernel takes those that it calls into itself."""
    files = [path, *sorted(Path(__file__).parent.glob("*.py"))]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def _settings() -> tuple[str, ...]:
    return tuple(str(getattr(config, name)) for name in _SETTINGS)


def _versions() -> tuple[Any, ...]:
    return (numba.__version__, llvmlite.__version__, np.__version__, sys.implementation.cache_tag, platform.machine())
