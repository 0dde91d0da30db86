"""Constants that are taken out of a store: as they are, by modules, and what is missing."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from calib_core.cli.main import main
from calib_core.errors import BadInput, OutputFailed
from calib_core.store import export_summary
from calib_core.store.base import Query, Version
from calib_core.store.constants import read_constant
from calib_core.store.export_choice import missing, with_fallback
from calib_core.store.export_summary import earlier_rows, write_summary
from calib_core.store.exporting import LAYOUTS, Exported, export
from calib_core.store.local.by_operator import ByOperator
from calib_core.store.local.candidates import candidates_of
from calib_core.store.local.injecting import inject
from calib_core.store.local.store import LocalStore
from calib_core.store.seals import Seals
from calib_core.store.statuses import Status
from tests.calib_core.subjects.files import put_ours
from tests.kept_store import CONDITIONS

from .constant_files import AGGREGATOR, BEGIN, DETECTOR, KIND, UNIT, VALUES, put

CALIBRATION = KIND.calibrations["Offset"].name


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LocalStore]:
    made = LocalStore(tmp_path / "store", create=True)
    yield made
    made.close()


def accepted(store: LocalStore, *paths: Path) -> tuple[Version, ...]:
    made = inject(store, candidates_of(store, paths), "anna", "first").versions
    return store.decide([one.number for one in made], Status.ACCEPTED, "ben", "as last week")


def found(store: LocalStore) -> tuple[Version, ...]:
    return store.find(Query(detector=DETECTOR, at=BEGIN + timedelta(days=2)))


def test_a_file_by_modules_has_the_values_and_all_that_the_constant_tells(store: LocalStore, tmp_path: Path) -> None:
    path = put(tmp_path / "made")
    accepted(store, path)
    [one] = export(store, found(store), tmp_path / "out", "modules")
    assert one.path is not None
    assert one.path.name == f"{DETECTOR}_{CALIBRATION}_{AGGREGATOR}_20260302T080000.000000Z.h5"
    source = read_constant(path)
    with h5py.File(one.path) as file:
        group = file[f"1/{CALIBRATION}"]
        np.testing.assert_array_equal(group["data"][()], source.data())
        assert tuple(group["data"].attrs["dims"]) == source.dims
        told = {name: group.attrs[name].decode() for name in ("version", "status", "source_sha256", "unit_name")}
        assert told == {"version": "1", "status": "accepted", "unit_name": UNIT,
                        "source_sha256": subprocess.check_output(["sha256sum", path], text=True).split()[0]}
        assert json.loads(group.attrs["conditions"]) == source.attributes["conditions"]
        assert group["data"].chunks == source.chunks["data"]
    assert Seals().check(one.path, whole=True)


def test_a_copy_in_the_facility_s_tree_has_the_same_bytes_and_can_be_injected_elsewhere(
    store: LocalStore, tmp_path: Path
) -> None:
    path = put(tmp_path / "made")
    accepted(store, path)
    [one] = export(store, found(store), tmp_path / "out", "facility")
    assert one.path is not None
    assert one.path.read_bytes() == path.read_bytes()
    other = LocalStore(tmp_path / "other", create=True)
    try:
        accepted(other, one.path)
        [again] = export(other, found(other), tmp_path / "again", "facility")
        assert again.path is not None
        assert again.path.read_bytes() == path.read_bytes()
        [before], [after] = found(store), found(other)
        assert (after.conditions, after.begin, after.pdu) == (before.conditions, before.begin, before.pdu)
    finally:
        other.close()


def test_a_copy_of_a_copy_is_the_same_version_in_each_store(store: LocalStore, tmp_path: Path) -> None:
    """What was exported by modules has other bytes: the store that took it knows the original, and others do its
    copies."""
    path = put(tmp_path / "made")
    accepted(store, path)
    [copy] = export(store, found(store), tmp_path / "out", "modules")
    other = LocalStore(tmp_path / "other", create=True)
    try:
        assert copy.path is not None
        [taken] = accepted(other, copy.path)
        [again] = export(other, found(other), tmp_path / "again", "modules")
        assert again.path is not None
        assert again.path.read_bytes() != path.read_bytes()
        for some in (other, store):
            for file in (path, copy.path, again.path):
                [one] = candidates_of(some, [file])
                assert (one.refused, one.known and one.known.number) == ("", 1)
        assert export(other, found(other), tmp_path / "out", "modules")[0].path == copy.path
        other_runs = put(tmp_path / "made", 2)
        assert candidates_of(other, [other_runs])[0].known is None
        assert taken.number == 1
    finally:
        other.close()


def test_decisions_name_a_version_by_any_copy_of_its_file(
    store: LocalStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One that was exported has other bytes; what has nothing to do with the store is one sentence."""
    path, stranger, text = put(tmp_path / "made"), put(tmp_path / "made", 2), tmp_path / "cal.1.0.h5"
    text.write_text("no constant")
    accepted(store, path)
    [copy] = export(store, found(store), tmp_path / "out", "modules")
    assert copy.path is not None
    assert copy.path.read_bytes() != path.read_bytes()
    for file in (copy.path, path):
        store.undo("anna", "") if found(store) else None
        assert found(store) == ()
        assert main(["store", "accept", str(file), "--store", str(store.folder)]) == 0
        assert [(one.number, one.status) for one in found(store)] == [(1, Status.ACCEPTED)]
    capsys.readouterr()
    for file, why in ((stranger, f"is no version of {store.folder}, nor a copy of one; no record has its checksum."),
                      (text, "cannot be read as a calibration constant")):
        assert main(["store", "withdraw", str(file), "--store", str(store.folder), "--comment", "x"]) == 2
        told = capsys.readouterr().err
        assert f"{file} {why}" in told
        assert told.count("\n") == 1


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_is_there_already_stays_and_is_never_replaced(store: LocalStore, tmp_path: Path, layout: str) -> None:
    accepted(store, put(tmp_path / "made"))
    [one] = export(store, found(store), tmp_path / "out", layout)
    assert one.path is not None
    before = one.path.stat().st_ino, one.path.stat().st_mtime_ns
    [again] = export(store, found(store), tmp_path / "out", layout)
    assert again == one
    assert (one.path.stat().st_ino, one.path.stat().st_mtime_ns) == before
    one.path.write_bytes(b"of somebody else")
    with pytest.raises(OutputFailed, match="is there already and is something else; give another folder"):
        export(store, found(store), tmp_path / "out", layout)
    assert one.path.read_bytes() == b"of somebody else"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_file_that_was_changed_is_not_copied(store: LocalStore, tmp_path: Path, layout: str) -> None:
    [made] = accepted(store, put(tmp_path / "made"))
    damaged = bytearray(made.path.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    made.path.chmod(0o644)
    made.path.write_bytes(damaged)
    with pytest.raises(BadInput, match="checksum"):
        export(store, found(store), tmp_path / "out", layout)
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]


