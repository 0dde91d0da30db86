"""Our own store: decisions, places of units, several programs, and an index that nobody changes unseen."""

from __future__ import annotations

import sqlite3
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calib_core.constants.matching import Setting
from calib_core.errors import BadInput, BadParameter, OutputFailed
from calib_core.store.base import Query, Version, answering
from calib_core.store.local.checking import broken_links
from calib_core.store.local.confirmations import confirm
from calib_core.store.local.making import INDEX, shared_over_a_network
from calib_core.store.local.records import Place, Record, add_act, add_version
from calib_core.store.local.schema import FORMAT, RECORDS
from calib_core.store.local.store import LocalStore
from calib_core.store.opening import open_store
from calib_core.store.statuses import Status

START = datetime(2025, 6, 1, 12, tzinfo=UTC)
BIAS = {"Bias": Setting(300.0, 5.0, 5.0, unit="V")}
ANY = frozenset(Status)


class Clock:
    """A clock that goes on by a minute whenever it is asked."""

    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> datetime:
        self.time += timedelta(minutes=1)
        return self.time


def record(number: int, hours: float = -1, **changes: Any) -> Record:
    return replace(Record("UNIT_A", "Offset", "Some-Type", BIAS, START + timedelta(hours=hours), START,
                          f"xfel/cal/{number}.h5", "/UNIT_A/Offset/0", f"{number:064x}"), **changes)


def put(store: LocalStore, *records: Record, status: Status = Status.DRAFT) -> list[int]:
    with store.writing() as writing:
        act = add_act(writing, "inject", "anna", "", store.clock())
        return [add_version(writing, act, one, status) for one in records]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LocalStore]:
    made = LocalStore(tmp_path / "store", create=True, clock=Clock())
    yield made
    made.close()


def statuses(store: LocalStore) -> dict[int, str]:
    return {one.number: str(one.status) for one in store.find(Query(take="all", statuses=ANY))}


def test_drafts_are_seen_by_who_asks_for_them_and_accepted_ones_by_all(store: LocalStore) -> None:
    first, second = put(store, record(1), record(2, -2))
    assert store.find(Query(take="all")) == ()
    assert statuses(store) == {first: "draft", second: "draft"}
    [one] = store.decide([first], Status.ACCEPTED, "ben", "as last week")
    assert (one.status, one.author, one.comment) == (Status.ACCEPTED, "ben", "as last week")
    assert [found.number for found in store.find(Query(at=START))] == [first]
    [found] = store.find(Query(at=START, condition={"Bias": 305.0}))
    assert (found.begin, found.pdu, found.calibration, found.detector_type) == (
        START - timedelta(hours=1), "UNIT_A", "Offset", "Some-Type")
    assert found.conditions == {"Bias": {"value": 300.0, "unit": "V", "lower": 5.0, "upper": 5.0}}
    assert found.whole
    assert not store.find(Query(at=START, condition={"Bias": 305.1}))
    assert not store.find(Query(at=START - timedelta(hours=1, microseconds=1)))


@pytest.mark.parametrize(("way", "status", "words"), [
    ((), Status.WITHDRAWN, "is draft and cannot be withdrawn; only what is accepted can"),
    ((Status.ACCEPTED,), Status.REJECTED, "is accepted and cannot be rejected; only what is draft can"),
    ((Status.ACCEPTED,), Status.ACCEPTED, "is accepted and cannot be accepted"),
    ((Status.REJECTED,), Status.ACCEPTED, "is rejected and cannot be accepted"),
    ((Status.ACCEPTED, Status.WITHDRAWN), Status.ACCEPTED, "is withdrawn and cannot be accepted"),
])
def test_what_was_decided_cannot_be_decided_otherwise(
    way: tuple[Status, ...], status: Status, words: str, store: LocalStore
) -> None:
    other, number = put(store, record(1), record(2))
    for one in way:
        store.decide([number], one, "anna", "")
    before = statuses(store)
    with pytest.raises(BadParameter, match=f"Version {number} .*{words}"):
        store.decide([other, number] if status is not Status.WITHDRAWN else [number], status, "anna", "")
    assert statuses(store) == before


