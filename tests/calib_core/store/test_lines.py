"""Numbers of versions that a store keeps: made at injection, whole or not at all, and those of NumPy."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from calib_core.constants.statistics import COLUMNS, LineNumbers, VersionStatistics
from calib_core.errors import BadInput
from calib_core.store.base import Query, Version
from calib_core.store.local import injecting, schema, values
from calib_core.store.local.blocks import read_blocks
from calib_core.store.local.by_operator import ByOperator
from calib_core.store.local.candidates import candidates_of
from calib_core.store.local.checking import check, left_over
from calib_core.store.local.injecting import inject
from calib_core.store.local.making import INDEX
from calib_core.store.local.remaking import keep, made_anew
from calib_core.store.local.store import LocalStore
from calib_core.store.statuses import Status
from tests.calib_core.subjects.files import images, put_ours

ANY = frozenset(Status)
CELLS, ROW = 36, 32
FLAGS = (1, 2, 64)
CONDITIONS = {name: {"value": value, "unit": "", "tolerance": 0, "origin": "KEY x"} for name, value in {
    "Sensor Bias Voltage": 100.0, "Memory cells": 36.0, "Pixels X": 512.0, "Pixels Y": 128.0}.items()}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LocalStore]:
    made = LocalStore(tmp_path / "store", create=True)
    yield made
    made.close()


def flags_of(shape: tuple[int, ...], seed: int = 3) -> np.ndarray:
    """One flag or none of each pixel, and of some two."""
    rng = np.random.default_rng(seed)
    found = np.where(rng.random(shape) < 0.02, rng.choice(FLAGS, shape), 0)
    return (found | np.where(rng.random(shape) < 0.001, 3, 0)).astype(np.uint32)


def take(store: LocalStore, *paths: Path) -> tuple[Version, ...]:
    return inject(store, candidates_of(store, paths, ByOperator(confirmed=True)), "anna", "").versions


def remade(store: LocalStore, one: Version) -> None:
    keep(store, one, made_anew(store, one))


def numbers(store: LocalStore, one: Version) -> VersionStatistics:
    kept = store.lines.of([one.number])[one.number]
    return read_blocks(kept.blocks, kept.sha256)


def line_of(store: LocalStore, one: Version) -> LineNumbers | None:
    return store.lines.of([one.number])[one.number].numbers


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, np.ndarray, np.ndarray]:
    """Offset with values that are no number, and its map half a minute later: files, and what is in them."""
    root = tmp_path_factory.mktemp("files")
    values = images(CELLS).astype(np.float32)
    values[100:102, 7, 5] = np.nan
    flags = flags_of(values.shape)
    paths = (put_ours(root, 3, name, some, second, conditions=CONDITIONS)
             for name, some, second in (("Offset", values, 0), ("BadPixelsDark", flags, 30)))
    return *paths, values, flags


def twin(values: np.ndarray, keep: np.ndarray) -> list[float]:
    there = values[keep & np.isfinite(values)].astype(float)
    return [there.mean(), there.std(), float(np.median(there)), there.size]


def test_lines_and_blocks_are_those_of_numpy(store: LocalStore, files: Any) -> None:
    """Each group, each set, each flag; whatever comes first, the map or the constant."""
    offset, map_, values, flags = files
    made = {one.calibration: one for one in take(store, offset, map_)}
    found = numbers(store, made["Offset"])
    assert found.groups is not None
    assert found.flags is not None
    for row, (down, across) in ((row, block) for row in range(2) for block in np.ndindex(2, 8)):
        part = np.s_[64 * across:64 * (across + 1), 64 * down:64 * (down + 1), ROW * row:ROW * (row + 1)]
        for place, kept in enumerate((np.ones_like(flags, bool), flags == 0)):
            got = [one[place, 0, row, down, across] for one in
                   (found.groups.mean, found.groups.std, found.groups.median, found.groups.n)]
            np.testing.assert_allclose(got, twin(values[part], kept[part]), rtol=1e-12)
        assert found.flags.number[0, row, down, across] == np.count_nonzero(flags[part])
        by_bit = [np.count_nonzero(flags[part] & 1 << bit) for bit in range(7)] + [0] * 25
        assert found.flags.by_flag[0, row, down, across].tolist() == by_bit
    line = line_of(store, made["Offset"])
    assert line is not None
    expected = [*twin(values, np.ones_like(flags, bool)), *twin(values, flags == 0), np.count_nonzero(flags),
                flags.size]
    np.testing.assert_allclose(np.frombuffer(line.numbers), expected, rtol=1e-12)
    assert line.kind.unit == "ADU"
    of_map = line_of(store, made["BadPixelsDark"])
    assert of_map is not None
    by_name = dict(zip(COLUMNS, np.frombuffer(of_map.numbers), strict=True))
    assert by_name["flagged"] == np.count_nonzero(flags)
    assert np.isnan(by_name["mean of all"])
    assert list(check(store, False, "anna")) == []


def test_values_are_read_once(store: LocalStore, files: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    really = h5py.Dataset.__getitem__

    def counted(self: h5py.Dataset, *args: Any, **keys: Any) -> Any:
        if self.name.endswith("/0/data"):
            read.append(self.name)
        return really(self, *args, **keys)

    monkeypatch.setattr(h5py.Dataset, "__getitem__", counted)
    take(store, files[0], files[1])
    assert sorted(name.split("/")[2] for name in read) == ["BadPixelsDark", "Offset"]


def test_a_map_that_comes_later_takes_away_numbers_without_one(store: LocalStore, files: Any) -> None:
    offset, map_, _, flags = files
    [made] = take(store, offset)
    assert numbers(store, made).map is None
    assert store.lines.lacking() == []
    take(store, map_)
    assert store.lines.lacking() == [made.number]
    remade(store, made)
    assert store.lines.lacking() == []
    found = numbers(store, made)
    assert found.map is not None
    assert found.map.seconds == 30
    assert found.flags is not None
    assert found.flags.number.sum() == np.count_nonzero(flags)
    assert left_over(store) == ()
    assert list(check(store, False, "anna")) == []


def test_what_is_too_large_has_no_numbers_and_says_so(
    store: LocalStore, files: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(values, "_GIB", 1)
    [found] = candidates_of(store, [files[0]], ByOperator(confirmed=True))
    assert (found.refused, found.made) == ("", None)
    assert any("statistics are made of up to 1.5 GiB; it has none." in note for note in found.notes)
    [made] = inject(store, [found], "anna", "").versions
    assert store.lines.lacking() == [made.number]
    with pytest.raises(BadInput, match=r"statistics are made of up to 1\.5 GiB"):
        made_anew(store, made)


def test_what_ends_between_files_and_rows_leaves_neither(
    store: LocalStore, files: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(*_: Any) -> Any:
        raise KeyboardInterrupt

    for place in ("put_line", "add_version"):
        with monkeypatch.context() as patch:
            patch.setattr(injecting, place, ended)
            with pytest.raises(KeyboardInterrupt):
                take(store, files[0])
        assert store.every() == []
        assert store.index.rows("SELECT * FROM line") == []
    assert len(left_over(store)) == 1  # the file of numbers is there, as that of the constant is
    [made] = take(store, files[0])
    assert left_over(store) == ()
    assert numbers(store, made).flags is None


def test_numbers_that_another_program_brings_meanwhile_are_taken(
    store: LocalStore, files: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is between the look at what is lacking and the writing, and has not brought the constant yet."""
    really, calls = injecting.write_together, []

    def later(some: Any, before: Any) -> None:
        lacking = before()
        calls.append(len(lacking))
        if len(calls) == 1:
            really(lacking)
        really(some, lambda: lacking)

    monkeypatch.setattr(injecting, "write_together", later)
    [made] = take(store, files[0])
    assert calls == [1, 0]
    assert store.lines.lacking() == []
    assert made.path.read_bytes() == files[0].read_bytes()
    assert list(check(store, False, "anna")) == []


