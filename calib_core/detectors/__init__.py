"""One file per detector family, with the family's name in small letters; found by :mod:`calib_core.detector`."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib.metadata import EntryPoint, entry_points

#: Entry points by which other packages add families; each has its family's name.
GROUP = "calibwb.detectors"


def files() -> tuple[str, ...]:
    """Modules here that declare a family, not those that several share."""
    return tuple(found.name for found in pkgutil.iter_modules(__path__) if not found.name.startswith("_"))


def names() -> tuple[str, ...]:
    """Names of all families in the order of the alphabet; none of them is loaded for that."""
    return tuple(sorted({*map(str.upper, files()), *(point.name.upper() for point in elsewhere())}))


@cache
def elsewhere() -> tuple[EntryPoint, ...]:
    """Entry points by which other packages add families; they are looked up once."""
    return tuple(entry_points(group=GROUP))
