"""Work of a job in pieces: units, what a method may know while it works on one, and partial results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np

from calib_core.axes import Array, Axis, Label
from calib_core.characterisation.inputs import Arranged
from calib_core.characterisation.sink import Sink
from calib_core.correction.images import Images
from calib_core.correction.pipeline import BoundPipeline
from calib_core.detector import DetectorType, Frames
from calib_core.io.buffers import Buffers

if TYPE_CHECKING:
    from calib_core.constants.statistics import VersionStatistics
    from calib_core.store.constants import StoredConstant

Maps = dict[str, Array]
#: Files of constants by module and the name of their kind: what they tell, not values.
Files: TypeAlias = "Mapping[tuple[int, str], StoredConstant]"


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
    split : str
        Name of the one along which work is cut into units.
    before : mapping
        Steps with the constants of a module, by its number. Those of whole numbers are done before a method gets its
        frames; a method that declares others does them itself.
    buffers : Buffers
        Of the worker: for what a unit holds until its end.
    sink : Sink, optional
        Takes frames that a method has corrected; None where nobody wants them.
    cells_at_once : int
        Memory cells whose constants are in memory together; 0 for all. Chunks hold frames of one such block.
    files : mapping
        Constants that inputs have.
    """

    kind: DetectorType | None = None
    cells: tuple[int, ...] = ()
    arranged: Mapping[str, Arranged] = field(default_factory=dict)
    axes: Mapping[str, Axis] = field(default_factory=dict)
    split: str = "cell"
    before: Mapping[int, BoundPipeline] = field(default_factory=dict)
    buffers: Buffers = field(default_factory=Buffers, compare=False, repr=False)
    sink: Sink | None = field(default=None, compare=False, repr=False)
    cells_at_once: int = 0
    files: Files = field(default_factory=dict, compare=False, repr=False)

    @property
    def detector(self) -> DetectorType:
        """The detector type, for methods that cannot do without one; ValueError where there is none."""
        if self.kind is None:
            raise ValueError("this job has no detector")
        return self.kind

    def cells_of(self, unit: Unit) -> list[int]:
        """Memory cells of a unit's block: its own, or those of its groups.

        Parameters
        ----------
        unit : Unit

        Returns
        -------
        list of int
            Their numbers, in the order of the block.
        """
        axis = self.axes[self.split]
        if axis.members:
            return [cell for index in unit.block for cell in axis.members[index]]
        return [int(axis.labels[index]) for index in unit.block]

    def is_prepared(self, module: int | None) -> bool:
        """Whether the codes of a module go through steps first.

        Parameters
        ----------
        module : int or None
            None stands for work of no module, which has no codes.
        """
        return (module is not None and module in self.before and bool(self.before[module].steps)
                and self.before[module].whole_numbers)

    def prepared(self, unit: Unit, chunk: Chunk) -> Chunk:
        """A chunk after the steps before.

        Parameters
        ----------
        unit : Unit
        chunk : Frames or Block
            Codes of frames, (n, slow_scan, fast_scan) uint16, are changed in place; constants are left as they are.

        Returns
        -------
        Frames or Block
            The same object.
        """
        if unit.module is not None and self.is_prepared(unit.module) and isinstance(chunk, Frames):
            self.before[unit.module].apply(Images.of(chunk.adc, chunk.cell, chunk.train))
        return chunk

    def blocks(self, labels: Sequence[Any]) -> list[Sequence[Any]]:
        """Labels of memory cells in the blocks whose constants are in memory together.

        Parameters
        ----------
        labels : sequence
        """
        size = self.cells_at_once or max(1, len(labels))
        return [labels[i:i + size] for i in range(0, len(labels), size)]

    def place(self, unit: Unit) -> dict[str, int]:
        """Indices that all inputs of a unit have in common, such as its gain stage.

        What is looked at side by side, as patterns of a scan, is no place: maps are of all of it.

        Parameters
        ----------
        unit : Unit

        Returns
        -------
        dict
            Index by the name of the axis; empty where the inputs lie at different places.
        """
        places = [dict(self.arranged[key].at) for key in unit.inputs]
        return {name: index for name, index in (places[0] if places else {}).items()
                if all(place.get(name) == index for place in places)
                and not (name in self.axes and self.axes[name].of_slot)}

    def stage_of(self, key: str) -> str:
        """Short name of the gain stage of an arranged input; empty where it has none."""
        index = self.arranged[key].at.get("gain")
        return "" if index is None or "gain" not in self.axes else str(self.axes["gain"].labels[index])


