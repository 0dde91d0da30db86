"""Control values of a run as a descriptor sees them, from a plain mapping."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from calib_core.detector import Readings


class FakeRun:
    """A run with some control values, the same for its ten trains, and no frames."""

    def __init__(self, values: Mapping[str, Mapping[str, Any]]) -> None:
        self._values = values

    def sources(self, pattern: str) -> list[str]:
        return sorted(name for name in self._values if re.fullmatch(pattern, name))

    def told(self, source: str, key: str) -> Readings | None:
        value = self._values.get(source, {}).get(key)
        if value is None or isinstance(value, Readings):
            return value
        one = np.asarray(value).reshape(-1)[:1]
        return Readings(np.repeat(one.astype(object) if one.dtype.kind in "US" else one, 10), 10, 10)

    def cells(self) -> Any:
        return np.empty(0, np.int64)

    def cell_order(self) -> Any:
        return np.empty(0, np.int64)

    def pulses(self) -> Any:
        return np.empty(0, np.uint64)

    def beside(self, key: str) -> Readings | None:
        return None