def test_who_is_accepted_supersedes_and_undo_brings_back(store: LocalStore) -> None:
    """Of one kind, unit, condition and begin one is accepted; drafts of the same runs may stand side by side."""
    old, new, other = put(store, record(1), record(2, job="again"), record(3, -2))
    store.decide([old, other], Status.ACCEPTED, "anna", "")
    changed = store.decide([new], Status.ACCEPTED, "ben", "with fewer trains left out")
    assert {one.number: one.status for one in changed} == {new: Status.ACCEPTED, old: Status.SUPERSEDED}
    assert statuses(store) == {old: "superseded", new: "accepted", other: "accepted"}
    store.undo("ben", "")
    assert statuses(store) == {old: "accepted", new: "draft", other: "accepted"}
    assert [(one.status, one.author) for one in store.history(old)] == [
        ("draft", "anna"), ("accepted", "anna"), ("superseded", "ben"), ("accepted", "ben")]
    with pytest.raises(BadParameter, match="the last decision was taken back already, by ben at 2025-06-01"):
        store.undo("anna", "")
    store.decide([new], Status.REJECTED, "anna", "")
    store.undo("anna", "")
    assert statuses(store)[new] == "draft"


def test_nothing_decided_is_nothing_to_take_back(store: LocalStore) -> None:
    put(store, record(1))
    with pytest.raises(BadParameter, match="nothing was decided yet"):
        store.undo("anna", "")


def test_two_of_the_same_are_not_accepted_at_once(store: LocalStore) -> None:
    both = put(store, record(1), record(2))
    with pytest.raises(BadParameter, match="are of the same kind, unit, operating condition and begin"):
        store.decide(both, Status.ACCEPTED, "anna", "")
    assert set(statuses(store).values()) == {"draft"}


def test_a_snapshot_shows_what_was_known_and_decided_by_then(store: LocalStore) -> None:
    old, later = put(store, record(1, -5), record(2, -1))
    store.decide([old], Status.ACCEPTED, "anna", "")
    then = store.clock()
    store.decide([later], Status.ACCEPTED, "anna", "")
    store.decide([old], Status.WITHDRAWN, "anna", "")
    assert [one.number for one in store.find(Query(at=START))] == [later]
    [one] = store.find(Query(at=START, snapshot=then))
    assert (one.number, one.status) == (old, Status.ACCEPTED)
    assert store.find(Query(at=START, snapshot=START)) == ()


def test_units_are_where_they_were_installed(store: LocalStore) -> None:
    """Two units are swapped in the middle, and one is taken out at the end."""
    def install(unit: str, aggregator: str, days: float) -> None:
        store.install(unit, Place("DET", aggregator, int(aggregator)), "Some-Type", START + timedelta(days=days),
                      "anna", "")

    for unit, aggregator in (("UNIT_A", "00"), ("UNIT_B", "01")):
        install(unit, aggregator, 0)
    install("UNIT_B", "00", 10)
    install("UNIT_A", "01", 10)
    install("", "01", 20)
    put(store, record(1, 1), record(2, 2, pdu="UNIT_B"), record(3, 3, pdu="UNIT_C"), status=Status.ACCEPTED)

    def there(days: float) -> dict[str, str]:
        found = store.find(Query(detector="DET", at=START + timedelta(days=days), take="all"))
        return {one.aggregator: one.pdu for one in found}

    assert there(5) == {"00": "UNIT_A", "01": "UNIT_B"}
    assert there(10 - 1e-9) == {"00": "UNIT_A", "01": "UNIT_B"}
    assert there(10) == {"00": "UNIT_B", "01": "UNIT_A"}
    assert there(25) == {"00": "UNIT_B"}
    assert there(-5) == {"00": "UNIT_A", "01": "UNIT_B"}  # nobody knows of others
    mapped = Query(detector="DET", at=START + timedelta(days=25), mapped_at=START + timedelta(days=5))
    assert {one.pdu: one.aggregator for one in store.find(mapped)} == {"UNIT_A": "00", "UNIT_B": "01"}
    assert store.units_of("DET", START)["01"] == "UNIT_B"
    assert "07" not in store.units_of("DET", START)


