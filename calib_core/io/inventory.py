"""What a run holds, module by module, and every problem with it under a code that help and tests share."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from calib_core.plain_text import shown

Severity = Literal["refuse", "exclude", "warn"]
_VERDICT = {"refuse": "refused", "exclude": "left out", "warn": "check"}


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a run.

    Attributes
    ----------
    severity : {"refuse", "exclude", "warn"}
        The module, or where ``module`` is None the whole run, cannot be used; a file, trains or frames are left out;
        everything is used as it is.
    code : str
        Code of the fault, such as ``R04`` for a missing sequence.
    file : str
        Name of the file, or of the aggregator or detector where the problem is not in one file.
    path : str
        Path inside the file, may be empty.
    detail : str
        What is wrong, in words, with numbers.
    module : int, optional
        Module that is concerned.
    """

    severity: Severity
    code: str
    file: str
    path: str
    detail: str
    module: int | None = None

    def sentence(self) -> str:
        """One clear line for the screen and the log."""
        where = f"{self.file}, {self.path}" if self.path else self.file
        return shown(f"{where}: {self.detail} ({_VERDICT[self.severity]}, {self.code})")

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values with the sentence."""
        return {**asdict(self), "sentence": self.sentence()}


@dataclass(frozen=True)
class ModuleInventory:
    """What can be used of one module.

    Attributes
    ----------
    number : int
    trains, frames : int
        Trains that have frames, and frames, after everything bad and all suspect trains are left out.
    cells : tuple of int
        Distinct memory cells, ascending.
    files : tuple of str
        Names of the files that hold it, in order of their sequence.
    missing_sequences : tuple of int
    trains_lost, trains_of_run : int
        Trains of the run, by its control data and the other modules, and those of them that this module has not.
    """

    number: int
    trains: int
    frames: int
    cells: tuple[int, ...]
    files: tuple[str, ...]
    missing_sequences: tuple[int, ...]
    trains_lost: int
    trains_of_run: int


@dataclass(frozen=True)
class RunInventory:
    """Stock of one detector in one run."""

    run: str
    modules: tuple[ModuleInventory, ...]
    problems: tuple[Problem, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, each problem with its sentence."""
        return {"run": self.run, "modules": [_plain(m) for m in self.modules],
                "problems": [problem.to_json() for problem in self.problems]}


def _plain(module: ModuleInventory) -> dict[str, Any]:
    return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(module).items()}
