"""Frames of corrected files, as something to be looked at: :func:`find_corrected` tells what there is in folders."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from calib_core.axes import Array, At, Result
from calib_core.subjects.corrected_sets import CorrectedSet, find_corrected
from calib_core.subjects.frame_subject import FrameSubject

__all__ = ["CorrectedSet", "CorrectedSubject", "find_corrected"]


class CorrectedSubject(FrameSubject[int]):
    """Corrected frames, mask and gain stages as they are in files; read where they are looked at.

    What is loaded of a frame is its number among those of its module.

    Parameters
    ----------
    found : CorrectedSet
    """

    #: All of them: a frame is read as it is.
    reach = 1 << 31

    def __init__(self, found: CorrectedSet) -> None:
        self._found, self.title, self.files = found, found.title, found.files
        self.about: Mapping[str, str] = found.about
        cells, trains = (np.unique(np.concatenate([getattr(one, name) for one in found.modules.values()])).tolist()
                         for name in ("cell", "train"))
        super().__init__(found.detector, sorted(found.modules), cells, trains, found.results, found.began)

    @property
    def state(self) -> str:
        """How long the shown frame took to be read."""
        return self.state_of("in files")

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out or is not told, and trouble with reading."""
        return tuple(dict.fromkeys(filter(None, (*self._found.notes, *self.unread, self.trouble))))

    def load(self, module: int, train: int, cell: int) -> int | None:
        """Number of a frame of a module.

        Parameters
        ----------
        module : int
        train : int
            Train id.
        cell : int
            Memory cell.

        Returns
        -------
        int or None
            None where no file has it.
        """
        return self._found.modules[module].number(train, cell)

    def value(self, result: Result, module: int, loaded: int) -> Array:
        """Image of a result of a frame, as it is in the file.

        Raises
        ------
        BadInput
            The file cannot be read any more.
        """
        image = self._found.modules[module].images(self._found.keys[result.name], [loaded])[0]
        return np.asarray(image, result.numpy_dtype)

    def along(self, result: str, axis: str, module: int, row: int, col: int, at: At) -> Array:
        """One pixel along an axis, of all frames that there are; see `Subject.along`.

        Returns
        -------
        (n,) float64

        Raises
        ------
        BadInput
            A file cannot be read.
        """
        frames = self._found.modules[module]
        places = [self.place({**at, axis: index}) for index in range(len(self.axes[axis]))]
        numbers = [frames.number(*place) for place in places]
        there = [i for i, number in enumerate(numbers) if number is not None]
        values = np.full(len(numbers), np.nan)
        values[there] = frames.pixel(self._found.keys[result], [n for n in numbers if n is not None], row, col)
        return values

    def close(self) -> None:
        """End the thread and let go of the files."""
        super().close()
        for one in self._found.modules.values():
            one.close()
