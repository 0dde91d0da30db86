"""The facility's database as a store: its recorded sessions are answered the same, and failures are one sentence."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from calib_core.errors import BadInput, BadParameter
from calib_core.store.base import Query, Version
from calib_core.store.calcat.connection import Connection
from calib_core.store.calcat.credentials import Credentials, credentials_for, forget, keep
from calib_core.store.calcat.kept_answers import KeptAnswers
from calib_core.store.calcat.store import CalCat
from calib_core.store.statuses import Status

from .replayed import ADDRESS, Replayed, question

extra = pytest.importorskip("extra.calibration", reason="EXtra is not installed (group calcat)")

ROOT = Path("/gpfs/caldb")
SESSIONS = ("test_AGIPD_load_data", "test_AGIPD_CalibrationData_metadata", "test_AGIPD_CalibrationData_metadata_SPB",
            "test_JUNGFRAU_constant", "test_CalibrationData_from_data")
CONDITIONS = "calibration_constant_versions/get_by_detector_conditions"


def replayed(real_data: Path, *names: str) -> Replayed:
    return Replayed(*(real_data / "calcat" / f"{name}.yaml" for name in names))


def store_of(session: Replayed, folder: Path) -> CalCat:
    return CalCat(Connection(ADDRESS, KeptAnswers(folder), session.client()), ROOT)


def lookups(session: Replayed) -> Iterator[tuple[Query, list[Any]]]:
    """Questions by condition of a session, and the rows that it was answered."""
    names = {row["id"]: row["name"] for one in session.recorded
             if one["request"]["uri"].partition("?")[0].endswith("/calibrations")
             for row in json.loads(one["response"]["body"]["string"])}
    for one in session.recorded:
        path, words, condition = question(one["request"]["uri"], one["request"]["body"])
        if path.endswith(CONDITIONS):
            told = dict(words)
            yield Query(
                tuple(names[number] for number in told["calibration_id"]), detector=told["detector_identifier"],
                condition=dict(condition), at=datetime.fromisoformat(told["event_at"]),
                mapped_at=datetime.fromisoformat(told["pdu_snapshot_at"]),
                take=told["begin_at_strategy"]), json.loads(one["response"]["body"]["string"])


@pytest.mark.real
@pytest.mark.parametrize("name", SESSIONS)
def test_a_recorded_session_gets_the_same_answers(name: str, real_data: Path, tmp_path: Path) -> None:
    session = replayed(real_data, name)
    store = store_of(session, tmp_path)
    number = 0
    for query, rows in lookups(session):
        found = store.find(query)
        number += 1
        expected = {(
            row["id"], row["physical_detector_unit"]["physical_name"], row["physical_detector_unit"]["karabo_da"],
            str(ROOT / row["path_to_file"] / row["file_name"]), row["data_set_name"], row["raw_data_location"],
            datetime.fromisoformat(row["begin_at"])) for row in rows}
        assert {(one.number, one.pdu, one.aggregator, str(one.path), one.dataset, one.raw_data, one.begin)
                for one in found} == expected
        assert {one.calibration for one in found} <= set(query.calibrations)
        assert {one.status for one in found} <= {Status.ACCEPTED}
        for one in found:
            assert store.units_of(query.detector, query.mapped_at)[one.aggregator] == one.pdu
    assert number >= 2
    store.close()


@pytest.mark.real
@pytest.mark.parametrize(("name", "record"), [
    ("test_AGIPD_from_correction", "cal-metadata-agipd-p900508-r22"),
    ("test_JUNGFRAU_from_correction", "cal-metadata-jf-p900491-r487"),
    ("test_LPD_from_correction", "cal-metadata-lpd-p900491-r445"),
])
def test_versions_of_a_correction_are_those_that_extra_finds(
    name: str, record: str, real_data: Path, tmp_path: Path
) -> None:
    """Also with as few questions: versions of one report are asked for together."""
    path = real_data / "calcat" / f"{record}.yml"
    told = yaml.safe_load(path.read_text())["retrieved-constants"]
    by_kind: dict[str, dict[str, int]] = {}
    for aggregator, of_module in told.items():
        for kind, one in of_module.get("constants", {}).items():
            by_kind.setdefault(kind, {})[aggregator] = one["ccv_id"]
    numbers = [number for of_kind in by_kind.values() for number in of_kind.values()]
    theirs, mine = replayed(real_data, name), replayed(real_data, name)
    calcat = sys.modules["extra.calibration.calcat"]
    before, calcat.global_client = calcat.global_client, theirs.client()
    try:
        found = extra.CalibrationData.from_correction(path)
    finally:
        calcat.global_client = before
    store = store_of(mine, tmp_path)
    versions = {one.number: one for one in store.named(numbers)}
    for kind, constant in found.items():
        for aggregator, one in constant.constants.items():
            own = versions[one.ccv_id]
            assert (own.calibration, own.aggregator, own.pdu) == (kind, aggregator, one.pdu_name)
            assert own.begin == datetime.fromisoformat(one.metadata("begin_at"))
    assert len(versions) == len(numbers)
    assert len(mine.asked) <= len(theirs.asked)


@pytest.mark.real
@pytest.mark.parametrize(("name", "report"), [
    ("test_DetectorData_from_CalibrationData", 3757), ("test_JUNGFRAU_dimension_labels", 7673)])
def test_versions_of_a_report_are_those_that_extra_finds(
    name: str, report: int, real_data: Path, tmp_path: Path
) -> None:
    session = replayed(real_data, name)
    found = extra.CalibrationData.from_report(report, client=session.client())
    versions = store_of(session, tmp_path).of_report(report)
    assert {(one.calibration, one.aggregator, one.number) for one in versions} == {
        (kind, aggregator, one.ccv_id) for kind, constant in found.items()
        for aggregator, one in constant.constants.items()}
    assert {one.aggregator: one.module for one in versions} == dict(
        zip(found.aggregator_names, found.module_nums, strict=True))



@pytest.mark.real
def test_detectors_and_units_are_those_that_were_recorded(real_data: Path, tmp_path: Path) -> None:
    session = replayed(real_data, "test_DetectorData_list_by_instrument", "test_DetectorData_from_instrument",
                       "test_AGIPDConditions_from_data")
    store = store_of(session, tmp_path)
    assert store.detectors_of("SCS") == extra.DetectorData.list_by_instrument("SCS", client=session.client())
    for one in session.recorded:
        path, words, _ = question(one["request"]["uri"], one["request"]["body"])
        if path.endswith("get_all_by_detector") and dict(words)["detector_id"] == "26":
            at = datetime.fromisoformat(dict(words)["pdu_snapshot_at"])
            rows = json.loads(one["response"]["body"]["string"])
            assert {row["karabo_da"]: row["physical_name"] for row in rows} == {
                row["karabo_da"]: store.units_of("HED_DET_AGIPD500K2G", at)[row["karabo_da"]] for row in rows}
            assert "AGIPD99" not in store.units_of("HED_DET_AGIPD500K2G", at)


@pytest.mark.real
def test_what_was_asked_before_is_answered_without_the_network(real_data: Path, tmp_path: Path) -> None:
    session = replayed(real_data, "test_JUNGFRAU_constant")
    [first, *_] = lookups(session)
    query, rows = first
    assert store_of(session, tmp_path).find(query)
    session.gone = True
    later = store_of(session, tmp_path)
    assert sorted(one.number for one in later.find(query)) == sorted(row["id"] for row in rows)
    [note] = later.notes
    assert note.startswith(f"CalCat cannot be reached at {ADDRESS} (no network); what is told are answers that were "
                           "kept, the oldest of them of ")
    assert f"{datetime.now(UTC):%Y-%m-%d}" in note
    for path in tmp_path.rglob("*.json"):
        path.write_text("{")
    with pytest.raises(BadInput, match=r"cannot be reached at .* \(no network\), and nothing was kept that answers"):
        store_of(session, tmp_path).find(query)


ASKED = Query(("Offset",), detector="SPB_DET_AGIPD1M-1", condition={"Memory cells": 352.0}, take="prior")


@pytest.mark.parametrize(("changes", "words"), [
    ({"detector": ""}, "is asked by detector; name one"), ({"condition": None}, "is asked by operating condition"),
    ({"snapshot": datetime(2025, 1, 1, tzinfo=UTC)}, "cannot be asked what was known at another time"),
])
def test_what_calcat_cannot_be_asked_is_refused(changes: dict[str, Any], words: str, tmp_path: Path) -> None:
    store = CalCat(Connection("http://127.0.0.1:1", KeptAnswers(tmp_path)))
    with pytest.raises(BadParameter, match=words):
        store.find(Query(**{**ASKED.__dict__, **changes}))


def test_drafts_are_nothing_that_calcat_has(tmp_path: Path) -> None:
    store = CalCat(Connection("http://127.0.0.1:1", KeptAnswers(tmp_path)))
    assert store.find(Query(**{**ASKED.__dict__, "statuses": frozenset({Status.DRAFT})})) == ()


@contextmanager
def answering(status: int, content: bytes) -> Iterator[str]:
    """A server on this machine that says the same to everything."""
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(("status", "content", "words"), [
    (200, b"<html>", "with what is no JSON; it is no CalCat"),
    (200, b'{"a": 1}', "answers with what cannot be understood"),
    (200, b"[]", "has no detector SPB_DET_AGIPD1M-1."),
    (200, b'[{"x": 1}]', "answers with what cannot be understood"),
    (404, b'{"info": "Resource not found!"}', "has no detectors"),
    (403, b'{"info": "Not for you"}', "refuses detectors: Error 403 from API: Not for you."),
    (401, b"no", "refuses detectors: 401 Client Error"),
    (502, b"<html>", "cannot be reached at .* \\(it answers with status 502\\), and nothing was kept"),
])
def test_wrong_answers_are_one_sentence(status: int, content: bytes, words: str, tmp_path: Path) -> None:
    with answering(status, content) as address:
        store = CalCat(Connection(address, KeptAnswers(tmp_path)))
        try:
            with pytest.raises(BadInput, match=words):
                store.find(ASKED)
        finally:
            store.close()


@pytest.mark.parametrize(("address", "words"), [
    ("http://127.0.0.1:1", r"cannot be reached at http://127.0.0.1:1 \(Connection refused\), and nothing was kept"),
    ("nowhere", "nowhere is no address of CalCat: Invalid URL"),
])
def test_a_server_that_is_not_there_is_one_sentence(address: str, words: str, tmp_path: Path) -> None:
    store = CalCat(Connection(address, KeptAnswers(tmp_path)))
    with pytest.raises(BadInput, match=words):
        store.find(ASKED)
    store.close()


def test_a_file_that_is_not_here_is_one_sentence(tmp_path: Path) -> None:
    store = CalCat(Connection(ADDRESS, KeptAnswers(tmp_path)), tmp_path)
    one = Version(tmp_path / "xfel" / "cal.1.h5", "UNIT", "Offset", "Some-Type", None, None, number=7)
    with pytest.raises(BadInput, match=r"The file of version 7 of CalCat at .* is not here: .*cal.1.h5"):
        store.read(one)


def test_answers_that_cannot_be_kept_are_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with answering(200, b"[]") as address:
        connection = Connection(address, KeptAnswers(tmp_path / "file"))
        assert connection.get("detectors", {"identifier": "x"}) == []
        connection.close()
    [note] = connection.notes
    assert note.startswith("Answers are not kept for work without the network: ")


@pytest.fixture
def keyring(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, str], str]:
    """A keyring in memory in place of the system's; under the name “closed” it refuses."""
    kept: dict[tuple[str, str], str] = {}
    module, errors = ModuleType("keyring"), ModuleType("keyring.errors")
    errors.KeyringError = type("KeyringError", (Exception,), {})  # type: ignore[attr-defined]

    def get_password(service: str, name: str) -> str | None:
        if "closed" in name:
            raise errors.KeyringError("it is locked")
        return kept.get((service, name))

    module.get_password = get_password  # type: ignore[attr-defined]
    module.set_password = lambda service, name, told: kept.update({(service, name): told})  # type: ignore[attr-defined]
    module.delete_password = lambda service, name: kept.pop((service, name))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "keyring", module)
    monkeypatch.setitem(sys.modules, "keyring.errors", errors)
    return kept


