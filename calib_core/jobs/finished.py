"""What checks may ask of a module that is finished."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from calib_core.axes import Array, At
from calib_core.detector import Frames
from calib_core.io.frames import NO_DATA
from calib_core.jobs.plan import Plan
from calib_core.jobs.results import Results


@dataclass(frozen=True)
class FinishedModule:
    """Results of a module, and its frames; see :class:`~calib_core.characterisation.unit.Finished`."""

    plan: Plan
    module: int
    results: Results

    def has(self, name: str, at: At) -> bool:
        """Whether something was made at a place."""
        return self.results.has(name, at)

    def filled(self, name: str, at: At) -> Array:
        """Image (slow_scan, fast_scan) at a place, the result's missing value where nothing was made."""
        return self.results.filled(name, at)

    def values(self, name: str) -> Array:
        """A result without pixels, over its axes."""
        return self.results.values(name)

    def empty(self, key: str) -> Mapping[str, int]:
        """Frames that the reading found without data, by reason."""
        return {why: n for why, n in self.plan.frames[self.module, key].excluded.items() if why in NO_DATA}

    def fewest(self, key: str) -> int:
        """Fewest frames of a memory cell in a run; 0 where there are none at all."""
        return min(self.plan.frames[self.module, key].frames_per_cell.values(), default=0)

    def some(self, key: str, n: int) -> Frames:
        """Up to ``n`` frames, as they are stored, spread evenly over the run of an arranged input."""
        return self.plan.frames[self.module, key].some(n)

    def of_files(self, key: str, n: int) -> Iterator[tuple[str, Frames]]:
        """Up to ``n`` frames of each file of a run, as they are stored, with the file's name."""
        return self.plan.frames[self.module, key].of_files(n)
