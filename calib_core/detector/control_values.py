"""Control values of a run as values of its operating condition, each with where it came from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from calib_core.constants.condition import Found
from calib_core.detector import ControlReader


def control_source(run: ControlReader, detector: str, rest: str = "/DET/CONTROL") -> str:
    """Control source of a detector by the end of its name; another detector's, else empty, where it has none."""
    mine = run.sources(re.escape(detector + rest))
    return next(iter(mine or run.sources(".*" + re.escape(rest))), "")


def number(run: ControlReader, source: str, *keys: str) -> Found | None:
    """Value of the first of some keys that a source has, of a vector its first entry; text is read as a number."""
    for key in keys:
        value = run.run_value(source, key)
        if value is not None:
            with suppress(ValueError):  # a word where a number is expected says nothing
                return Found(float(value[0] if getattr(value, "ndim", 0) else value), f"{source} {key}")
    return None


def scaled(found: Found | None, default: float, why: str, factor: float = 1.0, shift: float = 0.0) -> Found:
    """Value times ``factor`` plus ``shift``, rounded to thousandths; the default where nothing was found."""
    if found is None:
        return Found.by_default(default, why)
    return Found(round(float(found.value) * factor + shift, 3), found.origin)


def word(run: ControlReader, source: str, known: Mapping[str, Any], *keys: str) -> tuple[str, str]:
    """First of some keys whose text is a known word: the word and its origin, both empty where there is none."""
    for key in keys:
        value = run.run_value(source, key)
        if value is not None and str(value) in known:
            return str(value), f"{source} {key}"
    return "", ""
