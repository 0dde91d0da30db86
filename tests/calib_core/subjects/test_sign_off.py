"""Decisions on constants: drafts, accepted ones by module and condition, who and why, and one step back."""

from __future__ import annotations

import shutil
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from calib_core.errors import BadInput, BadParameter
from calib_core.jobs.job import Job
from calib_core.jobs.survey import survey
from calib_core.simulate import default_settings, simulate
from calib_core.store.local.checking import check
from calib_core.store.local.records import Place
from calib_core.store.local.store import LocalStore
from calib_core.store.statuses import STORE_VARIABLE, Status
from calib_core.subjects.constant_sets import ConstantSet, find_sets
from calib_core.subjects.report import folder_of, keep_written, name_of, write_report
from calib_core.subjects.sign_off import SignOff

MODULES = (0, 1)


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Darks of one recording that are valid from some day on."""
    folder = tmp_path_factory.mktemp("agipd")
    runs = simulate(default_settings("AGIPD1M").with_changes(
        {"modules": "0-1", "memory_cells": 1, "trains": 12, "begin": "2026-11-20T07:00:00"}), folder).runs

    def darks(day: int, **changes: Any) -> ConstantSet:
        out = tmp_path_factory.mktemp("constants")
        begin = datetime(2026, 11, day, 7, tzinfo=UTC)
        job = Job(survey(list(runs.values())).spec(out, begin=begin, **changes))
        job.start()
        assert job.wait(120)
        job.close()
        [found] = find_sets([out])
        return found

    return darks


@pytest.fixture
def sign_off(tmp_path: Path) -> SignOff:
    return SignOff(tmp_path / "store", "anna")


def test_constants_are_drafts_until_somebody_accepts_them(make: Any, sign_off: SignOff, tmp_path: Path) -> None:
    found = make(21)
    assert sign_off.standing(found).word == "draft"
    assert sign_off.accepted_before(found) is None
    assert not sign_off.folder.exists()
    assert len(sign_off.stands_in(found, MODULES)) == 2
    assert sign_off.keep_report(found, "report-x.html", b"<p>draft") is None
    write_report(found, None, sign_off.standing(found))
    assert sign_off.decide(found, (0,), Status.ACCEPTED, "good").word == "1 accepted, 1 draft"
    standing = sign_off.decide(found, (1,), Status.REJECTED, "light leak")
    assert standing.by_module == {0: Status.ACCEPTED, 1: Status.REJECTED}
    assert "by anna" in standing.sentence
    assert "light leak" in standing.sentence
    check_report(sign_off, found)
    # whether a store has all of what a job wrote is no question: each version stands for itself
    [stored] = find_sets([sign_off.folder])
    assert "complete" not in stored.title
    assert set(stored.notes) <= set(found.notes)
    # the bytes tell, wherever they are
    shutil.copytree(found.files[0].path.parents[4], tmp_path / "copy")
    assert sign_off.standing(find_sets([tmp_path / "copy"])[0]).by_module == standing.by_module


def test_what_started_by_itself_waits_in_the_store_where_units_are_told(
    make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nowhere without a store; of two modules the one whose unit is known; the other once somebody has told it."""
    found, folder = make(21), tmp_path / "store"
    monkeypatch.setenv(STORE_VARIABLE, str(folder))
    assert SignOff().take(found, "by itself") == ""
    assert not folder.exists()
    one, other = sorted(found.modules, key=lambda pdu: found.modules[pdu])
    with closing(LocalStore(folder, create=True)) as store:
        install(store, found, one, "UNIT_A")
    number = sum(file.pdu == one for file in found.files)
    assert SignOff().take(found, "by itself") == (
        f"{number} versions in {folder}, not in the store: units behind {other}, which nobody has told")
    with closing(LocalStore(folder)) as store:
        assert {(version.pdu, version.status, version.comment) for version in store.every()} == {
            ("UNIT_A", Status.DRAFT, "by itself")}
        assert len(store.every()) == number
        install(store, found, other, "UNIT_B")
    assert SignOff().take(found, "by itself") == f"{len(found.files)} versions in {folder}"
    assert SignOff().decide(found, MODULES, Status.ACCEPTED, "good").word == "accepted"
    with closing(LocalStore(folder)) as store:
        assert len(store.every()) == len(found.files)


