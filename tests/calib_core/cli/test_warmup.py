"""Kernels can be compiled before the first job, and a job that compiles them says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from calib_core.cli import warmup
from calib_core.cli.main import main
from calib_core.errors import CalibrationError
from calib_core.jobs.job import Job
from calib_core.numerics import kept_code


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder below which kernels are kept; those of the program are not compiled."""
    monkeypatch.setenv(kept_code.FOLDER_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(kept_code, "_told", [])
    monkeypatch.setattr(warmup, "warm_up", lambda: kept_code.save("one.kernel", b"code"))
    kept_code.own_folder.cache_clear()
    yield tmp_path / "cache"
    kept_code.own_folder.cache_clear()


def test_kernels_are_ready_and_it_is_said_where(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["warmup"]) == 0
    assert f"in {kept / 'calibwb' / 'kernels'}." in capsys.readouterr().out
    assert (kept / "calibwb" / "kernels" / "one.kernel").is_file()


def test_kernels_that_cannot_be_kept_are_a_failure(
    kept: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    kept.write_text("a file is no folder")
    assert main(["warmup"]) == 1
    assert "ready" not in capsys.readouterr().out
    assert "Compiled kernels are not kept" in caplog.text


@pytest.mark.parametrize(("quiet", "times"), [((), 1), (("-q",), 0)])
def test_a_job_on_the_command_line_that_compiles_says_so_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], quiet: tuple[str, ...],
    times: int,
) -> None:
    def work(job: Job) -> None:
        kept_code.compiling()
        kept_code.compiling()
        raise CalibrationError("That is all.")

    monkeypatch.setattr(Job, "_work", work)
    main(["AGIPD", "DARK", "--run-high", str(tmp_path), "--out-folder", str(tmp_path / "out"), *quiet])
    told = capsys.readouterr()
    assert (told.out + told.err).count("Kernels are being compiled, once per machine and version;") == times
    kept_code.compiling()
    assert "compiled" not in capsys.readouterr().out
