"""Memory cells of constants whose files have them all over: the values are NumPy's, and files are read once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
import pytest

from calib_core.errors import BadInput, Cancelled
from calib_core.store import by_cell
from calib_core.store.by_cell import ByCell, Layout, touched
from calib_core.store.constants import StoredConstant, read_constant

Array = npt.NDArray[Any]
CELLS, SHAPE = 40, (64, 32)
ORDER = ("gain", "cell", "slow_scan", "fast_scan")
#: Orders of axes in files, with chunks, of which none lets a memory cell be read alone.
FILES = {
    "reversed": (("fast_scan", "slow_scan", "cell", "gain"), None),
    "cells last": (("gain", "slow_scan", "fast_scan", "cell"), None),
    "columns": (("fast_scan", "slow_scan", "cell", "gain"), (4, 64, 40, 3)),
    "uneven columns": (("cell", "gain", "slow_scan", "fast_scan"), (40, 1, 7, 5)),
}


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Files of a test are large enough to be turned, in several pieces, in a folder of their own."""
    monkeypatch.setattr(by_cell, "_LITTLE", 1)
    monkeypatch.setattr("calib_core.store.scratch.PIECE", 1 << 18)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)


def values_of(gains: int = 3, dtype: str = "f8") -> Array:
    """(gain, cell, slow_scan, fast_scan), no two of which are the same, and some that are none."""
    found = np.arange(gains * CELLS * SHAPE[0] * SHAPE[1], dtype="f8").reshape(gains, CELLS, *SHAPE) / 7
    if dtype == "f8":
        found[:, 3, :5] = np.nan
    return found.astype(dtype)


def written(path: Path, values: Array, dims: tuple[str, ...], chunks: tuple[int, ...] | None) -> StoredConstant:
    """A file as the facility has them, without names of axes."""
    with h5py.File(path, "w") as file:
        file.create_dataset("/UNIT_1/Offset/0/data", data=values.transpose([ORDER.index(dim) for dim in dims]),
                            chunks=chunks, compression=None if chunks is None else "gzip")
    return replace(read_constant(path), dims=dims)


def layout(entries: tuple[int, ...] = (0, 1, 2), dtype: str = "f4") -> Layout:
    return Layout("gain", entries, SHAPE, CELLS, dtype)


def nameless() -> int:
    """Open files of this process that no folder has any more."""
    return sum("(deleted)" in os.readlink(one) for one in Path("/proc/self/fd").iterdir() if one.is_symlink())


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(("entries", "dtype"), [((0, 1, 2), "f4"), ((0, 2), "f4"), ((0, 1, 2), "u4")])
def test_values_are_those_of_the_file(name: str, entries: tuple[int, ...], dtype: str, tmp_path: Path) -> None:
    values = values_of(dtype="f8" if dtype == "f4" else "u4")
    found = ByCell(written(tmp_path / "cal.1.h5", values, *FILES[name]), layout(entries, dtype))
    assert found.turns
    assert found.scratch_bytes == len(entries) * CELLS * SHAPE[0] * SHAPE[1] * 4
    for part in (slice(5, 6), slice(None), slice(30, 40), slice(0)):
        expected = values[list(entries)][:, part].astype(dtype)
        assert found.read(part).dtype == np.dtype(dtype)
        np.testing.assert_array_equal(found.read(part), expected)
    found.close()


def test_files_whose_memory_cells_lie_alone_are_read_as_they_are(tmp_path: Path) -> None:
    values = np.zeros((2, CELLS, 128, 64))
    of_cells = "cell", "gain", "slow_scan", "fast_scan"
    for i, (dims, chunks) in enumerate(((ORDER, None), (of_cells, (1, 2, 128, 64)))):
        stored = written(tmp_path / f"cal.{i}.h5", values, dims, chunks)
        found = ByCell(stored, Layout("gain", (0, 1), (128, 64), CELLS, "f4"))
        assert touched(stored) * CELLS == values.nbytes
        assert not found.turns
        assert found.is_ready(slice(7, 8))
        assert found.scratch_bytes == 0


def test_all_who_ask_share_one_file_that_is_read_once_and_goes_with_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = written(tmp_path / "cal.1.h5", values_of(), *FILES["reversed"])
    read, opened = [], by_cell.opened
    monkeypatch.setattr(by_cell, "opened", lambda *words, **named: read.append(1) or opened(*words, **named))
    before = nameless()
    one, other, flags = ByCell(stored, layout()), ByCell(stored, layout()), ByCell(stored, layout((0,)))
    assert not one.is_ready(slice(0, 1))
    for found in (one, other, flags):
        found.read(slice(0, 1))
        found.read(slice(9, 12))
    assert one.is_ready(slice(0, 1))
    assert len(read) == 2
    assert nameless() == before + 2
    one.close()
    flags.close()
    assert nameless() == before + 1
    other.read(slice(3, 4))
    assert len(read) == 2
    other.close()
    assert nameless() == before
    assert not other.is_ready(slice(0, 1))