def test_what_cannot_be_taken_is_part_of_the_line(make: Any, tmp_path: Path) -> None:
    found = make(21)
    (tmp_path / "store").write_text("a file")
    assert SignOff(tmp_path / "store").take(found, "").startswith(f"not in the store: {tmp_path / 'store'}")


def install(store: LocalStore, found: ConstantSet, pdu: str, unit: str) -> None:
    """Tell which unit is where a file says that it is."""
    file = next(one for one in found.files if one.pdu == pdu)
    assert file.begin is not None
    place = Place(file.attributes["provenance"]["detector"], file.attributes["karabo_da"], found.modules[pdu])
    store.install(unit, place, found.kind.database_type, file.begin, "anna", "")


def check_report(sign_off: SignOff, found: ConstantSet) -> None:
    """It is kept as it was, the newest before others, and a store with it is whole."""
    kept = keep_written(found, sign_off)
    assert kept == sign_off.folder / "reports" / name_of(found)
    assert kept.read_bytes() == (folder_of(found) / name_of(found)).read_bytes()
    assert sign_off.report_of(name_of(found)) == kept
    assert sign_off.report_of("report-other.html") is None
    assert sign_off.keep_report(found, name_of(found), b"<p>newer") == kept
    assert sign_off.report_of(name_of(found)) == kept
    with closing(LocalStore(sign_off.folder)) as store:
        assert list(check(store, False, "anna")) == []
    kept.write_bytes(b"<p>changed")
    with pytest.raises(BadInput, match="another file than the report that was kept"):
        sign_off.report_of(name_of(found))
    kept.unlink()


def test_new_ones_are_compared_with_those_before_at_the_same_condition(make: Any, sign_off: SignOff) -> None:
    first, second, later = make(21), make(22), make(23)
    sign_off.decide(first, MODULES, Status.ACCEPTED, "")
    sign_off.decide(second, (1,), Status.ACCEPTED, "")
    accepted = sign_off.accepted_before(later)
    assert accepted is not None
    begins = {module: {one.begin.day for one in accepted.files if accepted.modules[one.pdu] == module}
              for module in MODULES}
    assert begins == {0: {21}, 1: {22}}
    assert sign_off.accepted_before(make(24, conditions={"bias_voltage": 200.0})) is None
    # what is accepted is not compared with itself, but with what began before it
    own = sign_off.accepted_before(second)
    assert own is not None
    assert {one.begin.day for one in own.files} == {21}


def test_one_step_back_and_what_is_refused(make: Any, sign_off: SignOff) -> None:
    found, other = make(21), make(22)
    with pytest.raises(BadInput, match="nothing was decided yet"):
        sign_off.undo(found)
    sign_off.decide(found, MODULES, Status.ACCEPTED, "good")
    with pytest.raises(BadInput, match="is accepted already"):
        sign_off.decide(found, MODULES, Status.ACCEPTED, "again")
    with pytest.raises(BadParameter, match="only what is draft can"):
        sign_off.decide(found, MODULES, Status.REJECTED, "after all")
    with pytest.raises(BadInput, match="about other constants"):
        sign_off.undo(other)
    assert sign_off.undo(found, "wrong button").word == "draft"
    with pytest.raises(BadParameter, match="taken back already"):
        sign_off.undo(found)


def test_new_ones_of_the_same_runs_supersede(make: Any, sign_off: SignOff) -> None:
    first, again = make(21), make(21, parameters={"gate_sigma": 6.0})
    sign_off.decide(first, MODULES, Status.ACCEPTED, "")
    sign_off.decide(again, MODULES, Status.ACCEPTED, "wider gate")
    assert sign_off.standing(first).word == "superseded"
    assert sign_off.standing(again).word == "accepted"
