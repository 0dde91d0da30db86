"""Runs of EXtra-data's own mock writers: looked at and characterised without a crash, in clear words."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from extra_data.tests import make_examples
from extra_data.tests.mockdata import write_file
from extra_data.tests.mockdata.agipd import AGIPDMDL
from extra_data.tests.mockdata.detectors import AGIPDModule
from extra_data.tests.mockdata.jungfrau import JUNGFRAUControl, JUNGFRAUModule

from calib_core.cli.main import main
from calib_core.store.constants import StoredConstant, list_constants

Capture = pytest.CaptureFixture[str]


def raw_jungfrau(folder: str) -> None:
    """Two modules and their control, without a pixel written."""
    for module in (1, 2):
        write_file(f"{folder}/RAW-R0012-JNGFR{module:02d}-S00000.h5",
                   [JUNGFRAUModule(f"FXE_XAD_JF1M/DET/JNGFR{module:02d}", raw=True)], ntrains=20, chunksize=1,
                   format_version="1.2")
    write_file(f"{folder}/RAW-R0012-JNGFRCTRL00-S00000.h5", [JUNGFRAUControl("FXE_XAD_JF1M/DET/CONTROL")],
               ntrains=20, chunksize=1, format_version="1.2")


def of_version(version: str) -> Callable[[str], None]:
    return partial(make_examples.make_spb_run, format_version=version)


#: Writer, family, what the look at it tells, why there are no darks of it.
RUNS: dict[str, tuple[Callable[[str], None], str, str, str]] = {
    "AGIPD 1M with control, 1.0": (make_examples.make_agipd1m_run, "AGIPD",
                                   "modules 0-15: 100 trains, 6400 frames, memory cells 0-63",
                                   "6400 frames never written"),
    "AGIPD 1M, 0.5": (of_version("0.5"), "AGIPD", "modules 0-15: 64 trains, 4096 frames",
                      "4096 frames never written"),
    # The writer puts flags of 1, which only in this version mean that the time server did not confirm the train.
    "AGIPD 1M, 1.1": (of_version("1.1"), "AGIPD", "modules 0-15: 0 trains, 0 frames",
                      "4096 frames never written"),
    "AGIPD 1M, 1.2": (of_version("1.2"), "AGIPD", "modules 0-15: 64 trains, 4096 frames",
                      "4096 frames never written"),
    "AGIPD 500K": (make_examples.make_agipd500k_run, "AGIPD", "modules 0-7: 100 trains, 6400 frames",
                   "6400 frames never written"),
    "AGIPD 1M, reduced": (partial(make_examples.make_reduced_spb_run, rng=np.random.RandomState(1)), "AGIPD",
                          "memory cells 0-18", "frames never written"),
    "AGIPD 1M, corrected": (make_examples.make_modern_spb_proc_run, "AGIPD", "0 trains, 0 frames",
                            "raw data are needed"),
    "JUNGFRAU, raw": (raw_jungfrau, "JUNGFRAU", "data/memoryCell: it was never written",
                      "data/memoryCell: it was never"),
    "JUNGFRAU, corrected": (make_examples.make_jungfrau_run, "JUNGFRAU", "0 trains, 0 frames",
                            "this looks like corrected data"),
    "no detector of ours": (make_examples.make_remi_run, "AGIPD", "no detector that is known", "no AGIPD detector"),
}


@pytest.mark.parametrize("name", RUNS)
def test_a_run_without_pixels_is_told_and_refused(name: str, tmp_path: Path, capsys: Capture) -> None:
    write, family, told, refused = RUNS[name]
    run, out = tmp_path / "r0012", tmp_path / "out"
    run.mkdir()
    write(str(run))
    assert main(["info", str(run)]) == (2 if "0 trains, 0 frames" in told or "it was never" in told else 0)
    assert told in capsys.readouterr().out
    assert main([family, "DARK", "--run-high", str(run), "--out-folder", str(out)]) == 1
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("ERROR")]
    assert len(errors) == 1
    assert refused in errors[0]
    assert len(errors[0]) < 600
    assert list(out.iterdir()) == []


def test_a_run_of_two_detectors_asks_which(tmp_path: Path, capsys: Capture) -> None:
    run = tmp_path / "r0001"
    run.mkdir()
    make_examples.make_fxe_jungfrau_run(str(run))
    for path in run.glob("RAW-R0052-*"):  # the writer makes files of two runs
        with h5py.File(path, "r+") as file:
            file["METADATA/runNumber"][:] = 12
    words = ["JUNGFRAU", "DARK", "--run-high", str(run), "--out-folder", str(tmp_path / "out")]
    assert main(words) == 1
    assert "(FXE_XAD_JF1M, FXE_XAD_JF500K); name one of them (--karabo-id)" in capsys.readouterr().err
    assert main([*words, "--karabo-id", "FXE_XAD_JF500K"]) == 1
    assert "this looks like corrected data" in capsys.readouterr().err


def noisy(shape: tuple[int, ...], seed: int) -> Any:
    """Samples of a detector of a constant level with noise, different in every pixel."""
    rng = np.random.default_rng(seed)
    level = rng.uniform(4000, 5000, shape[1:]).astype(np.float32)
    return np.round(level + rng.standard_normal(shape, np.float32) * 8).astype(np.uint16)


def darks(out: Path, *words: str) -> dict[str, StoredConstant]:
    assert main([*words, "--estimator", "plain", "--out-folder", str(out)]) == 0
    return {c.attributes["kind"]: c for c in list_constants(out)}


@pytest.mark.parametrize("version", ["0.5", "1.0", "1.1", "1.2"])
def test_offset_and_noise_of_placed_samples(version: str, tmp_path: Path) -> None:
    trains, cells, run = 14, 3, tmp_path / "r0012"
    run.mkdir()
    for module in (3, 4):
        write_file(str(run / f"RAW-R0012-AGIPD{module:02d}-S00000.h5"),
                   [AGIPDModule(f"SPB_DET_AGIPD1M-1/DET/{module}CH0", frames_per_train=cells)], ntrains=trains,
                   chunksize=8, format_version=version)
    write_file(str(run / "RAW-R0012-AGIPD1MCTRL00-S00000.h5"), [AGIPDMDL("SPB_IRU_AGIPD1M1/MDL/FPGA_COMP")],
               ntrains=trains, chunksize=1, format_version=version)
    samples = noisy((trains * cells, 2, 512, 128), seed=3)
    with h5py.File(run / "RAW-R0012-AGIPD03-S00000.h5", "r+") as file:
        file["INSTRUMENT/SPB_DET_AGIPD1M-1/DET/3CH0:xtdf/image/data"][:] = samples
    suspect = ["--keep-suspect-trains"] if version == "1.1" else []
    found = darks(tmp_path / "out", "AGIPD", "DARK", "--run-high", str(run), *suspect)
    assert {c.pdu for c in list_constants(tmp_path / "out")} == {"SPB_DET_AGIPD1M-1_AGIPD03"}
    by_cell = samples.reshape(trains, cells, 2, 512, 128).astype(np.float64)
    np.testing.assert_allclose(found["Offset"].values()[0, :cells], by_cell[:, :, 0].mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(found["Noise"].values()[0, :cells], by_cell[:, :, 0].std(axis=0, ddof=1), rtol=1e-6)
    signal = found["ThresholdsDark"].values()[2, :cells]
    np.testing.assert_allclose(signal, by_cell[:, :, 1].mean(axis=0), rtol=1e-6)


def test_offset_of_placed_samples_with_gain_bits(tmp_path: Path) -> None:
    run = tmp_path / "r0012"
    run.mkdir()
    raw_jungfrau(str(run))
    samples = noisy((20, 2, 512, 1024), seed=4)
    with h5py.File(run / "RAW-R0012-JNGFR02-S00000.h5", "r+") as file:
        group = file["INSTRUMENT/FXE_XAD_JF1M/DET/JNGFR02:daqOutput/data"]
        group["memoryCell"][:] = np.arange(16)
        group["adc"][:, :2] = samples
        group["gain"][:, :2] = 0
    found = darks(tmp_path / "out", "JUNGFRAU", "DARK", "--run-high", str(run), "--modules", "2",
                  "--memory-cells", "16")  # the writer says one
    np.testing.assert_allclose(found["Offset"].values()[0, :2], samples.mean(axis=0), rtol=1e-6)
    assert (found["Offset"].count()[0, :2] == 20).all()
