"""Opening runs of EXtra-data's mocks in all versions of the format, and their control values."""

from __future__ import annotations

from datetime import UTC, datetime

import h5py
import numpy as np
import pytest
from extra_data import RunDirectory
from extra_data.tests import make_examples

from calib_core.detector import FrameSelection
from calib_core.errors import BadInput
from calib_core.io.run import Run
from tests.calib_core.io.mocks import write_all

COMP = "SPB_IRU_AGIPD1M1/MDL/FPGA_COMP"


@pytest.fixture(scope="module")
def with_control(tmp_path_factory):
    folder = tmp_path_factory.mktemp("agipd1m")
    make_examples.make_agipd1m_run(
        str(folder), rep_rate=True, gain_setting=True, integration_time=True, bias_voltage=True)
    for path in folder.iterdir():
        write_all(path, "CONTROL", "RUN")
    return folder


@pytest.mark.filterwarnings("ignore:Train validation is not fully supported:UserWarning")
@pytest.mark.parametrize("version", ["0.5", "1.0", "1.1", "1.2", "1.3"])
def test_all_versions_of_the_format_hold_the_same(agipd_run, version):
    run = agipd_run(modules=2, sequences=2, version=version)
    if version == "1.1":  # in this version 0 means good
        for path in run.path.iterdir():
            with h5py.File(path, "r+") as file:
                file["INDEX/flag"][:] = 0
    opened = Run.open(run.path)
    assert [d.identifier for d in opened.detectors] == ["SPB_DET_AGIPD1M-1"]
    modules = opened.inventory(opened.detectors[0]).modules
    assert [(m.number, m.trains, m.frames, m.cells) for m in modules] == [
        (n, 6, 24, (0, 1, 2, 3)) for n in (0, 1)]
    assert modules[1].files == ("RAW-R0012-AGIPD01-S00000.h5", "RAW-R0012-AGIPD01-S00001.h5")
    assert (opened.run_number, opened.label) == (12, "r0012")
    assert (opened.start_time is None) == (version == "0.5")


def test_opening_writes_nothing_into_the_run(agipd_run):
    run = agipd_run()
    before = sorted(p.name for p in run.path.iterdir())
    with Run.open(run.path) as opened:
        opened.inventory(opened.detectors[0])
    assert sorted(p.name for p in run.path.iterdir()) == before


def test_control_values_are_those_of_extra_data(with_control):
    run = Run.open(with_control)
    control = run.control(run.detectors[0])
    with RunDirectory(with_control, parallelize=False) as reference:
        for source, key in ((COMP, "bunchStructure.nPulses"), (COMP, "bunchStructure.repetitionRate"), (COMP, "gain"),
                            ("SPB_IRU_AGIPD1M/PSC/HV", "channels.U0.voltage")):
            told = control.told(source, key)
            np.testing.assert_array_equal(told.values, reference[source, key].ndarray())
            assert told.told == told.trains == len(told.values)


def never_written(file, name):
    shape, dtype = file[name].shape, file[name].dtype
    del file[name]
    file.create_dataset(name, shape, dtype, fillvalue=17)


def in_another_file(file, name):
    del file[name]
    file[name] = h5py.ExternalLink("RAW-R9015-AGIPD00-S00000.h5", "INDEX/trainId")


@pytest.mark.parametrize(("spoil", "words"), [(never_written, "never written"), (in_another_file, "another file")])
@pytest.mark.parametrize("key", ["bunchStructure/nPulses", "gain"])
def test_control_values_that_are_no_data_are_told_and_not_used(tmp_path, caplog, spoil, words, key):
    make_examples.make_agipd1m_run(str(tmp_path), rep_rate=True, gain_setting=True)
    path = next(tmp_path.glob("*CTRL00*"))
    write_all(path, "CONTROL", "RUN")
    with h5py.File(path, "r+") as file:
        for section in ("CONTROL", "RUN"):
            spoil(file, f"{section}/{COMP}/{key}/value")
    with Run.open(tmp_path) as run:
        assert run.control(run.detectors[0]).told(COMP, key.replace("/", ".")) is None
    assert [words in line and key in line for line in caplog.messages] == [True, True]


def test_sources_match_as_a_whole(with_control):
    run = Run.open(with_control)
    control = run.control(run.detectors[0])
    assert control.sources(r".*AGIPD.*/MDL/FPGA_COMP") == [COMP]
    assert control.sources("AGIPD") == []


@pytest.mark.parametrize(
    ("source", "key"), [("NO/SUCH/DEVICE", "gain"), (COMP, "noSuchKey"), ("", "gain"), (COMP, "")])
def test_what_is_missing_is_none(with_control, source, key):
    run = Run.open(with_control)
    control = run.control(run.detectors[0])
    assert control.told(source, key) is None