@pytest.mark.parametrize("command", ["store export", "job"])
def test_one_damaged_file_keeps_no_other_from_being_copied(
    command: str, store: LocalStore, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is told, stands in the table, and the exit status says that something is missing."""
    made = accepted(store, put(tmp_path / "made"), put(tmp_path / "made", 2, begin=BEGIN - timedelta(days=9)))
    lost = next(one for one in made if one.begin != BEGIN)
    lost.path.unlink()
    monkeypatch.setenv("CALIBWB_STORE", str(store.folder))
    words = (["store", "export"] if command == "store export" else ["GENERIC", "DBTOH5"])
    assert main([*words, "--karabo-id", DETECTOR, "--take", "all", "--out-folder", str(tmp_path / "out")]) == 3
    told = "".join(capsys.readouterr())
    assert "1 constant copied, 4.4 MB; 1 is damaged" in told
    assert f"{lost.path} cannot be read" in told
    lines = (tmp_path / "out" / "summary.csv").read_text().splitlines()
    rows = {row["valid from (UTC)"]: row for row in csv.DictReader(lines[1:])}
    assert rows["2026-02-21 08:00:00"]["state"] == "damaged"
    assert not rows["2026-02-21 08:00:00"]["file"]
    assert (tmp_path / "out" / rows["2026-03-02 08:00:00"]["file"]).is_file()


def version(unit: str, days: float, name: str) -> Version:
    return Version(Path(name), unit, "Offset", "Some-Type", BEGIN + timedelta(days=days), BEGIN)


def test_another_condition_is_taken_where_it_is_much_closer_in_time() -> None:
    exact = [version("A", -30, "exact"), version("B", -8, "exact"), version("C", -20, "exact")]
    others = [version("A", -1, "other"), version("B", -1, "other"), version("D", -40, "other")]
    taken = with_fallback(exact, others, BEGIN, 7)
    assert [(one.pdu, str(one.path)) for one in taken] == [
        ("A", "other"), ("B", "exact"), ("C", "exact"), ("D", "other")]
    [closer] = with_fallback(exact[1:2], [version("B", -0.99, "other")], BEGIN, 7)
    assert str(closer.path) == "other"  # 7.01 days closer


def test_what_has_no_version_is_named() -> None:
    there = [version("A", 0, "a"), replace(version("B", 0, "b"), calibration="Noise")]
    assert [(one.unit, one.calibration) for one in missing(there, ["Offset", "Noise"], ["A", "B", "C"])] == [
        ("A", "Noise"), ("B", "Offset"), ("C", "Offset"), ("C", "Noise")]
    assert [(one.unit, one.calibration) for one in missing(there, (), ())] == [("A", "Noise"), ("B", "Offset")]
    others = [replace(version("C", 0, "c"), detector_type="Other-Type", calibration="Offset10Hz")]
    assert [(one.unit, one.calibration) for one in missing([*there, *others], (), ["A", "B", "C", "D"])] == [
        ("A", "Noise"), ("B", "Offset"), ("D", "Noise"), ("D", "Offset"), ("D", "Offset10Hz")]


def test_the_command_writes_a_table_and_tells_what_is_missing(
    store: LocalStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    accepted(store, put(tmp_path / "made"))
    words = ["store", "export", "--store", str(store.folder), "--out-folder", str(tmp_path / "out"),
             "--karabo-id", DETECTOR, "--at", "2026-03-04T20:00Z"]
    assert main(words) == 0
    assert "1 constant copied" in capsys.readouterr().out
    assert main([*words, "--calibration", CALIBRATION, "--calibration", "NoiseEPix100"]) == 3
    assert "1 constant copied, 4.4 MB; 1 is missing: " in capsys.readouterr().out
    lines = (tmp_path / "out" / "summary.csv").read_text().splitlines()
    assert lines[0] == "# Constants as of 2026-03-04 20:00:00 UTC."
    rows = {row["calibration"]: row for row in csv.DictReader(lines[1:])}
    assert rows["NoiseEPix100"]["state"] == "missing"
    assert (rows[CALIBRATION]["module"], rows[CALIBRATION]["age [days]"]) == ("1", "2.5")
    assert main([*words, "--calibration", "NoiseEPix100"]) == 1
    assert "nothing was copied" in capsys.readouterr().out
    assert main([*words, "--take", "all", "--fallback", "In vacuum=1"]) == 2
    assert "--fallback goes with --take prior or closest, not all" in capsys.readouterr().err


def test_what_is_of_another_condition_is_told(
    store: LocalStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    accepted(store, put(tmp_path / "made", begin=BEGIN - timedelta(days=9)), put(tmp_path / "made", 2, in_vacuum=1.0))
    asked = [f"{one.database_name}={VALUES[one.name]}" for one in KIND.condition if one.name in VALUES]
    words = ["store", "export", "--store", str(store.folder), "--out-folder", str(tmp_path / "out"), "--karabo-id",
             DETECTOR, "--at", "2026-03-04T20:00Z", *(word for one in asked for word in ("--condition", one))]
    assert main([*words, "--fallback", "In vacuum=1"]) == 0
    said = capsys.readouterr().out
    assert "WARN  1 of 1 constants are of the other operating condition (fallback)." in said
    assert "another: fallback" in (tmp_path / "out" / "summary.csv").read_text()
    assert main([*words, "--fallback", "In vacuum=1", "--fallback-days", "10"]) == 0
    assert "WARN" not in capsys.readouterr().out
    assert "as asked" in (tmp_path / "out" / "summary.csv").read_text()
    assert main([*words, "--fallback", "In vacuum=1", "--fallback-days", "-1"]) == 2
    assert "--fallback-days -1 is not allowed; it takes 0 to 36,525" in capsys.readouterr().err


@pytest.mark.parametrize(("at", "take", "told"), [
    ("2026-04-01T08:00:00Z", "prior", ""),
    ("2026-04-01T08:00:01Z", "prior", "1 of 1 constants begins more than 30 days from 2026-04-01 08:00 UTC; furthest "
     f"is {CALIBRATION} of {UNIT}, 30 days before."),
    ("2025-03-02T08:00Z", "closest", f"furthest is {CALIBRATION} of {UNIT}, 365 days after."),
    ("2027-03-02T08:00Z", "all", "")])
@pytest.mark.parametrize("command", [["store", "export"], ["GENERIC", "DBTOH5"]], ids=" ".join)
def test_what_is_old_is_told(
    command: list[str], at: str, take: str, told: str, store: LocalStore, tmp_path: Path,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Beyond 30 days; not of those who ask for all that there ever was."""
    accepted(store, put(tmp_path / "made"))
    monkeypatch.setenv("CALIBWB_STORE", str(store.folder))
    assert main([*command, "--karabo-id", DETECTOR, "--at", at, "--take", take, "--out-folder",
                 str(tmp_path / "out")]) == 0
    said = [line for line in "".join(capsys.readouterr()).splitlines() if "WARN  " in line and "days from" in line]
    assert len(said) == bool(told)
    assert told in "".join(said)


def test_lines_of_earlier_exports_into_a_folder_stay(
    store: LocalStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those of the same file are made anew, and what was missing then and is there now is no line of its own."""
    accepted(store, put(tmp_path / "made"), put(tmp_path / "made", 2, begin=BEGIN - timedelta(days=9)))
    out = tmp_path / "out"
    words = ["store", "export", "--store", str(store.folder), "--out-folder", str(out), "--karabo-id", DETECTOR]
    assert main([*words, "--at", "2026-02-25", "--calibration", CALIBRATION, "--calibration", "NoiseEPix100"]) == 3
    assert "of earlier exports" not in capsys.readouterr().out
    assert main([*words, "--at", "2026-03-04T20:00Z"]) == 0
    assert f"{out / 'summary.csv'} keeps 2 lines of earlier exports into this folder." in capsys.readouterr().out
    table = (out / "summary.csv").read_text()
    rows = list(csv.DictReader(line for line in table.splitlines() if line[0] != "#"))
    assert "# Below them 2 of earlier exports into this folder, as of their own times." in table
    assert [(row["calibration"], row["valid from (UTC)"], row["age [days]"], row["as of (UTC)"]) for row in rows] == [
        (CALIBRATION, "2026-03-02 08:00:00", "2.5", "2026-03-04 20:00:00"),
        ("NoiseEPix100", "", "", "2026-02-25 00:00:00"),
        (CALIBRATION, "2026-02-21 08:00:00", "3.667", "2026-02-25 00:00:00")]
    assert {path.name for path in out.glob("*.h5")} == {row["file"] for row in rows if row["file"]}
    assert main([*words, "--at", "2026-02-20T08:00Z", "--take", "closest"]) == 0  # later than what is asked for
    again = list(csv.DictReader(line for line in (out / "summary.csv").read_text().splitlines() if line[0] != "#"))
    assert [(row["age [days]"], row["bytes"], row["SHA-256"]) for row in again[1:]] == [
        (row["age [days]"], row["bytes"], row["SHA-256"]) for row in rows[:2]]
    assert again[0]["age [days]"] == "-1.0"


def test_exports_into_a_folder_at_once_lose_no_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each takes long over the table that it has read, so that without a lock all would begin with the same one."""
    def slow(folder: Path) -> tuple[Any, ...]:
        found = earlier_rows(folder)
        time.sleep(0.05)
        return found

    monkeypatch.setattr(export_summary, "earlier_rows", slow)
    made = [Exported(f"UNIT_{number}", "Offset") for number in range(6)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda one: write_summary(tmp_path, [one], BEGIN), made))
    assert sorted(row[2] for row in earlier_rows(tmp_path)) == [one.unit for one in made]


def test_a_table_of_something_else_is_not_replaced(
    store: LocalStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    accepted(store, put(tmp_path / "made"))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "summary.csv").write_text("energy,counts\n9.3,17\n")
    assert main(["store", "export", "--store", str(store.folder), "--out-folder", str(tmp_path / "out"),
                 "--karabo-id", DETECTOR]) == 2
    assert "summary.csv is there already and is no table of an export; give another folder." in (
        capsys.readouterr().err)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["summary.csv"]
    assert (tmp_path / "out" / "summary.csv").read_text() == "energy,counts\n9.3,17\n"


MEMORY = """
import resource, sys
from pathlib import Path
from calib_core.store.base import Query
from calib_core.store.exporting import export
from calib_core.store.local.store import LocalStore
from calib_core.store.statuses import Status
store = LocalStore(Path(sys.argv[1]))
versions = store.find(Query(take="all", statuses=frozenset(Status)))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
export(store, versions, Path(sys.argv[2]), sys.argv[3])
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.parametrize("layout", LAYOUTS)
def test_memory_is_that_of_a_piece_whatever_the_size(store: LocalStore, tmp_path: Path, layout: str) -> None:
    """A constant of 160 MB, of which neither layout has more than a few pieces in memory."""
    values = np.random.default_rng(1).normal(100, 10, (512, 128, 1)).astype(np.float32).repeat(640, axis=2)
    cells = {**CONDITIONS, "Memory cells": {**CONDITIONS["Memory cells"], "value": 640.0}}
    path = put_ours(tmp_path / "made", 0, "Offset", values, 0, chunks=(512, 128, 1), conditions=cells)
    inject(store, candidates_of(store, [path], ByOperator(confirmed=True)), "anna", "")
    told = subprocess.run([sys.executable, "-c", MEMORY, store.folder, tmp_path / layout, layout],
                          capture_output=True, text=True, check=True).stdout
    assert int(told) < 48 < 0.3 * path.stat().st_size / 2**20
    [copy] = (tmp_path / layout).rglob("*.h5")
    assert copy.stat().st_size >= values.nbytes
