"""A store that is served, asked as the facility's database is: the same versions, conditions and places come back."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from calib_core.cli.main import main
from calib_core.constants.matching import Setting
from calib_core.errors import BadInput
from calib_core.store.base import Query, Version, settings_in
from calib_core.store.calcat.connection import Connection
from calib_core.store.calcat.kept_answers import KeptAnswers
from calib_core.store.calcat.store import CalCat
from calib_core.store.serving.server import serving
from calib_core.store.statuses import Status
from tests.made_store import DETECTOR, UNITS, MadeStore

pytest.importorskip("extra.calibration", reason="EXtra is not installed (group calcat)")

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
CONDITION = {"Sensor Bias Voltage": 90.0, "Memory Cells": 1.0, "Pixels X": 1024.0, "Pixels Y": 512.0,
             "Integration Time": 10.0, "Sensor temperature": 291.0, "Gain Setting": 0.0}
ASKED = Query(("Offset10Hz", "Noise10Hz"), detector=DETECTOR, condition=CONDITION, at=START)


@pytest.fixture
def made(tmp_path: Path) -> Iterator[MadeStore]:
    one = MadeStore(tmp_path / "store", START)
    yield one
    one.store.close()


@pytest.fixture
def calcat(made: MadeStore, tmp_path: Path) -> Iterator[CalCat]:
    with serving(made.store) as server:
        one = CalCat(Connection(server.url, KeptAnswers(tmp_path / "kept")), made.store.folder)
        yield one
        one.close()


def told(versions: tuple[Version, ...]) -> list[tuple[Any, ...]]:
    """What both sides know of versions."""
    return [(one.number, one.pdu, one.calibration, one.detector_type, one.begin, one.path, one.dataset, one.status,
             one.raw_data, one.detector, one.aggregator, one.module) for one in versions]


@pytest.mark.parametrize(("changes", "number"), [
    ({}, 4), ({"take": "closest"}, 4), ({"take": "around"}, 8), ({"units": ("Jungfrau_M102",)}, 2),
    ({"calibrations": ("Noise10Hz",)}, 2), ({"condition": {**CONDITION, "Integration Time": 10.02}}, 4),
    ({"condition": {**CONDITION, "Integration Time": 10.03}}, 0), ({"condition": {**CONDITION, "Gain mode": 1.0}}, 0),
    ({"at": START - timedelta(days=3)}, 0), ({"at": START - timedelta(days=3), "take": "closest"}, 4),
    ({"at": None}, 4), ({"calibrations": ()}, 4),
])
def test_what_is_served_is_what_the_store_finds(
    changes: dict[str, Any], number: int, made: MadeStore, calcat: CalCat
) -> None:
    for kind in ("Offset10Hz", "Noise10Hz"):
        made.put(30, kind=kind)
        made.put(3, kind=kind)
        made.put(-2, kind=kind)
        made.put(1, Status.DRAFT, kind=kind)
        made.put(2, Status.REJECTED, kind=kind)
        made.put(1, kind=kind, Integration_Time=Setting(20.0, 0.025, 0.025))
    query = replace(ASKED, **changes)
    if query.take == "around":  # those before and those closest are all that such a database tells
        before, closest = (made.store.find(replace(query, take=take)) for take in ("prior", "closest"))
        expected = tuple({one.number: one for one in (*before, *closest)}.values())
        assert sorted(told(calcat.find(query))) == sorted(told(expected))
        assert len(expected) == number
    else:
        assert told(calcat.find(query)) == told(made.store.find(query))
        assert len(calcat.find(query)) == number


def test_conditions_reports_and_places_come_back(made: MadeStore, calcat: CalCat) -> None:
    numbers = made.put(3, Sensor_temperature=Setting(291.0, 4.0, 6.0, unit="K"), Text=Setting("8,24,"))
    found = calcat.named(numbers)
    assert [one.number for one in found] == numbers
    own = {name: replace(one, unit="") for name, one in settings_in(
        made.store.named(numbers)[0].conditions).items()}
    assert settings_in(found[0].conditions) == own
    assert calcat.units_of(DETECTOR, START)["JNGFR02"] == UNITS["JNGFR02"]
    assert calcat.detectors_of("SPB") == [DETECTOR]
    assert [one.aggregator for one in found] == list(UNITS)
    with pytest.raises(BadInput, match="has no calibration_constant_versions/99"):
        calcat.named([99])
    with pytest.raises(BadInput, match=f"has no detector SPB_NONE; of this instrument it has {DETECTOR}"):
        calcat.find(replace(ASKED, detector="SPB_NONE"))
    with pytest.raises(BadInput, match="has no kind of constants Offset77"):
        calcat.find(replace(ASKED, calibrations=("Offset77",)))


def test_many_programs_ask_at_once(made: MadeStore, tmp_path: Path) -> None:
    """And what is accepted meanwhile is seen; other names of the machine than its own address are refused."""
    [draft, _] = made.put(1, Status.DRAFT)
    expected = sorted(made.put(3))
    with serving(made.store) as server:
        def ask(_: int) -> list[int]:
            one = CalCat(Connection(server.url, KeptAnswers(tmp_path / "kept")))
            found = sorted(version.number for version in one.find(replace(ASKED, calibrations=("Offset10Hz",))))
            one.close()
            return found

        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(ask, range(12))) == [expected] * 12
        made.store.decide([draft], Status.ACCEPTED, "anna", "")
        assert ask(0) == sorted([draft, expected[1]])
        answer = requests.get(f"{server.url}/api/me", headers={"Host": "elsewhere.example"}, timeout=10)
        assert (answer.status_code, answer.json()["info"][:20]) == (403, "This store is served")


def test_drafts_are_unseen_by_number_too(made: MadeStore, calcat: CalCat) -> None:
    [draft, _] = made.put(1, Status.DRAFT)
    with pytest.raises(BadInput, match=f"has no calibration_constant_versions/{draft}"):
        calcat.named([draft])
    made.store.decide([draft], Status.ACCEPTED, "anna", "")
    assert [one.number for one in calcat.named([draft])] == [draft]


def test_both_stores_are_shown_side_by_side(
    made: MadeStore, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = MadeStore(tmp_path / "other", START)
    monkeypatch.setattr("calib_core.store.calcat.connection.usual_folder", lambda: tmp_path / "kept")
    mine, theirs = made.put(3), other.put(5)
    with serving(other.store) as server:
        words = ["store", "find", "--store", str(made.store.folder), "--calcat", server.url, "--karabo-id", DETECTOR,
                 "--calibration", "Offset10Hz", "--take", "prior", "--at", START.isoformat(),
                 *(word for name, value in CONDITION.items() for word in ("--condition", f"{name}={value:g}"))]
        assert main([*words, "--json"]) == 0
        assert [(one["store"], one["version"]) for one in json.loads(capsys.readouterr().out)] == [
            *((str(made.store.folder), number) for number in mine),
            *((f"CalCat at {server.url}", number) for number in theirs)]
        assert main(words) == 0
        said = capsys.readouterr().out
        assert said.index(f"{made.store.folder}:") < said.index(f"CalCat at {server.url}:")
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "WARN  CalCat cannot be reached at" in said
    assert said.count("accepted") == 4
    monkeypatch.setenv("CALIBWB_STORE", str(tmp_path / "not made"))
    alone = [word for word in words if word not in ("--store", str(made.store.folder))]
    assert main([*alone, "--json"]) == 0
    assert {one["store"] for one in json.loads(capsys.readouterr().out)} == {f"CalCat at {server.url}"}
    words[words.index("--karabo-id") + 1] = "FXE_XAD_JF1M"
    assert main(words) == 2
    assert "(Connection refused), and nothing was kept that answers detectors" in capsys.readouterr().err
    other.store.close()


def test_nobody_types_a_secret_that_cannot_be_kept(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    monkeypatch.setattr("calib_core.cli.store_calcat._secret", lambda: pytest.fail("a secret was asked for"))
    assert main(["store", "login", "https://in.xfel.eu/calibration", "--client-id", "me"]) == 2
    assert "keyring is not installed" in capsys.readouterr().err


@pytest.mark.parametrize("port", [99999, -1])
def test_ports_that_there_are_not_are_refused(
    port: int, made: MadeStore, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["store", "serve", "--store", str(made.store.folder), "--port", str(port)]) == 2
    assert f"port = {port} is not allowed: it is no number from 0 to 65535; give another" in capsys.readouterr().err


def test_the_login_is_typed_and_kept_in_the_keyring(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: dict[str, Any] = {}
    monkeypatch.setattr("calib_core.cli.store_calcat.keep", kept.__setitem__)
    monkeypatch.setattr("calib_core.cli.store_calcat.check_keyring", lambda address: None)
    monkeypatch.setattr("calib_core.cli.store_calcat.forget", lambda address: kept.pop(address, None) is not None)
    monkeypatch.setattr("sys.stdin", open(__file__))  # noqa: SIM115 - its first line is what another program gives
    address = "https://in.xfel.eu/calibration"
    assert main(["store", "login", address, "--client-id", "me"]) == 0
    assert kept[address].client_id == "me"
    assert kept[address].client_secret.startswith('"""A store that is served')
    assert "is in the system's keyring" in capsys.readouterr().out
    assert main(["store", "login", address, "--forget"]) == 0
    assert kept == {}
    assert main(["store", "login", "http://127.0.0.1:80", "--client-id", "me"]) == 2
    assert "needs no login" in capsys.readouterr().err
    assert main(["store", "login", address]) == 2
    assert "Give --client-id" in capsys.readouterr().err
    sys.stdin.close()