def test_where_the_disk_is_short_memory_cells_within_reach_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values, wanted = values_of(), layout()
    stored = written(tmp_path / "cal.1.h5", values, *FILES["reversed"])
    monkeypatch.setattr(by_cell, "REACH", 4)
    monkeypatch.setattr(by_cell, "free_bytes", lambda: 10 * wanted.cell_bytes)
    found = ByCell(stored, wanted)
    np.testing.assert_array_equal(found.read(slice(10, 11)), values[:, 10:11].astype("f4"))
    assert [cell for cell in range(CELLS) if found.is_ready(slice(cell, cell + 1))] == list(range(6, 15))
    np.testing.assert_array_equal(found.read(slice(39, 40)), values[:, 39:].astype("f4"))
    assert [cell for cell in range(CELLS) if found.is_ready(slice(cell, cell + 1))] == list(range(35, 40))
    assert not found.trouble
    # a job asks for all, and who looks keeps what it has
    looking, found = found, ByCell(stored, wanted)
    np.testing.assert_array_equal(found.read(slice(None)), values.astype("f4"))
    assert looking.is_ready(slice(39, 40))
    assert found.trouble.startswith(f"40 memory cells take {40 * wanted.cell_bytes >> 20} MiB in {tmp_path}, where ")
    assert str(stored.path) in found.trouble


def test_a_disk_that_fills_up_is_told_and_the_file_is_read_instead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = values_of()
    found = ByCell(written(tmp_path / "cal.1.h5", values, *FILES["columns"]), layout())
    monkeypatch.setattr(os, "pwrite", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    before = nameless()
    np.testing.assert_array_equal(found.read(slice(2, 5)), values[:, 2:5].astype("f4"))
    assert "No space left on device; free some space there, or name another folder in TMPDIR." in found.trouble
    assert nameless() == before


def test_a_file_that_is_changed_meanwhile_is_refused_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, write = tmp_path / "cal.1.h5", by_cell.Scratch.write
    found = ByCell(written(path, values_of(), *FILES["columns"]), layout())

    def changing(self: Any, start: int, block: Array) -> None:
        os.utime(path, ns=(1, start + 1))
        write(self, start, block)

    monkeypatch.setattr(by_cell.Scratch, "write", changing)
    with pytest.raises(BadInput, match=f"{path} was changed while it was read; start again once it is whole."):
        found.read(slice(0, 1))


def test_another_file_of_the_name_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "cal.1.h5"
    first = ByCell(written(path, values_of(), *FILES["columns"]), layout())
    first.read(slice(0, 1))
    stored = written(path, values_of() + 1, *FILES["columns"])
    os.utime(path, ns=(1, 1))
    second = ByCell(stored, layout())
    assert second.read(slice(0, 1))[0, 0, 0, 1] - first.read(slice(0, 1))[0, 0, 0, 1] == 1
    first.close()
    second.close()


def test_what_nobody_wants_any_more_is_left(tmp_path: Path) -> None:
    found = ByCell(written(tmp_path / "cal.1.h5", values_of(), *FILES["columns"]), layout())
    before = nameless()
    found.stop()
    with pytest.raises(Cancelled):
        found.read(slice(0, 1))
    assert nameless() == before


def test_nothing_is_left_of_a_process_that_is_killed_while_it_turns(tmp_path: Path) -> None:
    path, folder = tmp_path / "cal.1.h5", tmp_path / "scratch"
    folder.mkdir()
    written(path, values_of(), *FILES["columns"])
    script = textwrap.dedent(f"""
        import time
        from dataclasses import replace
        from pathlib import Path
        from calib_core.store import by_cell
        from calib_core.store.constants import read_constant
        by_cell._LITTLE = 1
        write = by_cell.Scratch.write
        def slow(self, start, block):
            write(self, start, block)
            print("written", flush=True)
            time.sleep(60)
        by_cell.Scratch.write = slow
        stored = replace(read_constant(Path({str(path)!r})), dims={FILES["columns"][0]!r})
        by_cell.ByCell(stored, by_cell.Layout("gain", (0, 1, 2), {SHAPE}, {CELLS}, "f4")).read(slice(0, 1))
    """)
    child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True,
                             env={**os.environ, "TMPDIR": str(folder)})
    assert child.stdout is not None
    assert child.stdout.readline() == "written\n"
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    time.sleep(0.1)
    assert list(folder.iterdir()) == []


def test_memory_while_a_file_is_turned_is_that_of_a_few_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pieces that are read and written, by their own sizes: the file has 2 MB, a piece 256 KiB."""
    stored = written(tmp_path / "cal.1.h5", values_of(), *FILES["reversed"])
    largest, write = [], by_cell.Scratch.write

    def noting(self: Any, start: int, block: Array) -> None:
        largest.append(block.nbytes)
        write(self, start, block)

    monkeypatch.setattr(by_cell.Scratch, "write", noting)
    found = ByCell(stored, layout())
    found.read(slice(0, 1))
    assert max(largest) <= (1 << 18) / 2  # half as many bytes in single precision
    assert found.turning_bytes == 3 * max(largest) <= 1.5 * (1 << 18)
    assert sum(largest) == found.scratch_bytes
    found.close()
