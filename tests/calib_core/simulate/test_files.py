"""Written files: the facility's own validator and reader, and what the validator does not see."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from extra_data import RunDirectory, open_run
from extra_data.components import AGIPD1M, AGIPD500K, JUNGFRAU

from calib_core.simulate import Simulated

ALL = ("agipd", "agipd_500k", "burst", "single")


@pytest.fixture(params=ALL)
def simulated(request: pytest.FixtureRequest) -> Simulated:
    return request.getfixturevalue(request.param)


def raw_files(simulated: Simulated) -> list[Path]:
    return sorted(path for run in simulated.runs.values() for path in run.glob("*.h5"))


def control_keys(section: h5py.Group) -> set[str]:
    found: set[str] = set()
    section.visititems(lambda name, node: found.add(name) if isinstance(node, h5py.Dataset) else None)
    return found


def test_validator_accepts_the_runs(simulated: Simulated) -> None:
    run = simulated.runs["med"]
    command = [str(Path(sys.executable).with_name("extra-data-validate")), str(run)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No problems found" in done.stdout


def test_file_names(simulated: Simulated) -> None:
    for path in raw_files(simulated):
        assert re.fullmatch(r"RAW-R\d{4}-\w+-S\d{5}\.h5", path.name)
        assert int(path.name[5:9]) == int(path.parent.name[1:])
        assert path.parent.parent.name == "raw"
        assert re.fullmatch(r"p\d{6}", path.parents[2].name)


def test_index_is_complete(simulated: Simulated) -> None:
    for path in raw_files(simulated):
        with h5py.File(path) as file:
            n = len(file["INDEX/trainId"])
            types = {"trainId": "u8", "timestamp": "u8", "flag": "i4", "origin": "i4"}
            assert {k: v.dtype for k, v in file["INDEX"].items() if k in types} == types
            assert all(len(file[f"INDEX/{name}"]) == n for name in types)
            assert (np.diff(file["INDEX/trainId"][:].astype(np.int64)) > 0).all()
            assert (np.diff(file["INDEX/timestamp"][:].astype(np.int64)) >= 10**8).all()
            assert (file["INDEX/origin"][:] == -1).all()


def test_metadata_are_complete(simulated: Simulated) -> None:
    for path in raw_files(simulated):
        with h5py.File(path) as file:
            meta = file["METADATA"]
            for name in ("creationDate", "updateDate", "daqLibrary", "karaboFramework", "dataFormatVersion",
                         "runType", "sample"):
                assert meta[name].shape == (1,)
                assert isinstance(meta[name][0], bytes)
            assert meta["runNumber"][0] == int(path.name[5:9])
            assert meta["sequenceNumber"][0] == int(path.stem[-5:])
            assert meta["proposalNumber"].dtype == np.uint32
            listed = meta["dataSources/dataSourceId"].asstr()[:]
            parts = zip(meta["dataSources/root"].asstr()[:], meta["dataSources/deviceId"].asstr()[:], strict=True)
            assert list(listed) == ["/".join(part) for part in parts]
            assert all(source in file for source in listed)


def test_every_control_key_is_in_run_too(simulated: Simulated) -> None:
    paths = [path for path in raw_files(simulated) if "CONTROL" in h5py.File(path)]
    assert paths
    for path in paths:
        with h5py.File(path) as file:
            keys = control_keys(file["CONTROL"])
            assert keys
            assert keys == control_keys(file["RUN"])
            for key in keys:
                assert len(file["CONTROL"][key]) == len(file["INDEX/trainId"])
                assert len(file["RUN"][key]) == 1
                if key.endswith("/timestamp"):
                    assert file["CONTROL"][key].dtype == file["RUN"][key].dtype == np.uint64


def test_instrument_train_ids_agree_with_the_index(simulated: Simulated) -> None:
    seen = 0
    for path in raw_files(simulated):
        with h5py.File(path) as file:
            for source, groups in ((s, file["INDEX"][s]) for s in _instrument_sources(file)):
                for group, index in groups.items():
                    ids = file[f"INSTRUMENT/{source}/{group}/trainId"]
                    assert ids.dtype == np.uint64
                    expected = np.repeat(file["INDEX/trainId"][:], index["count"][:].astype(int))
                    np.testing.assert_array_equal(ids[:].reshape(-1), expected)
                    rows = {len(values) for values in file[f"INSTRUMENT/{source}/{group}"].values()}
                    assert rows == {len(expected)}
                    first = np.cumsum(index["count"][:]) - index["count"][:]
                    np.testing.assert_array_equal(index["first"][:], first)
                    seen += 1
    assert seen


def _instrument_sources(file: h5py.File) -> list[str]:
    listed = file["METADATA/dataSources/dataSourceId"].asstr()[:]
    return sorted({s.split("/", 1)[1].rsplit("/", 1)[0] for s in listed if s.startswith("INSTRUMENT/")})


def test_keys_have_attributes_in_version_1_3(agipd: Simulated) -> None:
    with h5py.File(next(agipd.runs["high"].glob("*AGIPD00-S00000.h5"))) as file:
        assert file["METADATA/dataFormatVersion"][0] == b"1.3"
        assert file["INSTRUMENT/SPB_DET_AGIPD1M-1/DET/0CH0:xtdf/image/data"].attrs["alias"] == b"image.data"


def test_pixels_are_stored_in_uncompressed_chunks_of_a_frame(agipd: Simulated, burst: Simulated) -> None:
    with h5py.File(next(agipd.runs["high"].glob("*AGIPD00-S00000.h5"))) as file:
        data = file["INSTRUMENT/SPB_DET_AGIPD1M-1/DET/0CH0:xtdf/image/data"]
        assert (data.chunks, data.compression, data.dtype) == ((1, 2, 512, 128), None, np.uint16)
    with h5py.File(next(burst.runs["high"].glob("*JNGFR02-S00000.h5"))) as file:
        data = file["INSTRUMENT/SPB_IRDA_JF4M/DET/JNGFR02:daqOutput/data/adc"]
        assert (data.chunks, data.compression, data.dtype) == ((1, 1, 512, 1024), None, np.uint16)


def test_reader_finds_the_multi_module_detectors(
    agipd: Simulated, agipd_500k: Simulated, burst: Simulated, single: Simulated
) -> None:
    found = AGIPD1M(RunDirectory(agipd.runs["high"]), raw=True)
    assert sorted(found.modno_to_source) == [0, 15]
    assert found["image.data"].dtype == np.uint16
    assert AGIPD500K(RunDirectory(agipd_500k.runs["low"]), raw=True)["image.data"].shape == (1, 16, 2, 512, 128)
    assert JUNGFRAU(RunDirectory(burst.runs["high"]), raw=True)["data.adc"].shape == (1, 2, 16, 512, 1024)
    assert sorted(JUNGFRAU(RunDirectory(single.runs["high"]), raw=True).modno_to_source) == [1, 2]


def test_open_run_finds_them_below_the_data_root(agipd: Simulated, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXTRA_DATA_DATA_ROOT", str(agipd.data_root))
    run = open_run(900000, 2)
    assert run.run_metadata()["runNumber"] == 2
    assert str(run.train_timestamps()[0]).startswith("2026-03-02T08:01:01.2")


def test_burst_order_and_missing_frames(burst: Simulated) -> None:
    with h5py.File(next(burst.runs["high"].glob("*JNGFR02-S00000.h5"))) as file:
        data = file["INSTRUMENT/SPB_IRDA_JF4M/DET/JNGFR02:daqOutput/data"]
        order = np.array([15, *range(15)])
        for cells, adc in zip(data["memoryCell"][:], data["adc"][:, :, ::64, ::64], strict=True):
            missing = cells == 255
            assert missing.sum() == 3
            np.testing.assert_array_equal(cells[~missing], order[~missing])
            assert adc[missing].max() == 0
            assert (np.median(adc[~missing], axis=(1, 2)) > 1000).all()


def test_lost_suspect_and_vetoed(agipd: Simulated) -> None:
    run = RunDirectory(agipd.runs["high"])
    source = run["SPB_DET_AGIPD1M-1/DET/15CH0:xtdf"]
    counts = source["image.data"].data_counts(labelled=False)
    assert set(counts) == {0, 3}
    assert len(run.train_ids) == 12
    in_files = []
    for path in sorted(agipd.runs["high"].glob("*AGIPD15*")):
        with h5py.File(path) as file:
            in_files += list(file["INDEX/trainId"][:])
    assert np.count_nonzero(counts == 0) > 12 - len(in_files) > 0
    assert len(RunDirectory(agipd.runs["high"], inc_suspect_trains=False).train_ids) < 12
    cells = source["image.cellId"].ndarray()
    assert len(np.unique(cells)) == 3
    pulses = source["image.pulseId"].ndarray()
    np.testing.assert_array_equal(pulses, cells * 4)
