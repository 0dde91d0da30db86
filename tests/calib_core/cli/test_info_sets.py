"""What ``info``, the window and a next job say of a set that is not whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from calib_core.cli.main import main
from calib_core.jobs import threads
from calib_core.jobs.job import Job
from calib_core.jobs.survey import survey
from calib_core.simulate import default_settings, simulate
from calib_core.store.manifests import doubts
from calib_core.subjects.constant_sets import find_sets

Capture = pytest.CaptureFixture[str]
Change = Callable[[Path], None]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    settings = default_settings("JUNGFRAU").with_changes({"modules": "1-2", "trains": 12})
    return list(simulate(settings, tmp_path_factory.mktemp("runs")).runs.values())


@pytest.fixture
def write(runs: list[Path], tmp_path: Path) -> Callable[..., Path]:
    """Run a job; returns the manifest of its set."""

    def one(**changes: Any) -> Path:
        job = Job(survey(runs).spec(tmp_path / "out", threads=1, parameters={"min_trains": 1}, **changes))
        job.start()
        assert job.wait(120)
        job.close()
        return max((tmp_path / "out").rglob("set.*.json"), key=lambda path: path.name)

    return one


@pytest.fixture
def cut_short(write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Manifest of a job that was cancelled when its first module was written."""
    with monkeypatch.context() as patch:
        really = threads.write_module

        def one(plan: Any, *rest: Any) -> None:
            really(plan, *rest)
            raise threads.Cancelled("by a test")

        patch.setattr(threads, "write_module", one)
        patch.setattr(threads.Workers, "run", _cancelled_after(threads.Workers.run))
        return write()


def _cancelled_after(run: Any) -> Any:
    def one(self: Any) -> None:
        run(self)
        raise threads.Cancelled("by a test")
    return one


def test_whole_sets_are_listed(write: Any, tmp_path: Path, capsys: Capture) -> None:
    path = write()
    assert main(["info", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "JUNGFRAU DARK of " in said
    assert "6 of 6 constants, complete" in said
    assert main(["info", "--json", str(tmp_path / "out")]) == 0
    [found] = json.loads(capsys.readouterr().out)
    assert (found["sets"][0]["manifest"], found["sets"][0]["whole"]) == (str(path), True)
    [shown] = find_sets([tmp_path / "out"])
    assert "not complete" not in shown.title
    assert doubts(shown.files) == ()


def test_a_set_that_was_cut_short_is_told_everywhere(cut_short: Path, tmp_path: Path, capsys: Capture) -> None:
    assert main(["info", str(tmp_path / "out")]) == 1
    said = capsys.readouterr().out
    assert "3 of 6 constants\n    ! The set of JUNGFRAU DARK of " in said
    assert f"is not complete: module 1 was written, 2 not (it was cancelled; {cut_short})." in said
    [shown] = find_sets([tmp_path / "out"])
    assert shown.title.endswith(" · not complete")
    assert shown.notes[0].endswith(f"module 1 was written, 2 not (it was cancelled; {cut_short}).")


def test_constants_of_a_part_are_taken_with_a_word(cut_short: Path, tmp_path: Path) -> None:
    files = find_sets([tmp_path / "out"])[0].files
    [sentence] = doubts(files)
    assert str(cut_short) in sentence


def _gone(path: Path) -> None:
    path.unlink()


def _no_json(path: Path) -> None:
    path.write_bytes(b"\xff{")


def _renamed(path: Path) -> None:
    """Somebody calls it complete."""
    path.rename(path.with_name(path.name.replace(".incomplete", "")))


@pytest.mark.parametrize(("change", "words"), [
    (_gone, "nothing tells whether the set is whole"), (_no_json, "is no manifest of a set of constants"),
    (_renamed, "calls its set incomplete, which its name does not")])
def test_manifests_that_are_gone_or_damaged(
    cut_short: Path, tmp_path: Path, capsys: Capture, change: Change, words: str
) -> None:
    change(cut_short)
    assert words in find_sets([tmp_path / "out"])[0].notes[0]
    status = main(["info", str(tmp_path / "out")])
    said = capsys.readouterr().out
    assert (status, words in said) == ((0, False) if change is _gone else (1, True))
    assert "3 constants of no set" in said


def test_a_folder_without_constants_is_refused(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "out" / "xfel" / "cal").mkdir(parents=True)
    assert main(["info", str(tmp_path / "out")]) == 2
    assert "has no constants" in capsys.readouterr().err