def test_damaged_numbers_are_told_forgotten_and_made_anew(store: LocalStore, files: Any) -> None:
    [made] = take(store, files[0])
    kept = store.lines.of([made.number])[made.number]
    good = kept.blocks.read_bytes()
    kept.blocks.write_bytes(good[:-1] + b"x")
    with pytest.raises(BadInput, match=r"statistics\..* was changed since it was written: its checksum"):
        read_blocks(kept.blocks, kept.sha256)
    [fault] = check(store, True, "anna")
    assert "was changed since it was written" in fault.sentence
    assert fault.done
    assert store.lines.lacking() == [made.number]
    remade(store, made)
    assert kept.blocks.read_bytes() == good
    with store.writing() as writing:
        writing.beside("UPDATE line SET numbers = zeroblob(length(numbers))", ())
    [fault] = check(store, False, "anna")
    assert "has other numbers than the line of version 1" in fault.sentence


#: Statements that made an index of format 1.
def old_statements() -> Iterator[str]:
    for statement in schema.statements():
        if "confirmation" in statement.split("CHECK")[0] or any(
                f" {name} " in statement for name in ("told", "line", "stretch", "piece")):
            continue
        yield statement.replace(",\n                                        'confirm', 'unconfirm'", "").replace(
            f"user_version = {schema.FORMAT}", "user_version = 1")


