"""What a run tells of its condition and gain stage, and what descriptors may ask of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy.typing as npt

if TYPE_CHECKING:
    from calib_core.detector.detector_type import GainStage

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Readings:
    """What is stored of one key over the trains that are used.

    Attributes
    ----------
    values : (n,) array
        Numbers or text, one for each train that is told; of vectors the first entry. Where only the start of the
        run is told, the one value of it.
    trains : int
        Trains that are used.
    told : int
        How many of them are told; 0 where only the start of the run is.
    """

    values: Array
    trains: int
    told: int


class ControlReader(Protocol):
    """What descriptors may ask of a run: its control values, by source and key."""

    def sources(self, pattern: str) -> list[str]:
        """Control sources that match a regular expression, sorted."""

    def told(self, source: str, key: str) -> Readings | None:
        """What slow control tells of a key over the trains that are used, or None where it tells nothing."""

    def cells(self) -> Array:
        """Distinct memory cells of the first module's frames, sorted (may be empty)."""

    def cell_order(self) -> Array:
        """Memory cells of the first train that has frames, in the order of recording (may be empty)."""

    def pulses(self) -> Array:
        """Pulse ids of the first train that has frames (may be empty)."""

    def beside(self, key: str) -> Readings | None:
        """What a key beside the pixels of the first module tells, such as a temperature; None where there is none."""


@dataclass(frozen=True)
class StageEvidence:
    """What a run says about its gain stage: by slow control, by gain bits, or only its mean gain signal.

    ``conflict`` are words on slow control and gain bits that say different things.
    """

    stage: int | None
    origin: str
    gain_signal: float | None = None
    conflict: str = ""


@dataclass(frozen=True)
class ScanEvidence:
    """What a run says of a scan in which the detector charges its pixels by itself.

    Attributes
    ----------
    changes : tuple of float
        How much the signal of each line of pixels changes in the run, ADU; empty where nothing could be read.
    told : int or None
        Number of the pattern of charged lines that slow control tells.
    first_train, last_train : int
        Ids of the first and the last train of which any module has frames.
    current : float or None
        Current of the source that slow control tells.
    course : tuple of (int, float)
        Trains after the first, and by how much charged lines are above the others in a frame of them, ADU: a few.
    """

    changes: tuple[float, ...]
    told: int | None
    first_train: int
    last_train: int
    current: float | None = None
    course: tuple[tuple[int, float], ...] = ()


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
