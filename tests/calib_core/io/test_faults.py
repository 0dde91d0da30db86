"""Every fault of raw data gives a problem with its code, and never an exception or invented data."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from calib_core.detector import FrameSelection
from calib_core.errors import BadInput
from calib_core.io import files
from calib_core.io.run import Run
from calib_core.simulate import default_settings, simulate

IMAGE = "INSTRUMENT/SPB_DET_AGIPD1M-1/DET/1CH0:xtdf/image"
INDEX = "INDEX/SPB_DET_AGIPD1M-1/DET/1CH0:xtdf/image"


def inventory_of(run):
    opened = Run.open(run.path)
    return opened.inventory(opened.detectors[0])


def found(inventory, code):
    return [p for p in inventory.problems if p.code == code]


def of_module(inventory, number):
    return next(m for m in inventory.modules if m.number == number)


def cut(share: float) -> Callable:
    def damage(path):
        os.truncate(path, int(path.stat().st_size * share))
    return damage


def cut_last_byte(path):
    os.truncate(path, path.stat().st_size - 1)


def text(path):
    path.write_text("SIMPLE  =                    T / this is a FITS header" * 200)


def replaced(make: Callable) -> Callable:
    def damage(path):
        path.unlink()
        make(path)
    return damage


def bind(path):
    # The name of a socket is limited to about 100 characters, hence the way round by the working directory.
    here = os.getcwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path.name)
    finally:
        os.chdir(here)


def without(*names: str) -> Callable:
    def damage(path):
        with h5py.File(path, "r+") as file:
            for name in names:
                del file[name]
    return damage


def claiming(name: str) -> Callable:
    def damage(path):
        with h5py.File(path, "r+") as file:
            del file[name]
            file.create_dataset(name, (1 << 40,), "u8", chunks=(1 << 16,))
    return damage


def inside(path, damage: Callable) -> None:
    with h5py.File(path, "r+") as file:
        damage(file)


FILE_FAULTS = {
    "cut to nothing": (cut(0), "R02"),
    "cut to 1 %": (cut(0.01), "R01"),
    "cut in the middle": (cut(0.5), "R01"),
    "cut near the end": (cut(0.99), "R01"),
    "last byte gone": (cut_last_byte, "R01"),
    "other kind of file": (text, "R02"),
    "no INDEX": (without("INDEX"), "R03"),
    "no METADATA": (without("METADATA"), "R03"),
    "no list of sources": (without("METADATA/dataSources/dataSourceId"), "R03"),
    "absurd number of trains": (claiming("INDEX/trainId"), "R28"),
    "absurd number of sources": (claiming("METADATA/dataSources/dataSourceId"), "R28"),
    "train ids in another file": (lambda p: inside(p, leading_out("INDEX/trainId")), "R29"),
    "sources in another file": (lambda p: inside(p, leading_out("METADATA/dataSources/dataSourceId")), "R29"),
    "flags never written": (lambda p: inside(p, anew("INDEX/flag", (3,), "i4")), "R03"),
    "FIFO": (replaced(os.mkfifo), "R25"),
    "socket": (replaced(bind), "R25"),
    "folder": (replaced(lambda p: p.mkdir()), "R25"),
    "device": (replaced(lambda p: p.symlink_to("/dev/zero")), "R25"),
    "dangling link": (replaced(lambda p: p.symlink_to("nowhere.h5")), "R25"),
    "link to itself": (replaced(lambda p: p.symlink_to(p.name)), "R25"),
}


@pytest.mark.parametrize("fault", FILE_FAULTS)
def test_a_file_that_cannot_be_used_is_left_out_and_named(agipd_run, fault):
    damage, code = FILE_FAULTS[fault]
    run = agipd_run(modules=2, sequences=2)
    damage(run.file(1, 1))
    inventory = inventory_of(run)
    (problem,) = found(inventory, code)
    assert problem.file == "RAW-R0012-AGIPD01-S00001.h5"
    assert problem.severity == "exclude"
    assert "\n" not in problem.sentence()
    assert of_module(inventory, 1).missing_sequences == (1,)
    assert of_module(inventory, 1).trains_lost == run.trains
    assert [p.module for p in found(inventory, "R04")] == [1]


@pytest.mark.parametrize("fault", FILE_FAULTS)
def test_a_run_without_a_usable_file_is_refused_in_one_line(agipd_run, fault):
    damage, code = FILE_FAULTS[fault]
    run = agipd_run(modules=1)
    damage(run.file())
    with pytest.raises(BadInput, match=rf"RAW-R0012-AGIPD00-S00000.h5.*{code}") as caught:
        Run.open(run.path)
    assert "\n" not in str(caught.value)


def test_a_file_without_permission_is_left_out(agipd_run, monkeypatch):
    run = agipd_run()

    def forbidden(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(files, "_unsuitable_content", forbidden)
    with pytest.raises(BadInput, match="R26"):
        Run.open(run.path)


def test_a_file_that_somebody_writes_is_said_to_be_written(agipd_run, monkeypatch):
    run = agipd_run()

    def locked(path):
        raise BlockingIOError(11, "Unable to synchronously open file (unable to lock file, errno = 11)")

    monkeypatch.setattr(files, "_access", locked)
    with pytest.raises(BadInput, match=r"written.*R23"):
        Run.open(run.path)


@pytest.mark.parametrize("make", [lambda p: p.mkdir(), lambda p: p.write_text(""), lambda p: None])
def test_a_folder_without_runs_is_refused(tmp_path, make):
    make(tmp_path / "r0001")
    with pytest.raises(BadInput, match="r0001"):
        Run.open(tmp_path / "r0001")


def test_a_file_name_that_is_no_text_is_shown_escaped(agipd_run):
    run = agipd_run()
    (run.path / os.fsdecode(b"RAW-\xff.h5")).write_bytes(b"")
    (problem,) = found(inventory_of(run), "R02")
    assert problem.file == r"RAW-\xff.h5"


def put(name: str, change: Callable) -> Callable:
    """Change a dataset's values in place."""
    def damage(file):
        values = file[name][()]
        change(values)
        file[name][...] = values
    return damage


