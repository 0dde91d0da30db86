"""Work of a job in pieces: units, what a method may know while it works on one, and partial results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from calib_core.axes import Array, At, Axis
from calib_core.characterisation.inputs import Arranged
from calib_core.correction.pipeline import BoundPipeline
from calib_core.correction.step import Images
from calib_core.detector import DetectorType, Frames

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
        Largest number of frames that any entry of the block has in any of the inputs, whatever the sequences.
    sequences : tuple of int
        Sequences of files that are read; empty takes all.
    """

    index: int
    module: int | None
    inputs: tuple[str, ...]
    block: tuple[int, ...]
    samples: int
    sequences: tuple[int, ...] = ()


@dataclass(frozen=True)
class Context:
    """What a method may know of its job.

    Attributes
    ----------
    kind : DetectorType, optional
        As the data are to be understood at the operating condition; None where there is no detector.
    cells : tuple of int
        Memory cells of the detector, also those that no frame was stored for.
    arranged : mapping
        Arranged inputs that there is something of, by key.
    axes : mapping
        Axes of the method's results by name.
    before : mapping
        Steps that the codes of a module go through first, by its number.
    """

    kind: DetectorType | None = None
    cells: tuple[int, ...] = ()
    arranged: Mapping[str, Arranged] = field(default_factory=dict)
    axes: Mapping[str, Axis] = field(default_factory=dict)
    before: Mapping[int, BoundPipeline] = field(default_factory=dict)

    @property
    def detector(self) -> DetectorType:
        """The detector type, for methods that cannot do without one; ValueError where there is none."""
        if self.kind is None:
            raise ValueError("this job has no detector")
        return self.kind

    def labels(self, unit: Unit, axis: str) -> list[Any]:
        """Labels of a unit's block along the axis by which work is split."""
        return [self.axes[axis].labels[index] for index in unit.block]

    def is_prepared(self, module: int | None) -> bool:
        """Whether the codes of a module go through steps first."""
        return module is not None and module in self.before and bool(self.before[module].steps)

    def prepared(self, unit: Unit, chunk: Chunk) -> Chunk:
        """A chunk after the steps before, which change its frames in place."""
        if unit.module is not None and self.is_prepared(unit.module) and isinstance(chunk, Frames):
            self.before[unit.module].apply(Images.of(chunk.adc, chunk.cell, chunk.train))
        return chunk

    def place(self, unit: Unit) -> dict[str, int]:
        """Indices that all inputs of a unit have in common, such as its gain stage."""
        places = [dict(self.arranged[key].at) for key in unit.inputs]
        return {name: index for name, index in (places[0] if places else {}).items()
                if all(place.get(name) == index for place in places)}


@dataclass(frozen=True)
class Block:
    """One entry of constants.

    Attributes
    ----------
    index : int
        Along the axis by which work is split.
    values : mapping of (gain, slow_scan, fast_scan) arrays
        By the name of the constant's kind.
    """

    index: int
    values: Mapping[str, Array]

    def __len__(self) -> int:
        """It counts as one item of progress."""
        return 1


#: What the driver hands to an accumulator.
Chunk = Frames | Block


class ChunkSource(Protocol):
    """Where the driver gets a unit's data."""

    def chunks(self, unit: Unit, name: str, limit: int | None) -> Iterator[Any]:
        """Chunks of one arranged input: frames in the order of their trains, at most ``limit`` per memory cell."""


class Finished(Protocol):
    """What a method may ask of a module that is finished: its results, and a few frames of its runs."""

    def has(self, name: str, at: At) -> bool:
        """Whether something was made at a place."""

    def filled(self, name: str, at: At) -> Array:
        """Image (slow_scan, fast_scan) at a place, the result's missing value where nothing was made."""

    def some(self, key: str, n: int) -> Frames:
        """Up to ``n`` frames, as they are stored, spread evenly over the run of an arranged input."""


class Accumulator:
    """Mergeable partial result of a unit; most have nothing to settle, to tell or to show before they end."""

    notes: Sequence[str] = ()

    def update(self, name: str, chunk: Any) -> None:
        """Add a chunk of an arranged input; all its memory cells belong to the unit."""
        raise NotImplementedError(f"{type(self).__name__} takes no data")

    def merge(self, other: Any) -> None:
        """Add another accumulator of the same unit and pass, whose data come after this one's."""

    def settle(self) -> Iterator[None]:
        """Finish the pass after its last chunk, in steps short enough to cancel between them."""
        return iter(())

    def snapshot(self, index: int) -> Maps:
        """Results of one entry of the unit's block as far as the data go; new arrays."""
        return {}

    @property
    def coverage(self) -> Array:
        """Frames seen per entry of the unit's block, (block,) int64; empty where nothing can be shown yet."""
        return np.empty(0, np.int64)
