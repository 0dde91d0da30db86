"""What a characterisation leaves behind, as declared: files that are made of its results."""

from __future__ import annotations

from dataclasses import dataclass

from calib_core.constants.constant import ConstantKind


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
    """

    kind: ConstantKind
    result: str
    count: str = ""
    zeros: bool = False

    @property
    def results(self) -> tuple[str, ...]:
        """Names of the results that it is made of."""
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
class CorrectedOutput:
    """Files with the corrected frames, one for each that was read.

    Attributes
    ----------
    unit : str
        Of the values.
    """

    unit: str

    @property
    def results(self) -> tuple[str, ...]:
        """Names of the results that it is made of: none, since frames go to it on their way."""
        return ()


Output = ConstantOutput | TableOutput | CorrectedOutput
