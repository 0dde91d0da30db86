"""What a corrected file takes over from raw files of all versions, also from damaged ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from extra_data import H5File

from calib_core.errors import BadInput
from calib_core.io.files import RunFile, open_file
from calib_core.store.exdf import ExdfFile, FileHeader, Trains
from calib_core.store.origin import Origin, origin_of

from ...corrected_files import AGIPD, source, values, write

Array = Any
SOURCE = "SPB_DET_AGIPD1M-1/DET/3CH0:xtdf"
FIRST = 2_000_000_000
Change = Callable[[h5py.File], None]


def raw_file(folder: Path, ids: Sequence[int], version: str = "1.2", change: Change | None = None,
             confirmed: Sequence[int] = (), name: str = "RAW-R0007-AGIPD03-S00002.h5") -> RunFile:
    """A raw file of trains with one row each."""
    train = np.array(ids, np.uint64)
    trains = Trains(train, 10**18 + train, np.array(confirmed or [1] * len(ids), bool))
    header = FileHeader.of_new(4321, 7, 2, datetime(2026, 3, 2, 8, tzinfo=UTC), len(ids), version)
    with ExdfFile(folder / name, trains, header) as file:
        file.instrument(SOURCE, "image", np.ones(len(ids)))
        file.column(SOURCE, "image.trainId", train[:, None])
    if change is not None:
        with h5py.File(folder / name, "r+") as file:
            change(file)
    opened = open_file(folder / name)
    assert isinstance(opened, RunFile), opened
    return opened


def without(*names: str) -> Change:
    def remove(file: h5py.File) -> None:
        for name in names:
            del file[name]
    return remove


def put(name: str, stored: Any) -> Change:
    def replace(file: h5py.File) -> None:
        del file[name]
        file[name] = stored
    return replace


def corrected(folder: Path, origin: Origin) -> Path:
    of = source(AGIPD, 3, [1] * len(origin.trains))
    return write(folder, origin, [(of, values(of, 1))])


IDS = list(range(FIRST, FIRST + 4))


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_the_header_is_the_raw_files(version: str, tmp_path: Path) -> None:
    raw = raw_file(tmp_path, IDS, version, put("METADATA/sample", np.array(["Lysozyme µ".encode()], "S20")))
    path = corrected(tmp_path / "proc", origin_of(raw))
    assert path.name == "CORR-R0007-AGIPD03-S00002.h5"
    with H5File(str(path)) as ours, H5File(str(raw.path)) as theirs:
        assert ours.run_metadata() == theirs.run_metadata()
        assert ours.run_metadata()["sample"] == "Lysozyme µ"
        np.testing.assert_array_equal(ours.train_timestamps(), theirs.train_timestamps())
    with h5py.File(path) as ours, h5py.File(raw.path) as theirs:
        for name in ("proposalNumber", "runNumber", "sequenceNumber", "creationDate", "daqLibrary"):
            assert ours[f"METADATA/{name}"][()] == theirs[f"METADATA/{name}"][()]


def test_suspect_trains_and_where_ids_came_from_are_kept(tmp_path: Path) -> None:
    raw = raw_file(tmp_path, IDS, confirmed=[1, 0, 1, 1],
                   change=put("INDEX/origin", np.array([-1, 17, -1, -1], np.int32)))
    path = corrected(tmp_path / "proc", origin_of(raw))
    with h5py.File(path) as ours:
        assert ours["INDEX/flag"][:].tolist() == [1, 0, 1, 1]
        assert ours["INDEX/origin"][:].tolist() == [-1, 17, -1, -1]
    with H5File(str(path), inc_suspect_trains=False) as ours:
        assert ours.train_ids == [FIRST, FIRST + 2, FIRST + 3]


@pytest.mark.parametrize(("version", "flags", "kept"), [("1.0", [1, 0, 1, 1], [1, 0, 1, 1]),
                                                        ("1.1", [0, 1, 0, 0], [1, 0, 1, 1])])
def test_flags_of_older_versions_mean_the_same_afterwards(
    version: str, flags: list[int], kept: list[int], tmp_path: Path
) -> None:
    def old(file: h5py.File) -> None:
        put("METADATA/dataFormatVersion", np.array([version.encode()], "S3"))(file)
        put("INDEX/flag", np.array(flags, np.int32))(file)
        del file["INDEX/origin"]

    path = corrected(tmp_path / "proc", origin_of(raw_file(tmp_path, IDS, change=old)))
    with h5py.File(path) as ours:
        assert ours["METADATA/dataFormatVersion"][:].tolist() == [b"1.2"]
        assert ours["INDEX/flag"][:].tolist() == kept
        assert ours["INDEX/origin"][:].tolist() == [-1] * 4


def test_a_file_of_the_first_version_has_no_times_and_none_are_made_up(tmp_path: Path) -> None:
    def oldest(file: h5py.File) -> None:
        listed = {name: file[f"METADATA/dataSources/{name}"][()] for name in ("dataSourceId", "root", "deviceId")}
        without("METADATA", "INDEX/timestamp", "INDEX/flag", "INDEX/origin")(file)
        for name, strings in listed.items():
            file.create_dataset(f"METADATA/{name}", data=strings, dtype=h5py.string_dtype("ascii"))

    path = corrected(tmp_path / "proc", origin_of(raw_file(tmp_path, IDS, change=oldest)))
    assert path.name == "CORR-R0007-AGIPD03-S00002.h5"
    with H5File(str(path)) as ours:
        assert ours.train_ids == IDS
        assert np.isnat(ours.train_timestamps()).all()
        told = {"dataFormatVersion": "1.2", "runNumber": 7, "sequenceNumber": 2}
        assert {name: value for name, value in ours.run_metadata().items() if name in told} == told
        assert "sample" not in ours.run_metadata()


@pytest.mark.parametrize(("ids", "kept"), [
    ([FIRST, FIRST + 1, FIRST + 2, 0, 0], [0, 1, 2]),  # the DAQ pads the end
    ([FIRST, FIRST + 1, FIRST + 1, FIRST + 2], [0, 1, 3]),
    ([FIRST, FIRST + 9, FIRST + 1, FIRST + 2], [0, 2, 3]),
    ([FIRST, FIRST + 1, 3, FIRST + 2], [0, 1, 3]),
    ([FIRST, 2**63, FIRST + 1], [0, 2]),
])
def test_the_index_has_the_trains_of_the_run_in_order(ids: list[int], kept: list[int], tmp_path: Path) -> None:
    origin = origin_of(raw_file(tmp_path, ids))
    assert origin.trains.ids.tolist() == [ids[i] for i in kept]
    assert origin.trains.times.tolist() == [10**18 + ids[i] for i in kept]
    with h5py.File(corrected(tmp_path / "proc", origin)) as ours:
        assert (np.diff(ours["INDEX/trainId"][:].astype(np.int64)) > 0).all()


def test_trains_whose_frames_are_used_stay_whatever_the_file_alone_looks_like(tmp_path: Path) -> None:
    ids = [FIRST - 10**9, FIRST - 10**9 + 1, FIRST + 3]  # its last train is the only one of the run
    assert origin_of(raw_file(tmp_path, ids)).trains.ids.tolist() == ids[:2]
    used = np.array([FIRST, FIRST + 3], np.uint64)
    assert origin_of(raw_file(tmp_path, ids), used).trains.ids.tolist() == ids


@pytest.mark.parametrize("short", ["timestamp", "origin"])
def test_what_the_index_does_not_tell_of_all_trains_is_not_taken(short: str, tmp_path: Path) -> None:
    trains = origin_of(raw_file(tmp_path, IDS, change=put(f"INDEX/{short}", np.arange(3, dtype=np.int32)))).trains
    assert (len(trains.times), len(trains.origin)) == ((0, 4) if short == "timestamp" else (4, 0))


def test_a_name_without_run_and_no_number_inside_is_refused(tmp_path: Path) -> None:
    raw = raw_file(tmp_path, IDS, name="frames.h5", change=without("METADATA/runNumber"))
    with pytest.raises(BadInput, match=r"frames\.h5 has no run number in its name; it must be called like RAW"):
        origin_of(raw)


@pytest.mark.parametrize("name", ["runNumber", "sequenceNumber"])
@pytest.mark.parametrize("wrong", [[b"first"], np.array([-1], "i4"), np.array([1 << 40], "u8")], ids=repr)
def test_a_number_in_the_header_that_is_none_is_taken_from_the_name(name: str, wrong: Any, tmp_path: Path) -> None:
    origin = origin_of(raw_file(tmp_path, IDS, change=put(f"METADATA/{name}", wrong)))
    assert origin.name == "CORR-R0007-AGIPD03-S00002.h5"
    with h5py.File(corrected(tmp_path / "proc", origin)) as file:
        assert file[f"METADATA/{name}"][()] == {"runNumber": 7, "sequenceNumber": 2}[name]


def test_counts_of_frames_follow_their_trains() -> None:
    ids = np.array([3, 5, 9], np.uint64)
    trains = Trains(ids, ids, ids > 0)
    assert trains.counts(np.array([3, 3, 9], np.uint64)).tolist() == [2, 0, 1]
    assert trains.counts(np.empty(0, np.uint64)).tolist() == [0, 0, 0]
    for wrong in ([3, 4], [9, 3]):
        with pytest.raises(ValueError, match="not in the order of the trains"):
            trains.counts(np.array(wrong, np.uint64))
