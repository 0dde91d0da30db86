"""Work on whole files that are taken as they are: out of a store, and into it. A table tells what became of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Literal

import numpy as np

from calib_core.axes import At, Result
from calib_core.characterisation.checks import Check
from calib_core.characterisation.inputs import Input
from calib_core.characterisation.method import Method
from calib_core.characterisation.outputs import ExportOutput, InjectionOutput, Output, TableOutput
from calib_core.characterisation.unit import Accumulator, Context, Item, Maps, Unit
from calib_core.detector import DetectorType
from calib_core.params import knob
from calib_core.store.export_choice import MOST_DAYS, days_that_count
from calib_core.store.export_summary import TABLE_COLUMNS
from calib_core.store.local.injection_table import COLUMNS

#: Result with a row for each file.
TABLE = "files"
_CONDITION = "bias_voltage=250, memory_cells=352; names are ours or the database's"


class Rows(Accumulator):
    """Rows of a table as files come.

    Attributes
    ----------
    rows : list of tuple
    """

    def __init__(self) -> None:
        self.rows: list[Sequence[Any]] = []

    def update(self, name: str, chunk: Item) -> None:
        """Take what became of a file."""
        self.rows.append(chunk.row)

    def merge(self, other: Rows) -> None:
        """Take those of another."""
        self.rows += other.rows


class WholeFiles(Method):
    """Work that makes nothing of the values in files."""

    split: ClassVar[str] = ""
    #: What the table is called, what it tells, and its columns.
    table_title: ClassVar[str]
    table_help: ClassVar[str]
    columns: ClassVar[tuple[tuple[str, str], ...]]

    @property
    def starts_with(self) -> str:
        """What is done, in a word."""
        return self.verb

    def results(self, kind: DetectorType | None) -> tuple[Result, ...]:
        """The table.

        Returns
        -------
        tuple of Result
        """
        return (Result(TABLE, self.table_title, "", self.columns, self.table_help, over=(), pixels=False),)

    def checks(self, kind: DetectorType | None) -> tuple[Check, ...]:
        """None: there are no modules."""
        return ()

    def begin(self, context: Context, unit: Unit, index: int, previous: Accumulator | None) -> Rows:
        """No row yet.

        Returns
        -------
        Rows
        """
        return Rows()

    def reduce(self, context: Context, unit: Unit, accumulator: Accumulator) -> Iterator[tuple[At, Maps]]:
        """The table.

        Yields
        ------
        at : dict
        results : dict of arrays
        """
        assert isinstance(accumulator, Rows)
        yield {}, {TABLE: np.array([tuple(row) for row in accumulator.rows], np.dtype(list(self.columns)))}


class Export(WholeFiles):
    """Copies of constants out of a store or a folder, by detector, kind, operating condition and time.

    With them comes a table of their ages and of what is missing (summary.csv).
    """

    command: ClassVar[str] = "DBTOH5"
    aliases: ClassVar[tuple[str, ...]] = ("EXPORT",)
    title: ClassVar[str] = "Constants to files"
    verb: ClassVar[str] = "Export"
    use_when: ClassVar[str] = "Constants are wanted as files of their own, or elsewhere."
    caution: ClassVar[str] = "What a store has not accepted is left out, unless drafts are asked for."
    work = "export"
    table_title: ClassVar[str] = "Copies"
    table_help: ClassVar[str] = "What was copied, and what is missing"
    columns: ClassVar[tuple[tuple[str, str], ...]] = TABLE_COLUMNS

    calibrations: str = knob("", help="Names in the database with commas between, such as Offset,Noise; all unless "
                             "given")
    units: str = knob("", help="Physical detector units with commas between; all unless given")
    versions: str = knob("", help="Numbers of versions of the store, such as 3,7-12, in place of what answers")
    detector_type: str = knob("", help="The database's name of a detector type, such as that of its files' folder")
    condition: str = knob("", help=f"Operating condition, all of it or nothing, such as {_CONDITION}")
    at: str = knob("", help="Time that constants are wanted for, such as 2026-03-02T09:00; now unless given")
    take: Literal["prior", "closest", "newest", "all"] = knob(
        "prior", help="Of each kind and unit the newest before that time, the closest to it, the last, or all")
    snapshot: str = knob("", help="Time as of which versions and decisions are taken; now unless given", expert=True)
    layout: Literal["modules", "facility"] = knob(
        "modules", help="A file of each constant with /MODULE/CALIBRATION, or files as they are in the facility's "
        "tree")
    fallback: str = knob("", help="What differs in another operating condition, whose constant is taken where there "
                         "is none of the exact one, or where it is much closer in time; written as the condition")
    fallback_days: float = knob(days_that_count(), ge=0, le=MOST_DAYS, unit="days",
                                help="How many days closer that is")

    def inputs(self, kind: DetectorType | None) -> tuple[Input, ...]:
        """Stores, folders or files of constants.

        Returns
        -------
        tuple of Input
        """
        return (Input("store", "constants", "constants", many=True, optional=True, whole=True,
                      help="stores, folders or files of constants; your own store unless given"),)

    def outputs(self, kind: DetectorType | None) -> tuple[Output, ...]:
        """Copies, and their table.

        Returns
        -------
        tuple of Output
        """
        return (ExportOutput(TABLE),)


class Inject(WholeFiles):
    """Constants of files into a store, as drafts: all of them, or none.

    Each is looked at first: axes, operating condition, values without a number, and what it changes in what is
    accepted.
    """

    command: ClassVar[str] = "INJECT"
    title: ClassVar[str] = "Constants into the store"
    verb: ClassVar[str] = "Inject"
    use_when: ClassVar[str] = "There are files of constants that a store is to keep."
    caution: ClassVar[str] = "Nothing of it counts before somebody accepts it."
    work = "injection"
    looks_by: ClassVar[str] = "look_only"
    table_title: ClassVar[str] = "Files"
    table_help: ClassVar[str] = "What was made sure of in each file, what it changes, and what becomes of it"
    columns: ClassVar[tuple[tuple[str, str], ...]] = COLUMNS

    detector_type: str = knob("", help="The database's name of the detector type: files that do not tell it are of "
                              "it, and those of others are refused")
    condition: str = knob("", help=f"Operating condition of files that do not tell it, such as {_CONDITION}")
    valid_from: str = knob("", help="Time from which on those files are valid that do not tell it")
    store: str = knob("", help="Folder of the store that takes them; your own unless given")
    author: str = knob("", help="Who; your login unless given")
    comment: str = knob("", help="Why")
    confirm_units: bool = knob(False, help="Take names that stand in for those of physical units, such as "
                               "DETECTOR_AGGREGATOR")
    look_only: bool = knob(False, help="Tell what would become of the files, and take none")

    @property
    def writes(self) -> bool:
        """Whether anything is written."""
        return not self.look_only

    def inputs(self, kind: DetectorType | None) -> tuple[Input, ...]:
        """Files, or folders of them.

        Returns
        -------
        tuple of Input
        """
        return (Input("files", "files", "constants", many=True, whole=True,
                      help="files of constants, folders of them, or manifests of sets"),)

    def outputs(self, kind: DetectorType | None) -> tuple[Output, ...]:
        """What the store takes, and the table.

        Returns
        -------
        tuple of Output
        """
        return (InjectionOutput(TABLE),)


class KeepStatistics(WholeFiles):
    """Statistics of versions of a store made anew of their files, and kept there, version by version.

    Timelines are drawn of them. Those of new versions are made while they are injected.
    """

    command: ClassVar[str] = "KEEP_STATS"
    title: ClassVar[str] = "Statistics of a store anew"
    verb: ClassVar[str] = "Make"
    use_when: ClassVar[str] = "A store has versions without statistics, or with those of another program."
    caution: ClassVar[str] = "Every file is read as a whole."
    work = "keeping"
    table_title: ClassVar[str] = "Versions"
    table_help: ClassVar[str] = "Whose statistics were made and kept, and why others were not"
    columns: ClassVar[tuple[tuple[str, str], ...]] = (
        ("version", "i8"), ("unit", "O"), ("calibration", "O"), ("valid from (UTC)", "O"), ("state", "O"))

    versions: str = knob("", help="Numbers of versions, such as 3,7-12; those that have no statistics unless given")

    def inputs(self, kind: DetectorType | None) -> tuple[Input, ...]:
        """The store.

        Returns
        -------
        tuple of Input
        """
        return (Input("store", "store", "constants", optional=True, whole=True,
                      help="folder of a store; your own unless given"),)

    def outputs(self, kind: DetectorType | None) -> tuple[Output, ...]:
        """The table.

        Returns
        -------
        tuple of Output
        """
        return (TableOutput(TABLE),)
