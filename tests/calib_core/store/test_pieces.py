"""Numbers of versions as lines over time read them: those that were put, whoever writes, and whatever is damaged."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calib_core.constants.matching import Setting
from calib_core.constants.statistics import COLUMNS, LineNumbers
from calib_core.errors import BadInput
from calib_core.store.local.blocks import Made, line_kind
from calib_core.store.local.checking import check
from calib_core.store.local.lines import drop_lines, put_line
from calib_core.store.local.making import INDEX
from calib_core.store.local.packing import STRETCH
from calib_core.store.local.pieces import wrongly_packed
from calib_core.store.local.records import Record, add_act, add_version
from calib_core.store.local.store import LocalStore

START = datetime(2026, 1, 1, tzinfo=UTC)
ENTRIES, UNITS = 3, ("UNIT_00", "UNIT_01")
TOLD = {"axes": {"gain": ["HG", "MG", "LG"]}, "unit": "ADU", "spShape": [64, 64], "nMemToShow": 32, "flags": False,
        "shape": [3, 1, 128, 512], "dims": ["gain", "cell", "slow_scan", "fast_scan"]}
#: Columns that lines are drawn of, as the format of the index has them.
DRAWN = ["mean of good", "std of good", "median of good", "flagged", "values"]
Tables = dict[int, np.ndarray]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LocalStore]:
    with closing(LocalStore(tmp_path / "store", create=True)) as made:
        yield made


def table_of(seed: Sequence[int]) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, (ENTRIES, len(COLUMNS)))


def numbers_of(table: np.ndarray) -> Made:
    line = LineNumbers(line_kind(json.dumps(TOLD, sort_keys=True)), table.tobytes())
    return Made(TOLD, line=line, image=table.tobytes())


def put(store: LocalStore, unit: str, hours: Sequence[int]) -> Tables:
    """Versions of some hours in one go, of two operating conditions in turns; returns what each has."""
    found = {}
    with store.writing() as writing:
        act = add_act(writing, "inject", "anna", "", START)
        for hour in hours:
            begin, name = START + timedelta(hours=hour), f"{unit}-{hour}"
            number = add_version(writing, act, Record(
                unit, "Offset", "Some-Type", {"Sensor Bias Voltage": Setting(300.0 + hour % 2)}, begin, begin, name,
                "/", f"{name:0>64}", name))
            found[number] = table_of([int(unit[-2:]), hour])
            put_line(writing, number, numbers_of(found[number]), f"statistics.{name}.h5")
    return found


def read(store: LocalStore, units: Sequence[str], entry: int) -> Mapping[int, np.ndarray]:
    found = store.lines.numbers_of(units, "Offset", entry)
    assert {kind.entries for kind in found.kinds.values()} <= {("HG", "MG", "LG")}
    return dict(zip(found.versions["version"].tolist(), found.numbers, strict=True))


def assert_is(store: LocalStore, units: Sequence[str], expected: Tables) -> None:
    places = [COLUMNS.index(name) for name in DRAWN]
    for entry in range(ENTRIES):
        found = read(store, units, entry)
        assert sorted(found) == sorted(expected)
        for version, table in expected.items():
            np.testing.assert_array_equal(found[version], table[entry, places])


def unpacked(store: LocalStore) -> int:
    return int(store.index.one("SELECT count(*) FROM stretch WHERE versions IS NULL"))


def test_lines_are_what_was_put_in_any_order_replaced_and_dropped(store: LocalStore) -> None:
    hours = np.random.default_rng(5).permutation(12 * STRETCH).tolist()
    ours: Tables = {}
    for begin, end in ((0, 1), (1, 300), (300, 301), (301, len(hours))):
        ours |= put(store, UNITS[0], hours[begin:end])
        assert unpacked(store) == 0
    theirs = put(store, UNITS[1], [3, 2, 1])
    assert_is(store, UNITS[:1], ours)
    assert_is(store, UNITS, ours | theirs)
    assert store.index.one("SELECT count(*) FROM stretch") > 4
    assert store.index.one("SELECT max(length(versions)) FROM stretch") < 16 * 2 * STRETCH
    with store.writing() as writing:
        for version in list(ours)[::50]:
            ours[version] = table_of([9, version])
            put_line(writing, version, numbers_of(ours[version]), "")
        dropped = list(ours)[7:200]
        drop_lines(writing, dropped)
    for version in dropped:
        del ours[version]
    assert (unpacked(store), wrongly_packed(store.index)) == (0, 0)
    assert_is(store, UNITS[:1], ours)
    assert read(store, ["UNIT_77"], 0) == {}
    beyond = store.lines.numbers_of(UNITS, "Offset", ENTRIES)
    assert len(beyond.versions) == len(ours | theirs)
    assert np.isnan(beyond.numbers).all()


def test_versions_of_one_time_stay_in_one_stretch(store: LocalStore) -> None:
    """Stretches are told apart by time alone."""
    with store.writing() as writing:
        act = add_act(writing, "inject", "anna", "", START)
        for number in range(3 * STRETCH):
            put_line(writing, add_version(writing, act, Record(
                UNITS[0], "Offset", "Some-Type", {}, START + timedelta(hours=number // (2 * STRETCH)), START,
                str(number), "/", f"{number:064}")), numbers_of(table_of([number])), "")
    assert wrongly_packed(store.index) == 0
    assert_is(store, UNITS[:1], {number + 1: table_of([number]) for number in range(3 * STRETCH)})


def test_what_others_change_is_read_from_the_rows_and_packed_by_who_writes_next(store: LocalStore) -> None:
    found = put(store, UNITS[0], range(4 * STRETCH + 9))
    connection = store.index.connection
    found[1] = table_of([77])
    connection.execute("UPDATE line SET numbers = ? WHERE version = 1", (found[1].tobytes(),))
    connection.execute("DELETE FROM line WHERE version = 200")
    del found[200]
    assert unpacked(store) == 2
    assert_is(store, UNITS[:1], found)
    found |= put(store, UNITS[0], [900])
    assert (unpacked(store), wrongly_packed(store.index)) == (0, 0)
    assert_is(store, UNITS[:1], found)


def test_what_is_cut_short_leaves_rows_and_what_is_packed_of_them(store: LocalStore) -> None:
    found = put(store, UNITS[0], range(20))
    def ended() -> None:
        with store.writing() as writing:
            drop_lines(writing, list(found))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ended()
    assert unpacked(store) == 0
    assert_is(store, UNITS[:1], found)


def test_two_who_write_at_once_pack_what_both_have_put(store: LocalStore) -> None:
    def some(place: int) -> Tables:
        with closing(LocalStore(store.folder)) as own:
            return {key: table for hour in range(place, 60, 2) for key, table in put(own, UNITS[0], [hour]).items()}

    with ThreadPoolExecutor(2) as threads:
        first, second = threads.map(some, range(2))
    assert (unpacked(store), wrongly_packed(store.index)) == (0, 0)
    assert_is(store, UNITS[:1], first | second)


@pytest.mark.parametrize("statement", [
    "UPDATE piece SET numbers = zeroblob(length(numbers)) WHERE entry = 1",
    "UPDATE piece SET numbers = zeroblob(16)",
    "UPDATE stretch SET versions = substr(versions, 17)",
    "DELETE FROM stretch",
    "DELETE FROM piece WHERE entry = 2",
])
def test_what_is_packed_wrongly_is_told_and_made_anew(store: LocalStore, statement: str) -> None:
    found = put(store, UNITS[0], range(30))
    assert wrongly_packed(store.index) == 0
    store.index.connection.execute(statement)
    wrong = "What is packed of 1 line over time of"
    assert [one.sentence for one in faults(store) if one.sentence.startswith(wrong)] == [
        f"{wrong} {store.folder} differs from the numbers of the versions."]
    with store.writing() as writing:
        writing.renew_packed()
    assert wrongly_packed(store.index) == 0
    assert_is(store, UNITS[:1], found)


def faults(store: LocalStore, repair: bool = False) -> list[Any]:
    return list(check(store, repair, "anna"))


def test_damaged_numbers_are_one_sentence_and_keep_nobody_from_writing(store: LocalStore) -> None:
    found = put(store, UNITS[0], range(5))
    store.index.connection.execute("UPDATE line SET numbers = x'00' WHERE version = 2")
    put(store, UNITS[1], range(5))
    with pytest.raises(BadInput, match=r"has damaged numbers of version 2; calibwb store check --repair"):
        read(store, UNITS[:1], 0)
    faults(store, repair=True)
    assert store.lines.lacking() != []
    assert 2 not in read(store, UNITS[:1], 0)
    assert len(found) == 5


def as_format_2(store: LocalStore) -> None:
    """The index as the program before had it: numbers in the order of constants, and nothing packed."""
    store.close()
    with closing(sqlite3.connect(store.folder / INDEX, isolation_level=None)) as made:
        made.execute("""
            CREATE TABLE old (
                pdu INTEGER NOT NULL, constant INTEGER NOT NULL, begin_at INTEGER NOT NULL,
                version INTEGER NOT NULL UNIQUE REFERENCES version, told INTEGER REFERENCES told,
                map INTEGER REFERENCES version, blocks TEXT NOT NULL, sha256 TEXT NOT NULL, numbers BLOB NOT NULL,
                PRIMARY KEY (pdu, constant, begin_at, version)) STRICT, WITHOUT ROWID""")
        made.execute("INSERT INTO old SELECT l.pdu, v.constant, l.begin_at, l.version, l.told, l.map, l.blocks, "
                     "l.sha256, l.numbers FROM line l JOIN version v ON v.id = l.version")
        for table in ("line", "stretch", "piece"):
            made.execute(f"DROP TABLE {table}")
        made.execute("ALTER TABLE old RENAME TO line")
        made.execute("PRAGMA user_version = 2")


def test_an_index_of_the_format_before_keeps_its_numbers(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it cannot be written it is read as it is, and else packed."""
    found = put(store, UNITS[0], range(300))
    as_format_2(store)
    with monkeypatch.context() as patch:
        patch.setattr("calib_core.store.local.index.os.access", lambda path, mode: False)
        with closing(LocalStore(store.folder)) as old:
            assert old.index.one("PRAGMA user_version") == 2
            assert_is(old, UNITS[:1], found)
            assert old.lines.lacking() == []
            assert old.lines.of([7])[7].sha256 == store_sha256(found[7])
    with closing(LocalStore(store.folder)) as old:
        assert old.index.one("PRAGMA user_version") == 3
        assert (unpacked(old), wrongly_packed(old.index)) == (0, 0)
        assert_is(old, UNITS[:1], found)
        found |= put(old, UNITS[0], [301])
    with closing(LocalStore(store.folder)) as old:
        assert_is(old, UNITS[:1], found)


def store_sha256(table: np.ndarray) -> str:
    return numbers_of(table).sha256
