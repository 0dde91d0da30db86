"""Standard streams that are closed, full or read by nobody, and a working folder that is gone, end no job."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from calib_core.simulate import default_settings, simulate

FULL = Path("/dev/full")


@pytest.fixture(scope="module")
def dark(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Words of a shell for a dark of a small detector, without its output folder."""
    settings = default_settings("GOTTHARD2").with_changes({"trains": 12, "frames_per_train": 2})
    runs = simulate(settings, tmp_path_factory.mktemp("runs")).runs
    given = " ".join(f"--run-{role} '{path}'" for role, path in runs.items())
    return f"'{sys.executable}' -m calib_core GOTTHARD2 DARK {given}"


def done(script: str) -> subprocess.CompletedProcess[str]:
    found = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=100)
    assert "Traceback" not in found.stdout + found.stderr
    return found


def kinds(out: Path) -> int:
    return len(list(out.rglob("cal.*.h5")))


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
def test_a_stream_that_is_closed_does_not_matter(closed: str, dark: str, tmp_path: Path) -> None:
    assert done(f"{dark} --out-folder '{tmp_path}' {closed}").returncode == 0
    assert kinds(tmp_path) == 3


@pytest.mark.skipif(not FULL.exists(), reason="needs a device that is always full")
def test_a_job_goes_on_when_its_messages_have_no_room(dark: str, tmp_path: Path) -> None:
    found = done(f"{dark} --out-folder '{tmp_path}' 2> {FULL}")
    assert found.returncode == 0
    assert "Messages are lost: standard error could not be written (No space left on device)." in found.stdout
    assert kinds(tmp_path) == 3


@pytest.mark.skipif(not FULL.exists(), reason="needs a device that is always full")
def test_a_closing_table_that_has_no_room_is_told(dark: str, tmp_path: Path) -> None:
    found = done(f"{dark} --out-folder '{tmp_path}' > {FULL}")
    assert found.returncode == 1
    lost = "calibwb: Standard output cannot be written: No space left on device; what was to be told is lost."
    assert found.stderr.splitlines()[-1] == lost
    assert kinds(tmp_path) == 3


def test_a_working_folder_that_is_gone(dark: str, tmp_path: Path) -> None:
    gone = f"mkdir '{tmp_path}/gone'; cd '{tmp_path}/gone'; rmdir ../gone;"
    assert done(f"{gone} PYTHONPATH={Path.cwd()} {dark} --out-folder '{tmp_path}/out'").returncode == 0
    assert kinds(tmp_path / "out") == 3
    found = done(f"{gone} PYTHONPATH={Path.cwd()} {dark} --out-folder here")
    assert (found.returncode, found.stderr) == (2, "calibwb: The working folder is gone; go to another one.\n")
