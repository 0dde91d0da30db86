"""What a method may ask of a module when all its units are done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from calib_core.axes import Array, At
from calib_core.detector import Frames


class Finished(Protocol):
    """What a method may ask of a module that is finished: its results, and a few frames of its runs."""

    def has(self, name: str, at: At) -> bool:
        """Whether something was made at a place.

        Parameters
        ----------
        name : str
            Of the result.
        at : mapping
            Indices along the axes that it is over.
        """

    def filled(self, name: str, at: At) -> Array:
        """Image at a place.

        Parameters
        ----------
        name : str
            Of the result.
        at : mapping
            Indices along the axes that it is over.

        Returns
        -------
        (slow_scan, fast_scan) array
            The result's missing value where nothing was made.
        """

    def values(self, name: str) -> Array:
        """A result without pixels.

        Parameters
        ----------
        name : str
            Of the result.

        Returns
        -------
        array
            Over the result's axes; blank where nothing was made.
        """

    def empty(self, key: str) -> Mapping[str, int]:
        """Frames of a run that the reading found without data.

        Parameters
        ----------
        key : str
            Of the arranged input.

        Returns
        -------
        mapping of str to int
            Number by reason; none where there are no such frames.
        """

    def fewest(self, key: str) -> int:
        """Fewest frames that a memory cell has in a run, of those that have any.

        Parameters
        ----------
        key : str
            Of the arranged input.
        """

    def some(self, key: str, n: int) -> Frames:
        """A few frames, as they are stored, spread evenly over a run.

        Parameters
        ----------
        key : str
            Of the arranged input.
        n : int
            Most frames that come back; fewer where the run has fewer.

        Raises
        ------
        BadInput
            The run cannot be read.
        """

    def of_files(self, key: str, n: int) -> Iterator[tuple[str, Frames]]:
        """A few frames of each file of a run, as they are stored.

        Parameters
        ----------
        key : str
            Of the arranged input.
        n : int
            Most frames of each file.

        Yields
        ------
        name : str
            Of the file.
        frames : Frames
            Spread evenly over it.

        Raises
        ------
        BadInput
            The file cannot be read.
        """
