"""A store of a JUNGFRAU whose rows are made around the time of a run, without files."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from calib_core.constants.matching import Setting
from calib_core.store.local.records import Place, Record, add_act, add_place, add_version
from calib_core.store.local.store import LocalStore
from calib_core.store.statuses import Status

DETECTOR = "SPB_IRDA_JF4M"
UNITS = {"JNGFR01": "Jungfrau_M101", "JNGFR02": "Jungfrau_M102"}
#: Operating condition of the simulated runs; what is 0 or 25 ns as it always was is left out.
OWN = {"Sensor Bias Voltage": Setting(90.0, unit="V"), "Memory Cells": Setting(1.0), "Pixels X": Setting(1024.0),
       "Pixels Y": Setting(512.0), "Integration Time": Setting(10.0, 0.025, 0.025, unit="µs"),
       "Sensor temperature": Setting(291.0, 5.0, 5.0, unit="K"), "Gain Setting": Setting(0.0)}


class MadeStore:
    """A store whose rows are made for the run, without files: why reads none."""

    def __init__(self, folder: Path, start: datetime) -> None:
        self.store, self.start, self._files = LocalStore(folder, create=True), start, 0
        with self.store.writing() as writing:
            act = add_act(writing, "install", "anna", "", start)
            for module, (aggregator, unit) in enumerate(UNITS.items(), 1):
                add_place(writing, act, Place(DETECTOR, aggregator, module), unit, "jungfrau-Type",
                          start - timedelta(days=900))

    def put(self, hours: float, status: Status = Status.ACCEPTED, kind: str = "Offset10Hz",
            units: tuple[str, ...] = tuple(UNITS.values()), comment: str = "", **changes: Setting) -> list[int]:
        """Versions so long before the run, one of each unit; settings by names whose blanks are underscores."""
        settings = {**OWN, **{name.replace("_", " "): one for name, one in changes.items()}}
        begin, numbers = self.start - timedelta(hours=hours), []
        with self.store.writing() as writing:
            act = add_act(writing, "inject", "ben", comment, begin)
            for unit in units:
                self._files += 1
                numbers.append(add_version(writing, act, Record(
                    unit, kind, "jungfrau-Type", settings, begin, begin, f"xfel/cal/{self._files}.h5",
                    f"/{unit}/{kind}/0", f"{self._files:064x}"), status))
        return numbers
