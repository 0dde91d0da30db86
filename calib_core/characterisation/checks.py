"""Checks of finished modules: each is written once, tells what is remarkable as data, and has words for a page."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

from calib_core.characterisation.finished import Finished
from calib_core.characterisation.unit import Context
from calib_core.remarks import CheckText, Remark


class Check(ABC):
    """Something that is asked of every finished module."""

    @property
    @abstractmethod
    def text(self) -> CheckText:
        """The check in words."""

    @abstractmethod
    def remarks(self, context: Context, module: int, finished: Finished) -> Iterator[Remark]:
        """What is remarkable.

        Parameters
        ----------
        context : Context
        module : int
        finished : Finished
            Results of the module, and a few frames of its runs.

        Yields
        ------
        Remark
            Most remarkable first; none where there is nothing to tell.
        """


class Coverage(Check):
    """Frames that are there but hold no data."""

    @property
    def text(self) -> CheckText:
        """The check in words."""
        return CheckText("coverage", "frames of a run that are stored without data", "any", "none",
                         "such frames are left out, so fewer are behind the results than the run has")

    def remarks(self, context: Context, module: int, finished: Finished) -> Iterator[Remark]:
        """A sentence for each run that has such frames; the reading has come upon them.

        Yields
        ------
        Remark
            In frames.
        """
        for key, arranged in context.arranged.items():
            empty = {} if arranged.run is None else finished.empty(key)
            if arranged.run is not None and empty:
                told = ", ".join(f"{n} {why}" for why, n in empty.items())
                yield Remark(
                    self.text.kind, module, context.stage_of(key), float(sum(empty.values())), 0.0, "frames",
                    f"Module {module}: frames of {arranged.run.label} without data are left out: {told}.")
