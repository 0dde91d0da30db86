"""Trains that a module has lost, by what the rest of its run says: the module's own files are never the measure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import numpy.typing as npt

from calib_core.io.entries import absurd_trains, confirmed_trains
from calib_core.io.files import RunFile
from calib_core.io.module_index import ModuleIndex

Ids = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class FileTrains:
    """Confirmed trains of a file that tells what else happened in the run, (m,) uint64."""

    name: str
    trains: Ids


@dataclass(frozen=True)
class Loss:
    """Trains of a run, and how many of them a module has no frames of."""

    trains: int = 0
    lost: int = 0

    @property
    def share(self) -> float:
        """Share of the run's trains that is lost."""
        return self.lost / self.trains if self.trains else 0.0

    def __str__(self) -> str:
        """Words that follow the name of what has lost them."""
        return (f"has frames in {self.trains - self.lost} of the {self.trains} trains of the run; "
                f"{self.lost} {'is' if self.lost == 1 else 'are'} lost ({self.share:.1%})")


def control_trains(files: Iterable[RunFile]) -> tuple[FileTrains, ...]:
    """Trains of those files of a run that have control data.

    Parameters
    ----------
    files : iterable of RunFile
        Of the whole run.
    """
    return tuple(FileTrains(one.name, confirmed_trains(one)) for one in files if one.access.control_sources)


def lost_trains(
    index: ModuleIndex, others: Sequence[ModuleIndex], control: Sequence[FileTrains], keep_suspect: bool = False,
) -> Loss:
    """Compare a module with the control data of its run and with the other modules.

    Parameters
    ----------
    index : ModuleIndex
        The module that is judged.
    others : sequence of ModuleIndex
        Modules of the same detector; it does not matter whether the judged one is among them.
    control : sequence of FileTrains
        Those of files that the module is in are passed over.
    keep_suspect : bool
        Whether suspect trains of the module count as there.

    Returns
    -------
    Loss
        Of the confirmed trains in control data, those that another module has frames of, and its own.
    """
    mine = index.all_trains if keep_suspect else index.trains
    told = [one.trains for one in control if one.name not in index.files]
    of_run = _of_one_run([*told, *(other.trains for other in others if other.files != index.files)])
    lost = np.setdiff1d(of_run, mine, assume_unique=True)
    return Loss(len(mine) + len(lost), len(lost))


def _of_one_run(trains: Sequence[Ids]) -> Ids:
    """All trains together, without ids that cannot be of the same run."""
    found: Ids = reduce(np.union1d, trains, np.empty(0, np.uint64))
    return found[~absurd_trains(found)]