VERSIONS = st.lists(st.tuples(
    st.integers(-4, 4), st.sampled_from([200.0, 300.0]), st.sampled_from(["UNIT_A", "UNIT_B"]),
    st.sampled_from([Status.ACCEPTED, Status.DRAFT, Status.REJECTED])), max_size=14)


@settings(max_examples=40, deadline=None)
@given(VERSIONS, st.sampled_from(["prior", "closest", "around", "all"]), st.sampled_from([200.0, 300.0, None]))
def test_the_index_answers_as_a_plain_list_does(made: list[Any], take: Any, bias: float | None) -> None:
    """What questions to the index leave out is never what the rule of time would have taken."""
    with tempfile.TemporaryDirectory() as folder, closing(LocalStore(Path(folder), create=True)) as store:
        keys: set[Any] = set()
        for number, (hours, volts, unit, status) in enumerate(made):
            again = status is Status.ACCEPTED and (hours, volts, unit) in keys
            keys |= {(hours, volts, unit)} if status is Status.ACCEPTED else set()
            put(store, record(number, hours, pdu=unit, settings={"Bias": Setting(volts)}),
                status=Status.SUPERSEDED if again else status)
        asked = Query(at=START, take=take, condition=None if bias is None else {"Bias": bias},
                      statuses=frozenset({Status.ACCEPTED, Status.DRAFT}))
        found = store.find(asked)
        every = store.find(Query(take="all", statuses=ANY))
    assert len(every) == len(made)
    assert found == answering(every, asked, START)


def test_two_programs_make_and_use_one_store(tmp_path: Path) -> None:
    stores: list[LocalStore] = []
    errors: list[BaseException] = []

    def work(first: int) -> None:
        try:
            one = LocalStore(tmp_path / "store", create=True)
            stores.append(one)
            for number in range(first, first + 10):
                put(one, record(number, number))
        except BaseException as error:  # told by the test
            errors.append(error)

    threads = [threading.Thread(target=work, args=(100 * one,)) for one in range(3)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert errors == []
    assert len(statuses(stores[0])) == 30
    assert list(broken_links(stores[0].index)) == []
    for one in stores:
        one.close()


@pytest.mark.parametrize("table", sorted(RECORDS))
def test_records_refuse_to_be_changed_or_deleted(table: str, store: LocalStore) -> None:
    number, = put(store, record(1, report=("a", "b")))
    store.install("UNIT_A", Place("DET", "00", 0), "Some-Type", START, "anna", "")
    store.decide([number], Status.ACCEPTED, "anna", "")
    confirm(store, number, "anna", "")
    with sqlite3.connect(store.index.path) as other:
        for sql in (f"DELETE FROM {table}", f"UPDATE {table} SET id = id + 1000"):
            with pytest.raises(sqlite3.IntegrityError, match="records are never changed"):
                other.execute(sql)
    other.close()


@pytest.mark.parametrize(("sql", "words"), [
    ("UPDATE version SET begin_at = begin_at + 1", "Record 1 of “version” was changed by somebody else"),
    ("UPDATE decision SET status = 'accepted'", "Record 1 of “decision” was changed by somebody else"),
    ("DELETE FROM decision", "Record 1 of “decision” was removed by somebody else"),
    ("INSERT INTO pdu (name, detector_type) VALUES ('UNIT_X', 1)", "1 record of “pdu” was put in by somebody else"),
])
def test_what_is_changed_by_hand_is_found(sql: str, words: str, store: LocalStore) -> None:
    put(store, record(1))
    assert list(broken_links(store.index)) == []
    table = sql.split()[2] if sql.startswith(("DELETE", "INSERT")) else sql.split()[1]
    other = sqlite3.connect(store.index.path)
    for verb in ("update", "delete"):
        other.execute(f"DROP TRIGGER no_{verb}_of_{table}")
    other.execute(sql)
    other.commit()
    other.close()
    [told] = broken_links(store.index)
    assert told.startswith(words)


def test_a_store_of_a_newer_program_is_refused(store: LocalStore) -> None:
    put(store, record(1))
    store.close()
    other = sqlite3.connect(store.index.path)
    other.execute(f"PRAGMA user_version = {FORMAT + 1}")
    other.close()
    before = store.index.path.read_bytes()
    with pytest.raises(BadInput, match=f"newer program \\(format {FORMAT + 1}, and this one knows {FORMAT}\\)"):
        open_store(str(store.folder))
    assert store.index.path.read_bytes() == before


def test_a_folder_without_index_and_what_is_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=f"is no store of constants: it has no {INDEX}"):
        LocalStore(tmp_path)
    (tmp_path / INDEX).write_bytes(b"no database, but as long as one has to be " * 100)
    with pytest.raises(BadInput, match="cannot be read as an index of constants: file is not a database"):
        LocalStore(tmp_path)
    (tmp_path / INDEX).unlink()
    other = sqlite3.connect(tmp_path / INDEX)
    other.execute("CREATE TABLE mine (x)")
    other.close()
    with pytest.raises(BadInput, match="is no index of a store of constants"):
        LocalStore(tmp_path, create=True)


