"""Darks of Gotthard-II: strips, two memory cells, three gains, look-up tables; and real strips without a sensor."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from calib_core.characterisation.dark import Dark
from calib_core.characterisation.family import Family, withdraw
from calib_core.characterisation.family import declare as declare_family
from calib_core.constants.badpixels import BadPixels
from calib_core.detector import Calibration, DetectorType, Level, Levels
from calib_core.detector.registry import declare, detector_type
from calib_core.explanation import Bars
from calib_core.jobs.job import Job
from calib_core.jobs.survey import survey
from calib_core.simulate.run import simulate
from calib_core.simulate.settings import default_settings
from calib_core.simulate.truth import BadKind
from calib_core.simulate.truth_file import read_truth
from calib_core.store.exdf import ExdfFile, FileHeader, Trains

from .command import refused, words
from .conftest import Dataset, Outcome, characterise, run_job

Array = Any
GOTTHARD2, GOTTHARD2_25UM = detector_type("GOTTHARD2"), detector_type("GOTTHARD2_25UM")
PDU = "SPB_50UM_GH2_GH201"
SHARES = {"dead_share": 0.01, "noisy_share": 0.01, "high_offset_share": 0.01, "wrong_gain_share": 0.01}
BEGIN = datetime(2026, 3, 2, 8, tzinfo=UTC)


@dataclass
class Case:
    """Simulated runs, their constants, and the module of both."""

    data: Dataset
    found: Outcome
    module: int
    pdu: str

    def pulls(self) -> tuple[Array, Array]:
        """Of offset and variance, of all good strips, memory cells and gain stages."""
        offset, noise = (self.found.values(kind, self.pdu) for kind in ("Offset", "Noise"))
        [stored] = [c for (p, k), c in self.found.constants.items() if (p, k) == (self.pdu, "Offset")]
        count, truth = np.maximum(stored.count(), 2), self.data.truth
        sigma = np.broadcast_to(truth.noise(self.module), offset.shape)
        good = np.broadcast_to(truth.bad(self.module) == 0, offset.shape)
        of_offset = ((offset - truth.offset(self.module)) / (sigma / np.sqrt(count) + ~good))[good]
        return of_offset, ((noise**2 - sigma**2) / (sigma**2 * np.sqrt(2 / (count - 1.0)) + ~good))[good]

    def flagged(self, kind: BadKind | None) -> Array:
        """Flags of the strips into which the simulator put one kind of fault, or none."""
        flags = self.found.values("BadPixelsDark", self.pdu)
        return flags[np.broadcast_to(self.data.truth.bad(self.module) == (kind or 0), flags.shape)]


@pytest.fixture(scope="module")
def narrow(make_dataset: Callable[..., Dataset], tmp_path_factory: pytest.TempPathFactory) -> list[Case]:
    """Both modules of 25 µm strips in 2720 frames of each of two trains, without look-up table."""
    data = make_dataset("GOTTHARD2_25UM", modules="1-2", trains=2, frames_per_train=2720, **SHARES)
    found = characterise(data.simulated, tmp_path_factory.mktemp("narrow"))
    return [Case(data, found, m, f"SA1_XTD9_HIREX_GH200_{m}") for m in (1, 2)]


def code_of_each(draw: Any) -> Array:
    """A converter's response: 12-bit codes of all 10-bit ones, (cells, strips, 1024), bent and of uneven steps."""
    linear = np.arange(1024)
    bend = draw.uniform(-60, 60, (2, 1280, 1)) * np.sin(np.pi * linear / 1023)
    codes = np.round(4 * linear + bend + draw.uniform(0, 1.5, (2, 1280, 1024))).astype(np.int64)
    return np.maximum(np.minimum(codes, 4095), linear)


def table_of(codes: Array) -> Array:
    """Look-up table (cells, 4096, strips): each 12-bit code becomes the highest 10-bit one that is not above it."""
    table = np.empty((2, 4096, 1280), np.uint16)
    for cell, strip in np.ndindex(2, 1280):
        below = np.searchsorted(codes[cell, strip], np.arange(4096), side="right") - 1
        table[cell, :, strip] = np.maximum(below, 0)
    return table


