"""Corrected frames of a real detector: what its pedestals leave, and its photons one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from extra_data import RunDirectory
from scipy.optimize import curve_fit

from .command import Result
from .test_real_data import CODES, darks, jungfrau_run

pytestmark = pytest.mark.real

Array = Any
#: Energy of the photons of module M049, keV, and ADU/keV of its ASICs as a fit of local Gaussians found them before.
ENERGY = 12.398
GAINS = (40.5, 41.2, 39.9, 39.8, 40.2, 41.1, 39.4, 39.8)


@pytest.fixture(scope="module")
def corrected(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Array, ...]:
    """Frames of module M049 without their pedestals, their gain stages and masks; what was stored, and pedestals.

    There is no gain map, so values stay in ADU. Offsets are made of the pedestals by dark runs without noise, whose
    flags say so of every pixel and are not taken.
    """
    with h5py.File(real_data / "jungfrau_m049" / "jungfrau_m049.h5") as file:
        raw, pedestal = file["raw"][()], np.round(file["pedestal"][()]).astype(np.uint16)
    root = tmp_path_factory.mktemp("m049")
    words = []
    for number, (stage, (role, code)) in enumerate(zip(pedestal, CODES.items(), strict=True), start=1):
        adc = np.broadcast_to(stage, (3, *stage.shape))
        words += [f"--run-{role}", str(jungfrau_run(root / f"r{number:04d}", adc, np.full(adc.shape, code)))]
    darks("JUNGFRAU", "DARK", *words, "--min-trains", "3", out=root / "dark")
    run = jungfrau_run(root / "r0010", raw & 0x3FFF, raw >> 14)
    capsys: Any = _Nothing()
    done = Result(["JUNGFRAU", "CORRECT", "--run", str(run), "--constants-offset", str(root / "dark"),
                   "--out-folder", str(root / "out")], root / "out", capsys)
    assert done.status == 0
    source = RunDirectory(root / "out")["FXE_XAD_JF1M/CORR/JNGFR01:daqOutput"]
    return (*(source[f"data.{key}"].ndarray()[:, 0] for key in ("adc", "gain", "mask")), raw, pedestal)


class _Nothing:
    """In place of what pytest captures, which fixtures of a module cannot have."""

    out = err = ""

    def readouterr(self) -> _Nothing:
        return self


def test_samples_are_what_was_stored_less_their_pedestals(corrected: tuple[Array, ...]) -> None:
    values, gain, mask, raw, pedestal = corrected
    stage = np.array([0, 1, 0, 2])[raw >> 14]
    good = mask == 0
    assert good.mean() > 0.99
    np.testing.assert_array_equal(gain, stage)
    expected = (raw & 0x3FFF).astype(np.float32) - np.take_along_axis(pedestal, stage.astype(int), 0)
    np.testing.assert_array_equal(values[good], expected[good])


def test_photons_are_where_their_energy_puts_them(corrected: tuple[Array, ...]) -> None:
    """No photon within 12 ADU of 0; a photon is worth what was found of each ASIC before, within 2.5 %."""
    values, gain, mask, *_ = corrected
    for asic, expected in enumerate(GAINS):
        row, column = divmod(asic, 4)
        part = np.s_[:, row * 256:(row + 1) * 256, column * 256:(column + 1) * 256]
        peaks = found_peaks(values[part][(mask[part] == 0) & (gain[part] == 0)], expected * ENERGY)
        assert abs(peaks[0]) < 12, f"ASIC {asic}"
        assert (peaks[3] - peaks[1]) / 2 / ENERGY == pytest.approx(expected, rel=0.025), f"ASIC {asic}"
        assert (peaks[2] - peaks[1]) / ENERGY == pytest.approx(expected, rel=0.025), f"ASIC {asic}"


def found_peaks(samples: Array, photon: float) -> list[float]:
    """Places of the peaks of 0 to 3 photons, ADU, each by a Gaussian on a constant about it."""
    counts, edges = np.histogram(samples, np.arange(-200, 2000, 5))
    at, found = (edges[1:] + edges[:-1]) / 2, []
    smooth = np.convolve(counts, np.ones(5), "same")
    for number in range(4):
        top = at[np.argmax(np.where(np.abs(at - number * photon) < 150, smooth, 0))]
        near = np.abs(at - top) < (120 if number else 60)
        x, y = at[near], counts[near]
        fit, _ = curve_fit(peak, x, y, [y.max(), top, 50, y.min()], sigma=np.sqrt(y + 1.0),
                           bounds=([0, top - 60, 10, 0], [np.inf, top + 60, 150, np.inf]))
        found.append(float(fit[1]))
    return found


def peak(x: Array, height: float, middle: float, width: float, below: float) -> Array:
    return height * np.exp(-((x - middle) ** 2) / 2 / width**2) + below
