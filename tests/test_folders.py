"""Folders of runs stay as long as those they were made for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

#: Folders by owner, in the order of the tests below.
MADE: dict[str, Path] = {}


@pytest.fixture(scope="session")
def of_session(tmp_path_factory):
    MADE["session"] = tmp_path_factory.mktemp("folder")
    return lambda: tmp_path_factory.mktemp("folder")


@pytest.fixture(scope="module", params=["first", "second"])
def of_module(of_session, request) -> Iterator[str]:
    MADE[request.param] = of_session()
    yield request.param
    assert MADE[request.param].exists()


def test_a_test_makes_folders(of_module, of_session):
    MADE["test"] = of_session()


def test_they_are_gone_after_it_and_those_of_fixtures_are_there(of_module):
    assert not MADE["test"].exists()
    assert MADE["session"].exists()
    assert MADE["first"].exists() == (of_module == "first")
    assert MADE[of_module].exists()