def write_table(path: Path, table: Array, pdu: str = PDU, dims: tuple[str, ...] = (),
                calibration: str = "LUTGotthard2") -> Path:
    """A constant file of another program: data and, where given, names of the axes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file[f"{pdu}/{calibration}/0/data"] = table
        if dims:
            file[f"{pdu}/{calibration}/0/data"].attrs.create("dims", list(dims), dtype=h5py.string_dtype())
    return path


#: Truth in 10-bit codes.
LEVELS_10_BIT = Levels(
    tuple(Level(mean, asic=10, pixel=10, cell=7, cell_pixel=3) for mean in (150, 750, 780)),
    (Level(2.3, pixel=0.08), Level(1.2, pixel=0.05), Level(1.2, pixel=0.05)),
)


@pytest.fixture(scope="module")
def response() -> Array:
    return code_of_each(np.random.default_rng(5))


@pytest.fixture(scope="module")
def curved(response: Array, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Runs of 50 µm strips whose truth is in 10-bit codes and whose raw codes are those of a bent converter."""
    cells = np.arange(2)

    def encode(block: Array, stage: int, gain: Array | None) -> Mapping[str, Array]:
        arrays = dict(GOTTHARD2.encode(block, stage, gain))
        cell = np.resize(cells, len(block))[:, None]
        arrays["data.adc"] = response[cell, np.arange(1280), np.minimum(arrays["data.adc"], 1023)].astype(np.uint16)
        arrays["data.adc"][block[:, 0, 0] == 0] = 0
        return arrays

    declare(replace(GOTTHARD2, encode=encode, simulated=replace(GOTTHARD2.simulated, levels=LEVELS_10_BIT)))
    try:
        settings = default_settings("GOTTHARD2").with_changes({"trains": 4, "frames_per_train": 600, **SHARES})
        made = simulate(settings, tmp_path_factory.mktemp("curved"))
    finally:
        declare(GOTTHARD2)
    return Dataset(made, read_truth(made.truth_file), 1)


