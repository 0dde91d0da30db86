"""Kernels can be compiled before the first job, and a job that compiles them says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from calib_core.cli import warmup
from calib_core.cli.main import main
from calib_core.jobs.job import Job
from calib_core.jobs.spec import JobSpec
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


def test_a_job_that_compiles_says_so_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Job, "_work", lambda job: [kept_code.compiling() for _ in range(2)])
    job = Job(JobSpec(family="AGIPD", method="DARK", inputs={}, out_folder=tmp_path))
    job.start()
    assert job.wait(10)
    told = [one.text for one in job.board.messages if "compiled" in one.text]
    assert told == ["Kernels are being compiled, once per machine and version; this takes up to half a minute."]
    kept_code.compiling()
    assert len([one for one in job.board.messages if "compiled" in one.text]) == 1
