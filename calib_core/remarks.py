"""What is remarkable of a module, as data: one list that log, closing table, window and provenance read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from calib_core.axes import Label

#: Pixels of a module: first row, row after the last, first column, column after the last.
Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Remark:
    """A number of a module that is outside its limit.

    Attributes
    ----------
    kind : str
        Check that it comes from, by its :attr:`CheckText.kind`.
    module : int
    stage : str
        Short name of the gain stage; empty where it holds for all.
    value, limit : float
        What was found, and the nearest value that would not have been told.
    unit : str
        Of both.
    sentence : str
        It in words, with the numbers.
    asics : tuple of int
        ASICs that it is about, numbered row by row from 0; none where it is about the whole module.
    boxes : tuple of Box
        Their pixels.
    cells : tuple of int
        Memory cells in which it holds; empty where that is not asked.
    """

    kind: str
    module: int
    stage: str
    value: float
    limit: float
    unit: str
    sentence: str
    asics: tuple[int, ...] = ()
    boxes: tuple[Box, ...] = ()
    cells: tuple[int, ...] = ()

    def holds(self, at: Mapping[str, Label]) -> bool:
        """Whether it is about a place.

        Parameters
        ----------
        at : mapping of str to label
            Labels along axes, those of gain stage and memory cell among them.
        """
        return (at.get("gain", self.stage) == self.stage or not self.stage) and (
            not self.cells or at.get("cell", self.cells[0]) in self.cells)

    def as_json(self) -> dict[str, Any]:
        """All of it as plain JSON, for provenance."""
        return asdict(self)


def read_remarks(found: Any) -> tuple[Remark, ...]:
    """Remarks that provenance has.

    Parameters
    ----------
    found : list of dict
        As of :meth:`Remark.as_json`, after a way through JSON.

    Returns
    -------
    tuple of Remark
        Without what is none: files may be of another program.
    """
    return tuple(one for entry in (found if isinstance(found, list) else ()) if (one := _read(entry)) is not None)


def _read(entry: Any) -> Remark | None:
    try:
        return Remark(
            str(entry["kind"]), int(entry["module"]), str(entry["stage"]), float(entry["value"]),
            float(entry["limit"]), str(entry["unit"]), str(entry["sentence"]), tuple(map(int, entry["asics"])),
            tuple((int(top), int(bottom), int(left), int(right)) for top, bottom, left, right in entry["boxes"]),
            tuple(map(int, entry["cells"])))
    except (KeyError, TypeError, ValueError):
        return None


@dataclass(frozen=True)
class CheckText:
    """A check in words, for a page.

    Attributes
    ----------
    kind : str
        What its remarks are called.
    statistic : str
        What it looks at, with its formula.
    limit : str
        What is told.
    alarms : str
        How often it tells of good modules.
    source : str
        Where the limit comes from.
    """

    kind: str
    statistic: str
    limit: str
    alarms: str
    source: str
