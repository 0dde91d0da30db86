"""Constants are valid from the begin of the runs, the operator's time, or the moment of the job, which is told."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import h5py
import pytest

from calib_core.cli.main import main
from calib_core.io.run import Run
from calib_core.jobs.spec import JobSpec
from calib_core.simulate import default_settings, simulate
from calib_core.store.constants import list_constants

Capture = pytest.CaptureFixture[str]
FIRST = datetime(2026, 3, 2, 8, tzinfo=UTC)


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulate(default_settings("GOTTHARD2").with_changes({"trains": 12, "frames_per_train": 4}),
                    tmp_path_factory.mktemp("raw")).runs["high"]


@pytest.fixture
def without(raw: Path, tmp_path: Path) -> Callable[..., Path]:
    """A copy of the run whose files lack some datasets."""
    def make(*names: str) -> Path:
        folder = tmp_path / "p900001" / "raw" / "r0001"
        shutil.copytree(raw, folder)
        for path in folder.glob("*.h5"):
            with h5py.File(path, "r+") as file:
                for name in names:
                    del file[name]
        return folder
    return make


CLOCK, DATES = "INDEX/timestamp", ("METADATA/creationDate", "METADATA/updateDate")


def dark(run: Path, out: Path, *words: str) -> int:
    return main(["GOTTHARD2", "DARK", "--run-high", str(run), "--out-folder", str(out), *words])


def begins(out: Path) -> set[datetime | None]:
    return {one.begin for one in list_constants(out)}


def test_the_clock_of_the_trains_counts(raw: Path, tmp_path: Path, capsys: Capture) -> None:
    assert dark(raw, tmp_path) == 0
    assert begins(tmp_path) == {FIRST}
    assert "--begin" not in capsys.readouterr().out


def test_without_it_the_files_tell_and_that_is_said(without: Callable[..., Path], tmp_path: Path) -> None:
    with Run.open(without(CLOCK)) as run:
        assert run.start_time == FIRST
        assert any("no train has a time; the time of the files is used" in one.sentence() for one in run.problems)


def test_without_any_clock_the_operator_is_told_and_may_say_it(
    without: Callable[..., Path], tmp_path: Path, capsys: Capture
) -> None:
    run, before = without(CLOCK, *DATES), datetime.now(UTC)
    assert dark(run, tmp_path / "a") == 0
    told = capsys.readouterr().out
    assert "No run tells when it was recorded" in told
    assert "--begin" in told
    assert all(before <= begin <= datetime.now(UTC) for begin in begins(tmp_path / "a"))
    assert dark(run, tmp_path / "b", "--begin", "2026-03-02T09:00:00+01:00") == 0
    assert begins(tmp_path / "b") == {FIRST}
    assert "No run tells when it was recorded" not in capsys.readouterr().out


@pytest.mark.parametrize(("begin", "first"), [
    ("2026-03-02T09:00:00+01:00", FIRST), ("2026-03-02T08:00:00", FIRST), ("2026-03-02T08:00:00Z", FIRST),
    ("2026-03-01T22:30:00-09:30", FIRST),
])
def test_the_simulator_keeps_the_offset(begin: str, first: datetime, tmp_path: Path) -> None:
    """The time of the first train as it is stored in the file, nanoseconds since 1970."""
    settings = default_settings("GOTTHARD2").with_changes({"trains": 1, "frames_per_train": 2, "begin": begin})
    path = next(simulate(settings, tmp_path).runs["high"].glob("*GH201*"))
    with h5py.File(path) as file:
        assert int(file[CLOCK][0]) == int(first.timestamp()) * 10**9


@pytest.mark.parametrize(("text", "utc"), [("2026-03-02T08:00:00", FIRST), ("2026-03-02T09:00:00+01:00", FIRST)])
def test_times_of_job_files_are_utc_unless_they_say_otherwise(text: str, utc: datetime, tmp_path: Path) -> None:
    assert JobSpec.checked(family="GOTTHARD2", method="DARK", out_folder=tmp_path, begin=text).begin == utc
