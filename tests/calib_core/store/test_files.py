"""Files appear whole or not at all, whatever the system refuses."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from calib_core.errors import OutputFailed
from calib_core.store import files
from calib_core.store.files import check_writable, sweep, unfinished, write_atomically, write_together

CONTENT = bytes(range(256)) * 40


def everything_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


class FailingCall:
    """A system call that fails the n-th time and works otherwise."""

    def __init__(self, name: str, nth: int, code: int):
        self.original, self.nth, self.code, self.calls = getattr(os, name), nth, code, 0

    def __call__(self, *args, **kwargs):
        self.calls += 1
        if self.calls == self.nth:
            raise OSError(self.code, os.strerror(self.code))
        return self.original(*args, **kwargs)


@pytest.fixture
def short_writes(monkeypatch):
    """os.write takes at most 1000 bytes, as a pipe or a signal may cause."""
    original = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: original(fd, data[:1000]))


def test_content_is_whole(tmp_path):
    write_atomically(tmp_path / "new" / "folder" / "file", CONTENT)
    assert (tmp_path / "new" / "folder" / "file").read_bytes() == CONTENT
    assert len(everything_below(tmp_path)) == 1


def test_short_writes_are_continued(tmp_path, short_writes):
    write_atomically(tmp_path / "file", memoryview(CONTENT))
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_empty_content(tmp_path):
    write_atomically(tmp_path / "file", b"")
    assert (tmp_path / "file").read_bytes() == b""


def write_or_reason(target: Path) -> str:
    """Empty where the file was written, else what the operator is told."""
    try:
        write_atomically(target, CONTENT)
    except OutputFailed as error:
        return str(error)
    return ""


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
@pytest.mark.parametrize(("name", "calls"), [
    ("write", 11), ("fsync", 2), ("rename", 1), ("posix_fallocate", 1), ("open", 2), ("close", 2),
])
def test_a_failure_of_any_call_leaves_nothing(tmp_path, monkeypatch, short_writes, name, calls, code):
    target = tmp_path / "file"
    for nth in range(1, calls + 1):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, FailingCall(name, nth, code))
            reason = write_or_reason(target)
        assert reason.startswith(f"{target} could not be written: {os.strerror(code)}")
        assert everything_below(tmp_path) == []
    with monkeypatch.context() as patch:
        patch.setattr(os, name, FailingCall(name, calls + 1, code))
        assert write_or_reason(target) == ""
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_says_what_is_needed(tmp_path, monkeypatch, code):
    monkeypatch.setattr(os, "posix_fallocate", FailingCall("posix_fallocate", 1, code))
    with pytest.raises(OutputFailed, match=r"needs 0\.0 MB and [\d.]+ MB are free"):
        write_atomically(tmp_path / "file", CONTENT)


def test_a_file_system_that_cannot_reserve_is_used_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "posix_fallocate", FailingCall("posix_fallocate", 1, errno.EOPNOTSUPP))
    write_atomically(tmp_path / "file", CONTENT)
    assert (tmp_path / "file").read_bytes() == CONTENT


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP])
def test_a_file_system_that_cannot_sync_folders_is_used_all_the_same(tmp_path, monkeypatch, code):
    sync = os.fsync

    def refused_for_folders(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(code, os.strerror(code))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", refused_for_folders)
    check_writable(tmp_path / "new")
    target = tmp_path / "a" / "b" / "file"
    write_atomically(target, CONTENT)
    write_atomically(target, CONTENT[::-1], overwrite=True)
    assert target.read_bytes() == CONTENT[::-1]
    assert [path.name for path in target.parent.iterdir()] == ["file"]


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOTSUP])
def test_a_file_that_cannot_be_synced_is_told(tmp_path, monkeypatch, code):
    monkeypatch.setattr(os, "fsync", FailingCall("fsync", 1, code))
    assert write_or_reason(tmp_path / "file").startswith(f"{tmp_path / 'file'} could not be written")
    assert everything_below(tmp_path) == []


def test_an_interruption_leaves_nothing(tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "file", CONTENT)
    assert everything_below(tmp_path) == []


def test_an_existing_file_is_kept(tmp_path):
    target = tmp_path / "file"
    target.write_bytes(b"old")
    with pytest.raises(OutputFailed, match="exists already"):
        write_atomically(target, CONTENT)
    assert target.read_bytes() == b"old"
    assert everything_below(tmp_path) == [target]


def test_a_file_that_appears_meanwhile_is_kept(tmp_path, monkeypatch):
    target, original = tmp_path / "file", os.fsync

    def somebody_else(descriptor):
        original(descriptor)
        target.write_bytes(b"theirs")

    monkeypatch.setattr(os, "fsync", somebody_else)
    with pytest.raises(OutputFailed, match="exists already"):
        write_atomically(target, CONTENT)
    assert target.read_bytes() == b"theirs"
    assert everything_below(tmp_path) == [target]


def test_readers_of_a_replaced_file_keep_the_old_content(tmp_path):
    target = tmp_path / "file"
    target.write_bytes(b"old")
    with target.open("rb") as reader:
        write_atomically(target, CONTENT, overwrite=True)
        assert reader.read() == b"old"
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize(("name", "nth", "kept"), [
    ("write", 1, b"old"), ("fsync", 1, b"old"), ("rename", 1, b"old"), ("fsync", 2, CONTENT),
])
def test_a_file_that_was_to_be_replaced_is_whole_after_a_failure(tmp_path, monkeypatch, name, nth, kept):
    target = tmp_path / "file"
    target.write_bytes(b"old")
    monkeypatch.setattr(os, name, FailingCall(name, nth, errno.EIO))
    with pytest.raises(OutputFailed, match="Input/output error"):
        write_atomically(target, CONTENT, overwrite=True)
    assert everything_below(tmp_path) == [target]
    assert target.read_bytes() == kept


def test_order_of_the_calls(tmp_path, monkeypatch):
    calls = []
    for name in ("write", "fsync", "rename"):
        original = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *a, _n=name, _o=original: (calls.append(_n), _o(*a))[1])
    write_atomically(tmp_path / "file", CONTENT)
    assert calls == ["write", "fsync", "rename", "fsync"]


def test_folder_that_takes_no_files(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputFailed, match="could not be written"):
        check_writable(tmp_path / "file" / "below")


def test_folder_without_permission(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "open", FailingCall("open", 1, errno.EROFS))
    with pytest.raises(OutputFailed, match="Read-only file system"):
        check_writable(tmp_path)


def test_folder_without_room(tmp_path):
    with pytest.raises(OutputFailed, match=r"No space left on device; it needs 1000000000000\.0 MB"):
        check_writable(tmp_path, 10**18)
    assert everything_below(tmp_path) == []


def test_folder_with_room(tmp_path):
    check_writable(tmp_path / "new", 1000)
    assert everything_below(tmp_path) == []
    assert (tmp_path / "new").is_dir()


def test_sweep_removes_only_old_temporary_files(tmp_path):
    old, young = tmp_path / "a" / ".calibwb-tmp-1", tmp_path / ".calibwb-tmp-2"
    other = tmp_path / ".tmp-of-another-program"
    old.parent.mkdir()
    for path in (old, young, other):
        path.write_bytes(b"x")
    young.write_bytes(b"younger")
    for path in (old, other):
        os.utime(path, (time.time() - 7200,) * 2)
    assert sorted(unfinished(tmp_path)) == [1, 7]
    assert unfinished(tmp_path, below=False) == (7,)
    assert sweep(tmp_path) == (old,)
    assert unfinished(tmp_path) == (7,)
    assert sorted(everything_below(tmp_path)) == sorted((young, other))


def test_sweep_bears_files_that_vanish(tmp_path, monkeypatch):
    gone, there = tmp_path / ".calibwb-tmp-1", tmp_path / ".calibwb-tmp-2"
    there.write_bytes(b"x")
    monkeypatch.setattr(Path, "rglob", lambda *_: iter((gone, there)))
    assert unfinished(tmp_path) == (1,)
    assert sweep(tmp_path, older_than=-1.0) == (there,)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 4 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    try:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"a small file system cannot be mounted here: {error}")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_disk_that_is_really_full(small_disk):
    write_atomically(small_disk / "first", bytes(3_000_000))
    with pytest.raises(OutputFailed, match=r"needs 3\.0 MB and 1\.\d MB are free"):
        write_atomically(small_disk / "second", bytes(3_000_000))
    assert everything_below(small_disk) == [small_disk / "first"]


LARGE = (16 << 20) + 2 * 4096 + 77


@pytest.fixture
def large():
    """Large data that begin with a page, as the disk wants it, and the flags of each write."""
    memory = np.empty(LARGE + 8192, np.uint8)
    start = -memory.ctypes.data % 4096
    data = memory[start : start + LARGE]
    data[:] = np.random.default_rng(5).integers(0, 256, LARGE, np.uint8)
    return data


@pytest.fixture
def past_the_cache(monkeypatch):
    """Whether each write goes past the cache, and how many bytes it takes; writes take at most what is appended."""
    original, seen, most = os.write, [], []

    def write(fd, data):
        direct = bool(fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_DIRECT)
        if direct and most and most[0] == "refused":
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        n = original(fd, data[: most.pop(0)] if direct and most else data)
        seen.append((direct, n))
        return n

    monkeypatch.setattr(os, "write", write)
    return seen, most


def test_large_data_go_past_the_cache_but_for_the_last_page(tmp_path, large, past_the_cache):
    write_atomically(tmp_path / "file", large.data)
    assert (tmp_path / "file").read_bytes() == large.tobytes()
    if past_the_cache[0][0][0]:  # else the file system of this machine cannot
        assert past_the_cache[0] == [(True, LARGE - 77), (False, 77)]


@pytest.mark.parametrize("most", [[4096, 8192], ["refused"], [4096, 4096 * 9, 1 << 20]])
def test_whatever_a_disk_takes_past_the_cache_the_rest_follows(tmp_path, large, past_the_cache, most):
    past_the_cache[1].extend(most)
    write_atomically(tmp_path / "file", large.data)
    assert (tmp_path / "file").read_bytes() == large.tobytes()
    assert past_the_cache[0][-1][0] is False


def test_data_that_begin_elsewhere_go_through_the_cache(tmp_path, large, past_the_cache):
    write_atomically(tmp_path / "file", large[16:].data)
    assert (tmp_path / "file").read_bytes() == large[16:].tobytes()
    assert past_the_cache[0] == [(False, LARGE - 16)]


def test_a_disk_that_fails_past_the_cache_is_told(tmp_path, large, monkeypatch):
    monkeypatch.setattr(os, "write", FailingCall("write", 1, errno.EIO))
    with pytest.raises(OutputFailed, match="could not be written"):
        write_atomically(tmp_path / "file", large.data)
    assert everything_below(tmp_path) == []


def test_what_is_asked_for_last_appears_first(tmp_path, monkeypatch):
    """It is asked for once the others are on the disk under no name of theirs; where that fails nothing is left."""
    there, named = [], []
    really = files.appear

    def before():
        there.extend(path.read_bytes() for path in everything_below(tmp_path))
        return {tmp_path / "numbers": b"n"}

    monkeypatch.setattr(files, "appear", lambda *args: (named.append(args[1].name), really(*args))[1])
    write_together({tmp_path / "constant": CONTENT}, before)
    assert there == [CONTENT]
    assert named == ["numbers", "constant"]
    assert (tmp_path / "numbers").read_bytes() == b"n"
    with pytest.raises(OutputFailed):
        write_together({tmp_path / "other": CONTENT}, lambda: {tmp_path / "numbers": b"m"})
    assert {path.name for path in everything_below(tmp_path)} == {"numbers", "constant"}