def at(place, value) -> Callable:
    return lambda values: values.__setitem__(place, value)


def anew(name: str, shape: tuple[int, ...], dtype: str, **layout) -> Callable:
    def damage(file):
        del file[name]
        file.create_dataset(name, shape, dtype, **layout)
    return damage


def elsewhere(file):
    del file[f"{IMAGE}/data"]
    file.create_dataset(f"{IMAGE}/data", (12, 2, 512, 128), "u2", external=[("/etc/passwd", 0, 1 << 22)])


def linked(file):
    del file[f"{IMAGE}/data"]
    file[f"{IMAGE}/data"] = h5py.ExternalLink("RAW-R0012-AGIPD00-S00000.h5", IMAGE.replace("1CH0", "0CH0") + "/data")


def huge_chunks(file):
    del file[f"{IMAGE}/data"]
    file.create_dataset(f"{IMAGE}/data", (4096, 2, 512, 128), "u2", chunks=(2048, 2, 512, 128))


def virtual(file):
    layout = h5py.VirtualLayout((12, 2, 512, 128), "u2")
    layout[:] = h5py.VirtualSource("gone.h5", "data", (12, 2, 512, 128))
    del file[f"{IMAGE}/data"]
    file.create_virtual_dataset(f"{IMAGE}/data", layout)


def strings(file):
    del file[f"{IMAGE}/data"]
    file.create_dataset(f"{IMAGE}/data", (12, 2, 512, 128), h5py.string_dtype())


OTHER, OTHERS = "RAW-R0012-AGIPD00-S00000.h5", IMAGE.replace("1CH0", "0CH0")


def leading_out(name: str, soft: bool = False) -> Callable:
    """A dataset that is a link to the same one of another file, or a soft link to such a link."""
    def damage(file):
        with h5py.File(Path(file.filename).parents[1] / "elsewhere.h5", "w") as other:
            file.copy(file[name], other, name)
        del file[name]
        file["aside" if soft else name] = h5py.ExternalLink("../elsewhere.h5", name)
        if soft:
            file[name] = h5py.SoftLink("/aside")
    return damage


def half_written(file):
    anew(f"{IMAGE}/cellId", (12, 1), "u2", chunks=(4, 1))(file)
    file[f"{IMAGE}/cellId"][:4] = [[0], [1], [2], [3]]


