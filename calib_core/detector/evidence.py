"""What a run tells of its condition and gain stage, and what descriptors may ask of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy.typing as npt

if TYPE_CHECKING:
    from calib_core.detector.detector_type import GainStage

Array = npt.NDArray[Any]


class ControlReader(Protocol):
    """What descriptors may ask of a run: its control values, by source and key."""

    def sources(self, pattern: str) -> list[str]:
        """Control sources that match a regular expression, sorted."""

    def run_value(self, source: str, key: str) -> Any | None:
        """Value at the start of the run, or None where there is no such source or key."""

    def largest(self, source: str, key: str) -> float | None:
        """Largest value over the run, or None where there is no such source or key."""

    def cells(self) -> Array:
        """Distinct memory cells of the first module's frames, sorted (may be empty)."""

    def cell_order(self) -> Array:
        """Memory cells of the first train that has frames, in the order of recording (may be empty)."""

    def pulses(self) -> Array:
        """Pulse ids of the first train that has frames (may be empty)."""

    def mean_beside(self, key: str) -> float | None:
        """Mean of a key beside the pixels of the first module, such as a temperature; None where there is none."""


@dataclass(frozen=True)
class StageEvidence:
    """What a run says about its gain stage: by slow control, by gain bits, or only its mean gain signal."""

    stage: int | None
    origin: str
    gain_signal: float | None = None


@dataclass(frozen=True)
class SampleStatistics:
    """Statistics of a few raw frames, from which a descriptor recognises the gain stage."""

    median_gain_signal: float | None
    modal_gain_bits: int | None


def only_stage(why: str, run: ControlReader, detector: str, sample: SampleStatistics) -> StageEvidence:
    """Evidence of detectors whose runs are all of one gain stage."""
    return StageEvidence(0, why)


def stage_by_bits(stages: Sequence[GainStage], sample: SampleStatistics) -> StageEvidence:
    """What the most frequent gain bits say; nothing where no stage has them."""
    known = {stage.code: index for index, stage in enumerate(stages)}
    bits = sample.modal_gain_bits
    return StageEvidence(None if bits is None else known.get(bits), "most frequent gain bits")
