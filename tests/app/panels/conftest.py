"""A survey made by hand, a session that starts jobs of a stand-in, and its panels."""

from __future__ import annotations

import pytest
from made_survey import made_survey

from app.session import session as session_module
from app.session.session import Session
from calib_core.io.inventory import Problem
from calib_core.jobs.board import Board, State


class StandIn:
    """Job that only remembers what was asked of it."""

    def __init__(self, spec):
        self.spec, self.plan, self.calls, self.created = spec, None, [], 0.0
        self.board = Board(1, State.RUNNING)

    def start(self):
        self.calls.append("start")

    def cancel(self):
        self.calls.append("cancel")

    def look_at(self, view):
        pass


@pytest.fixture
def make_survey():
    return made_survey


@pytest.fixture
def problem():
    return Problem("warn", "R04", "RAW-R0012-AGIPD00-S00001.h5", "", "sequence 1 is missing", 0)


@pytest.fixture
def session(monkeypatch, tmp_path):
    monkeypatch.setattr(session_module, "Job", StandIn)
    session = Session()
    session.out_folder = tmp_path / "constants"
    session.said = []
    session.message.connect(lambda level, text: session.said.append((level, text)))
    return session


@pytest.fixture
def job(tmp_path):
    return StandIn(made_survey().spec(tmp_path))
