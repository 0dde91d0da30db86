"""What a correction step is: bound to constants it changes images in place, purely by its inputs."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal

from calib_core.axes import Array
from calib_core.constants.constant import ConstantKind
from calib_core.correction.bound_constant import BoundConstant, Constants, Given
from calib_core.correction.images import Images
from calib_core.correction.of_frames import OfFrames
from calib_core.correction.of_samples import NotBySample
from calib_core.correction.when_read import WhenRead
from calib_core.detector import DetectorType
from calib_core.errors import BadInput
from calib_core.numerics.operations import Operation
from calib_core.params import Part

if TYPE_CHECKING:
    from calib_core.correction.gathering import Gathering


class CannotBeDone(BadInput):
    """A step that its constants forbid although they are there; it is left out, and that is told."""


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
                known[id(one)] = one.read(cells, known) if isinstance(one, WhenRead) else one.read(cells)
        return replace(self, given={name: known[id(one)] for name, one in self.given.items()})

    def apply(self, images: Images) -> None:
        """Correct images in place.

        Parameters
        ----------
        images : Images
            Of the module whose constants these are, in the unit that the step takes.
        """
        self.step.apply(images, self.given, self.kind)
        images.one_scale |= self.step.one_scale

    def operations(self, one_scale: bool) -> Sequence[Operation] | None:
        """Its work as operations on single samples, which do together with others what :meth:`apply` does.

        Parameters
        ----------
        one_scale : bool
            Whether signals of all gain stages are on one scale before.

        Returns
        -------
        sequence of named tuples or None
            None where it has none, or kernels cannot take its constants.
        """
        kind = type(self.step)
        # a step with other work than the one that it stems from has none of its operations
        work = next(one for one in kind.__mro__ if {"apply", "operations"} & vars(one).keys())
        if "operations" not in vars(work):
            return None
        try:
            return self.step.operations(self.given, self.kind, one_scale)
        except NotBySample:
            return None


class Step(Part):
    """A correction; its fields are its parameters.

    Subclasses set ``word``, ``title``, ``use_when`` and ``caution``.

    Attributes
    ----------
    needs, optional : tuple of ConstantKind
        Constants without which it cannot be done, and those that it takes where they are there.
    instead : tuple of ConstantKind
        Constants that it takes in place of others, where they are there.
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
    one_scale : bool
        Whether signals of all gain stages are on one scale after it.
    of_frames : OfFrames, optional
        What it puts of each frame into ``images.found``, float32, for corrected files.
    of_common_mode : bool
        Whether its passes look at what frames have in common, of which more may be seen than are corrected.
    """

    use_when: ClassVar[str] = ""
    caution: ClassVar[str] = ""
    needs: ClassVar[tuple[ConstantKind, ...]] = ()
    optional: ClassVar[tuple[ConstantKind, ...]] = ()
    instead: ClassVar[tuple[ConstantKind, ...]] = ()
    unit_in: ClassVar[str] = "ADU"
    unit_out: ClassVar[str] = "ADU"
    follows: ClassVar[str] = ""
    whole_numbers: ClassVar[bool] = False
    takes_out: ClassVar[bool] = False
    combines: ClassVar[bool] = False
    if_some_lack: ClassVar[Literal["refuse", "leave out", "flag"]] = "refuse"
    finds: ClassVar[str] = ""
    found_help: ClassVar[str] = ""
    one_scale: ClassVar[bool] = False
    of_frames: ClassVar[OfFrames | None] = None
    of_common_mode: ClassVar[bool] = False

    @property
    def found_of_frames(self) -> Mapping[str, OfFrames]:
        """What it finds of each frame with these parameters, by its key in ``images.found``."""
        return {} if self.of_frames is None else {self.word: self.of_frames}

    @property
    def looked_in(self) -> tuple[str, str]:
        """In what it looks for something, and what is true where it found nothing; empty where it always finds it.

        Returns
        -------
        what : str
            In the plural, such as “ASICs of frames”.
        refused : str
            For a sentence, such as “no noise peak was found”; found is NaN there.
        """
        return ("", "") if self.of_frames is None else self.of_frames.looked_in

    @property
    def modules(self) -> tuple[int, ...]:
        """Modules that its parameters name; none where they hold for all."""
        return ()

    @property
    def takes(self) -> tuple[ConstantKind, ...]:
        """All constants that it may take."""
        return (*self.needs, *self.optional, *self.instead)

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

    def beside(self, cell: int, cells: Sequence[int]) -> Sequence[int]:
        """Memory cells whose frames its passes look at for those of one.

        Parameters
        ----------
        cell : int
        cells : sequence of int
            All that there are.

        Returns
        -------
        sequence of int
            Neighbours, the memory cell itself among them.
        """
        return (cell,)

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

    def following(self, own: Bound, others: Sequence[Bound]) -> Bound:
        """The step with its constants once those of all steps are known; as it is, unless it follows from others.

        Parameters
        ----------
        own : Bound
        others : sequence of Bound
            All steps that are done, in their order.
        """
        return own

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
        """Names of optional constants that it would take and is done without; none of those that people make.

        Parameters
        ----------
        given : mapping
            Constants that it has, by the names of their kinds.
        kind : DetectorType
            For steps that take some at some operating conditions only.
        """
        return tuple(one.name for one in self.optional if one.name not in given and not one.by_people)

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
        """What whoever looks at the results should know of the constant that it needs.

        Parameters
        ----------
        given : mapping
            What :meth:`bind` took.
        kind : DetectorType

        Returns
        -------
        sequence of str
            Words that follow “The <title of the first of what it needs> of module <number> ”, without full stop;
            empty where there is nothing.
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

    def operations(self, given: Given, kind: DetectorType, one_scale: bool) -> Sequence[Operation] | None:
        """What :meth:`apply` does, as operations on single samples with the same bits.

        Parameters
        ----------
        given : mapping
            As for :meth:`apply`, in memory.
        kind : DetectorType
        one_scale : bool
            Whether signals of all gain stages are on one scale before.

        Returns
        -------
        sequence of named tuples or None
            Of :mod:`calib_core.numerics.operations`, one that tells gain stages first; None where the step looks at
            more than single samples.

        Raises
        ------
        NotBySample
            Kernels cannot take a constant.
        """
        return None

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
