"""Corrected files are looked at as they are: arrays that tests wrote, and runs that EXtra-data's mock makes."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from extra_data import RunDirectory
from extra_data.components import AGIPD1M
from extra_data.tests.make_examples import make_modern_spb_proc_run

from calib_core.axes import Pick, Picture, View
from calib_core.errors import BadInput
from calib_core.subjects.corrected import CorrectedSubject, find_corrected
from calib_core.subjects.on_disk import are_results, find_on_disk
from tests import corrected_files as files
from tests.calib_core.io.mocks import write_all

Array = Any
MODULES = (0, 15)
SOURCE = "SPB_DET_AGIPD1M-1/CORR/{}CH0:output"
#: Frames of each of three trains.
ROWS = (4, 0, 3)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[int, dict[str, Array]], list[int]]:
    """Folder of a corrected run of two modules, what was written by module and key, and the train ids."""
    folder = tmp_path_factory.mktemp("made")
    raw = files.raw_files(folder, "AGIPD1M", "AGIPD", trains=3, memory_cells=4, modules="0,15", proposal=900451,
                          first_run=4)
    written = {}
    for file, module in zip(raw, MODULES, strict=True):
        of = files.source(files.AGIPD, module, ROWS, skipped={"common_mode": "it is off"})
        written[module] = files.values(of, module)
        written[module]["image.cellId"] = np.array([0, 1, 2, 3, 0, 1, 3], np.uint16)
        files.write(folder / "proc", files.origin_of(file), [(of, written[module])])
    return folder / "proc", written, files.origin_of(raw[0]).trains.ids.tolist()


def picture_of(subject: CorrectedSubject, **at: int) -> Picture:
    """The whole picture of all results at a place."""
    subject.look_at(View(at, (), tuple(Pick(result.name) for result in subject.results)))
    end = time.monotonic() + 60
    while subject.picture is None or " ms" not in subject.state or subject.picture.view.at != at:
        assert time.monotonic() < end, subject.notes
        time.sleep(0.01)
    found: Picture = subject.picture
    return found


@pytest.fixture
def one(made: Any) -> Any:
    [found] = find_corrected([made[0]])
    subject = CorrectedSubject(found)
    yield subject
    subject.close()


def test_frames_are_those_that_were_written(one: CorrectedSubject, made: Any) -> None:
    _, written, trains = made
    assert one.title == "SPB_DET_AGIPD1M-1 · p900451 r4 · corrected"
    assert one.modules == MODULES
    assert one.axes["train"].labels == (trains[0], trains[2])  # the second has no frames
    assert one.axes["cell"].labels == (0, 1, 2, 3)
    assert {result.name: result.unit for result in one.results} == {"corrected": "keV", "bad_pixels": "", "stage": ""}
    keys = {"corrected": "image.data", "bad_pixels": "image.mask", "stage": "image.gain"}
    for place, (train, cell) in enumerate(((0, 0), (0, 1), (0, 2), (0, 3), (1, 0), (1, 1), (1, 3))):
        picture = picture_of(one, train=train, cell=cell)
        for i, module in enumerate(MODULES):
            for name, key in keys.items():
                np.testing.assert_array_equal(picture.maps[Pick(name)][i], written[module][key][place], err_msg=key)
                plane = one.plane(name, module, {"train": train, "cell": cell})
                np.testing.assert_array_equal(plane, written[module][key][place])
    missing = picture_of(one, train=1, cell=2)  # of the third train there is no such frame
    assert missing.coverage.tolist() == [0, 0]
    assert np.isnan(missing.maps[Pick("corrected")]).all()
    along = one.along("corrected", "cell", 15, 7, 9, {"train": 1})
    expected = written[15]["image.data"][:, 7, 9].astype(float)
    np.testing.assert_array_equal(along, [expected[4], expected[5], np.nan, expected[6]])


def test_what_is_not_told_is_said(one: CorrectedSubject, made: Any) -> None:
    assert any("no record of the correction" in note for note in one.notes)
    assert "Step common_mode was left out of modules 0,15: it is off" in one.notes
    assert one.about["characterisation"].startswith("AGIPD 1M corrected by calibwb ")
    assert "p900451 r4" in one.about["runs"]
    assert one.files == tuple(sorted(made[0].glob("CORR-*.h5")))


def test_a_file_alone_is_a_run(made: Any) -> None:
    [path] = made[0].glob("CORR-*-AGIPD15-*.h5")
    [found] = find_corrected([path])
    assert tuple(found.modules) == (15,)
    assert found.files == (path,)


def copied(made: Any, folder: Path) -> Path:
    shutil.copytree(made[0], folder / "r0004")
    return folder / "r0004"


def file_of(folder: Path, module: int) -> Path:
    [path] = folder.glob(f"CORR-*-AGIPD{module:02d}-*.h5")
    return path


def test_a_damaged_file_leaves_the_others(made: Any, tmp_path: Path) -> None:
    folder = copied(made, tmp_path)
    file_of(folder, 0).write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(5000))
    [found] = find_corrected([folder])
    assert tuple(found.modules) == (15,)
    assert any("AGIPD00" in note and "damaged" in note for note in found.notes)


def test_modules_of_another_unit_are_left_out(made: Any, tmp_path: Path) -> None:
    folder = copied(made, tmp_path)
    extra = file_of(folder, 15).with_name("CORR-R0004-AGIPD01-S00000.h5")
    shutil.copy(file_of(folder, 15), extra)
    with h5py.File(extra, "r+") as file:
        for part in ("INDEX", "INSTRUMENT"):
            file.move(f"{part}/{SOURCE.format(15)}", f"{part}/{SOURCE.format(1)}")
        for key in ("dataSourceId", "deviceId"):
            told = file[f"METADATA/dataSources/{key}"]
            told[...] = [name.replace(b"15CH0", b"1CH0") for name in told[()]]
        file[f"INSTRUMENT/{SOURCE.format(1)}/image/data"].attrs["unit"] = "photons"
    [found] = find_corrected([folder])
    assert tuple(found.modules) == MODULES
    assert any("modules 1, whose images or units are others" in note and "image.data [keV]" in note
               for note in found.notes)


def test_images_that_do_not_belong_to_the_samples_leave_the_file_out(made: Any, tmp_path: Path) -> None:
    folder = copied(made, tmp_path)
    with h5py.File(file_of(folder, 0), "r+") as file:
        del file[f"INSTRUMENT/{SOURCE.format(0)}/image/mask"]
        file[f"INSTRUMENT/{SOURCE.format(0)}/image/mask"] = np.zeros((7, 128, 512), np.uint32)
    [found] = find_corrected([folder])
    assert tuple(found.modules) == (15,)
    assert any("image/mask: it holds uint32 (7, 128, 512)" in note for note in found.notes)


def test_a_file_that_is_replaced_is_not_read(made: Any, tmp_path: Path) -> None:
    folder = copied(made, tmp_path)
    [found] = find_corrected([folder])
    subject = CorrectedSubject(found)
    shutil.copy(file_of(made[0], 15), tmp_path / "other.h5")
    (tmp_path / "other.h5").replace(file_of(folder, 15))
    picture = picture_of(subject, train=0, cell=0)
    assert picture.coverage.tolist() == [1, 0]
    assert any("AGIPD15" in note and "replaced" in note for note in subject.notes)
    subject.close()


def renamed(folder: Path, form: str) -> None:
    """Give the sources of all modules another name."""
    for module in MODULES:
        with h5py.File(file_of(folder, module), "r+") as file:
            old, new = SOURCE.format(module), form.format(module)
            for part in ("INDEX", "INSTRUMENT"):
                file.move(f"{part}/{old}", f"{part}/{new}")
            for key in ("dataSourceId", "deviceId"):
                told = file[f"METADATA/dataSources/{key}"]
                told[...] = [name.replace(old.encode(), new.encode()) for name in told[()]]


def test_older_files_have_the_names_of_raw_sources(made: Any, tmp_path: Path) -> None:
    folder = copied(made, tmp_path)
    renamed(folder, "SPB_DET_AGIPD1M-1/DET/{}CH0:xtdf")
    [found] = find_corrected([folder])
    subject = CorrectedSubject(found)
    picture = picture_of(subject, train=0, cell=1)
    np.testing.assert_array_equal(picture.maps[Pick("corrected")][1], made[1][15]["image.data"][1])
    subject.close()


def test_sources_of_no_known_type_are_named(made: Any, tmp_path: Path) -> None:
    folder = copied(made, tmp_path)
    renamed(folder, "SPB_DET_OTHER/CORR/{}CH0:output")
    with pytest.raises(BadInput, match="no known type of detector; the first of their 2 sources is SPB_DET_OTH"):
        find_corrected([folder])


@pytest.mark.parametrize("name", ["", "nothing here", "CORR-R0001-AGIPD00-S00000.h5"])
def test_what_is_not_there_is_one_sentence(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput) as caught:
        find_corrected([tmp_path / name] if name else [])
    assert name in str(caught.value)
    assert not are_results([tmp_path])


@pytest.fixture(scope="module")
def facility(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run in the facility's layout, with old names beside the new ones; one module has random samples."""
    folder = tmp_path_factory.mktemp("facility") / "r0142"
    folder.mkdir()
    make_modern_spb_proc_run(str(folder))
    for path in folder.glob("*.h5"):
        if "AGIPD03" not in path.name and "AGIPD11" not in path.name:
            path.unlink()
    for path in folder.glob("*.h5"):
        write_all(path, "INSTRUMENT", "INDEX")
    [path] = folder.glob("*AGIPD03*.h5")
    draw = np.random.default_rng(3)
    with h5py.File(path, "r+") as file:
        image = file[f"INSTRUMENT/{SOURCE.format(3)}/image"]
        image["data"][:64] = draw.normal(0, 5, (64, 512, 128)).astype("f4")
        image["mask"][:64] = draw.integers(0, 9, (64, 512, 128))
    record = {"calibration-configurations": {"karabo-id": "SPB_DET_AGIPD1M-1", "in-folder": "/raw/r0142",
                                             "rel-gain": True},
              "pycalibration-version": "3.16.0", "retrieved-constants": {
                  "AGIPD03": {"physical-name": "M3", "constants": {"Offset": {
                      "ccv_id": 7, "creation-time": "2025-01-29T18:36:06+01:00", "dataset": "/a/0",
                      "path": "/c.h5"}}},
                  "time-summary": {"SAll": 3}}}
    (folder / "calibration_metadata_SPB_DET_AGIPD1M-1.yml").write_text(json.dumps(record))  # which is YAML too
    return folder


