"""What a characterisation declares and how it works on data, without files, threads or plots.

A method is a frozen set of parameters. The driver feeds it work units (one module, one run, one block of memory
cells); per unit it makes an accumulator for each pass, and reduces the last one to maps per memory cell.
:meth:`Method.combine` then makes the maps of one memory cell that need all gain stages at once.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from calib_core.characterisation.inputs import Arrangement, Given, Input, as_given
from calib_core.characterisation.unit import Accumulator, Array, Context, Maps, Unit
from calib_core.constants.constant import ConstantKind
from calib_core.detector import DetectorType, FrameSelection
from calib_core.params import Knobs, knob


@dataclass(frozen=True)
class MapSpec:
    """A map per memory cell that a method makes.

    ``planes`` names what the first axis counts; empty means one plane per gain stage. ``flags`` marks bad-pixel
    masks, ``hidden`` maps that are kept but not offered on the screen. ``missing`` stands in a constant where
    there are no data. ``scale_of`` names the map whose colour levels this one shares, so that both can be compared.
    """

    name: str
    title: str
    unit: str
    dtype: str
    help: str
    planes: tuple[str, ...] = ()
    flags: bool = False
    hidden: bool = False
    missing: float = float("nan")
    scale_of: str | None = None


@dataclass(frozen=True)
class Product:
    """A constant made of a map: its kind, the map, and the map with the number of samples behind it."""

    kind: ConstantKind
    map: str
    count: str | None = None


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

    legacy_zeros: bool = knob(False, expert=True, help="Write 0 instead of NaN into constants where there are no "
                              "data, as the original notebooks did; the flags stay")

    #: Axis of the results along which work is cut into units, and the one whose entries :meth:`combine` brings
    #: together: each of its inputs is a unit's own.
    split: ClassVar[str] = "cell"
    combines: ClassVar[str] = ""

    @abstractmethod
    def inputs(self, kind: DetectorType | None) -> tuple[Input, ...]:
        """What this method reads, for a detector type."""

    def arrange(self, kind: DetectorType, given: Given, keep: bool) -> Arrangement:
        """Where each given run belongs; as given unless the data tell better and ``keep`` does not forbid it."""
        return as_given(self.inputs(kind), given)

    @abstractmethod
    def maps(self, detector: DetectorType) -> tuple[MapSpec, ...]:
        """Maps that this method makes, in the order of the screen."""

    @abstractmethod
    def products(self, detector: DetectorType) -> tuple[Product, ...]:
        """Constants that this method makes."""

    @abstractmethod
    def passes(self, context: Context, unit: Unit) -> tuple[int | None, ...]:
        """Frames per memory cell that each pass over the data wants; None means all."""

    @abstractmethod
    def bytes_per_item(self, kind: DetectorType, samples: int) -> int:
        """Largest working memory for one entry of a unit's block, bytes."""

    @abstractmethod
    def begin(self, context: Context, unit: Unit, index: int, previous: Accumulator | None) -> Accumulator:
        """Accumulator for pass ``index``; ``previous`` is the finished one of the pass before."""

    @abstractmethod
    def reduce(self, context: Context, unit: Unit, accumulator: Accumulator, index: int) -> Maps:
        """Maps (slow_scan, fast_scan) of one entry of a finished unit's block."""

    @abstractmethod
    def combine(self, detector: DetectorType, maps: Mapping[str, Array], stages: Sequence[int]) -> Maps:
        """Maps of one memory cell that need several gain stages, and maps that several stages change.

        Parameters
        ----------
        maps : mapping of (gain stages, slow_scan, fast_scan) arrays
            What :meth:`reduce` made; stages without data hold the map's missing value.
        stages : sequence of int
            Stages that have a run.

        Returns
        -------
        dict of (planes, slow_scan, fast_scan) arrays
        """

    def summarise(self, samples: Array, detector: DetectorType) -> SampleSummary:
        """What this method makes of the samples of one pixel, for its inspector; all of them unless it gates.

        Parameters
        ----------
        samples : (n,) uint16, ADU
            In the order of their trains, with the right gain bits.
        """
        values = samples.astype(np.float64)
        return SampleSummary(None, float(values.mean()), float(values.std(ddof=1))) if len(values) > 1 else _NOTHING

    def table_path(self) -> str | None:
        """Constant file or folder with look-up tables that samples go through first; empty where none was given.

        None for methods that take the codes of the converter as they are.
        """
        return None

    def frame_selection(self) -> FrameSelection:
        """Which trains of a run this method uses; all unless it lets the operator choose."""
        return FrameSelection()
