"""Which trains of its runs a characterisation uses, as its parameters."""

from __future__ import annotations

from calib_core.detector import FrameSelection
from calib_core.params import Knobs, knob


class TrainSelection(Knobs):
    """Parameters of methods that read raw runs train by train."""

    max_trains: int = knob(1000, ge=1, le=65536, unit="trains", help="Most trains used of each run")
    min_trains: int = knob(10, ge=1, le=65536, unit="trains", help="Least trains a run must have")
    max_lost: float = knob(5.0, ge=0, le=100, unit="%", help="Most of a run's trains that a module may have lost")
    partial: bool = knob(False, expert=True, help="Use the rest of a run of which files are still being written")
    skip_first_trains: int = knob(0, ge=0, le=10000, unit="trains", help="Trains left out at the start")
    keep_suspect_trains: bool = knob(False, expert=True, help="Use trains whose id the time server did not confirm")

    def frame_selection(self) -> FrameSelection:
        """Trains that are used."""
        return FrameSelection(
            self.skip_first_trains, self.max_trains, self.min_trains, self.keep_suspect_trains,
            max_lost=self.max_lost / 100, partial=self.partial,
        )
