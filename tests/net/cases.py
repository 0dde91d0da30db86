"""Small darks of every family and variant, whose results the net holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from calib_core.simulate.run import Simulated, simulate
from calib_core.simulate.settings import default_settings


@dataclass(frozen=True)
class Case:
    """A dark over simulated runs.

    Attributes
    ----------
    name, kind : str
        Name of the case, detector type.
    settings : dict
        What differs from the simulator's defaults of the type.
    parameters, conditions : dict
        As in a job's specification.
    roles : tuple of str
        Runs that are given; empty gives all.
    table : bool
        Whether a look-up table is given.
    without : str
        Aggregator whose files are taken out of the last run.
    shape : tuple of int
        Pixels (slow_scan, fast_scan) of modules that are cut down, for `small_modules`; empty leaves them whole.
    """

    name: str
    kind: str
    settings: dict[str, Any] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)
    conditions: dict[str, Any] = field(default_factory=dict)
    roles: tuple[str, ...] = ()
    table: bool = False
    without: str = ""
    shape: tuple[int, ...] = ()

    @property
    def data(self) -> str:
        """Name of the raw runs, which several cases may share."""
        changes = "".join(f" {name}={value}" for name, value in sorted(self.settings.items()))
        shape = f" of {self.shape[0]} x {self.shape[1]}" if self.shape else ""
        return f"{self.kind}{shape}{changes}{f' without {self.without}' if self.without else ''}"


_AGIPD = {"modules": "0-1", "memory_cells": 3, "trains": 14, "outlier_share": 1e-3, "lost_trains": 0.1}
_MANY_LOST = {"max_lost": 50.0}
_AGIPD_ONE = {"modules": "0", "memory_cells": 3, "trains": 14, "outlier_share": 1e-3}
_JUNGFRAU = {"modules": "2", "trains": 13, "outlier_share": 1e-3, "wrong_gain_share": 1e-3}
_EPIX = {"trains": 24, "outlier_share": 1e-4}
_FASTCCD = {"trains": 12, "outlier_share": 1e-4}
_GH2 = {"trains": 3, "frames_per_train": 100, "outlier_share": 1e-3}
_PNCCD = {"trains": 16, "cosmic_rate": 2.0}

ESTIMATORS = ("robust", "median", "plain")
#: A type of each family, what it is simulated with, and the pixels of modules that are cut down: of large cameras and
#: of JUNGFRAU, whose bursts have all memory cells. Of others there are as few as two budgets cut into other blocks.
FAMILIES: dict[str, tuple[dict[str, Any], tuple[int, ...]]] = {
    "AGIPD1M": ({"modules": "0", "memory_cells": 5, "trains": 10, "outlier_share": 1e-3}, ()),
    "DSSC1M": ({"modules": "4", "memory_cells": 13, "trains": 10, "outlier_share": 1e-3}, ()),
    "EPIX100": ({"trains": 10, "outlier_share": 1e-3}, (354, 768)),
    "EPIX10K": ({"trains": 10, "outlier_share": 1e-3}, ()),
    "FASTCCD": ({"trains": 10, "outlier_share": 1e-3}, (1934, 240)),
    "GOTTHARD2": ({"trains": 3, "frames_per_train": 8, "outlier_share": 1e-3}, ()),
    "JUNGFRAU": ({"modules": "2", "memory_cells": 16, "trains": 10, "outlier_share": 1e-3}, (256, 256)),
    "LPD1M": ({"modules": "2", "memory_cells": 13, "trains": 10, "outlier_share": 1e-3}, ()),
    "PNCCD": ({"trains": 10, "cosmic_rate": 2.0}, (1024, 256)),
}

#: Each family with each estimator.
SMALL = tuple(
    Case(f"small {kind.lower()} {estimator}", kind, settings, {"estimator": estimator}, shape=shape)
    for kind, (settings, shape) in FAMILIES.items() for estimator in ESTIMATORS)

CASES = (
    *SMALL,
    Case("agipd two modules", "AGIPD1M", _AGIPD, _MANY_LOST),
    Case("agipd two passes", "AGIPD1M", _AGIPD, {"gate_samples": 7, **_MANY_LOST}),
    Case("agipd plain", "AGIPD1M", _AGIPD_ONE, {"estimator": "plain"}),
    Case("agipd median", "AGIPD1M", _AGIPD_ONE, {"estimator": "median", "ddof": 0}),
    Case("agipd normality", "AGIPD1M", {**_AGIPD_ONE, "trains": 24}, {"test_for_normality": True}),
    Case("agipd limits", "AGIPD1M", _AGIPD_ONE,
         {"group": "module", "spread": "plain", "quantisation": True, "legacy_zeros": True,
          "thresholds_offset_hard": [[4000, 6000], [4500, 6000]], "max_trains": 11, "skip_first_trains": 2}),
    Case("agipd missing stage", "AGIPD1M", _AGIPD_ONE, roles=("high", "low")),
    Case("agipd one stage", "AGIPD1M", _AGIPD_ONE, roles=("med",)),
    Case("agipd swapped", "AGIPD1M", {**_AGIPD_ONE, "swap_runs": True}),
    Case("agipd left-out module", "AGIPD1M", _AGIPD, _MANY_LOST, without="AGIPD01"),
    Case("agipd fixed gain", "AGIPD1M", {**_AGIPD_ONE, "fixed_gain": True}),
    Case("agipd damaged", "AGIPD1M", {**_AGIPD, "empty_first": 2, "vetoed_cells": 0.4, "drift": 200.0},
         _MANY_LOST),
    Case("agipd 500k", "AGIPD500K", {**_AGIPD_ONE, "modules": "3"}, conditions={"bias_voltage": 250.0}),
    Case("dssc", "DSSC1M", {"modules": "4", "memory_cells": 5, "trains": 12}),
    Case("epix100", "EPIX100", _EPIX),
    Case("epix100 auto", "EPIX100", _EPIX, {"common_mode_axis": "auto", "cosmics": True, "gate_samples": 10}),
    Case("epix100 no common mode", "EPIX100", _EPIX, {"common_mode": False, "iterations": 1}),
    Case("epix100 plain", "EPIX100", _EPIX, {"estimator": "plain", "iterations": 0}),
    Case("epix10k", "EPIX10K", {**_EPIX, "common_mode": 3.0}),
    Case("epix10k switching", "EPIX10K", {**_EPIX, "gain_setting": 3, "wrong_gain_share": 1e-3}),
    Case("fastccd", "FASTCCD", _FASTCCD),
    Case("fastccd missing stage", "FASTCCD", _FASTCCD, {"common_mode_axis": "column", "common_mode_limit": 50.0},
         roles=("high", "med")),
    Case("gotthard2", "GOTTHARD2", _GH2),
    Case("gotthard2 table", "GOTTHARD2", _GH2, table=True),
    Case("gotthard2 table median", "GOTTHARD2", _GH2, {"estimator": "median"}, table=True),
    Case("gotthard2 25 um", "GOTTHARD2_25UM", _GH2),
    Case("gotthard2 25 um table", "GOTTHARD2_25UM", _GH2, {"gate_samples": 50}, table=True),
    Case("jungfrau", "JUNGFRAU", _JUNGFRAU),
    Case("jungfrau burst", "JUNGFRAU", {**_JUNGFRAU, "memory_cells": 16, "trains": 10}, {"max_wrong_gain": 0.2}),
    Case("jungfrau fixed gain", "JUNGFRAU", {**_JUNGFRAU, "fixed_gain": True}),
    Case("lpd", "LPD1M", {"modules": "2", "memory_cells": 4, "trains": 12}),
    Case("lpd parallel gain", "LPD1M", {"modules": "2-3", "memory_cells": 3, "trains": 12, "parallel_gain": True}),
    Case("lpd vetoed cells", "LPD1M", {"modules": "2", "memory_cells": 6, "trains": 12, "vetoed_cells": 0.4,
                                       "first_cell": 2}),
    Case("lpd mini", "LPDMINI", {"modules": "0", "memory_cells": 3, "trains": 12}),
    Case("pnccd", "PNCCD", _PNCCD),
    Case("pnccd cosmics", "PNCCD", _PNCCD, {"cosmics": True, "cosmics_sigma": 7.0, "common_mode_min_share": 0.3}),
)


def raw_runs(case: Case, folder: Path) -> Simulated:
    """Raw runs of a case."""
    made = simulate(default_settings(case.kind).with_changes({"seed": 3, **case.settings}), folder)
    if case.without:
        for path in sorted(list(made.runs.values())[-1].glob(f"*-{case.without}-*.h5")):
            path.unlink()
    return made


def look_up_tables(folder: Path, pdus: tuple[str, ...]) -> Path:
    """Folder with a look-up table of each unit, made by h5py alone: 10-bit codes of a bent 12-bit converter."""
    code, strip = np.arange(4096)[:, None], np.arange(1280)
    for number, pdu in enumerate(pdus):
        bent = code / 4 + 20 * np.sin(np.pi * code / 4095) * np.cos(strip / 50 + number)
        table = np.stack([bent, bent + 1]).clip(0, 1023).astype(np.uint16)
        path = folder / "xfel" / "cal" / "gotthard2-type" / pdu.lower() / "cal.1700000000.5.h5"
        path.parent.mkdir(parents=True)
        with h5py.File(path, "w") as file:
            data = file.create_dataset(f"{pdu}/LUTGotthard2/0/data", data=table)
            data.attrs.create("dims", ["cell", "adc", "fast_scan"], dtype=h5py.string_dtype())
    return folder
