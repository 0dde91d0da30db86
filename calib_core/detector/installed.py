"""An installed detector and its modules, as a run shows them."""

from __future__ import annotations

from dataclasses import dataclass

from calib_core.detector.detector_type import DetectorType
from calib_core.errors import BadParameter


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

    def module(self, number: int) -> Module:
        """Module by its number; BadParameter where the run has none such."""
        for module in self.modules:
            if module.number == number:
                return module
        have = ", ".join(str(m.number) for m in self.modules)
        raise BadParameter(f"{self.identifier} has no module {number} in this run; it has {have}.")

