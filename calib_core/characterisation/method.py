"""What a characterisation declares and how it works on data, without files, threads or plots.

A method is a frozen set of parameters. The driver feeds it units of work (one module, some of its inputs, one block
of an axis); per unit it makes an accumulator for each pass, and reduces the last one to results over named axes.
:meth:`Method.combine` then makes what needs several units at once.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, Literal, Self

from calib_core.axes import Array, At, Axis, Result
from calib_core.characterisation.checks import Check, Coverage
from calib_core.characterisation.explains import Explains
from calib_core.characterisation.inputs import Arranged, Arrangement, Given, Input, as_given
from calib_core.characterisation.outputs import Output
from calib_core.characterisation.unit import Accumulator, Context, Files, Maps, Unit
from calib_core.constants.condition import Condition, Found
from calib_core.correction.step import Step
from calib_core.detector import DetectorType, FrameSelection
from calib_core.params import Knobs


class Method(Explains, Knobs):
    """A characterisation; its fields are its parameters.

    Subclasses set ``command`` (command line), ``title`` (screen), ``use_when`` and ``caution`` (help), and those
    that read constants alone ``verb``: what a button says that does it with constants that are there. ``aliases`` are
    other names under which people know the command.
    """

    command: ClassVar[str]
    aliases: ClassVar[tuple[str, ...]] = ()
    title: ClassVar[str]
    verb: ClassVar[str] = ""
    use_when: ClassVar[str] = ""
    caution: ClassVar[str] = ""

    #: Axis of the results along which work is cut into units, and the one whose entries :meth:`combine` brings
    #: together: inputs at each of its places are a unit's own.
    split: ClassVar[str] = "cell"
    #: Whether maps come whole for each entry of ``split``, so that entries are counted while a job runs.
    by_entry: ClassVar[bool] = False
    #: Whether maps of an entry of ``split`` come tile by tile, so that pixels are counted while a job runs.
    by_tile: ClassVar[bool] = False
    #: What it is good for: a window has panels for each kind of work.
    work: ClassVar[Literal["dark", "correction", "gain", "export", "injection", "statistics", "keeping"]] = "dark"
    #: Parameter with which a job tells what it would do and writes nothing; empty where it is planned and not run.
    looks_by: ClassVar[str] = ""
    combines: ClassVar[str] = ""
    #: How long a processor works at an entry of ``split`` beside reading it, s: limits, flags, fits.
    entry_seconds: ClassVar[float] = 1.5e-3
    #: Whether it may begin without an operator, as soon as the runs that it takes are there.
    by_itself: ClassVar[bool] = False

    @property
    def by_sequence(self) -> bool:
        """Whether files are gone through one after the other, each with all passes, as if there were no other."""
        return False

    @property
    def starts_with(self) -> str:
        """What a button says that starts it."""
        return f"Run {self.title.lower()}"

    @property
    def writes(self) -> bool:
        """Whether files are written."""
        return True

    @property
    def corrects(self) -> bool:
        """Whether frames that went through its steps are what it makes, so that one can be looked at beforehand."""
        return self.work == "correction"

    def inputs(self, kind: DetectorType | None) -> tuple[Input, ...]:
        """What this method reads; nothing unless it says so.

        Parameters
        ----------
        kind : DetectorType or None
            None for families without detector types, and before the type is known.

        Returns
        -------
        tuple of Input
            In the order in which runs that are given without a name are spread over them.
        """
        return ()

    def steps_before(self) -> tuple[Step, ...]:
        """Correction steps that are bound to constants of each module.

        Those of whole numbers are done before data are handed to this method; it does others itself.
        """
        return ()

    @property
    def takes_other_conditions(self) -> bool:
        """Whether constants may be of another operating condition than the run, or than each other."""
        return False

    @property
    def cells_together(self) -> Literal["same", "intersect", "union"]:
        """Memory cells of constants that are inputs: the same in all, or those that all have, or that any has."""
        return "same"

    @property
    def takes_closest(self) -> bool:
        """Whether the constants that are the closest in time are taken, be they later than the run."""
        return False

    def arrange(self, kind: DetectorType, given: Given, keep: bool) -> Arrangement:
        """Where each given run belongs; as given unless the data tell better.

        Parameters
        ----------
        kind : DetectorType
        given : mapping of sequences of RunFacts
            By the name of the input; inputs without a run may be left out.
        keep : bool
            Forbids to take them in another order than given.

        Returns
        -------
        Arrangement
            All runs at their places, and sentences on what was moved or is missing.

        Raises
        ------
        BadInput
            The runs do not go together.
        """
        return as_given(self.inputs(kind), given)

    def lacking(self, kind: DetectorType, condition: Condition, found: Sequence[Arranged]) -> tuple[str, ...]:
        """Inputs that there is no run for yet, by their labels.

        Parameters
        ----------
        kind : DetectorType
        condition : Condition
            Of the runs that are there.
        found : sequence of Arranged
            Where these are.
        """
        return tuple(one.label for one in found if one.run is None and one.input.of == "raw")

    def why_not(self, samples: Array, bits: Array | None) -> str:
        """What speaks against a run for this method, by some of its samples; nothing unless it says so.

        Parameters
        ----------
        samples : (n, slow_scan, fast_scan) number
            Of n frames of one memory cell, ADU.
        bits : (n, slow_scan, fast_scan) integer, optional
            Gain bits, where the detector has any.

        Returns
        -------
        str
            Words to follow a colon; empty where nothing does.
        """
        return ""

    def with_files(self, files: Files) -> tuple[Self, tuple[str, ...]]:
        """The method as it is with the constants that its inputs have; the same unless it says otherwise.

        Parameters
        ----------
        files : mapping
            By module and kind, what they tell.

        Returns
        -------
        method : Method
        notes : tuple of str
            Sentences on what it does without.

        Raises
        ------
        BadInput
            Nothing can be made of them.
        """
        return self, ()

    def known_by(self, files: Files) -> Mapping[str, Found]:
        """Parameters of the operating condition that its inputs tell beside their own; none unless it says so.

        Parameters
        ----------
        files : mapping
            Constants by module and kind.

        Returns
        -------
        mapping of str to Found
        """
        return {}

    def axes(self, context: Context) -> tuple[Axis, ...]:
        """Axes of the results; the memory cells, unless a method has others.

        Parameters
        ----------
        context : Context
            With everything but the axes; its inputs are arranged.

        Returns
        -------
        tuple of Axis
            With the one of :attr:`split`, if the work is to be cut.
        """
        return (Axis("cell", "Memory cell", context.cells),) if context.cells else ()

    @abstractmethod
    def results(self, kind: DetectorType | None) -> tuple[Result, ...]:
        """What this method makes, in the order of the screen.

        Parameters
        ----------
        kind : DetectorType or None
            None for families without detector types.

        Returns
        -------
        tuple of Result
            Each over axes that :meth:`axes` declares.
        """

    @abstractmethod
    def outputs(self, kind: DetectorType | None) -> tuple[Output, ...]:
        """Files that are made of the results.

        Parameters
        ----------
        kind : DetectorType or None
            None for families without detector types, which can have no constants.

        Returns
        -------
        tuple of Output
            Each names results that :meth:`results` declares.
        """

    def passes(self, context: Context, unit: Unit) -> tuple[slice, ...]:
        """How often data of a unit are read, and which.

        Parameters
        ----------
        context, unit
            Known before anything is read.

        Returns
        -------
        tuple of slice
            Frames of each memory cell that each pass wants, by their number in the run.
        """
        return (slice(None),)

    def sees_more(self, number: int | None = None) -> bool:
        """Whether a pass looks at frames too that are not used, as :class:`FrameSelection` tells.

        Parameters
        ----------
        number : int, optional
            Of the pass; any of them unless given.
        """
        return False

    def bytes_per_item(self, kind: DetectorType | None, samples: int) -> int:
        """Largest working memory for one entry of a unit's block.

        Parameters
        ----------
        kind : DetectorType or None
        samples : int
            Most frames that an entry has in any input.

        Returns
        -------
        int
            Bytes; units are cut, and run at once, as far as the budget holds them.
        """
        return 0

    def bytes_of_unit(self, kind: DetectorType | None, entries: int) -> int:
        """Working memory of a unit that it has once, whatever it is cut into.

        Parameters
        ----------
        kind : DetectorType or None
        entries : int
            Of its block.

        Returns
        -------
        int
            Bytes; none by default.
        """
        return 0

    def begin(self, context: Context, unit: Unit, index: int, previous: Accumulator | None) -> Accumulator:
        """Accumulator for one pass over a unit; a method that reads nothing needs none of its own.

        Parameters
        ----------
        context, unit
            In parts of a run, the unit with the sequences of one part.
        index : int
            Number of the pass, from 0.
        previous : Accumulator or None
            That of the pass before, settled, which may be changed and given back; None in the first.

        Returns
        -------
        Accumulator
        """
        return Accumulator()

    @abstractmethod
    def reduce(self, context: Context, unit: Unit, accumulator: Accumulator) -> Iterator[tuple[At, Maps]]:
        """Results of a finished unit, one place after the other.

        Parameters
        ----------
        context, unit
        accumulator : Accumulator
            Of the last pass, settled.

        Yields
        ------
        at : mapping
            Indices along axes; it may name axes that a result does not have.
        results : dict of arrays
            Over those axes of each result that ``at`` leaves open, then its pixels.
        """

    def combined(self, kind: DetectorType | None) -> tuple[str, ...]:
        """Results that :meth:`combine` needs; none where there is nothing to combine.

        Parameters
        ----------
        kind : DetectorType or None

        Returns
        -------
        tuple of str
            Names of results over the axis that :attr:`combines` names, that of :attr:`split`, and any of their own.
        """
        return ()

    def combine(self, context: Context, at: At, results: Mapping[str, Array]) -> Maps:
        """Results at one index of the axis of units that need all entries of the combined axis, or change them.

        Parameters
        ----------
        context : Context
        at : mapping
            Index along the axis by which work is split.
        results : mapping of (combined axis, own axes, slow_scan, fast_scan) arrays
            Those of :meth:`combined`, as :meth:`reduce` made them.
        """
        return {}

    def low_by(self, frames: int) -> Mapping[str, float]:
        """Shares that results come out low by on average, since there are so few frames; they are left as they are.

        Parameters
        ----------
        frames : int
            Behind each value.

        Returns
        -------
        mapping of str to float
            By the names of results, 0 to 1; none by default.
        """
        return {}

    def checks(self, kind: DetectorType | None) -> tuple[Check, ...]:
        """What is asked of each finished module before its files are written.

        Parameters
        ----------
        kind : DetectorType or None

        Returns
        -------
        tuple of Check
            In the order in which they tell.
        """
        return (Coverage(),)

    def key_at(self, context: Context, at: At, pixel: tuple[int, int] | None = None) -> str:
        """Key of the arranged input whose samples a place has.

        Parameters
        ----------
        context : Context
        at : mapping
            Indices along axes.
        pixel : (int, int), optional
            Row and column, where pixels have samples of different runs.

        Returns
        -------
        str
            Empty where there is none.
        """
        return next((key for key, one in context.arranged.items()
                     if one.run is not None and all(at.get(axis) == i for axis, i in one.at.items())), "")

    def frame_selection(self) -> FrameSelection:
        """Which trains of a run this method uses; all unless it lets the operator choose."""
        return FrameSelection()
