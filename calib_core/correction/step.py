"""What a correction step is: bound to constants it changes images in place, purely by its inputs."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol, Self

import numpy as np

from calib_core.axes import Array
from calib_core.constants.constant import ConstantKind
from calib_core.correction.of_frames import OfFrames
from calib_core.detector import DetectorType, Frames
from calib_core.errors import BadInput
from calib_core.params import Part

if TYPE_CHECKING:
    from calib_core.correction.gathering import Gathering


@dataclass
class Images:
    """Frames of one module on their way through steps, which change them in place.

    Attributes
    ----------
    values : (n, slow_scan, fast_scan) float32, ADU
        Signals; uint16 codes while only steps of whole numbers have been at work.
    stage : (n, slow_scan, fast_scan) uint8
        Gain stage of each sample.
    mask : (n, slow_scan, fast_scan) uint32
        Bad-pixel flags so far.
    use : (n, slow_scan, fast_scan) bool
        Samples that are a measurement. Not those without flags: a bad pixel's own statistics go on, and a cosmic ray
        has no flag.
    cell, train : (n,)
        Memory cell and train id of each frame.
    pulse : (n,) or None
        Pulse id, where it is known.
    bits : (n, slow_scan, fast_scan) uint8 or None
        Gain bits as stored, of detectors that have them.
    signal : (n, slow_scan, fast_scan) uint16 or None
        Analogue gain signal, of detectors that have one.
    found : dict of arrays
        What steps found on the way, by their word; behind a dot what they found beside it.
    kept : dict of arrays
        Values as they were after some steps, by the word of the step.
    one_scale : bool
        Whether signals of all gain stages are on the scale of the first.
    others : tuple of Frames
        The same frames in the other gain stages, of runs that hold all of them; values are of the first one then.
    unforced : (n, slow_scan, fast_scan) uint8 or None
        Gain stages before samples were forced into another; None where none was.
    """

    values: Array
    stage: Array
    mask: Array
    use: Array
    cell: Array
    train: Array
    pulse: Array | None = None
    bits: Array | None = None
    signal: Array | None = None
    found: dict[str, Array] = field(default_factory=dict)
    kept: dict[str, Array] = field(default_factory=dict)
    one_scale: bool = False
    others: tuple[Frames, ...] = ()
    unforced: Array | None = None

    @classmethod
    def of(
        cls, values: Array, cell: Array, train: Array, use: Array | None = None, stage: int = 0,
        mask: Array | None = None,
    ) -> Self:
        """Images of one gain stage.

        Parameters
        ----------
        values : (n, slow_scan, fast_scan) float32 or uint16, ADU
        cell, train : (n,)
        use : (n, slow_scan, fast_scan) bool, optional
            Not copied. All samples are a measurement unless given, in an array that no step can write to.
        stage : int
        mask : (slow_scan, fast_scan) uint32, optional
            Flags of all images; none unless given.
        """
        shape = values.shape
        return cls(
            values, np.broadcast_to(np.uint8(stage), shape),
            np.broadcast_to(np.uint32(0) if mask is None else mask, shape),
            np.broadcast_to(np.True_, shape) if use is None else use, cell, train)

    @classmethod
    def of_frames(cls, frames: Frames) -> Self:
        """Images of all gain stages, in arrays of their own but for gain bits and gain signal.

        Parameters
        ----------
        frames : Frames
            As they are stored.
        """
        values = frames.adc.astype(np.float32)
        return cls(values, np.zeros(values.shape, np.uint8), np.zeros(values.shape, np.uint32),
                   np.ones(values.shape, bool), frames.cell, frames.train, None, frames.gain, frames.gain_signal,
                   others=frames.others)

    def copy(self) -> Self:
        """Images that later steps can change without these."""
        values, stage, mask, use = (np.array(one) for one in (self.values, self.stage, self.mask, self.use))
        return type(self)(values, stage, mask, use, self.cell, self.train, self.pulse, self.bits, self.signal,
                          dict(self.found), dict(self.kept), self.one_scale, self.others, self.unforced)


class BoundConstant(Protocol):
    """One constant of one module."""

    @property
    def why(self) -> str:
        """Where it comes from."""

    @property
    def dims(self) -> Sequence[str]:
        """Names of the axes of :attr:`data`; none where they have no names."""

    @property
    def data(self) -> Array:
        """The whole array."""

    def read(self, cells: Sequence[int] = ()) -> BoundConstant:
        """Bring it into memory.

        Parameters
        ----------
        cells : sequence of int
            Memory cells that are asked for, neighbours; all unless given.

        Returns
        -------
        BoundConstant
            One of which :meth:`of` reads no file: itself, where it lies in memory already.
        """

    def of(self, images: Images) -> Array:
        """Values that go with the samples of images.

        Parameters
        ----------
        images : Images
            Memory cells and gain stages of their samples say which values those are.

        Returns
        -------
        (n or 1, slow_scan, fast_scan) array
            Each sample's own; one for all frames where it is the same. Not to be changed.

        Raises
        ------
        NotImplementedError
            The constant has no one value of a pixel, as look-up tables have not.
        """


class Constants(Protocol):
    """Constants of one module that steps may ask for."""

    def get(self, kind: ConstantKind) -> BoundConstant | None:
        """Ask for a constant.

        Parameters
        ----------
        kind : ConstantKind
            Known by its name.

        Returns
        -------
        BoundConstant or None
            None where the module has none.
        """


@dataclass(frozen=True)
class KnownConstant:
    """What is known of the pixels of one memory cell and gain stage: (slow_scan, fast_scan)."""

    data: Array
    why: str = "the pass before"
    dims: Sequence[str] = ("slow_scan", "fast_scan")

    def read(self, cells: Sequence[int] = ()) -> Self:
        """It lies in memory already."""
        return self

    def of(self, images: Images) -> Array:
        """The same for all images.

        Parameters
        ----------
        images : Images
            Not looked at; they must be of the memory cell and gain stage of which this is known.

        Returns
        -------
        (1, slow_scan, fast_scan) array
            A view of :attr:`data`.
        """
        return self.data[None]


@dataclass(frozen=True)
class Known:
    """Constants of one memory cell and gain stage that a pass before found, by the name of their kind."""

    values: Mapping[str, Array]

    def get(self, kind: ConstantKind) -> KnownConstant | None:
        """Ask for a constant that the pass before found.

        Parameters
        ----------
        kind : ConstantKind
            Known by its name.

        Returns
        -------
        KnownConstant or None
            None where the pass found none of this kind.
        """
        found = self.values.get(kind.name)
        return None if found is None else KnownConstant(found)


def shared(values: Array) -> Array:
    """The one image of a constant that all images share.

    Parameters
    ----------
    values : (n or 1, slow_scan, fast_scan) array
        What :meth:`BoundConstant.of` gave.

    Returns
    -------
    (slow_scan, fast_scan) array
        A view, of the same dtype and unit.

    Raises
    ------
    ValueError
        Images of several memory cells or gain stages were given to a step that takes one at a time.
    """
    if len(values) != 1:
        raise ValueError("this step takes images of one memory cell and gain stage at a time")
    return np.asarray(values[0])


class CannotBeDone(BadInput):
    """A step that its constants forbid although they are there; it is left out, and that is told."""


#: Constants that a step was bound to, by the name of their kind.
Given = Mapping[str, BoundConstant]


@dataclass(frozen=True)
class Skipped:
    """A step that is not done, or what else is not, and why."""

    step: str
    reason: str


@dataclass(frozen=True)
class Bound:
    """A step with its constants, and what of it is not done for lack of them."""

    step: Step
    given: Given
    kind: DetectorType
    left_out: tuple[Skipped, ...] = ()

    def read(self, cells: Sequence[int] = (), known: dict[int, BoundConstant] | None = None) -> Bound:
        """The same with constants in memory, which is freed with it.

        Parameters
        ----------
        cells : sequence of int
            Memory cells that are asked for, neighbours; all unless given.
        known : dict, optional
            Those that other steps have read, by the identity of what they were read from; filled.
        """
        known = {} if known is None else known
        for one in self.given.values():
            if id(one) not in known:
                known[id(one)] = one.read(cells)
        return replace(self, given={name: known[id(one)] for name, one in self.given.items()})

    def apply(self, images: Images) -> None:
        """Correct images in place.

        Parameters
        ----------
        images : Images
            Of the module whose constants these are, in the unit that the step takes.
        """
        self.step.apply(images, self.given, self.kind)


class Step(Part):
    """A correction; its fields are its parameters.

    Subclasses set ``word``, ``title``, ``use_when`` and ``caution``.

    Attributes
    ----------
    needs, optional : tuple of ConstantKind
        Constants without which it cannot be done, and those that it takes where they are there.
    unit_in, unit_out : str
        Units of the values before and after it; a step that changes none takes any, and has none. With some
        parameters another unit may come out, which :attr:`unit_after` tells.
    follows : str
        Word of a step without which it is left out; empty where it stands for itself.
    whole_numbers : bool
        Whether codes come out where codes go in, so that it may stand before exact sums.
    takes_out : bool
        Whether it takes samples out of use.
    combines : bool
        Whether it takes frames of all gain stages together, and makes one of them.
    if_some_lack : {"refuse", "leave out", "flag"}
        What follows where some modules lack its constants and others have them: the job is refused, the step is left
        out of all, or it is done without them and flags what it cannot do.
    finds, found_help : str
        Type of what it finds for each sample, such as ``i4``, and what that is; empty where it finds no such image.
    of_frames : OfFrames, optional
        What it puts of each frame into ``images.found``, float32, for corrected files.
    """

    use_when: ClassVar[str] = ""
    caution: ClassVar[str] = ""
    needs: ClassVar[tuple[ConstantKind, ...]] = ()
    optional: ClassVar[tuple[ConstantKind, ...]] = ()
    unit_in: ClassVar[str] = "ADU"
    unit_out: ClassVar[str] = "ADU"
    follows: ClassVar[str] = ""
    whole_numbers: ClassVar[bool] = False
    takes_out: ClassVar[bool] = False
    combines: ClassVar[bool] = False
    if_some_lack: ClassVar[Literal["refuse", "leave out", "flag"]] = "refuse"
    finds: ClassVar[str] = ""
    found_help: ClassVar[str] = ""
    of_frames: ClassVar[OfFrames | None] = None

    @property
    def drops_last(self) -> int:
        """Frames that it wants left out at the end of each gain stage, where a train holds all of them."""
        return 0

    @property
    def unit_after(self) -> str:
        """Unit of the values after it with these parameters."""
        return self.unit_out

    @property
    def passes(self) -> int:
        """How often it must see all frames of a file before it can be done; :meth:`gathering` looks at them."""
        return 0

    def gathering(self, kind: DetectorType, cells: Array) -> Gathering:
        """What it learns of the frames of a file, pass by pass.

        Parameters
        ----------
        kind : DetectorType
        cells : (n,) int
            Memory cells that frames may have.

        Returns
        -------
        Gathering

        Raises
        ------
        NotImplementedError
            The step needs no pass.
        """
        raise NotImplementedError(f"{self.title} needs no pass over the frames")

    def bytes_of_file(self, kind: DetectorType) -> int:
        """Memory of what is gathered of a file, bytes; none where nothing is.

        Parameters
        ----------
        kind : DetectorType
        """
        return 0

    def check(self) -> None:
        """Refuse parameters that do not go together, with BadParameter; asked of steps that are on."""

    def alternatives(self) -> dict[str, Step]:
        """Steps of which the data decide, by their names; none where the operator has decided."""
        return {}

    def bind(self, constants: Constants, kind: DetectorType) -> Bound:
        """Take the constants that are there.

        Parameters
        ----------
        constants : Constants
            Of one module; asked for all of :attr:`needs` and :attr:`optional`.
        kind : DetectorType

        Returns
        -------
        Bound
            With the constants by the names of their kinds; optional ones that are not there are left out.

        Raises
        ------
        BadInput
            One is not there without which the step cannot be done; :meth:`without` says so.
        """
        found = {one.name: constants.get(one) for one in (*self.needs, *self.optional)}
        if any(found[one.name] is None for one in self.needs):
            raise BadInput(self.without(kind))
        return Bound(self, {name: one for name, one in found.items() if one is not None}, kind)

    def without(self, kind: DetectorType) -> str:
        """Say what follows where a constant is not there that the step needs.

        Parameters
        ----------
        kind : DetectorType
            For steps whose sentence depends on it.

        Returns
        -------
        str
            A whole sentence for the log, with the names of all constants that are needed.
        """
        return f"{self.title} is left out: there is no {' or '.join(one.name for one in self.needs)}."

    def missing(self, given: Given, kind: DetectorType) -> tuple[str, ...]:
        """Names of optional constants that it would take and is done without.

        Parameters
        ----------
        given : mapping
            Constants that it has, by the names of their kinds.
        kind : DetectorType
            For steps that take some at some operating conditions only.
        """
        return tuple(one.name for one in self.optional if one.name not in given)

    def saturation(self, given: Given, kind: DetectorType) -> int:
        """Highest code that comes out.

        Parameters
        ----------
        given : mapping
            What :meth:`bind` took.
        kind : DetectorType
            Its own saturation is the answer unless the step makes other codes.

        Returns
        -------
        int
            ADU; samples at it are full.
        """
        return kind.saturation

    def told(self, given: Given, kind: DetectorType) -> Sequence[str]:
        """What whoever looks at the results should know of its constants.

        Parameters
        ----------
        given : mapping
            What :meth:`bind` took.
        kind : DetectorType

        Returns
        -------
        sequence of str
            Words that follow “The <label of the input> of module <number> ”, without full stop; empty where there is
            nothing.
        """
        return ()

    @abstractmethod
    def apply(self, images: Images, given: Given, kind: DetectorType) -> None:
        """Correct images in place; what is found on the way goes to ``images.found`` under the step's word.

        Parameters
        ----------
        images : Images
            Of one module; values in :attr:`unit_in` before and in :attr:`unit_out` after it.
        given : mapping
            Constants by the names of their kinds: all of :attr:`needs`, and those of :attr:`optional` that are there.
        kind : DetectorType
            As the data are to be understood at the operating condition.
        """

    def of_pixel(self, samples: Array, given: Given, kind: DetectorType, at: tuple[int, int, int]) -> Array:
        """What becomes of the samples of one pixel, for its inspector.

        Parameters
        ----------
        samples : (n,) uint16, ADU
            Of one memory cell.
        given : mapping
            What :meth:`bind` took.
        kind : DetectorType
        at : (int, int, int)
            Memory cell, row and column.

        Returns
        -------
        (n,) uint16, ADU

        Raises
        ------
        NotImplementedError
            The step works on whole images only, as all do that make no whole numbers.
        """
        raise NotImplementedError(f"{self.title} works on whole images only")
