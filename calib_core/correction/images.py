"""Frames of one module on their way through correction steps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

import numpy as np

from calib_core.axes import Array
from calib_core.detector import Frames


@dataclass
class Images:
    """Frames of one module on their way through steps, which change them in place.

    Attributes
    ----------
    values : (n, slow_scan, fast_scan) float32, ADU
        Signals; uint16 codes while only steps of whole numbers have been at work.
    stage : (n, slow_scan, fast_scan) uint8
        Gain stage of each sample.
    mask : (n, slow_scan, fast_scan) uint32
        Bad-pixel flags so far.
    use : (n, slow_scan, fast_scan) bool
        Samples that are a measurement. Not those without flags: a bad pixel's own statistics go on, and a cosmic ray
        has no flag.
    cell, train : (n,)
        Memory cell and train id of each frame.
    pulse : (n,) or None
        Pulse id, where it is known.
    bits : (n, slow_scan, fast_scan) uint8 or None
        Gain bits as stored, of detectors that have them.
    signal : (n, slow_scan, fast_scan) uint16 or None
        Analogue gain signal, of detectors that have one.
    found : dict of arrays
        What steps found on the way, by their word; behind a dot what they found beside it.
    kept : dict of arrays
        Values as they were after some steps, by the word of the step.
    one_scale : bool
        Whether signals of all gain stages are on the scale of the first.
    others : tuple of Frames
        The same frames in the other gain stages, of runs that hold all of them; values are of the first one then.
    unforced : (n, slow_scan, fast_scan) uint8 or None
        Gain stages before samples were forced into another; None where none was.
    trusted : int
        Flags of constants that keep no sample out of what tells a baseline or a common mode.
    """

    values: Array
    stage: Array
    mask: Array
    use: Array
    cell: Array
    train: Array
    pulse: Array | None = None
    bits: Array | None = None
    signal: Array | None = None
    found: dict[str, Array] = field(default_factory=dict)
    kept: dict[str, Array] = field(default_factory=dict)
    one_scale: bool = False
    others: tuple[Frames, ...] = ()
    unforced: Array | None = None
    trusted: int = 0

    @classmethod
    def of(
        cls, values: Array, cell: Array, train: Array, use: Array | None = None, stage: int = 0,
        mask: Array | None = None,
    ) -> Self:
        """Images of one gain stage.

        Parameters
        ----------
        values : (n, slow_scan, fast_scan) float32 or uint16, ADU
        cell, train : (n,)
        use : (n, slow_scan, fast_scan) bool, optional
            Not copied. All samples are a measurement unless given, in an array that no step can write to.
        stage : int
        mask : (slow_scan, fast_scan) uint32, optional
            Flags of all images; none unless given.
        """
        shape = values.shape
        return cls(
            values, np.broadcast_to(np.uint8(stage), shape),
            np.broadcast_to(np.uint32(0) if mask is None else mask, shape),
            np.broadcast_to(np.True_, shape) if use is None else use, cell, train)

    @classmethod
    def of_frames(cls, frames: Frames) -> Self:
        """Images of all gain stages, in arrays of their own but for gain bits and gain signal.

        Parameters
        ----------
        frames : Frames
            As they are stored.
        """
        values = frames.adc.astype(np.float32)
        return cls(values, np.zeros(values.shape, np.uint8), np.zeros(values.shape, np.uint32),
                   np.ones(values.shape, bool), frames.cell, frames.train, None, frames.gain, frames.gain_signal,
                   others=frames.others)

    def copy(self) -> Self:
        """Images that later steps can change without these."""
        values, stage, mask, use = (np.array(one) for one in (self.values, self.stage, self.mask, self.use))
        return type(self)(values, stage, mask, use, self.cell, self.train, self.pulse, self.bits, self.signal,
                          dict(self.found), dict(self.kept), self.one_scale, self.others, self.unforced,
                          self.trusted)
