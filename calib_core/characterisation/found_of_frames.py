"""What steps of a correction found of frames: how often they found nothing, and that it is told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from calib_core.axes import Array, Result
from calib_core.characterisation.checks import Check
from calib_core.characterisation.finished import Finished
from calib_core.characterisation.unit import Context, Maps
from calib_core.correction.images import Images
from calib_core.correction.step import Step
from calib_core.remarks import CheckText, Remark


def finding(steps: Iterable[Step]) -> tuple[Step, ...]:
    """Steps that are on and look for something in each frame, which may not be there.

    Parameters
    ----------
    steps : iterable of Step
    """
    return tuple(one for one in steps if one.on and one.looked_in[1])


def results_of(steps: Iterable[Step]) -> tuple[Result, ...]:
    """For each step that finds something: how often it was asked for it, and how often there was nothing.

    Parameters
    ----------
    steps : iterable of Step

    Returns
    -------
    tuple of Result
        Whole numbers over (cell), kept for the checks.
    """
    return tuple(
        Result(f"{one.word}_{name}", f"{one.title}: {name}", "", "i8", words, over=("cell",), pixels=False,
               hidden=True)
        for one in finding(steps)
        for name, words in (("asked", "Frames, or parts of frames, in which it was looked for"),
                            ("refused", "Of these, those without")))


class Counts:
    """How often steps were asked for something, and found nothing; sums of whole numbers.

    Parameters
    ----------
    words : iterable of str
        Of the steps.
    cells : int
        Memory cells of the unit.
    """

    def __init__(self, words: Iterable[str], cells: int) -> None:
        self._of = {word: np.zeros((2, cells), np.int64) for word in words}

    def add(self, images: Images, places: Array) -> None:
        """Count those of images.

        Parameters
        ----------
        images : Images
            After all steps; steps that were left out have found nothing, and are not counted.
        places : (n,) int64
            Of the memory cell of each frame.
        """
        for word, counts in self._of.items():
            if word in images.found:
                missing = np.isnan(images.found[word]).reshape(len(places), -1)
                np.add.at(counts[0], places, missing.shape[1])
                np.add.at(counts[1], places, np.count_nonzero(missing, axis=1))

    def at(self, place: int) -> Maps:
        """Results of a memory cell, (), by their names."""
        return {f"{word}_{name}": np.array(counts[i, place]) for word, counts in self._of.items()
                for i, name in enumerate(("asked", "refused"))}


class NothingFound(Check):
    """A step found what it takes off each frame.

    Parameters
    ----------
    step : Step
        That finds something.
    """

    def __init__(self, step: Step) -> None:
        self._step, (self._what, self._refused) = step, step.looked_in

    @property
    def text(self) -> CheckText:
        """The check in words."""
        return CheckText(
            self._step.word, f"{self._what} in which {self._refused}", "any", "none of good frames",
            "nothing was subtracted from them" + (
                ", which their numbers in the corrected files say with NaN" if self._step.of_frames else ""))

    def remarks(self, context: Context, module: int, finished: Finished) -> Iterator[Remark]:
        """A sentence with their number and share.

        Yields
        ------
        Remark
            In per cent.
        """
        word, title = self._step.word, self._step.title
        asked, refused = (int(finished.values(f"{word}_{name}").sum()) for name in ("asked", "refused"))
        if refused:
            yield Remark(
                self.text.kind, module, "", 100 * refused / asked, 0.0, "%",
                f"Module {module}: in {refused:,} of {asked:,} {self._what} ({refused / asked:.1%}) "
                f"{self._refused}; {title[:1].lower()}{title[1:]} found nothing to take off there.")


def checks_of(steps: Iterable[Step]) -> tuple[Check, ...]:
    """A check for each step that finds something.

    Parameters
    ----------
    steps : iterable of Step
    """
    return tuple(map(NothingFound, finding(steps)))
