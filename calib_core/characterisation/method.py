"""What a characterisation declares and how it works on data, without files, threads or plots.

A method is a frozen set of parameters. The driver feeds it units of work (one module, some of its inputs, one block
of an axis); per unit it makes an accumulator for each pass, and reduces the last one to results over named axes.
:meth:`Method.combine` then makes what needs several units at once.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from calib_core.axes import Array, At, Axis, Result
from calib_core.characterisation.inputs import Arrangement, Given, Input, as_given
from calib_core.characterisation.outputs import Output
from calib_core.characterisation.unit import Accumulator, Context, Finished, Maps, Unit
from calib_core.correction.step import Step
from calib_core.detector import DetectorType, FrameSelection
from calib_core.params import Knobs


@dataclass(frozen=True)
class SampleSummary:
    """One pixel's samples in numbers: inclusive gate where there is one, mean and standard deviation inside it."""

    gate: tuple[float, float] | None
    mean: float
    std: float


_NOTHING = SampleSummary(None, float("nan"), float("nan"))


class Method(Knobs):
    """A characterisation; its fields are its parameters.

    Subclasses set ``command`` (command line), ``title`` (screen), ``use_when`` and ``caution`` (help).
    """

    command: ClassVar[str]
    title: ClassVar[str]
    use_when: ClassVar[str] = ""
    caution: ClassVar[str] = ""

    #: Axis of the results along which work is cut into units, and the one whose entries :meth:`combine` brings
    #: together: each of its inputs is a unit's own.
    split: ClassVar[str] = "cell"
    combines: ClassVar[str] = ""

    def inputs(self, kind: DetectorType | None) -> tuple[Input, ...]:
        """What this method reads, for a detector type; nothing unless it says so."""
        return ()

    def steps_before(self) -> tuple[Step, ...]:
        """Correction steps that data go through before they are handed to this method."""
        return ()

    def arrange(self, kind: DetectorType, given: Given, keep: bool) -> Arrangement:
        """Where each given run belongs; as given unless the data tell better and ``keep`` does not forbid it."""
        return as_given(self.inputs(kind), given)

    def axes(self, context: Context) -> tuple[Axis, ...]:
        """Axes of the results; the context has everything but them. The memory cells, unless a method has others."""
        return (Axis("cell", "Memory cell", context.cells),) if context.cells else ()

    @abstractmethod
    def results(self, kind: DetectorType | None) -> tuple[Result, ...]:
        """What this method makes, in the order of the screen."""

    @abstractmethod
    def outputs(self, kind: DetectorType | None) -> tuple[Output, ...]:
        """Files that are made of the results."""

    def passes(self, context: Context, unit: Unit) -> tuple[int | None, ...]:
        """Frames per memory cell that each pass over the data wants; None means all."""
        return (None,)

    def bytes_per_item(self, kind: DetectorType | None, samples: int) -> int:
        """Largest working memory for one entry of a unit's block, bytes."""
        return 0

    def begin(self, context: Context, unit: Unit, index: int, previous: Accumulator | None) -> Accumulator:
        """Accumulator for pass ``index``; ``previous`` is the finished one of the pass before.

        A method that reads nothing needs none of its own.
        """
        return Accumulator()

    @abstractmethod
    def reduce(self, context: Context, unit: Unit, accumulator: Accumulator) -> Iterator[tuple[At, Maps]]:
        """Results of a finished unit, one place after the other.

        Yields
        ------
        at : mapping
            Indices along axes; it may name axes that a result does not have.
        results : dict of arrays
            Over those axes of each result that ``at`` leaves open, then its pixels.
        """

    def combined(self, kind: DetectorType | None) -> tuple[str, ...]:
        """Results that :meth:`combine` needs; none where there is nothing to combine."""
        return ()

    def combine(self, context: Context, at: At, results: Mapping[str, Array]) -> Maps:
        """Results at one index of the axis of units that need all entries of the combined axis, or change them.

        Parameters
        ----------
        context : Context
        at : mapping
            Index along the axis by which work is split.
        results : mapping of (combined axis, slow_scan, fast_scan) arrays
            Those of :meth:`combined`, as :meth:`reduce` made them.
        """
        return {}

    def remarks(self, context: Context, module: int, finished: Finished) -> Iterable[str]:
        """Sentences for the log on a finished module, of what is to be looked at."""
        return ()

    def summarise(self, samples: Array, detector: DetectorType) -> SampleSummary:
        """What this method makes of the samples of one pixel, for its inspector; all of them unless it gates.

        Parameters
        ----------
        samples : (n,) uint16, ADU
            In the order of their trains, with the right gain bits.
        """
        values = samples.astype(np.float64)
        return SampleSummary(None, float(values.mean()), float(values.std(ddof=1))) if len(values) > 1 else _NOTHING

    def frame_selection(self) -> FrameSelection:
        """Which trains of a run this method uses; all unless it lets the operator choose."""
        return FrameSelection()
