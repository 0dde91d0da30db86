"""Full disks and forbidden folders: one clear sentence, nothing half-written, nothing else lost."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calib_core.cli.main import main
from calib_core.store.constants import list_constants

from .command import KINDS, Capture, Result, Runs, refused, words


def test_a_file_in_the_place_of_the_output_folder(small_runs: Runs, tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "out"
    out.write_text("a file")
    refused(words(small_runs, out), out, capsys, str(out), "could not be written")
    assert out.read_text() == "a file"


def test_an_output_folder_that_may_not_be_written(
    small_runs: Runs, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = os.open

    def denied(path: Any, flags: int, *rest: Any, **named: Any) -> int:
        if flags & os.O_CREAT and str(path).startswith(str(tmp_path / "out")):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return really(path, flags, *rest, **named)

    monkeypatch.setattr(os, "open", denied)
    out = tmp_path / "out"
    refused(words(small_runs, out), out, capsys, "out could not be written: Permission denied")


#: Calls of the system, how many of them go well, and the error of all others; each call has each error.
FAILING = [
    ("write", 0, errno.ENOSPC), ("write", 2, errno.EDQUOT), ("write", 5, errno.EIO),
    ("pwrite", 0, errno.EIO), ("pwrite", 9, errno.ENOSPC), ("pwrite", 9, errno.EDQUOT),
    ("fsync", 4, errno.EDQUOT), ("fsync", 4, errno.EIO), ("fsync", 4, errno.ENOSPC),
    ("preadv", 0, errno.ENOSPC), ("preadv", 30, errno.EIO), ("preadv", 80, errno.EDQUOT),
]


@pytest.mark.parametrize(("call", "good", "cause"), FAILING)
def test_a_disk_that_fails_from_some_moment_on(
    call: str, good: int, cause: int, small_runs: Runs, tmp_path: Path, capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    really, calls = getattr(os, call), iter(range(10**6))

    def failing(*given: Any) -> int:
        if next(calls) >= good:
            raise OSError(cause, os.strerror(cause))
        return int(really(*given) or 0)

    monkeypatch.setattr(os, call, failing)
    result = Result(words(small_runs, tmp_path / "out"), tmp_path / "out", capsys)
    monkeypatch.undo()
    assert result.status == 1
    assert result.errors
    assert all(os.strerror(cause) in line for line in result.errors)
    again = Result(words(small_runs, tmp_path / "again"), tmp_path / "again", capsys)
    assert (again.status, again.constants.keys()) == (0, {1, 2})


def test_a_scratch_file_that_takes_a_part_at_a_time(
    small_runs: Runs, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is nearly full writes less than it was asked to; nothing may be lost by that."""
    expected = Result(words(small_runs, tmp_path / "expected"), tmp_path / "expected", capsys)
    really = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda file, data, at: really(file, data[:max(1, len(data) // 2)], at))
    found = Result(words(small_runs, tmp_path / "out"), tmp_path / "out", capsys)
    assert found.status == 0
    for module, kinds in expected.constants.items():
        for kind, values in kinds.items():
            np.testing.assert_array_equal(found.constants[module][kind], values, err_msg=f"{module} {kind}")


def test_no_room_for_the_results_is_said_before_the_work(
    small_runs: Runs, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
    refused(words(small_runs, tmp_path / "out"), tmp_path / "out", capsys, "No space left", "MB are free")


def test_what_an_interrupted_job_left_is_swept(small_runs: Runs, tmp_path: Path, capsys: Capture) -> None:
    cal = tmp_path / "out" / "xfel" / "cal"
    old, fresh = cal / ".calibwb-tmp-old", cal / ".calibwb-tmp-fresh"
    cal.mkdir(parents=True)
    for path in (old, fresh):
        path.write_bytes(b"half a constant")
    os.utime(old, (0, 0))
    assert main(words(small_runs, tmp_path / "out")) == 0
    assert not old.exists()
    assert fresh.exists()
    assert len(list_constants(tmp_path / "out")) == 2 * len(KINDS)
