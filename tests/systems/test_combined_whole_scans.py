"""Combined gains of scans that are as long as those of a real detector, in units of their errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from calib_core.cli.main import main
from calib_core.constants.constant import GAIN_FIELDS, PC_FIT
from calib_core.jobs.truth_constants import folder_of, write_truth
from calib_core.simulate import default_settings, simulate
from calib_core.simulate.scenes.pc import PulseCapacitor
from calib_core.simulate.scenes.photons import Photons
from calib_core.simulate.truth import ModuleTruth
from calib_core.store.constants import list_constants

from ..small_modules import small_modules

Array = Any
MODULE = 3
SETTINGS = default_settings("AGIPD500K").with_changes({
    "modules": str(MODULE), "memory_cells": 4, "frames_per_train": 1, "trains_per_sequence": 600})
#: Of the pixels those of two patterns are charged, as they are unless told: they switch about step 200.
SCENE, MARGIN = PulseCapacitor(order="1,2"), 20


@pytest.fixture(scope="module", autouse=True)
def few_asics() -> Iterator[None]:
    """Modules of four ASICs."""
    with small_modules("AGIPD", 128, 128):
        yield


def stored(folder: Path, kind: str, axis: str) -> Array:
    """A constant of the first memory cell by h5py and its own names of axes: one of them, slow_scan, fast_scan."""
    [one] = [one for one in list_constants(folder) if one.attributes["kind"] == kind]
    with h5py.File(one.path, locking=False) as file:
        data = next(iter(next(iter(file.values())).values()))["0/data"]
        dims = data.attrs["dims"].tolist()
        return data[()].transpose([dims.index(dim) for dim in ("cell", axis, "slow_scan", "fast_scan")])[0]


@dataclass
class Combined:
    """Constants of a scan and what was combined of them, by name."""

    darks: Path
    scan: Path
    out: Path

    @property
    def fields(self) -> dict[str, Array]:
        return dict(zip(GAIN_FIELDS, stored(self.out, "FieldsGain", "field"), strict=True))

    @property
    def sound(self) -> Array:
        """Good pixels that a run has charged and that have no flag of high and of medium gain."""
        flags = stored(self.out, "BadPixelsGain", "gain")[0]
        return (ModuleTruth(SETTINGS, MODULE).bad == 0) & (flags == 0)


@pytest.fixture(scope="module")
def darks(few_asics: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The truth of darks: offsets cancel in what is asked here."""
    light = simulate(SETTINGS.with_changes({"trains": 2, "first_run": 90}), tmp_path_factory.mktemp("light"),
                     scene=Photons())
    write_truth(light)
    return folder_of(light)


@pytest.fixture(scope="module")
def combined(darks: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Combined]:
    """Combine a scan of so many steps."""
    def make(steps: int) -> Combined:
        root = tmp_path_factory.mktemp(str(steps))
        runs = simulate(SETTINGS.with_changes({"trains": steps}), root / "runs", scene=SCENE).runs.values()
        made = Combined(darks, root / "scan", root / "out")
        assert main(["AGIPD", "PC", "--runs", *map(str, runs), "--out-folder", str(made.scan), "-q"]) == 0
        assert main(["AGIPD", "COMBINE", "--constants-dark", str(darks), "--constants-pc", str(made.scan),
                     "--out-folder", str(made.out), "-q"]) == 0
        return made

    return make


@pytest.mark.parametrize(("steps", "share"), [(600, 0.020), (1200, 0.006)])
def test_the_step_at_the_switch_is_as_large_as_its_error(
    steps: int, share: float, combined: Callable[[int], Combined],
) -> None:
    """Per pixel 2.0 % of the signal, root mean square, where 400 steps are behind the switch, and 0.6 % of 1,000."""
    made, truth = combined(steps), ModuleTruth(SETTINGS, MODULE)
    own, offset = SCENE.truth_of(truth, 0), stored(made.darks, "Offset", "gain")
    fits = dict(zip(PC_FIT, stored(made.scan, "FitsPC", "quantity"), strict=True))
    ratio, shift = stored(made.out, "RelativeGain", "gain")[1], stored(made.out, "OffsetShift", "gain")[0]
    x = own.switch.astype(float)
    assert np.median(x) == pytest.approx(200, abs=10)
    high, medium = own.intercept_high + own.slope_high * x, own.intercept_medium + own.slope_medium * x
    step = ratio * (medium - offset[1]) + shift - (high - offset[0])
    good = made.sound & np.isfinite(step)
    assert good.mean() > 0.23  # a quarter is charged
    middle = (fits["samples HG"] - 1 - MARGIN) / 2
    of_high = fits["intercept HG error"] ** 2 - 2 * middle * x * fits["slope HG error"] ** 2 + (
        x * fits["slope HG error"]) ** 2
    of_medium = fits["intercept MG error"] ** 2 + 2 * x * fits["covariance MG"] + (x * fits["slope MG error"]) ** 2
    error = np.sqrt(of_high + ratio ** 2 * of_medium)
    pull = (step / error)[good]
    assert abs(pull.mean()) < 0.1
    assert pull.std() == pytest.approx(1, abs=0.1)
    of_signal = (step / (own.slope_high * x))[good]
    assert np.sqrt(np.mean(of_signal**2)) == pytest.approx(share, rel=0.2)
    assert abs(of_signal.mean()) < 0.003
    # Where lines of high gain begin, 5 ADU beside the darks of it, makes pulls 1 % wider where it is left out. Which
    # part of it is in the steps is told by how they go with it.
    begin = (own.intercept_high - offset[0]) / error
    assert (own.intercept_high - offset[0])[good].std() == pytest.approx(5, rel=0.1)
    part, of_part = (begin[good] @ pull) / (begin[good] @ begin[good]), (begin[good] @ begin[good]) ** -0.5
    assert abs(part) < 4 * of_part
    assert (4 * of_part < 1) == (steps == 1200)  # steps of 600 are too far off to tell
    fields = made.fields
    pull = ((fields["ratio HG/MG"] - own.ratio) / fields["ratio HG/MG error"])[good]
    assert abs(pull.mean()) < 0.1
    assert pull.std() == pytest.approx(1, abs=0.1)
