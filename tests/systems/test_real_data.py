"""Darks of frames from real detectors, written as runs, against NumPy and the values that come with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from calib_core.characterisation.dark import Dark
from calib_core.characterisation.family import Family, declare, withdraw
from calib_core.cli.main import main
from calib_core.constants.badpixels import BadPixels
from calib_core.constants.condition import ConditionParameter
from calib_core.detector import (
    Calibration,
    ControlReader,
    DetectorType,
    Frames,
    GainStage,
    RawLayout,
    SampleStatistics,
    StageEvidence,
)
from calib_core.detector.clues import Usual
from calib_core.store.constants import StoredConstant, list_constants
from calib_core.store.exdf import ExdfFile, FileHeader, Trains

pytestmark = pytest.mark.real

Array = Any
FIRST_TRAIN = 10_000
BEGIN = datetime(2026, 3, 2, 8, tzinfo=UTC)
MODULE = "FXE_XAD_JF1M/DET/JNGFR01:daqOutput"
#: Gain bits of the stages, and the role of their runs.
CODES = {"high": 0, "med": 1, "low": 3}


def write_run(folder: Path, aggregator: str, source: str, keys: Mapping[str, Array]) -> Path:
    """Write a run of one file; every array has one row per train."""
    folder.mkdir(parents=True)
    n = len(next(iter(keys.values())))
    ids = np.uint64(FIRST_TRAIN) + np.arange(n, dtype=np.uint64)
    times = np.uint64(BEGIN.timestamp() * 1e9) + np.arange(n, dtype=np.uint64) * np.uint64(10**8)
    number = int(folder.name[1:])
    path = folder / f"RAW-R{number:04d}-{aggregator}-S00000.h5"
    with ExdfFile(path, Trains(ids, times, np.ones(n, bool)), FileHeader.of_new(900001, number, 0, BEGIN, n)) as file:
        file.instrument(source, "data", np.ones(n))
        file.column(source, "data.trainId", ids)
        for key, values in keys.items():
            file.column(source, f"data.{key}", values)
    return folder


def jungfrau_run(folder: Path, adc: Array, gain: Array) -> Path:
    """A run of one module with one memory cell from (trains, slow_scan, fast_scan)."""
    cell = np.full((len(adc), 1), 15, np.uint8)
    return write_run(folder, "JNGFR01", MODULE, {
        "adc": adc[:, None].astype(np.uint16), "gain": gain[:, None].astype(np.uint8), "memoryCell": cell})


def darks(*words: str, out: Path) -> dict[str, StoredConstant]:
    assert main([*words, "--out-folder", str(out)]) == 0
    return {c.attributes["kind"]: c for c in list_constants(out)}


@pytest.fixture(scope="module")
def m049(real_data: Path) -> dict[str, Array]:
    """JUNGFRAU module M049: raw frames and pedestals."""
    with h5py.File(real_data / "jungfrau_m049" / "jungfrau_m049.h5") as file:
        return {name: file[name][()] for name in ("raw", "pedestal")}


@pytest.fixture(scope="module")
def frames(m049: dict[str, Array]) -> tuple[Array, Array]:
    """Samples and gain bits of its frames."""
    return m049["raw"] & 0x3FFF, m049["raw"] >> 14


@pytest.fixture(scope="module")
def frames_run(frames: tuple[Array, Array], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return jungfrau_run(tmp_path_factory.mktemp("m049") / "r0001", *frames)


def test_info_tells_the_stage_and_the_frames(frames_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(frames_run)]) == 0
    text = capsys.readouterr().out
    assert "FXE_XAD_JF1M" in text
    assert "8 trains, 8 frames, memory cells 15" in text
    assert "gain 0" in text


def test_too_few_trains_are_said(frames_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["JUNGFRAU", "DARK", "--run-high", str(frames_run), "--out-folder", str(tmp_path)]) == 1
    assert "8 trains with usable frames; at least 10 are needed (--min-trains)" in capsys.readouterr().err


def test_offset_noise_and_wrong_gain_of_real_frames(
    frames_run: Path, frames: tuple[Array, Array], tmp_path: Path
) -> None:
    found = darks("JUNGFRAU", "DARK", "--run-high", str(frames_run), "--min-trains", "8", "--estimator", "plain",
                  out=tmp_path)
    adc, gain = frames
    valid = (adc > 0) & (adc < 16383) & (gain == 0)
    count = valid.sum(axis=0)
    some, several = count > 0, count > 1
    mean = np.where(valid, adc, 0.0).sum(axis=0) / np.maximum(count, 1)
    offset = found["Offset"].values()[0, 0]
    np.testing.assert_allclose(offset[some], mean[some], rtol=1e-6)
    assert np.isnan(offset[~some]).all()
    away = np.where(valid, adc - mean, 0.0)
    std = np.sqrt((away**2).sum(axis=0)[several] / (count[several] - 1))
    np.testing.assert_allclose(found["Noise"].values()[0, 0][several], std, rtol=1e-6)
    np.testing.assert_array_equal(found["Offset"].count()[0, 0], count)
    flags = found["BadPixelsDark"].values()[0, 0]
    wrong = (gain != 0).any(axis=0)
    assert wrong.sum() == 1772
    np.testing.assert_array_equal(flags & BadPixels.WRONG_GAIN_VALUE != 0, wrong)
    np.testing.assert_array_equal(flags & BadPixels.NO_DARK_DATA != 0, ~some)


def test_pedestals_come_back_exactly(m049: dict[str, Array], tmp_path: Path) -> None:
    """Noiseless runs of the three pedestals: the constants are the pedestals."""
    maps = np.round(m049["pedestal"]).astype(np.uint16)
    words = []
    for number, (stage, (role, code)) in enumerate(zip(maps, CODES.items(), strict=True), start=1):
        adc = np.broadcast_to(stage, (3, *stage.shape))
        run = jungfrau_run(tmp_path / f"r{number:04d}", adc, np.full(adc.shape, code))
        words += [f"--run-{role}", str(run)]
    found = darks("JUNGFRAU", "DARK", *words, "--min-trains", "3", out=tmp_path / "out")
    offset, noise = found["Offset"].values()[:, 0], found["Noise"].values()[:, 0]
    usable = (maps > 0) & (maps < 16383)
    np.testing.assert_array_equal(offset[usable], maps[usable])
    assert np.isnan(offset[~usable]).all()
    assert (noise[usable] == 0).all()
    assert np.nanmedian(offset, axis=(1, 2)).tolist() == [2446, 13584, 14100]
    assert (found["BadPixelsDark"].values()[:, 0][~usable] & BadPixels.NO_DARK_DATA).all()
    assert not (found["BadPixelsDark"].values() & BadPixels.WRONG_GAIN_VALUE).any()


def find_stage(run: ControlReader, detector: str, sample: SampleStatistics) -> StageEvidence:
    return StageEvidence(0, "it has but one")


@pytest.fixture
def camera() -> Iterator[DetectorType]:
    """A 12-bit camera with one gain stage and one memory cell."""
    kind = DetectorType(
        name="CAMERA", database_type="Camera-Type", title="Camera", shape=(480, 640), planes=1,
        max_modules=1, max_cells=1, saturation=4095, asic_shape=(480, 640),
        stages=(GainStage("G", "dark", "the only gain"),),
        raw=RawLayout(
            source=r"(?P<detector>\w+_CAM)/DET/(?P<module>\d+):out", source_format="{detector}/DET/{module}:out",
            aggregator="CAM{module:02d}", group="data", pixels="data.pixels", cell="data.cell", train="data.trainId",
        ),
        decode=lambda arrays: Frames(arrays["data.pixels"], arrays["data.cell"], arrays["data.trainId"]),
        encode=lambda block, stage, gain: {"data.pixels": block[:, 0]},
        condition=(ConditionParameter("exposure", "Exposure", "ms", 0.01, help="Exposure time"),),
        clues={"exposure": (Usual(0.04, "not in the run"),)}, find_stage=find_stage,
        calibrations={kind: Calibration(kind, ("cell", "gain", "slow_scan", "fast_scan"))
                      for kind in ("Offset", "Noise", "BadPixelsDark")},
        geometry=lambda n: None,
    )
    family = declare(Family("CAMERA", "Camera", (kind,), (Dark(),)))
    yield kind
    withdraw(family)


def test_temporal_noise_of_a_camera(real_data: Path, camera: DetectorType, tmp_path: Path) -> None:
    with h5py.File(real_data / "emva1288_set001" / "emva1288_set001.h5") as file:
        stack, published = file["dark_stack"][()], float(file.attrs["truth_sigma_2_y_stack_dark"])
    run = write_run(tmp_path / "r0001", "CAM00", "LAB_CAM/DET/0:out", {
        "pixels": stack, "cell": np.zeros(len(stack), np.uint16)})
    found = darks("CAMERA", "DARK", "--run-dark", str(run), "--estimator", "plain", "--ddof", "1",
                  out=tmp_path / "out")
    variance = found["Noise"].values()[0, 0].astype(np.float64) ** 2
    # 17 of the 7 million samples are 0, which stands for no measurement.
    samples = np.where(stack == 0, np.nan, stack.astype(np.float64))
    np.testing.assert_allclose(variance, np.nanvar(samples, axis=0, ddof=1), rtol=1e-6)
    # 24 frames of the full set: the mean over the pixels has the standard error s/√pixels, 0.005 DN².
    error = variance.std() / np.sqrt(variance.size)
    assert error < 0.006
    assert abs(variance.mean() - published) < 5 * error
