"""An installed detector and its modules, as a run shows them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from calib_core.detector.detector_type import DetectorType
from calib_core.errors import BadParameter
from calib_core.ranges import format_numbers


@dataclass(frozen=True)
class Module:
    """One module of an installed detector: number, source, aggregator (file) and physical detector unit."""

    number: int
    source: str
    aggregator: str
    pdu: str


@dataclass(frozen=True)
class Detector:
    """An installed detector as a run shows it."""

    identifier: str
    type: DetectorType
    modules: tuple[Module, ...]

    def held(self, numbers: Iterable[int]) -> tuple[tuple[Module, ...], str]:
        """Those of some modules that the run has, in order, and a sentence on the others; empty where there are none.

        Raises
        ------
        BadParameter
            The run has none of them.
        """
        wanted, known = sorted(set(numbers)), {module.number: module for module in self.modules}
        here = tuple(known[number] for number in wanted if number in known)
        if not here and wanted:
            self.module(wanted[0])
        absent = [number for number in wanted if number not in known]
        plural = "s" if len(absent) > 1 else ""
        return here, (f"{self.identifier} has no module{plural} {format_numbers(absent)} in this run; "
                      f"it has {format_numbers(known)}." if absent else "")

    def module(self, number: int) -> Module:
        """Module by its number; BadParameter where the run has none such."""
        for module in self.modules:
            if module.number == number:
                return module
        have = ", ".join(str(m.number) for m in self.modules)
        raise BadParameter(f"{self.identifier} has no module {number} in this run; it has {have}.")

