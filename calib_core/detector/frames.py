"""Decoded frames of a module, and which frames of a run are used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from calib_core.errors import BadParameter
from calib_core.ranges import ALL, Steps

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Frames:
    """Decoded frames of one module, in the order of their trains.

    Attributes
    ----------
    block : (n, planes, slow_scan, fast_scan) uint16, C-contiguous, ADU
        Raw samples; plane 0 is the analogue signal.
    cell : (n,) int64
        Memory cell of each frame, checked to lie within the detector's range.
    train : (n,) uint64
        Train id of each frame.
    gain : (n, slow_scan, fast_scan) uint8, optional
        Gain bits as stored, for detectors that have them.
    signal_plane : int, optional
        Plane of the analogue gain signal, for detectors that have one.
    others : tuple of Frames
        The same frames in the other gain stages, of runs that hold all of them and are read so.
    """

    block: Array
    cell: Array
    train: Array
    gain: Array | None = None
    signal_plane: int | None = None
    others: tuple[Frames, ...] = ()

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.cell)

    def part(self, which: slice | Array) -> Frames:
        """Some of the frames, in the same memory where they follow one another."""
        block, cell, train = (np.ascontiguousarray(one[which]) for one in (self.block, self.cell, self.train))
        gain = None if self.gain is None else np.ascontiguousarray(self.gain[which])
        return Frames(block, cell, train, gain, self.signal_plane, tuple(one.part(which) for one in self.others))

    @property
    def adc(self) -> Array:
        """View of the analogue samples, (n, slow_scan, fast_scan)."""
        return self.block[:, 0]

    @property
    def gain_signal(self) -> Array | None:
        """View of the analogue gain signal, (n, slow_scan, fast_scan), or None."""
        return None if self.signal_plane is None else self.block[:, self.signal_plane]


@dataclass(frozen=True)
class FrameSelection:
    """Frames of a run that are used.

    Attributes
    ----------
    skip_first : int
        Trains that are skipped first.
    max_trains, min_trains : int
        The most and the least trains that are taken.
    max_lost : float
        Largest share of the run's trains that the module may have lost.
    partial : bool
        Whether a run of which a file is still being written is used without that file, whatever is lost by that.
    cells_in_use : int
        Memory cells that the condition has; frames of others are left out. 0 where it does not tell.
    keep_suspect : bool
        Whether trains without confirmed train id are used.
    trains : tuple of (int, int)
        First and last id of trains of which others are left out; none where all are used.
    sequences : tuple of (int, int)
        First and last sequence number of files of which others are left out; none where all are used.
    lit : str
        Whether frames without light are left out: ``off``; ``device``, those of which a device of the run tells it;
        ``offline``, those whose pulse has no energy; ``auto``, by the device where there is one, else by energies.
    lit_device : str
        Name of the device; empty takes the only one.
    xgm : str
        Name of the monitor that tells the energies of pulses; empty for none.
    least_energy, most_energy : float, optional
        Of the pulse of a frame that is used, µJ; None takes all.
    whole_run : bool
        Whether a memory cell that has light, or enough of it, in one train is used in all.
    seen_whole_run : bool
        Whether steps that look at many frames before they are done see such a memory cell in all trains, although it
        is used in those alone in which it has light.
    pulses : (int, int or None, int)
        Frames of each train that are used, by their place in it: the first, that at which they end, and the step.
    part, parts : int
        A train's frames are cut into ``parts`` equal parts, such as one for each gain stage, and part ``part``,
        counted from 0, is used with the memory cells of the first part.
    together : bool
        Whether the frames of all parts are used, each with those of the others beside it.
    drop_last : int
        Frames at the end of each part that are left out then.
    """

    skip_first: int = 0
    max_trains: int | None = None
    min_trains: int = 1
    keep_suspect: bool = False
    part: int = 0
    parts: int = 1
    max_lost: float = 1.0
    cells_in_use: int = 0
    partial: bool = False
    together: bool = False
    drop_last: int = 0
    trains: tuple[tuple[int, int], ...] = ()
    sequences: tuple[tuple[int, int], ...] = ()
    pulses: Steps = ALL
    lit: str = "off"
    lit_device: str = ""
    xgm: str = ""
    least_energy: float | None = None
    most_energy: float | None = None
    whole_run: bool = False
    seen_whole_run: bool = False

    @property
    def by_light(self) -> bool:
        """Whether frames are left out for their light."""
        return self.lit != "off" or self.least_energy is not None or self.most_energy is not None

    def __post_init__(self) -> None:
        if not 0 <= self.part < self.parts:
            raise BadParameter(f"part = {self.part} is not allowed; it takes 0 to {self.parts - 1}.")