@dataclass(frozen=True)
class Block:
    """One entry of constants.

    Attributes
    ----------
    index : int
        Along the axis by which work is split.
    values : mapping of (gain, slow_scan, fast_scan) arrays
        By the name of the constant's kind; those that have nothing here, nor near it, are not there.
    stand_in : mapping
        Label of the entry that was taken in place of one which a constant lacks, by its kind.
    made : VersionStatistics, optional
        Numbers that are kept in place of values.
    """

    index: int
    values: Mapping[str, Array]
    stand_in: Mapping[str, Label] = field(default_factory=dict)
    made: VersionStatistics | None = None

    def __len__(self) -> int:
        """It counts as one item of progress."""
        return 1


@dataclass(frozen=True)
class Item:
    """A file that was taken as a whole.

    Attributes
    ----------
    row : sequence
        What became of it: a value of each column of the method's table.
    """

    row: Sequence[Any]

    def __len__(self) -> int:
        """It counts as one item of progress."""
        return 1


#: What the driver hands to an accumulator.
Chunk = Frames | Block | Item


class ChunkSource(Protocol):
    """Where the driver gets a unit's data."""

    def chunks(self, unit: Unit, name: str, which: slice, more: bool = False) -> Iterator[Any]:
        """Chunks of one arranged input.

        Parameters
        ----------
        unit : Unit
            Says which module, memory cells and sequences.
        name : str
            Key of the arranged input.
        which : slice
            Frames of each memory cell, by their number in the run.
        more : bool
            Whether frames come too that are not used, as :meth:`Method.sees_more` tells.

        Yields
        ------
        Frames or Block
            In the order of the trains, each within the memory that the plan counted.
        """


class Accumulator:
    """Mergeable partial result of a unit; most have nothing to settle, to tell or to show before they end."""

    notes: Sequence[str] = ()

    def beside(self, buffers: Buffers) -> Accumulator:
        """Another one that adds to the same sums, for files that are gone through at the same time; of a method that
        goes file by file.

        Parameters
        ----------
        buffers : Buffers
            Of the worker.
        """
        raise NotImplementedError(f"{type(self).__name__} does not go file by file")

    def goes_on(self, part: Unit, number: int) -> None:
        """Take the frames of a file in a pass; asked of those of a method that goes file by file.

        Parameters
        ----------
        part : Unit
            The unit with a sequence of files.
        number : int
            Of the pass, from 0.
        """
        raise NotImplementedError(f"{type(self).__name__} does not go file by file")

    def pieces(self, chunk: Any) -> Iterator[Any]:
        """A chunk in pieces to be added one after the other: few enough frames to show something new often."""
        yield chunk

    def update(self, name: str, chunk: Any) -> None:
        """Add a chunk, or a piece of one; all its memory cells belong to the unit.

        Parameters
        ----------
        name : str
            Key of the arranged input that it is of.
        chunk : Frames or Block
            Frames are valid during the call only: their memory is used again.
        """
        raise NotImplementedError(f"{type(self).__name__} takes no data")

    def merge(self, other: Any) -> None:
        """Add another accumulator of the same unit and pass.

        Parameters
        ----------
        other : Accumulator
            Of the same class, with data that come after this one's; it is not used afterwards.
        """

    def forget(self) -> None:
        """Drop what counts before the pass has begun, since another part of the unit has it."""

    def settle(self) -> Iterator[None]:
        """Finish the pass after its last chunk, in steps short enough to cancel between them."""
        return iter(())

    def snapshot(self, index: int) -> Maps:
        """Results of one entry of the unit's block as far as the data go.

        Parameters
        ----------
        index : int
            Along the axis by which work is split; one of the unit's block.

        Returns
        -------
        dict of arrays
            By result, as :meth:`Method.reduce` gives them; new arrays, since data go on to come in.
        """
        return {}

    def numbers(self) -> Maps:
        """Results without pixels over the axis by which work is split, of the unit's block as far as the data go.

        Returns
        -------
        dict of arrays
            By result, over those of its axes that the unit's place leaves open. They cost next to nothing, since they
            are asked for often.
        """
        return {}

    @property
    def coverage(self) -> Array:
        """Frames seen per entry of the unit's block, (block,) int64; empty where nothing can be shown yet."""
        return np.empty(0, np.int64)