@pytest.fixture
def control_of(with_control, tmp_path):
    """Control values of a run whose control file was changed, over trains that a selection takes."""
    def made(change, **selection):
        folder = tmp_path / "r0001"
        folder.mkdir()
        for path in with_control.glob("RAW-*CTRL*"):
            (folder / path.name).write_bytes(path.read_bytes())
        (path,) = folder.iterdir()
        with h5py.File(path, "r+") as file:
            change(file)
        (folder / "RAW-R9015-AGIPD00-S00000.h5").symlink_to(with_control / "RAW-R9015-AGIPD00-S00000.h5")
        run = Run.open(folder)
        return run.control(run.detectors[0], selection=FrameSelection(**selection))
    return made


def test_values_are_those_of_the_trains_that_are_used(control_of):
    def ramp(file):
        file[f"CONTROL/{COMP}/gain/value"][...] = np.arange(len(file[f"CONTROL/{COMP}/gain/value"]))

    told = control_of(ramp, skip_first=2, max_trains=3).told(COMP, "gain")
    assert (told.values.tolist(), told.trains, told.told) == ([2, 3, 4], 3, 3)


def test_the_start_of_the_run_tells_where_the_trains_do_not(control_of):
    def without(file):
        del file[f"CONTROL/{COMP}/gain"]
        file[f"RUN/{COMP}/gain/value"][...] = 1

    told = control_of(without).told(COMP, "gain")
    assert (told.values.tolist(), told.told) == ([1], 0)


def test_trains_that_no_control_file_has_are_counted(control_of):
    def cut(file):
        kept = len(file["INDEX/trainId"]) // 2
        file["INDEX/trainId"][kept:] = 0

    told = control_of(cut).told(COMP, "gain")
    assert 0 < told.told < told.trains


def test_cells_and_pulses_of_the_first_train(agipd_run):
    run = agipd_run(modules=1, trains=2, frames=4)
    with h5py.File(run.file(), "r+") as file:
        file[f"INSTRUMENT/{run.image()}/pulseId"][:4, 0] = [0, 8, 16, 24]
        file[f"INSTRUMENT/{run.image()}/cellId"][:, 0] = [3, 2, 1, 0, 7, 6, 5, 4]
    opened = Run.open(run.path)
    control = opened.control(opened.detectors[0])
    np.testing.assert_array_equal(control.pulses(), [0, 8, 16, 24])
    np.testing.assert_array_equal(control.cells(), np.arange(8))


def test_a_half_detector(tmp_path):
    make_examples.make_agipd500k_run(str(tmp_path))
    run = Run.open(tmp_path)
    assert [d.type.name for d in run.detectors] == ["AGIPD500K"]
    inventory = run.inventory(run.detectors[0])
    assert [(m.number, m.frames) for m in inventory.modules] == [(n, 6400) for n in range(8)]
    assert [p for p in inventory.problems if p.code == "R05"] == []


def test_the_sample_tells_signal_and_bits(agipd_run):
    run = agipd_run(modules=1, trains=3, frames=1, pixels=True)
    with h5py.File(run.file(), "r+") as file:
        file[f"INSTRUMENT/{run.image()}/data"][:, 1] = 6100
    opened = Run.open(run.path)
    sample = opened.sample(opened.detectors[0])
    assert (sample.median_gain_signal, sample.modal_gain_bits) == (6100.0, None)


def test_the_sample_of_a_detector_with_gain_bits(jungfrau_run):
    run = jungfrau_run()
    with h5py.File(run.file(1), "r+") as file:
        bits = np.full((2, 16, 512, 1024), 3, "u1")
        bits[..., :500] = 1
        file[f"INSTRUMENT/{run.module()}/gain"][...] = bits
    opened = Run.open(run.path)
    sample = opened.sample(opened.detectors[0])
    assert (sample.median_gain_signal, sample.modal_gain_bits) == (None, 3)


def test_a_sample_of_nothing_is_none(agipd_run):
    opened = Run.open(agipd_run(modules=1).path)
    sample = opened.sample(opened.detectors[0])
    assert (sample.median_gain_signal, sample.modal_gain_bits) == (None, None)


@pytest.mark.parametrize("stamp", [1, 4_000_000_000 * 10**9])
def test_a_clock_that_cannot_be_right_is_not_believed(agipd_run, stamp):
    run = agipd_run(modules=1)
    with h5py.File(run.file(), "r+") as file:
        file["INDEX/timestamp"][:] = stamp
        file["METADATA/creationDate"][...] = [b"20260102T030405Z"]
    opened = Run.open(run.path)
    assert opened.start_time == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert [p.code for p in opened.problems] == ["R35"]


def test_the_start_is_the_first_train(agipd_run):
    run = agipd_run(modules=2, sequences=2)
    with h5py.File(run.file(1, 0), "r+") as file:
        file["INDEX/timestamp"][:3] = [0, 1_700_000_000 * 10**9, 1_700_000_001 * 10**9]  # 0 is no time
    assert Run.open(run.path).start_time == datetime.fromtimestamp(1_700_000_000, UTC)


def test_a_selection_needs_frames(agipd_run):
    opened = Run.open(agipd_run(modules=1).path)
    detector = opened.detectors[0]
    with pytest.raises(BadInput, match="at least 1"):
        opened.frames(detector, detector.modules[0], FrameSelection(skip_first=50))
