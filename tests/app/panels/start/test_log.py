"""The log of the window."""

from __future__ import annotations

from PyQt6.QtWidgets import QWidget

from app.panels.start.log import LogPresenter
from app.running.jobs_model import JobsModel
from app.widgets.banner import Banner
from app.widgets.log_view import LogView


def test_a_name_cannot_forge_a_line_of_the_log(session, qtbot):
    parent, view = QWidget(), LogView()
    over = QWidget(parent)
    qtbot.addWidget(parent)
    qtbot.addWidget(view)
    log = LogPresenter(session, JobsModel(), view, Banner(over))
    session.say("WARN", "r0001\x1b[2J\n03:00:00 INFO all is well <img src=x> cannot be read.")
    first, second = view.text().splitlines()
    assert "r0001\\x1b[2J" in first
    assert second == "  | 03:00:00 INFO all is well <img src=x> cannot be read."
    assert log is not None
