"""Control values of a run as a descriptor sees them, from a plain mapping."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np


class FakeRun:
    """A run with some control values and no frames."""

    def __init__(self, values: Mapping[str, Mapping[str, Any]]) -> None:
        self._values = values

    def sources(self, pattern: str) -> list[str]:
        return sorted(name for name in self._values if re.fullmatch(pattern, name))

    def run_value(self, source: str, key: str) -> Any | None:
        return self._values.get(source, {}).get(key)

    def largest(self, source: str, key: str) -> float | None:
        return self.run_value(source, key)

    def cells(self) -> Any:
        return np.empty(0, np.int64)

    def cell_order(self) -> Any:
        return np.empty(0, np.int64)

    def pulses(self) -> Any:
        return np.empty(0, np.uint64)

    def mean_beside(self, key: str) -> float | None:
        return None
