"""One file per kind of simulated runs, named as the kind; each has its class as ``SCENE``."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache

from calib_core.simulate.scene import Scene


@cache
def scenes() -> Mapping[str, type[Scene]]:
    """All kinds of runs by their words, in the order of the alphabet."""
    found = [importlib.import_module(f"{__name__}.{one.name}").SCENE for one in pkgutil.iter_modules(__path__)]
    return {one.word: one for one in found}
