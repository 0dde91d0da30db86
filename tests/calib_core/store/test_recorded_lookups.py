"""Questions that CalCat was asked, and what it answered, against the index with the same versions as its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from calib_core.store.base import Query, Version
from calib_core.store.calcat.connection import Connection
from calib_core.store.calcat.kept_answers import KeptAnswers
from calib_core.store.calcat.store import CalCat
from calib_core.store.local.store import LocalStore
from calib_core.store.serving.server import serving
from tests.recorded_store import NAMES, RECORDED, put_recorded

pytestmark = pytest.mark.real

#: Rules in place of the right one: what takes one of the versions that answer.
Rule = Callable[[list[Version], datetime], Version | None]


@pytest.fixture(scope="module")
def loaded(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LocalStore, dict[int, int]]]:
    """A store with all 869 versions as accepted rows, and their numbers in CalCat by ours."""
    store = LocalStore(tmp_path_factory.mktemp("recorded"), create=True)
    yield store, put_recorded(store, real_data)
    store.close()


def as_query(one: dict[str, Any], **changes: Any) -> Query:
    told = {"calibrations": tuple(NAMES[number] for number in one["calibrations"]), "detector": one["detector"],
            "condition": one["condition"], "at": datetime.fromisoformat(one["at"]), "take": one["take"],
            "mapped_at": datetime.fromisoformat(one["mapped_at"])}
    return Query(**{**told, **changes})


@pytest.mark.parametrize("one", RECORDED["queries"], ids=lambda one: f"{one['detector']}-{one['take']}-{one['at']}")
def test_each_recorded_question_gets_the_recorded_answer(one: dict[str, Any], loaded: Any) -> None:
    store, numbers = loaded
    assert sorted(numbers[version.number] for version in store.find(as_query(one))) == one["answer"]


@pytest.fixture(scope="module")
def served(loaded: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CalCat]:
    """The store as the facility's database, asked through EXtra's client."""
    pytest.importorskip("extra.calibration", reason="EXtra is not installed (group calcat)")
    with serving(loaded[0]) as server:
        one = CalCat(Connection(server.url, KeptAnswers(tmp_path_factory.mktemp("kept"))), loaded[0].folder)
        yield one
        one.close()


@pytest.mark.parametrize("one", RECORDED["queries"], ids=lambda one: f"{one['detector']}-{one['take']}-{one['at']}")
def test_a_server_of_the_store_gives_the_recorded_answers(
    one: dict[str, Any], loaded: Any, served: CalCat
) -> None:
    store, numbers = loaded
    found = served.find(as_query(one))
    assert sorted(numbers[version.number] for version in found) == one["answer"]
    own = {version.number: version for version in store.find(as_query(one))}
    for version in found:
        assert (version.aggregator, version.pdu, version.begin) == (
            own[version.number].aggregator, own[version.number].pdu, own[version.number].begin)


def newest_before(found: list[Version], at: datetime) -> Version | None:
    return max((one for one in found if one.begin <= at), key=lambda one: one.begin, default=None)


def newest(found: list[Version], at: datetime) -> Version | None:
    return max(found, key=lambda one: one.begin)


def test_other_rules_would_not_do(loaded: Any) -> None:
    """Each look-up is of one kind and unit; only those with versions of several times tell rules apart."""
    store, numbers = loaded
    right, informative, by_rule = 0, 0, {"prior": [0, 0], "newest": [0, 0]}
    rules: dict[str, Rule] = {"prior": newest_before, "newest": newest}
    for one in RECORDED["queries"]:
        groups: dict[tuple[str, str], list[Version]] = {}
        for version in store.find(as_query(one, take="all")):
            groups.setdefault((version.calibration, version.pdu), []).append(version)
        taken = {(v.calibration, v.pdu): v for v in store.find(as_query(one))}
        for key, found in groups.items():
            answer = next((v for v in found if numbers[v.number] in one["answer"]), None)
            if answer is None:
                continue
            several = len({v.begin for v in found}) > 1
            right += taken.get(key) == answer
            informative += several
            for name, rule in rules.items():
                hit = rule(found, datetime.fromisoformat(one["at"])) == answer
                by_rule[name][0] += hit
                by_rule[name][1] += hit and several
    assert (right, informative) == (629, 114)
    assert {name: hits[1] for name, hits in by_rule.items()} == {"prior": 108, "newest": 60}