@pytest.mark.parametrize(("folder", "kind"), [
    ("/data/mine", ""), ("/gpfs/mine/store", "gpfs"), ("/home/with blank/store", "nfs4"), ("/home/store", ""),
    ("/gpfsx", ""),
])
def test_a_file_system_of_several_machines_is_known(folder: str, kind: str) -> None:
    mounts = ("/dev/a / ext4 rw 0 0\ngpfs /gpfs gpfs rw 0 0\nhost:/x /home/with\\040blank nfs4 rw 0 0\n"
              "tmpfs /data tmpfs rw 0 0\nwrong\n")
    assert shared_over_a_network(Path(folder), mounts) == kind


def test_a_damaged_index_is_told_and_its_files_are_not(store: LocalStore) -> None:
    put(store, *(record(number) for number in range(40)))
    store.close()
    data = bytearray(store.index.path.read_bytes())
    data[4096:len(data) - 4096] = bytes(len(data) - 8192)
    store.index.path.write_bytes(data)
    with pytest.raises(BadInput, match=r"cannot be read as an index of constants: .*; take a copy from before"):
        LocalStore(store.folder).find(Query(take="all", statuses=ANY))


def test_a_store_that_cannot_be_written_answers_and_takes_nothing(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    number, = put(store, record(1), status=Status.ACCEPTED)
    store.close()
    monkeypatch.setattr("calib_core.store.local.index.os.access", lambda path, mode: False)
    one = LocalStore(store.folder)
    assert [found.number for found in one.find(Query(at=START))] == [number]
    for act in (lambda: one.decide([number], Status.WITHDRAWN, "anna", ""), lambda: one.undo("anna", "")):
        with pytest.raises(OutputFailed, match="cannot be written: it is read-only"):
            act()
    one.close()


def test_what_was_written_in_vain_is_not_remembered(store: LocalStore) -> None:
    """Numbers of records that were rolled back are given to others, which are others."""
    def in_vain() -> None:
        with store.writing() as writing:
            act = add_act(writing, "inject", "anna", "", START)
            add_version(writing, act, record(1, settings={"Bias": Setting(1.0)}), Status.ACCEPTED)
            store.find(Query(take="all"))
            raise BadInput("No.")

    with pytest.raises(BadInput):
        in_vain()
    put(store, record(2), status=Status.ACCEPTED)
    [one] = store.find(Query(at=START, condition={"Bias": 300.0}))
    assert one.sha256 == f"{2:064x}"


def seen(found: tuple[Version, ...]) -> list[int]:
    return [one.number for one in found]


def test_what_another_program_writes_is_seen_at_once(store: LocalStore) -> None:
    other = LocalStore(store.folder)
    assert store.find(Query(take="all", statuses=ANY)) == ()
    number, = put(other, record(1, settings={"Bias": Setting(7.0)}), status=Status.ACCEPTED)
    assert seen(store.find(Query(at=START, condition={"Bias": 7.0}))) == [number]
    other.decide([number], Status.WITHDRAWN, "ben", "")
    assert seen(store.find(Query(at=START))) == []
    other.close()
