"""What is looked at, by axes and results: the one face that maps, curves, tables and exports know."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Protocol

from calib_core.axes import Array, At, Axis, Picture, Result, View
from calib_core.detector import DetectorType
from calib_core.explanation import PLAINLY, Asked, Explanation, Reason, RowFrames
from calib_core.remarks import Remark


class Subject(Protocol):
    """Something with results over named axes.

    Everything that may take time is asked for: a view with :meth:`look_at`, whose picture is there once
    :attr:`version` has grown; curves, planes and explanations from a thread that may wait.

    Attributes
    ----------
    title : str
        Whose results these are: detector, runs, time.
    identifier : str
        Of the detector, as its sources begin; empty where there is none.
    kind : DetectorType, optional
        None where there is no detector, or it is not known yet.
    modules : tuple of int
        Numbers of the modules that there are results of.
    axes : mapping of str to Axis
        Empty until it is known what there is; then they stay.
    results : tuple of Result
    ended : bool
        Whether no more pictures come by themselves.
    state : str
        In words, such as ``running`` or ``on disk``.
    when : datetime, optional
        When its data were recorded, aware; None where nothing tells it.
    units : mapping of int to str
        Physical detector units of the modules, as far as they are known.
    about : mapping of str to str
        What is known of where the results come from, by headings: runs, condition, parameters, versions.
    files : tuple of Path
        Where the results are kept; none where they are in no file yet.
    notes : tuple of str
        Sentences on what was guessed, left out or is not told.
    remarks : tuple of Remark
        What is remarkable of the modules; their sentences are among the notes.
    version : int
        Grows with each picture, and when something else is new: what there is, the state, a note.
    picture : Picture, optional
        The newest; it carries the view that it is of.
    """

    @property
    def title(self) -> str: ...  # noqa: D102
    @property
    def identifier(self) -> str: ...  # noqa: D102
    @property
    def kind(self) -> DetectorType | None: ...  # noqa: D102
    @property
    def modules(self) -> tuple[int, ...]: ...  # noqa: D102
    @property
    def axes(self) -> Mapping[str, Axis]: ...  # noqa: D102
    @property
    def results(self) -> tuple[Result, ...]: ...  # noqa: D102
    @property
    def ended(self) -> bool: ...  # noqa: D102
    @property
    def state(self) -> str: ...  # noqa: D102
    @property
    def when(self) -> datetime | None: ...  # noqa: D102
    @property
    def units(self) -> Mapping[int, str]: ...  # noqa: D102
    @property
    def about(self) -> Mapping[str, str]: ...  # noqa: D102
    @property
    def files(self) -> tuple[Path, ...]: ...  # noqa: D102
    @property
    def notes(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def remarks(self) -> tuple[Remark, ...]: ...  # noqa: D102
    @property
    def version(self) -> int: ...  # noqa: D102
    @property
    def picture(self) -> Picture | None: ...  # noqa: D102

    def look_at(self, view: View) -> None:
        """Ask for a picture of a view; returns at once, and only the newest view counts.

        Parameters
        ----------
        view : View
            Indices beyond an axis stand for its last entry.
        """

    def along(self, result: str, axis: str, module: int, row: int, col: int, at: At) -> Array:
        """One pixel of a result along an axis.

        Parameters
        ----------
        result, axis : str
        module, row, col : int
        at : mapping
            Indices along the other axes.

        Returns
        -------
        (n,) float64
            NaN where there is nothing; empty before it is known what there is.

        Raises
        ------
        CalibrationError
            What it is read from cannot be read any more.
        """

    def plane(self, result: str, module: int, at: At) -> Array | None:
        """Image of a result at a place.

        Parameters
        ----------
        result : str
        module : int
        at : mapping
            Indices along axes.

        Returns
        -------
        (slow_scan, fast_scan) array or None
            None where there is nothing.

        Raises
        ------
        CalibrationError
            What it is read from cannot be read any more.
        """

    def values(self, result: str, module: int | None = None) -> Array | None:
        """A result without pixels.

        Parameters
        ----------
        result : str
        module : int, optional
            None where results are not of modules.

        Returns
        -------
        array or None
            Over the result's axes, or the rows of a table; None where there is nothing.
        """

    def explain(self, module: int, row: int, col: int, at: At, asked: Asked = PLAINLY) -> Explanation | None:
        """What the raw data of a pixel say.

        Parameters
        ----------
        module, row, col : int
        at : mapping
            Indices along axes.
        asked : Asked
            How they are to be looked at.

        Returns
        -------
        Explanation or None
            None where there are no raw data.

        Raises
        ------
        CalibrationError
            There is no such run, or it cannot be read.
        """

    def try_part(self, module: int, row: int, col: int, at: At, asked: Asked) -> None:
        """Have the picture around a pixel made with other parameters, or as it is where none are asked for.

        Parameters
        ----------
        module, row, col : int
        at : mapping
            Indices along axes.
        asked : Asked

        Raises
        ------
        CalibrationError
            The data cannot be read, or a parameter is not allowed.
        """

    def reasons(self, module: int, row: int, col: int, at: At) -> tuple[Reason, ...]:
        """Why a pixel has the flags that it has, and what the other rules say of it.

        Parameters
        ----------
        module, row, col : int
        at : mapping
            Indices along axes.

        Returns
        -------
        tuple of Reason
            None of them where nothing is known of how the flags came about.

        Raises
        ------
        CalibrationError
            What it is read from cannot be read any more.
        """

    def frames(self, module: int, row: int, at: At) -> RowFrames | None:
        """Raw samples of a row of pixels in the first frames, as many as fit into bounded memory.

        Parameters
        ----------
        module, row : int
        at : mapping
            Indices along axes.

        Returns
        -------
        RowFrames or None
            None where there are no raw data.

        Raises
        ------
        CalibrationError
            There is no such run, or it cannot be read.
        """

    def close(self) -> None:
        """Free what is held; nothing may be asked for after that."""