SECRET = "s3cr3t-of-the-test"


def test_a_login_is_in_the_keyring_and_in_no_file(keyring: Any, tmp_path: Path) -> None:
    address = "https://127.0.0.1:1/calibration"
    store = CalCat(Connection(address, KeptAnswers(tmp_path)))
    with pytest.raises(BadInput, match="needs a login, and the system's keyring has none; calibwb store login"):
        store.find(ASKED)
    keep(address, Credentials("id", SECRET, "anna@example.com"))
    assert credentials_for(address) == Credentials("id", SECRET, "anna@example.com")
    assert SECRET not in repr(credentials_for(address))
    with pytest.raises(BadInput, match=r"cannot be reached at .* \(Connection refused\)") as told:
        store.find(ASKED)
    assert SECRET not in str(told.value)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and SECRET in path.read_text()]
    assert forget(address)
    assert not forget(address)
    store.close()


def test_a_keyring_that_is_missing_closed_or_damaged_is_one_sentence(
    keyring: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BadInput, match="The system's keyring cannot be used: it is locked"):
        credentials_for("https://closed")
    keyring[("calibwb CalCat", "https://odd")] = "{}"
    with pytest.raises(BadInput, match="is no login of calibwb; make it anew"):
        credentials_for("https://odd")
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(BadInput, match="keyring is not installed"):
        credentials_for("https://any")


def test_without_extra_one_sentence_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("calib_core.store.calcat.connection.find_spec", lambda name: None)
    with pytest.raises(BadInput, match=r"EXtra is not installed, .* install calibwb\[calcat\]"):
        CalCat(Connection(ADDRESS, KeptAnswers(tmp_path))).find(ASKED)