@pytest.fixture(scope="module")
def table(response: Array, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_table(tmp_path_factory.mktemp("table") / "cal.1.h5", table_of(response))


@pytest.fixture(scope="module")
def linear(curved: Dataset, table: Path, tmp_path_factory: pytest.TempPathFactory) -> Case:
    found = characterise(curved.simulated, tmp_path_factory.mktemp("linear"), inputs={"lut": (str(table),)})
    return Case(curved, found, 1, PDU)


def test_constants_are_those_of_the_database(narrow: list[Case]) -> None:
    for (pdu, kind), stored in narrow[0].found.constants.items():
        assert pdu in {case.pdu for case in narrow}
        assert stored.calibration == f"{kind}Gotthard2"
        assert (stored.shape, stored.dims) == ((1280, 2, 3), ("fast_scan", "cell", "gain"))
        assert stored.values().shape == (3, 2, 1, 1280)
        values = {name: one["value"] for name, one in stored.attributes["conditions"].items()}
        assert values == {"Sensor Bias Voltage": 200, "Exposure time": 2.2e-7, "Exposure period": 0.1,
                          "Acquisition rate": 1.1, "Single photon": 0}


def test_truth_of_both_modules_and_memory_cells_is_found(narrow: list[Case]) -> None:
    for pulls in zip(*(case.pulls() for case in narrow), strict=True):
        together = np.concatenate(pulls)
        assert abs(together.mean()) < 0.05
        assert abs(together.std() - 1) < 0.05
    counts = [c.count() for (_, kind), c in narrow[0].found.constants.items() if kind == "Offset"]
    assert [count.max() for count in counts] == [2720, 2720]


def test_truth_behind_a_look_up_table_is_found_in_its_codes(linear: Case) -> None:
    for pulls in linear.pulls():
        assert abs(pulls.mean()) < 0.05
        assert abs(pulls.std() - 1) < 0.05


@pytest.mark.parametrize(("kind", "flag"), [
    (BadKind.DEAD, BadPixels.NO_DARK_DATA), (BadKind.NOISY, BadPixels.NOISE_OUT_OF_THRESHOLD),
    (BadKind.HIGH_OFFSET, BadPixels.OFFSET_OUT_OF_THRESHOLD), (BadKind.WRONG_GAIN, BadPixels.WRONG_GAIN_VALUE),
])
def test_injected_bad_strips_have_their_flags(narrow: list[Case], linear: Case, kind: BadKind, flag: int) -> None:
    for cases in (narrow, [linear]):
        flags = np.concatenate([case.flagged(kind) for case in cases])
        assert flags.size
        assert ((flags & flag) != 0).mean() >= 0.99


def test_false_alarms_are_rare(narrow: list[Case], linear: Case) -> None:
    flags = np.concatenate([case.flagged(None) for case in (*narrow, linear)])
    assert (flags != 0).mean() < 0.001


def test_the_table_is_in_the_provenance(linear: Case, table: Path) -> None:
    for stored in linear.found.constants.values():
        assert stored.attributes["provenance"]["constants"] == {"linearise": {"Lut": str(table)}}


def test_the_inspected_strip_has_the_numbers_of_the_constants(linear: Case) -> None:
    job = Job(linear.found.spec.model_copy(update={"out_folder": linear.found.spec.out_folder / "again"}))
    job.start()
    assert job.wait(120)
    good = np.flatnonzero(linear.data.truth.bad(1)[0] == 0)
    for strip, cell, stage in zip(good[[3, 700, -1]].tolist(), (0, 1, 1), (0, 1, 2), strict=True):
        found = job.pixels.explain(1, 0, strip, {"cell": cell, "gain": stage})
        numbers = {one.name: one.value for one in found.numbers}
        assert next(item for item in found.plots[0].items if isinstance(item, Bars)).edges[-1] <= 1024
        np.testing.assert_allclose(numbers["mean"], linear.found.values("Offset")[stage, cell, 0, strip], rtol=1e-6)
        np.testing.assert_allclose(numbers["σ"], linear.found.values("Noise")[stage, cell, 0, strip], rtol=1e-5)
    job.close()


def test_without_a_table_codes_are_the_converters_and_that_is_said(curved: Dataset, tmp_path: Path) -> None:
    found = characterise(curved.simulated, tmp_path)
    [note] = [m.text for m in found.board.messages if "look-up table" in m.text]
    assert "codes 0 to 4095 of the converter, which is not linear" in note
    good = np.broadcast_to(curved.truth.bad(1) == 0, (3, 2, 1, 1280))
    ratio = np.median((found.values("Offset") / curved.truth.offset(1))[good])
    assert ratio == pytest.approx(4, rel=0.05)


@pytest.mark.parametrize(("axes", "dims"), [
    ((0, 1, 2), ("cell", "adc", "fast_scan")), ((2, 1, 0), ()), ((0, 2, 1), ()),
])
def test_tables_may_be_stored_in_any_order(linear: Case, table: Path, tmp_path: Path, axes: tuple[int, ...],
                                           dims: tuple[str, ...]) -> None:
    with h5py.File(table) as file:
        turned = file[f"{PDU}/LUTGotthard2/0/data"][()].transpose(axes).astype(np.float64)
    other = write_table(tmp_path / "xfel" / "cal" / "gotthard2-type" / "a" / "cal.1.h5", turned, dims=dims)
    found = characterise(linear.data.simulated, tmp_path / "out",
                         inputs={"lut": (str(tmp_path if dims else other),)})
    for kind in ("Offset", "Noise", "BadPixelsDark"):
        np.testing.assert_array_equal(found.values(kind), linear.found.values(kind))


@pytest.mark.parametrize(("make", "told"), [
    (lambda folder: folder / "none.h5", "there is no such file"),
    (lambda folder: folder, "no look-up table LUTGotthard2; it has no constants"),
    (lambda folder: write_table(folder / "c.h5", np.zeros((2, 4096, 1279), "u2")),
     "of (2, 4096, 1279); a look-up table of Gotthard-II 50 µm has 2 memory cells, 4096 codes and 1280 strips"),
    (lambda folder: write_table(folder / "c.h5", np.zeros((2, 1280), "u2")), "holds an array of (2, 1280)"),
    (lambda folder: write_table(folder / "c.h5", np.full((2, 4096, 1280), 4096, "u2")), "no codes from 0 to 4095"),
    (lambda folder: write_table(folder / "c.h5", np.full((2, 4096, 1280), 0.5)), "no codes from 0 to 4095"),
    (lambda folder: write_table(folder / "c.h5", np.zeros((1, 1)), calibration="OffsetGotthard2"),
     "no look-up table LUTGotthard2; it has OffsetGotthard2"),
])
def test_tables_that_cannot_be_used_are_refused_in_one_sentence(
    curved: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str], make: Callable[[Path], Path], told: str
) -> None:
    (tmp_path / "tables").mkdir()
    given = make(tmp_path / "tables")
    argv = [*words(curved.simulated.runs, tmp_path / "out", "GOTTHARD2"), "--constants-lut", str(given)]
    refused(argv, tmp_path / "out", capsys, str(given), told)


