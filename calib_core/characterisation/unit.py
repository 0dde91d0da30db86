"""Work of a job in pieces: units, what a method may know while it works on one, and partial results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy.typing as npt

from calib_core.axes import Axis
from calib_core.characterisation.inputs import Arranged
from calib_core.detector import DetectorType, Frames

Array = npt.NDArray[Any]
Maps = dict[str, Array]


@dataclass(frozen=True)
class Unit:
    """An independent piece of work; plain numbers and names, equal in any process.

    Attributes
    ----------
    index : int
        Place among the units of its job.
    module : int, optional
        None where the work is of no module.
    inputs : tuple of str
        Keys of the arranged inputs that are read, one after the other.
    block : tuple of int
        Indices along the axis by which the method's work is split, ascending.
    samples : int
        Largest number of frames that any entry of the block has in any of the inputs.
    """

    index: int
    module: int | None
    inputs: tuple[str, ...]
    block: tuple[int, ...]
    samples: int


@dataclass(frozen=True)
class Context:
    """What a method may know of its job.

    Attributes
    ----------
    kind : DetectorType, optional
        As the data are to be understood at the operating condition; None where there is no detector.
    axes : mapping
        Axes of the method's results by name.
    arranged : mapping
        Arranged inputs that have a run, by key.
    """

    kind: DetectorType | None = None
    axes: Mapping[str, Axis] = field(default_factory=dict)
    arranged: Mapping[str, Arranged] = field(default_factory=dict)

    @property
    def detector(self) -> DetectorType:
        """The detector type, for methods that cannot do without one; ValueError where there is none."""
        if self.kind is None:
            raise ValueError("this job has no detector")
        return self.kind

    def labels(self, unit: Unit, axis: str) -> list[Any]:
        """Labels of a unit's block along the axis by which work is split."""
        return [self.axes[axis].labels[index] for index in unit.block]


class ChunkSource(Protocol):
    """Where the driver gets a unit's data."""

    def chunks(self, unit: Unit, name: str, limit: int | None) -> Iterator[Frames]:
        """Frames of one arranged input in the order of their trains, at most ``limit`` per memory cell."""


class Accumulator(Protocol):
    """Mergeable partial result of a unit."""

    def update(self, name: str, frames: Frames) -> None:
        """Add frames of an arranged input; all their cells belong to the unit."""

    def merge(self, other: Any) -> None:
        """Add another accumulator of the same unit and pass."""

    def settle(self) -> Iterator[None]:
        """Finish the pass after its last chunk, in steps short enough to cancel between them."""

    def snapshot(self, index: int) -> Maps:
        """Maps (slow_scan, fast_scan) of one entry of the unit's block as far as the data go; new arrays."""

    @property
    def coverage(self) -> Array:
        """Frames seen per entry of the unit's block, (block,) int64."""

    @property
    def notes(self) -> Sequence[str]:
        """Sentences for the log on what was decided on the way."""