def test_files_of_other_software_show_what_extra_data_reads(facility: Path) -> None:
    [found] = find_on_disk([facility])
    subject = CorrectedSubject(found)  # type: ignore[arg-type]
    with RunDirectory(str(facility)) as run:
        component = AGIPD1M(run, raw=False)
        samples, masks = (component.get_array(f"image.{key}", unstack_pulses=False) for key in ("data", "mask"))
    assert subject.modules == (3, 11)
    for train, cell in ((0, 0), (1, 31), (0, 17)):
        picture = picture_of(subject, train=train, cell=subject.axes["cell"].index(cell))
        for i in range(2):
            place = train * 32 + cell
            np.testing.assert_array_equal(picture.maps[Pick("corrected")][i], samples.values[i, place])
            np.testing.assert_array_equal(picture.maps[Pick("bad_pixels")][i], masks.values[i, place])
    assert "The files do not tell the unit of their samples." in subject.notes
    assert "3.16.0" in subject.about["characterisation"]
    assert subject.about["constants"] == "Offset of 2025-01-29T18:36:06+01:00: /c.h5 (AGIPD03)"
    assert "rel-gain: True" in subject.about["parameters"]
    assert subject.about["runs"].endswith("/raw/r0142")
    subject.close()


@pytest.mark.parametrize("text", ["[1, 2]", "a: [", "retrieved-constants: 3", "3"])
def test_a_record_that_is_none_is_told(facility: Path, tmp_path: Path, text: str) -> None:
    folder = tmp_path / "r0142"
    shutil.copytree(facility, folder)
    (folder / "calibration_metadata_SPB_DET_AGIPD1M-1.yml").write_text(text)
    [found] = find_corrected([folder])
    assert any("calibration_metadata_SPB_DET_AGIPD1M-1.yml" in note for note in found.notes)
    assert tuple(found.modules) == (3, 11)