def test_each_module_needs_its_own_table(narrow: list[Case], table: Path, tmp_path: Path,
                                         capsys: pytest.CaptureFixture[str]) -> None:
    argv = [*words(narrow[0].data.simulated.runs, tmp_path / "out", "GOTTHARD2"), "--constants-lut", str(table)]
    refused(argv, tmp_path / "out", capsys, "no look-up table of module 1 (SA1_XTD9_HIREX_GH200_1)", PDU)


def test_a_table_that_falls_is_told(curved: Dataset, response: Array, tmp_path: Path) -> None:
    falling = table_of(response)
    falling[1, 2000, 17] += 100
    path = write_table(tmp_path / "c.h5", falling)
    found = characterise(curved.simulated, tmp_path / "out", inputs={"lut": (str(path),)})
    assert [m.text for m in found.board.messages if "falls somewhere" in m.text] == [
        "The look-up table of module 1 falls somewhere in 1 strips, counted over memory cells."]


def test_runs_in_another_order_are_sorted_by_their_gain(curved: Dataset, tmp_path: Path) -> None:
    given = dict(zip(("high", "med", "low"), reversed(curved.simulated.runs.values()), strict=True))
    found = characterise(replace(curved.simulated, runs=given), tmp_path)
    median = np.nanmedian(found.values("Offset"), axis=(1, 2, 3))
    truth = np.median(curved.truth.offset(1), axis=(1, 2, 3))
    np.testing.assert_allclose(median, 4 * truth, rtol=0.05)
    assert any("re-ordered" in m.text for m in found.board.messages)


def test_continuous_running_has_one_memory_cell_and_empty_first_frames(
    make_dataset: Callable[..., Dataset], tmp_path: Path
) -> None:
    data = make_dataset("GOTTHARD2", modules="1", trains=40, memory_cells=1, empty_first=5)
    found = characterise(data.simulated, tmp_path)
    assert found.values("Offset").shape == (3, 1, 1, 1280)
    assert found.counts("Offset").max() == 35


def write_run(folder: Path, n: int, sources: Mapping[str, Mapping[str, Array]]) -> None:
    """A run of one file with keys of the group ``data`` of some sources, one row for each of ``n`` trains."""
    folder.mkdir()
    ids = np.uint64(1000) + np.arange(n, dtype=np.uint64)
    times = np.uint64(BEGIN.timestamp() * 1e9) + np.arange(n, dtype=np.uint64) * np.uint64(10**8)
    header = FileHeader.of_new(900001, int(folder.name[1:]), 0, BEGIN, n)
    path = folder / f"RAW-{folder.name.upper()}-GH200-S00000.h5"
    with ExdfFile(path, Trains(ids, times, np.ones(n, bool)), header) as file:
        for source, keys in sources.items():
            file.instrument(source, "data", np.ones(n))
            file.column(source, "data.trainId", ids)
            for key, values in keys.items():
                file.column(source, f"data.{key}", values)


