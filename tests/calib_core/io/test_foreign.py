"""Files that hang or end HDF5 end a child alone, and are told; the others are used."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from calib_core.errors import BadInput, Cancelled
from calib_core.io import foreign
from calib_core.io.run import Run
from tests.calib_core.io.mocks import endless_text


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setenv(foreign.SECONDS_VARIABLE, "3")


@pytest.fixture
def taster():
    made = foreign._Taster()
    yield made
    made.end()


def test_text_without_end_in_the_metadata_costs_its_file_alone(agipd_run):
    run = agipd_run(modules=2)
    endless_text(run.file(1))
    opened = Run.open(run.path)
    assert [file.name for file in opened.files] == ["RAW-R0012-AGIPD00-S00000.h5"]
    (problem,) = [p for p in opened.problems if p.severity == "exclude"]
    assert problem.sentence() == (
        "RAW-R0012-AGIPD01-S00000.h5: the file is damaged: HDF5 does not come to an end with it (left out, R01)")


def test_a_run_of_such_files_alone_is_refused_in_one_sentence(agipd_run):
    run = agipd_run(modules=1)
    endless_text(run.file())
    with pytest.raises(BadInput, match="does not come to an end"):
        Run.open(run.path)
    started = time.monotonic()
    with pytest.raises(BadInput, match="does not come to an end"):
        Run.open(run.path)
    assert time.monotonic() - started < 0.5, "the verdict was not kept"


def test_text_without_end_in_a_control_value(agipd_run):
    """Of another heap, which opening does not read: it is tried when it is asked for."""
    run = agipd_run(modules=1)
    with h5py.File(run.file(), "r+") as file:
        ids = file["METADATA/dataSources/dataSourceId"]
        ids.resize((len(ids) + 1,))
        ids[-1] = b"CONTROL/DEV/ICE"
        file.flush()
        file.create_dataset("CONTROL/DEV/ICE/state/value", data=["ON" * 3000] * run.trains, dtype=h5py.string_dtype())
    endless_text(run.file(), last=True)
    opened = Run.open(run.path)
    control = opened.control(opened.detectors[0])
    with pytest.raises(BadInput, match=r"AGIPD00-S00000.h5 cannot be read: HDF5 does not come to an end with it"):
        control.told("DEV/ICE", "state")


def test_a_file_that_changed_is_tried_again(tmp_path):
    path = tmp_path / "cal.1.h5"
    with h5py.File(path, "w") as file:
        file["PDU/Offset/0/data"] = np.zeros(3)
        file["PDU/Offset/0"].attrs["unit"] = "ADU"
    whole = path.read_bytes()
    endless_text(path)
    with pytest.raises(foreign.UntrustedFile):
        foreign.open_hdf5(path)
    path.write_bytes(whole)
    with foreign.open_hdf5(path) as file:
        assert file["PDU/Offset/0"].attrs["unit"] == "ADU"


def test_a_crash_of_the_child_is_told_and_the_next_file_is_tried(agipd_run, taster):
    run = agipd_run(modules=2)
    endless_text(run.file(1))
    taster.try_names(run.file(0), ("METADATA/",))
    pid = taster._child._process.pid
    threading.Timer(0.3, os.kill, (pid, signal.SIGSEGV)).start()
    with pytest.raises(foreign.UntrustedFile, match=r"HDF5 crashes on it \(Segmentation fault\)"):
        taster.try_names(run.file(1), ("METADATA/",))
    taster.try_names(run.file(0), ("INDEX/trainId",))
    assert taster._child._process.pid != pid


def test_a_file_that_does_not_answer_is_out_of_reach(agipd_run, taster, monkeypatch):
    run = agipd_run(modules=1)
    taster.try_names(run.file(), ("INDEX/flag",))
    monkeypatch.setenv(foreign.SECONDS_VARIABLE, "1")
    os.kill(taster._child._process.pid, signal.SIGSTOP)
    with pytest.raises(foreign.UntrustedFile, match="no answer within 1 s") as caught:
        taster.try_names(run.file(), ("METADATA/",))
    assert caught.value.unreachable
    taster.try_names(run.file(), ("METADATA/",))


def test_the_end_of_the_program_waits_for_no_file(agipd_run, taster, monkeypatch):
    monkeypatch.setenv(foreign.SECONDS_VARIABLE, "60")
    run = agipd_run(modules=1)
    endless_text(run.file())
    threading.Timer(1.5, taster.end).start()
    started = time.monotonic()
    with pytest.raises(Cancelled):
        taster.try_names(run.file(), ("METADATA/",))
    assert time.monotonic() - started < 10
    with pytest.raises(Cancelled):
        taster.try_names(run.file(), ("INDEX/trainId",))


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_no_regular_file_is_never_opened(tmp_path, make):
    make(tmp_path / "cal.h5")
    with pytest.raises(OSError, match="not a regular file"):
        foreign.open_hdf5(tmp_path / "cal.h5")


def test_ctrl_c_ends_the_command_at_once(agipd_run, monkeypatch):
    monkeypatch.setenv(foreign.SECONDS_VARIABLE, "60")
    run = agipd_run(modules=1)
    endless_text(run.file())
    started = subprocess.Popen([sys.executable, "-c", "import sys; from calib_core.cli.main import main; "
                                f"sys.exit(main(['info', {str(run.path)!r}]))"], stderr=subprocess.PIPE)
    while not children_of(started.pid):
        time.sleep(0.1)
    time.sleep(1)
    started.send_signal(signal.SIGINT)
    _, said = started.communicate(timeout=30)
    assert started.returncode == 130
    assert b"Traceback" not in said


def children_of(pid):
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def test_the_child_has_h5py_alone_and_limits(agipd_run, taster):
    taster.try_names(agipd_run(modules=1).file(), ("METADATA/",))
    pid = taster._child._process.pid
    loaded = Path(f"/proc/{pid}/maps").read_text()
    assert "h5py" in loaded
    assert "numba" not in loaded
    assert "llvmlite" not in loaded
    lines = Path(f"/proc/{pid}/limits").read_text().splitlines()
    limits = {line[:26].strip(): line[26:].split()[:2] for line in lines}
    assert limits["Max file size"] == limits["Max core file size"] == ["0", "0"]
    assert int(limits["Max address space"][0]) < 4 << 30
    assert int(limits["Max cpu time"][0]) < 10
