"""The kept state is the user's alone."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from app.session.state import SavedState, make_folder, read_state, state_path, write_state


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_nobody_else_reads_or_writes_the_state(umask: int, tmp_path: Path) -> None:
    folder, before = tmp_path / "state", os.umask(umask)
    try:
        assert make_folder(folder) == ""
        assert write_state(folder, SavedState(recent=("p900450 r1-3",))) == ""
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(state_path(folder).stat().st_mode) == 0o600
    assert read_state(folder)[0].recent == ("p900450 r1-3",)