def test_both_modules_may_be_in_one_file(tmp_path: Path) -> None:
    """Codes that tell module, memory cell and strip, without noise."""
    cell = np.tile(np.arange(8, dtype=np.uint8) % 2, (3, 1))
    code = np.arange(1280, dtype=np.uint16) + 100 * cell[:, :, None].astype(np.uint16)
    write_run(tmp_path / "r0001", 3, {
        f"SA1_XTD9_HIREX/DET/GOTTHARD2_{word}:daqOutput": {
            "adc": code + np.uint16(step), "gain": np.zeros(code.shape, np.uint8), "memoryCell": cell}
        for word, step in (("MASTER", 1), ("SLAVE", 2000))})
    found = run_job(survey([tmp_path / "r0001"]).spec(tmp_path / "out"))
    assert found.board.error == ""
    for pdu, step in (("SA1_XTD9_HIREX_GH200_1", 1), ("SA1_XTD9_HIREX_GH200_2", 2000)):
        offset = found.values("Offset", pdu)[0, :, 0]
        np.testing.assert_array_equal(offset, step + np.arange(1280) + 100 * np.arange(2)[:, None])
        assert (found.values("BadPixelsDark", pdu)[1:] & BadPixels.NO_DARK_DATA).all()


@pytest.fixture
def old_strips() -> Iterator[DetectorType]:
    """A line of 1280 strips with one memory cell and one gain stage, whose words hold two gain bits on top."""
    like = detector_type("GOTTHARD2")
    kind = replace(
        like, name="STRIPS", title="Strips", stages=like.stages[:1], max_cells=1, saturation=16383,
        raw=replace(like.raw, source=r"(?P<detector>\w+_STRIPS)/DET/(?P<module>RECEIVER):daqOutput", cell=None,
                    gain_bits=None, adc_mask=0x3FFF, gain_shift=14, frames_per_entry=False),
        decode=lambda arrays: replace(like.decode({
            **arrays, "data.memoryCell": arrays["cell"], "data.gain": arrays["gain_bits"]}), signal_plane=None),
        calibrations={kind: Calibration(f"{kind}Strips", ("fast_scan", "cell", "gain"))
                      for kind in ("Offset", "Noise", "BadPixelsDark")},
    )
    family = declare_family(Family("STRIPS", "Strips", (kind,), (Dark(),)))
    yield kind
    withdraw(family)


def real_words(real_data: Path) -> Array:
    """Frames (449, 1280) of 16-bit words from packets of half a frame each."""
    packet = np.dtype([("id", "<i4"), ("half", "<u2", 640), ("pad", "u1", 2)])
    packets = np.fromfile(real_data / "gotthard1" / "single_frame.raw", packet)
    return np.concatenate([packets["half"][::2], packets["half"][1::2]], axis=1)


@pytest.mark.real
def test_real_strips_without_a_sensor_are_found_by_their_missing_noise(
    real_data: Path, old_strips: DetectorType, tmp_path: Path
) -> None:
    raw = real_words(real_data)
    n, folder = len(raw), tmp_path / "r0001"
    write_run(folder, n, {"LAB_STRIPS/DET/RECEIVER:daqOutput": {"adc": raw}})
    job = Job(survey([folder]).spec(tmp_path / "out", parameters={"estimator": "plain"}))
    job.start()
    assert job.wait(60)
    assert job.board.error == ""
    noise, flags = (job.plane(name, 1, {}) for name in ("noise", "bad_pixels"))
    job.close()
    constant = raw.std(axis=0) == 0
    assert constant.sum() == 194
    assert flags[0][constant].all()
    # two of them hold a mark of the read-out, whose upper bits are no gain of the run
    mark = (raw >> 14 != 0).all(axis=0)
    assert np.flatnonzero(mark).tolist() == [0, 1]
    assert (flags[0][mark] & BadPixels.WRONG_GAIN_VALUE).all()
    np.testing.assert_array_equal(noise[0] == 0, constant & ~mark)
    np.testing.assert_array_equal(flags[0] & BadPixels.DATA_STD_IS_ZERO != 0, constant & ~mark)
    np.testing.assert_allclose(noise[0][~mark], (raw & 0x3FFF).std(axis=0, ddof=1)[~mark], rtol=1e-5)
