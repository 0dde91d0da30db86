"""What a characterisation leaves behind, as declared: files that are made of its results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Self

from calib_core.axes import Array
from calib_core.characterisation.unit import Context
from calib_core.constants.constant import ConstantKind
from calib_core.constants.statistics import VersionStatistics
from calib_core.correction.of_frames import OfFrames
from calib_core.correction.step import Step
from calib_core.detector.corrected_layout import CorrectedLayout


@dataclass(frozen=True)
class ConstantOutput:
    """A calibration constant of each module.

    Attributes
    ----------
    kind : ConstantKind
    result : str
        What it is made of.
    count : str
        Result with the samples behind each value; empty where there is none.
    zeros : bool
        Whether 0 stands in the file where there are no data, instead of NaN.
    beside : tuple of str
        Results without pixels that are kept beside its values.
    goes_with : tuple of ConstantKind
        Inputs whose identity it tells, since its values hold with them.
    """

    kind: ConstantKind
    result: str
    count: str = ""
    zeros: bool = False
    beside: tuple[str, ...] = ()
    goes_with: tuple[ConstantKind, ...] = ()

    @property
    def results(self) -> tuple[str, ...]:
        """Names of the results that it is made of: its values, and their samples where they are counted."""
        return (self.result, self.count) if self.count else (self.result,)


@dataclass(frozen=True)
class TableOutput:
    """A table of the whole job, as CSV."""

    result: str

    @property
    def results(self) -> tuple[str, ...]:
        """Names of the results that it is made of."""
        return (self.result,)


@dataclass(frozen=True)
class StatisticsOutput:
    """Statistics of versions of constants: one file for the whole job, and its lines and changes as tables.

    Attributes
    ----------
    results : tuple of str
        Names of the results that it is made of.
    versions : callable
        Numbers of a module's versions: takes the context, the module, and what gives a result by its name.
    """

    results: tuple[str, ...]
    versions: Callable[[Context, int, Callable[[str], Array]], tuple[VersionStatistics, ...]]


@dataclass(frozen=True)
class ExportOutput:
    """Copies of constants, made one by one while a job reads, and their table beside them."""

    result: str

    @property
    def results(self) -> tuple[str, ...]:
        """Names of the results that it is made of: the table."""
        return (self.result,)


@dataclass(frozen=True)
class InjectionOutput:
    """Files that a store takes when all of them were looked at: all of them, or none."""

    result: str

    @property
    def results(self) -> tuple[str, ...]:
        """Names of the results that it is made of: the table, whose rows tell what became of the files."""
        return (self.result,)


@dataclass(frozen=True)
class CorrectedImage:
    """Samples of corrected frames after some steps, float32.

    Attributes
    ----------
    key : str
    unit : str
    steps : tuple of str
        Words of the steps that made them, in their order; they are the samples after the last of these.
    """

    key: str
    unit: str
    steps: tuple[str, ...] = ()


@dataclass(frozen=True)
class FoundImage:
    """What a step finds for each sample, beside the samples.

    Attributes
    ----------
    key, dtype, help : str
    step : str
        Its word.
    """

    key: str
    dtype: str
    help: str
    step: str


@dataclass(frozen=True)
class FoundOfFrames:
    """What a step finds of each frame, beside the samples.

    Attributes
    ----------
    key : str
    of : OfFrames
    found, title : str
        Its key among what is found of images, and the title of the step.
    """

    key: str
    of: OfFrames
    found: str
    title: str


@dataclass(frozen=True)
class CorrectedOutput:
    """Files with the corrected frames, one for each that was read.

    Attributes
    ----------
    images : tuple of CorrectedImage
        Samples in the order of the steps; the last are those after all of them.
    found : tuple of FoundImage
    of_frames : tuple of FoundOfFrames
    virtual : bool
        Whether a virtual file shows all modules as one.
    """

    images: tuple[CorrectedImage, ...]
    found: tuple[FoundImage, ...] = ()
    of_frames: tuple[FoundOfFrames, ...] = ()
    virtual: bool = False

    @property
    def unit(self) -> str:
        """Unit of the samples after all steps."""
        return self.images[-1].unit

    @property
    def kept(self) -> tuple[str, ...]:
        """Words of the steps after which samples are kept on the way."""
        return tuple(one.steps[-1] for one in self.images[:-1])

    @property
    def results(self) -> tuple[str, ...]:
        """Names of the results that it is made of: none, since frames go to it on their way."""
        return ()

    def of_module(self, number: int) -> Self:
        """What the files have of one module."""
        of_frames = tuple(one for one in self.of_frames if one.of.module in (None, number))
        return replace(self, of_frames=of_frames)

    @classmethod
    def of(cls, layout: CorrectedLayout, steps: Sequence[Step]) -> Self:
        """What files have after steps.

        Parameters
        ----------
        layout : CorrectedLayout
        steps : sequence of Step
            Those that are off are passed over.
        """
        done = [one for one in steps if one.on]
        images = [CorrectedImage(next(iter(layout.images.values())), "ADU")]
        for one in (one for one in done if one.unit_after):
            before = images[-1]
            key = layout.images.get(one.word, before.key)
            after = CorrectedImage(key, one.unit_after, (*before.steps, one.word))
            images[len(images) if key != before.key else -1:] = [after]
        found = (FoundImage(layout.found[one.word], one.finds, one.found_help, one.word)
                 for one in done if one.finds and one.word in layout.found)
        beside = layout.mask.rpartition(".")[0]
        of_frames = (FoundOfFrames(f"{beside}.{of.key}", of, found, one.title)
                     for one in done for found, of in one.found_of_frames.items())
        return cls(tuple(images), tuple(found), tuple(of_frames))


Output = ConstantOutput | TableOutput | StatisticsOutput | CorrectedOutput | ExportOutput | InjectionOutput