def old_store(folder: Path) -> None:
    folder.mkdir()
    with closing(sqlite3.connect(folder / INDEX, isolation_level=None)) as made:
        made.execute("PRAGMA journal_mode = WAL")
        for statement in old_statements():
            assert "confirm" not in statement
            made.execute(statement)


def as_format_1(store: LocalStore) -> Path:
    """The same records in an index of format 1, with the chain that they had there."""
    folder = store.folder.with_name("old")
    old_store(folder)
    with closing(sqlite3.connect(folder / INDEX, isolation_level=None)) as made:
        made.execute("ATTACH ? AS new", (str(store.folder / INDEX),))
        for table in (*(name for name in schema.RECORDS if name != "confirmation"), "chain"):
            if table != "decision":
                made.execute(f"INSERT INTO {table} SELECT * FROM new.{table} ORDER BY id")
        made.execute("INSERT INTO decision SELECT * FROM new.decision ORDER BY id")
    (folder / "xfel").symlink_to(store.folder / "xfel")
    return folder


def test_a_store_of_the_format_before_is_brought_up(store: LocalStore, files: Any) -> None:
    made = take(store, files[0], files[1])
    store.decide([one.number for one in made], Status.ACCEPTED, "anna", "fine")
    store.close()
    folder = as_format_1(store)
    with closing(LocalStore(folder)) as old:
        assert old.index.one("PRAGMA user_version") == schema.FORMAT
        assert [one.status for one in old.find(Query(take="all"))] == [Status.ACCEPTED] * 2
        assert old.lines.lacking() == [1, 2]
        assert [one.sentence for one in check(old, False, "anna")] == []
        for number in old.lines.lacking():
            remade(old, old.named([number])[0])
        assert old.lines.lacking() == []
        assert [line_of(old, one) for one in made] == [line_of(store, one) for one in made]
        old.undo("ben", "")
        assert list(check(old, False, "anna")) == []
        assert old.index.one("SELECT max(id) FROM act") == store.index.one("SELECT max(id) FROM act") + 1
        with pytest.raises(Exception, match="records are never changed"):
            old.index.rows("UPDATE act SET author = 'eve'")
    with closing(LocalStore(folder)) as old:  # what was kept since it was brought up is in the index itself
        assert old.lines.lacking() == []


def test_an_old_store_that_cannot_be_written_is_read_without_numbers(
    store: LocalStore, files: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(store, files[0])
    folder = as_format_1(store)
    monkeypatch.setattr("calib_core.store.local.index.os.access", lambda path, mode: False)
    with closing(LocalStore(folder)) as old:
        assert old.index.one("PRAGMA user_version") == 1
        [one] = old.find(Query(take="all", statuses=ANY))
        assert old.lines.lacking() == [one.number]
        assert made_anew(old, one).line == line_of(store, one)
        assert old.lines.lacking() == [one.number]
