"""Reading takes no locks: writers are not kept out, file systems without locks will do, who writes is seen."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import pytest
from extra_data.file_access import FileAccess

from calib_core.detector import FrameSelection
from calib_core.io.files import RunFile, open_file
from calib_core.io.foreign import open_hdf5
from calib_core.io.inventory import Problem
from calib_core.io.run import Run
from calib_core.io.unlocked import open_unlocked

WRITE = "import h5py, sys; h5py.File(sys.argv[1], 'r+', locking=True)"
#: A C library whose file systems have no locks.
NO_LOCKS = "#include <errno.h>\nint flock(int fd, int op) { errno = ENOLCK; return -1; }\n"


def can_be_written(path: Path) -> bool:
    return not subprocess.run([sys.executable, "-c", WRITE, path], capture_output=True, check=False).returncode


def locks_on(path: Path) -> list[str]:
    """Locks of whoever, as the kernel tells them."""
    inode = f":{os.stat(path).st_ino} "
    return [line for line in Path("/proc/locks").read_text("ascii").splitlines() if inode in line]


def compressed(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        group = file["INSTRUMENT/SPB_DET_AGIPD1M-1/DET/0CH0:xtdf/image"]
        values = group["data"][()]
        del group["data"]
        group.create_dataset("data", data=values, chunks=(1, *values.shape[1:]), compression=1)


@pytest.fixture(params=["AGIPD", "JUNGFRAU", "compressed"])
def path(request, agipd_run, jungfrau_run) -> Path:
    """A file of a run, whose frames are read straight or by HDF5."""
    run = jungfrau_run() if request.param == "JUNGFRAU" else agipd_run(modules=1, pixels=True)
    found = next(run.path.glob("*.h5"))
    if request.param == "compressed":
        compressed(found)
    return found


def test_a_file_of_an_open_run_can_be_written(path: Path) -> None:
    with Run.open(path.parent) as run:
        detector = run.detectors[0]
        frames = run.frames(detector, detector.modules[0], FrameSelection())
        assert len(frames.some(2))
        assert any(os.path.samefile(f"/proc/self/fd/{fd}", path) for fd in os.listdir("/proc/self/fd")
                   if os.path.exists(f"/proc/self/fd/{fd}"))
        assert locks_on(path) == []
        assert can_be_written(path)


def test_a_constant_that_is_open_can_be_written(path: Path) -> None:
    with open_hdf5(path) as file:
        assert file.keys()
        assert locks_on(path) == []
        assert can_be_written(path)


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_where_locks_cannot_be_asked_for_a_file_is_read(path: Path, code: int, monkeypatch) -> None:
    def refused(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", refused)
    assert isinstance(open_file(path), RunFile)


@pytest.fixture
def no_locks(tmp_path: Path) -> dict[str, str]:
    """An environment in whose processes, and their children, no lock can be had."""
    source, library = tmp_path / "no_locks.c", tmp_path / "no_locks.so"
    source.write_text(NO_LOCKS, "ascii")
    try:
        subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
    except FileNotFoundError:
        pytest.skip("there is no C compiler")
    return {**os.environ, "LD_PRELOAD": str(library)}


def test_a_run_on_a_file_system_without_locks_is_read(path: Path, no_locks: dict[str, str]) -> None:
    locked = subprocess.run([sys.executable, "-c", WRITE, path], env=no_locks, capture_output=True, check=False)
    assert b"No locks available" in locked.stderr
    done = subprocess.run([sys.executable, "-m", "calib_core", "info", path.parent], env=no_locks,
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "R01" not in done.stdout


@pytest.fixture
def writer(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that holds the file open for writing."""
    code = f"{WRITE.replace('; ', '; f = ')}; import time; print(1, flush=True); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def test_a_file_that_somebody_writes_is_called_so(path: Path, writer: subprocess.Popen[bytes]) -> None:
    found = open_file(path)
    assert isinstance(found, Problem)
    assert found.code == "R23"
    assert "still being written" in found.detail
    writer.kill()
    writer.wait()
    assert isinstance(open_file(path), RunFile)


@pytest.mark.parametrize("opened", [lambda path: h5py.File(path, "r"), lambda path: FileAccess(str(path))],
                         ids=["h5py", "EXtra-data"])
def test_who_has_a_file_open_with_locks_in_this_process_is_no_obstacle(
    path: Path, opened: Callable[[Path], object]
) -> None:
    theirs = opened(path)
    with open_unlocked(path) as file:
        assert "INDEX/trainId" in file
    with Run.open(path.parent) as run:
        detector = run.detectors[0]
        assert len(run.frames(detector, detector.modules[0], FrameSelection()).some(2))
    del theirs


def test_the_environment_is_left_alone(path: Path) -> None:
    code = ("import os, sys; before = dict(os.environ); from pathlib import Path; from calib_core.io.run import Run; "
            "Run.open(Path(sys.argv[1])); assert dict(os.environ) == before")
    subprocess.run([sys.executable, "-c", code, path.parent], check=True)
