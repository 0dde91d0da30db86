"""A machine without memory is called so: no file is damaged for that, and fewer threads do the same work."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from calib_core.io import files
from calib_core.simulate import default_settings, simulate
from tests.systems.command import Capture, Result, Runs, words

USED_UP = "The memory of the machine is used up"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    settings = default_settings("GOTTHARD2").with_changes({"trains": 12, "frames_per_train": 2})
    return simulate(settings, tmp_path_factory.mktemp("runs")).runs


@pytest.mark.parametrize("error", [
    OSError("Unable to synchronously open file (memory allocation failed for chunk)"), MemoryError()])
def test_a_file_that_there_is_no_memory_for_is_not_called_damaged(
    error: Exception, runs: Runs, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened(path: Path) -> None:
        raise error

    monkeypatch.setattr(files, "_access", opened)
    result = Result(words(runs, tmp_path / "out", "GOTTHARD2"), tmp_path / "out", capsys)
    assert result.status == 1
    assert USED_UP in result.errors[0]
    assert not any("damaged" in one for one in result.errors)


def without_thread(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    start = threading.Thread.start

    def begin(thread: threading.Thread) -> None:
        if thread.name == name:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", begin)


def test_fewer_threads_than_asked_for_do_the_work_and_are_told(
    runs: Runs, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_thread(monkeypatch, "calibwb-worker-1")
    out = tmp_path / "out"
    result = Result([*words(runs, out, "GOTTHARD2"), "--threads", "3"], out, capsys)
    assert (result.status, result.errors) == (0, [])
    assert "The system gives 1 of 3 threads, so that this takes longer." in result.warnings
    assert set(result.constants[1]) == {"Offset", "Noise", "BadPixelsDark"}


def test_no_thread_at_all_is_a_sentence(
    runs: Runs, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_thread(monkeypatch, "calibwb-worker-0")
    result = Result(words(runs, tmp_path / "out", "GOTTHARD2"), tmp_path / "out", capsys)
    assert result.status == 1
    assert any(one.startswith(USED_UP) for one in result.errors)
    assert not any("nexpected" in one for one in result.errors)
