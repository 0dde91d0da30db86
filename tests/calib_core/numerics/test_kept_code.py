"""Kept kernels: what is damaged, foreign or open to others is never run; without a folder all works."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from calib_core.numerics import kept_code

NAME, CODE = "module.function-00.kernel", bytes(range(256)) * 4

KERNEL = """
import sys
import numpy as np
from calib_core.numerics.kernels import njit

@njit(nogil=True, cache=True)
def total(values):
    found = 0
    for value in values:
        found += value
    return found

print(total(np.arange(10)), total.stats.cache_path, len(total.overloads))
"""

OVERRUN = """
import numpy as np
from calib_core.numerics.kernels import njit

@njit(nogil=True, cache=True)
def beyond(values):
    return inner(values, values.size)

@njit(nogil=True, cache=True)
def inner(values, index):
    return values[index]

print(beyond(np.arange(10)[:7]))
"""


@pytest.fixture
def base(tmp_path, monkeypatch):
    """Folder that the environment gives; nothing shipped."""
    monkeypatch.setenv(kept_code.FOLDER_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setattr(kept_code, "SHIPPED", tmp_path / "nothing")
    monkeypatch.setattr(kept_code, "_told", [])
    kept_code.own_folder.cache_clear()
    yield tmp_path / "cache" / "calibwb" / "kernels"
    kept_code.own_folder.cache_clear()


def test_what_is_kept_is_private_and_comes_back(base):
    kept_code.save(NAME, CODE)
    assert kept_code.load(NAME) == CODE
    assert base.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in base.iterdir()] == [NAME]
    assert kept_code.load("module.other-00.kernel") is None
    assert kept_code.notes() == ()


@pytest.mark.parametrize("place", [0, 15, 16, 40, 48, 500, -1])
def test_one_flipped_bit_anywhere_is_found(base, place):
    kept_code.save(NAME, CODE)
    data = bytearray((base / NAME).read_bytes())
    data[place] ^= 1
    (base / NAME).write_bytes(data)
    assert kept_code.load(NAME) is None
    kept_code.save(NAME, CODE)
    assert kept_code.load(NAME) == CODE


@pytest.mark.parametrize("size", [0, 1, 16, 47, 48, 300, -1])
def test_a_file_that_was_cut_is_found(base, size):
    kept_code.save(NAME, CODE)
    (base / NAME).write_bytes((base / NAME).read_bytes()[:size])
    assert kept_code.load(NAME) is None


def test_the_code_of_another_kernel_is_not_taken_under_this_name(base):
    kept_code.save("module.other-00.kernel", CODE)
    (base / "module.other-00.kernel").rename(base / NAME)
    assert kept_code.load(NAME) is None


def test_a_folder_that_others_could_enter_is_shut_and_emptied(base):
    kept_code.save(NAME, CODE)
    base.chmod(0o777)
    kept_code.own_folder.cache_clear()
    assert kept_code.load(NAME) is None
    assert base.stat().st_mode & 0o777 == 0o700
    assert list(base.iterdir()) == []


def test_a_link_to_another_folder_is_not_followed(base, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nowhere")
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    base.parent.mkdir(parents=True)
    base.symlink_to(tmp_path / "elsewhere")
    kept_code.save(NAME, CODE)
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert "is no folder" in kept_code.notes()[0]


def test_without_any_folder_one_sentence_says_so_and_nothing_is_kept(base, monkeypatch, caplog):
    monkeypatch.setenv(kept_code.FOLDER_VARIABLE, "/proc/nowhere")
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nowhere-either")
    for _ in range(3):
        kept_code.save(NAME, CODE)
        assert kept_code.load(NAME) is None
    assert kept_code.notes() == tuple(record.message for record in caplog.records)
    assert len(kept_code.notes()) == 1
    assert "/proc/nowhere/calibwb/kernels cannot be written (No such file or directory)" in kept_code.notes()[0]


def test_a_folder_that_cannot_be_made_leaves_the_users_own(base, monkeypatch, tmp_path):
    monkeypatch.setenv(kept_code.FOLDER_VARIABLE, "/proc/nowhere")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "users"))
    kept_code.save(NAME, CODE)
    assert (tmp_path / "users" / "calibwb" / "kernels" / NAME).exists()
    assert kept_code.notes() == ()


def test_a_disk_that_refuses_is_told_once(base, monkeypatch):
    kept_code.save(NAME, CODE)
    shutil.rmtree(base)
    kept_code.save(NAME, CODE)
    kept_code.save(NAME, CODE)
    assert len(kept_code.notes()) == 1
    assert str(base) in kept_code.notes()[0]


def test_kernels_of_former_versions_are_forgotten_and_nothing_else(base):
    kept_code.save(NAME, CODE)
    (base / "notes.txt").write_text("mine")
    for path in base.iterdir():
        os.utime(path, (0, 0))
    kept_code._forget_old.cache_clear()  # the next process
    newer = NAME.replace("00", "01")
    kept_code.save(newer, CODE)
    assert kept_code.load(NAME) is None
    assert sorted(path.name for path in base.iterdir()) == sorted([newer, "notes.txt"])


@pytest.fixture
def shipped(base, tmp_path, monkeypatch):
    """Folder of the software with one kernel, read-only."""
    kept_code.save(NAME, CODE)
    folder = tmp_path / "shipped"
    shutil.move(base, folder)
    folder.chmod(0o755)
    monkeypatch.setattr(kept_code, "SHIPPED", folder)
    kept_code.own_folder.cache_clear()
    return folder


def test_what_the_packager_brings_is_copied(base, shipped):
    assert kept_code.load(NAME) == CODE
    assert (base / NAME).read_bytes() == (shipped / NAME).read_bytes()


def test_what_the_packager_brings_serves_without_a_folder_too(base, shipped, monkeypatch):
    monkeypatch.setenv(kept_code.FOLDER_VARIABLE, "/proc/nowhere")
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nowhere")
    assert kept_code.load(NAME) == CODE


def test_damaged_kernels_of_the_packager_are_neither_taken_nor_copied(base, shipped):
    data = bytearray((shipped / NAME).read_bytes())
    data[100] ^= 4
    (shipped / NAME).write_bytes(data)
    assert kept_code.load(NAME) is None
    assert list(base.iterdir()) == []


@pytest.mark.parametrize("mode", [0o775, 0o757])
def test_a_shipped_folder_that_others_can_write_is_not_trusted(base, shipped, mode):
    shipped.chmod(mode)
    assert kept_code.load(NAME) is None


def run_kernel(tmp_path, source=KERNEL, **environment):
    (tmp_path / "program.py").write_text(source)
    return subprocess.run(
        [sys.executable, tmp_path / "program.py"], capture_output=True, text=True, timeout=120,
        env=os.environ | {"PYTHONPATH": os.getcwd(), "NUMBA_CACHE_DIR": str(tmp_path / "cache")} | environment)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """Folder of a first start, in which the kernel was compiled and kept."""
    folder = tmp_path_factory.mktemp("compiled")
    assert run_kernel(folder).stdout.startswith("45 ")
    return folder


@pytest.mark.parametrize("damage", [
    lambda data: data[:len(data) // 2], lambda data: b"", lambda data: bytes(b ^ 0x10 for b in data),
    lambda data: data[:-200] + bytes(200),
], ids=["cut", "empty", "flipped", "end of zeros"])
def test_damaged_machine_code_is_compiled_again(compiled, tmp_path, damage):
    shutil.copytree(compiled / "cache", tmp_path / "cache")
    [kept] = (tmp_path / "cache").rglob("*.kernel")
    damaged = damage(kept.read_bytes())
    kept.write_bytes(damaged)
    again = run_kernel(tmp_path)
    assert (again.returncode, again.stdout[:3], again.stderr) == (0, "45 ", "")
    assert kept.read_bytes() != damaged


def test_a_kernel_runs_where_nothing_can_be_kept(tmp_path):
    done = run_kernel(tmp_path, NUMBA_CACHE_DIR="/proc/nowhere", XDG_CACHE_HOME="/proc/nowhere")
    assert (done.returncode, done.stdout[:3]) == (0, "45 ")
    assert done.stderr.count("\n") == 1
    assert "are not kept" in done.stderr


def test_an_index_beyond_the_end_is_found_though_an_unchecked_kernel_is_kept(tmp_path):
    """What stands behind the array is read without a word, until numba is told to look: then in inner kernels too."""
    assert run_kernel(tmp_path, OVERRUN).stdout == "7\n"
    for _ in range(2):  # compiled, then loaded
        found = run_kernel(tmp_path, OVERRUN, NUMBA_BOUNDSCHECK="1")
        assert (found.returncode, found.stdout) == (1, "")
        assert "IndexError: index is out of bounds" in found.stderr


def test_code_made_with_other_settings_of_numba_is_kept_apart(compiled, tmp_path):
    shutil.copytree(compiled / "cache", tmp_path / "cache")
    kept = []
    for setting in ({}, {"NUMBA_OPT": "1"}, {"NUMBA_SLP_VECTORIZE": "1"}, {"NUMBA_OPT": "1"}):
        assert run_kernel(tmp_path, **setting).stdout.startswith("45 ")
        kept.append(len(list((tmp_path / "cache").rglob("*.kernel"))))
    assert kept == [1, 2, 3, 3]


def test_who_listens_hears_of_the_first_kernel_that_is_compiled_and_of_no_kept_one(base):
    script = KERNEL.replace("print(", "from calib_core.numerics.kept_code import told_of_compiling\n"
                            "with told_of_compiling(lambda: print('compiling')):\n    total(np.arange(9.0))\n"
                            "    total(np.arange(9))\nprint(")
    path = base.parent.parent / "kernel.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(script)
    said = [subprocess.run([sys.executable, path], capture_output=True, text=True, check=True).stdout
            for _ in range(2)]
    assert [one.count("compiling") for one in said] == [1, 0]