def virtual_of(name: str, source: str, rows: int, file_name: str = OTHER) -> Callable:
    """A virtual dataset of which the first rows are those of another."""
    def damage(file):
        shape, dtype = file[name].shape, file[name].dtype
        layout = h5py.VirtualLayout(shape, dtype)
        layout[:rows] = h5py.VirtualSource(file_name, source, (rows, *shape[1:]))
        del file[name]
        file.create_virtual_dataset(name, layout, fillvalue=7)
    return damage


def claiming_frames(file):
    """A small file whose index and datasets claim a hundred million frames."""
    n = 100_000_000
    for key, row in (("data", (2, 512, 128)), ("cellId", (1,)), ("trainId", (1,))):
        anew(f"{IMAGE}/{key}", (n, *row), "u2" if key != "trainId" else "u8", chunks=(1, *row))(file)
    put(f"{INDEX}/count", at(slice(None), n // 3))(file)
    put(f"{INDEX}/first", at(slice(None), np.arange(3, dtype="u8") * (n // 3)))(file)


#: Damage, code, severity, frames left of the module's 12 (4 in each of 3 trains).
DATA_FAULTS = {
    "all counts zero": (put(f"{INDEX}/count", at(slice(None), 0)), "R06", "refuse", 0),
    "one count zero": (put(f"{INDEX}/count", at(2, 0)), "R10", "warn", 8),
    "train twice": (put("INDEX/trainId", at(2, 10001)), "R08", "exclude", 8),
    "train id zero inside": (put("INDEX/trainId", at(1, 0)), "R09", "exclude", 8),
    "train id 2^63": (put("INDEX/trainId", at(1, 1 << 63)), "R09", "exclude", 8),
    "train id an hour later": (put("INDEX/trainId", at(2, 46002)), "R09", "exclude", 8),
    "trains out of order": (put("INDEX/trainId", at(1, 10003)), "R09", "exclude", 8),
    "suspect train": (put("INDEX/flag", at(1, 0)), "R09", "warn", 8),
    "train ids as text": (anew("INDEX/trainId", (3,), "S8", data=[b"10000"] * 3), "R03", "refuse", 0),
    "index outside the data": (put(f"{INDEX}/first", at(2, 10)), "R12", "refuse", 0),
    "index huge": (put(f"{INDEX}/count", at(2, 1 << 63)), "R12", "refuse", 0),
    "index overlaps": (put(f"{INDEX}/first", at(1, 2)), "R12", "refuse", 0),
    "index too short": (lambda f: f[f"{INDEX}/first"].resize((2,)), "R12", "refuse", 0),
    "gap in the index": (put(f"{INDEX}/count", at(1, 3)), "R12", "warn", 11),
    "one frame less": (put(f"{INDEX}/count", at(1, 3)), "R11", "warn", 11),
    "no index of the source": (lambda f: f.__delitem__(INDEX), "R03", "refuse", 0),
    "other train ids beside the pixels": (put(f"{IMAGE}/trainId", at((5, 0), 10000)), "R13", "exclude", 0),
    "cells in another order": (put(f"{IMAGE}/cellId", lambda v: v.sort(axis=0)), "R13", "warn", 12),
    "cell 700": (put(f"{IMAGE}/cellId", at((3, 0), 700)), "R14", "exclude", 11),
    "cell 352": (put(f"{IMAGE}/cellId", at(slice(0, 2), 352)), "R14", "exclude", 10),
    "float data": (anew(f"{IMAGE}/data", (12, 2, 512, 128), "f8"), "R17", "refuse", 0),
    "wide data": (anew(f"{IMAGE}/data", (12, 2, 512, 128), "i4"), "R17", "refuse", 0),
    "corrected shape": (anew(f"{IMAGE}/data", (12, 512, 128), "f4"), "R17", "refuse", 0),
    "wrong shape": (anew(f"{IMAGE}/data", (12, 2, 256, 256), "u2"), "R17", "refuse", 0),
    "no pixel data": (lambda f: f.__delitem__(f"{IMAGE}/data"), "R17", "refuse", 0),
    "no memory cells": (lambda f: f.__delitem__(f"{IMAGE}/cellId"), "R17", "refuse", 0),
    "memory cells as float": (anew(f"{IMAGE}/cellId", (12, 1), "f4"), "R17", "refuse", 0),
    "absurd number of cells": (anew(f"{IMAGE}/cellId", (1 << 40, 1), "u2", chunks=(1 << 16, 1)), "R28", "refuse", 0),
    "absurd index": (anew(f"{INDEX}/count", (1 << 40,), "u8", chunks=(1 << 16,)), "R28", "refuse", 0),
    "data too short": (anew(f"{IMAGE}/data", (8, 2, 512, 128), "u2"), "R12", "refuse", 0),
    "huge chunks": (huge_chunks, "R28", "refuse", 0),
    "external storage": (elsewhere, "R29", "refuse", 0),
    "external link": (linked, "R29", "refuse", 0),
    "virtual source missing": (virtual, "R30", "refuse", 0),
    "text instead of pixels": (strings, "R31", "refuse", 0),
    "index in another file": (leading_out(f"{INDEX}/count"), "R29", "refuse", 0),
    "index behind a soft link": (leading_out(f"{INDEX}/first", soft=True), "R29", "refuse", 0),
    "cells behind a soft link": (leading_out(f"{IMAGE}/cellId", soft=True), "R29", "refuse", 0),
    "train ids in another file": (leading_out(f"{IMAGE}/trainId"), "R29", "refuse", 0),
    "index never written": (anew(f"{INDEX}/count", (3,), "u8"), "R03", "refuse", 0),
    "cells never written": (anew(f"{IMAGE}/cellId", (12, 1), "u2"), "R03", "refuse", 0),
    "cells written in part": (half_written, "R03", "refuse", 0),
    "cells without a source": (virtual_of(f"{IMAGE}/cellId", "nothing", 12), "R30", "refuse", 0),
    "cells with half a source": (virtual_of(f"{IMAGE}/cellId", f"{OTHERS}/cellId", 6), "R30", "refuse", 0),
    "cells beyond their source": (virtual_of(f"{IMAGE}/cellId", "INDEX/trainId", 12), "R30", "refuse", 0),
    "index of an unwritten source": (virtual_of(f"{INDEX}/count", f"{OTHERS}/status", 3), "R03", "refuse", 0),
    "a hundred million frames": (claiming_frames, "R28", "refuse", 0),
}


@pytest.mark.parametrize("fault", DATA_FAULTS)
def test_data_that_cannot_be_trusted_are_left_out_and_said(agipd_run, fault):
    damage, code, severity, frames = DATA_FAULTS[fault]
    run = agipd_run(modules=3)
    inside(run.file(1), damage)
    inventory = inventory_of(run)
    assert of_module(inventory, 1).frames == frames
    problems = [p for p in found(inventory, code) if p.module == 1]
    assert [p.severity for p in problems] == [severity]
    assert "\n" not in problems[0].sentence()
    assert [of_module(inventory, m).frames for m in (0, 2)] == [12, 12]
    assert [p for p in inventory.problems if p.severity == "refuse" and p.module != 1] == []


def test_a_few_wrong_index_rows_cost_only_their_trains(agipd_run):
    run = agipd_run(modules=1, trains=200, frames=1)
    with h5py.File(run.file(), "r+") as file:
        file[f"INDEX/{run.image()}/first"][7] = 5000
    inventory = inventory_of(run)
    (problem,) = found(inventory, "R12")
    assert problem.severity == "exclude"
    assert "1 of 200 trains" in problem.detail
    assert "10007" in problem.detail
    assert of_module(inventory, 0).frames == 199


def test_repeated_trains_change_nothing_of_the_rest(agipd_run):
    run = agipd_run(modules=1, sequences=2, trains=3, frames=2, pixels=True)
    with h5py.File(run.file(0, 1), "r+") as file:
        file["INDEX/trainId"][0] = 10002
        file[f"INSTRUMENT/{run.image()}/trainId"][:2] = 10002
        expected = np.delete(file[f"INSTRUMENT/{run.image()}/data"][()], [0, 1], axis=0)
    opened = Run.open(run.path)
    detector = opened.detectors[0]
    frames = opened.frames(detector, detector.modules[0], FrameSelection())
    assert frames.excluded == {"train repeated": 2}
    np.testing.assert_array_equal(np.unique(frames.train), [10000, 10001, 10002, 10004, 10005])
    (chunk,) = frames.chunks((0, 1), 1 << 24)
    np.testing.assert_array_equal(chunk.block[6:], expected)


def test_one_bad_file_does_not_forbid_the_module(agipd_run):
    run = agipd_run(modules=2, sequences=2)
    with h5py.File(run.file(1, 1), "r+") as file:
        anew(f"{IMAGE}/data", (12, 2, 512, 128), "f4")(file)
    inventory = inventory_of(run)
    assert [p.severity for p in found(inventory, "R17")] == ["exclude"]
    assert of_module(inventory, 1).frames == 12


@pytest.mark.parametrize("sequence", [0, 1, 2])
def test_a_missing_sequence_is_seen(agipd_run, sequence):
    run = agipd_run(modules=2, sequences=3)
    run.file(1, sequence).unlink()
    inventory = inventory_of(run)
    assert of_module(inventory, 1).missing_sequences == (sequence,)
    assert of_module(inventory, 1).trains_lost == run.trains
    assert of_module(inventory, 0).missing_sequences == ()
    assert [p.module for p in found(inventory, "R04")] == [1]


def test_a_sequence_missing_in_all_modules_is_seen(agipd_run):
    run = agipd_run(modules=2, sequences=3)
    for module in (0, 1):
        run.file(module, 1).unlink()
    assert [m.missing_sequences for m in inventory_of(run).modules] == [(1,), (1,)]


def test_a_missing_module_is_named(agipd_run):
    run = agipd_run(modules=16, trains=1, frames=1)
    assert found(inventory_of(run), "R05") == []
    run.file(7).unlink()
    (problem,) = found(inventory_of(run), "R05")
    assert "15 of 16" in problem.detail
    assert problem.detail.endswith("no module 7")


def test_a_run_without_frames_is_refused(agipd_run):
    run = agipd_run(modules=2)
    for module in (0, 1):
        with h5py.File(run.file(module), "r+") as file:
            file[f"INDEX/{run.image(module)}/count"][:] = 0
    problems = found(inventory_of(run), "R06")
    assert [(p.severity, p.module) for p in problems] == [("refuse", 0), ("refuse", 1), ("refuse", None)]


def test_a_corrected_run_is_refused(agipd_run):
    run = agipd_run(modules=1)
    run.file().rename(run.path / "CORR-R0012-AGIPD00-S00000.h5")
    (problem,) = found(inventory_of(run), "R17")
    assert "raw data are needed" in problem.detail


def test_wrong_gain_bits_are_refused(jungfrau_run):
    run = jungfrau_run(pixels=False)
    with h5py.File(run.file(1), "r+") as file:
        del file[f"INSTRUMENT/{run.module()}/gain"]
        file.create_dataset(f"INSTRUMENT/{run.module()}/gain", (2, 16, 512, 1024), "u2")
    (problem,) = found(inventory_of(run), "R17")
    assert "uint8" in problem.detail
    assert problem.path.endswith("/gain")


def test_a_real_file_that_is_no_run_is_refused_in_one_clear_line(real_data):
    with pytest.raises(BadInput) as caught:
        Run.open(real_data / "sxp_dld")
    sentence = str(caught.value)
    assert "RAW-R0016-DA03-S00000.h5" in sentence
    assert "METADATA/dataSourceId not found" in sentence
    assert "\n" not in sentence


def test_problems_are_plain_json(agipd_run):
    run = agipd_run(modules=2, sequences=2)
    run.file(1, 0).write_bytes(b"")
    plain = inventory_of(run).to_json()
    assert plain["modules"][1]["missing_sequences"] == [0]
    assert plain["modules"][0]["cells"] == [0, 1, 2, 3]
    assert "RAW-R0012-AGIPD01-S00000.h5: the file is empty (0 bytes) (left out, R02)" in [
        p["sentence"] for p in plain["problems"]]


def test_a_detector_of_few_modules_is_whole_without_gaps(tmp_path):
    for modules, expected in (("1-2", []), ("1,3", ["there is no module 2"])):
        settings = default_settings("JUNGFRAU").with_changes({"modules": modules, "trains": 1})
        run = simulate(settings, tmp_path / modules.replace(",", "_")).runs["high"]
        with Run.open(run) as opened:
            found = [p.detail for p in opened.inventory(opened.detectors[0]).problems if p.code == "R05"]
        assert [detail.split("; ")[1] for detail in found] == expected
