"""A watched folder: sets of darks start when their last run is closed, once, and all else is told."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from calib_core.errors import BadInput
from calib_core.jobs import watched_runs
from calib_core.jobs.watching import Look, Watch, Watched
from calib_core.simulate.run import simulate
from calib_core.simulate.scenes.photons import Photons
from calib_core.simulate.settings import default_settings

NAME, OTHER = "SPB_50UM_GH2", "SPB_DET_AGIPD1M-1"
NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of runs: r1-3 a set, r4 with light, r5-7 a set of the same detector, r8-10 one of another."""
    root = tmp_path_factory.mktemp("made")
    settings = default_settings("GOTTHARD2").with_changes({"instrument": "SPB", "trains": 12})
    simulate(settings, root)
    simulate(settings.with_changes({"first_run": 4}), root, scene=Photons())
    simulate(settings.with_changes({"first_run": 5, "begin": "2026-03-02T08:30:00"}), root)
    other = default_settings("AGIPD1M").with_changes({"modules": "0-1", "memory_cells": 1, "trains": 6})
    simulate(other.with_changes({"first_run": 8, "trains_per_sequence": 3}), root)
    [folder] = root.glob("*/*/p900000")
    return folder / "raw"


class Clock:
    """Time as the watch sees it."""

    def __init__(self) -> None:
        self.now = NOW.timestamp()

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(watched_runs, "time", made)
    return made


@pytest.fixture
def scene(made: Path, tmp_path: Path, clock: Clock) -> Iterator[Any]:
    """A folder into which runs are recorded, and a watch of it since two minutes before noon."""
    watched = Watched(tmp_path / "raw", tmp_path / "out", since=NOW - timedelta(minutes=2))
    watched.folder.mkdir()
    opened: list[Watch] = []

    def record(*numbers: int, ago: float = 0.0) -> None:
        for number in numbers:
            folder = watched.folder / f"r{number:04d}"
            shutil.copytree(made / folder.name, folder)
            touch(folder, clock.now - ago)

    def start(**changes: Any) -> Watch:
        for one in opened:
            one.close()
        opened.append(Watch(replace(watched, **changes)))
        return opened[-1]

    yield SimpleNamespace(record=record, start=start, folder=watched.folder, out=watched.out_folder)
    for one in opened:
        one.close()


def touch(folder: Path, when: float) -> None:
    for file in folder.iterdir():
        os.utime(file, (when, when))


def runs(look: Look) -> list[tuple[str, str]]:
    return [(one.detector, one.words) for one in look.ready]


def wait(watch: Watch, clock: Clock, seconds: float = 61.0) -> Look:
    watch.look()
    clock.now += seconds
    return watch.look()


def test_a_set_starts_when_its_last_run_is_closed_and_once(scene: Any, clock: Clock) -> None:
    watch = scene.start()
    assert watch.look().waiting == "waits for the next run"
    scene.record(1, 2)
    look = watch.look()
    assert look.told["r0002"] == "waits until none of its files has changed for 60 s (0 s by now)"
    clock.now += 61
    look = watch.look()
    assert not look.ready
    assert look.told[f"r0001 {NAME}"] == "waits for a run of gain 2 (fixed), beside r0001, r0002"
    scene.record(3)
    assert runs(wait(watch, clock, 59.0)) == []
    clock.now += 2
    [ready] = watch.look().ready
    assert (ready.detector, ready.words) == (NAME, "r1-3")
    assert [one.run.path.name for one in ready.survey.taken if one.run] == ["r0001", "r0002", "r0003"]
    assert runs(watch.look()) == [(NAME, "r1-3")]
    watch.begin(ready)
    assert runs(watch.look()) == []
    again = scene.start()  # the program was ended while the job ran
    [ready] = wait(again, clock).ready
    again.end(ready, "done", "a line")
    assert runs(scene.start().look()) == []
    assert [one.line for one in scene.start().record.sets] == ["a line"]


def test_a_clock_that_is_ahead_opens_no_run_too_early(scene: Any, clock: Clock) -> None:
    scene.record(1, 2, 3, ago=-3600.0)
    watch = scene.start()
    assert runs(wait(watch, clock, 59.0)) == []
    clock.now += 2
    assert runs(watch.look()) == [(NAME, "r1-3")]


def test_runs_with_light_and_runs_that_were_taken_once_more_are_told(scene: Any, clock: Clock) -> None:
    """The second r2 takes the place of the first, a run with light between does no harm."""
    scene.record(1, 2)
    shutil.copytree(scene.folder / "r0002", scene.folder / "r0003")
    shutil.copytree(scene.folder / "r0001", scene.folder / "r0000")  # of a set that was given up
    scene.record(4)
    shutil.move(scene.folder / "r0004", scene.folder / "r0003b")
    scene.record(7)
    for folder in (scene.folder / "r0003b").iterdir():
        folder.rename(folder.with_name(folder.name.replace("R0004", "R0003")))
    look = wait(scene.start(), clock)
    assert [[run.path.name for run in one.runs] for one in look.ready] == [["r0001", "r0003", "r0007"]]
    assert "are of the same gain stage" in look.told[f"r0000 {NAME}"]
    assert "are of the same gain stage" in look.told[f"r0002 {NAME}"]
    assert "is not taken for darks" in look.told[f"r0003b {NAME}"]
    assert "other gain bits than most" in look.told[f"r0003b {NAME}"]


def test_several_detectors_and_a_second_round(scene: Any, clock: Clock) -> None:
    scene.record(1, 2, 3, 5, 6, 7, 8, 9, 10)
    watch = scene.start()
    look = wait(watch, clock)
    assert runs(look) == [(NAME, "r1-3"), (NAME, "r5-7"), (OTHER, "r8-10")]
    assert runs(wait(scene.start(detectors=(OTHER,)), clock)) == [(OTHER, "r8-10")]


def test_runs_far_apart_or_of_other_conditions_are_no_set(scene: Any, clock: Clock) -> None:
    scene.record(1, 2, 7)
    look = wait(scene.start(within=timedelta(minutes=20)), clock)
    assert look.told[f"r0001 {NAME}"] == (
        "is in no set: r0001 and r0007 begin 0.5 h apart, and runs of a set at most 0.333333 h")
    assert runs(wait(scene.start(), clock)) == [(NAME, "r1-2,7")]


def test_what_was_there_before_is_not_started(scene: Any, clock: Clock) -> None:
    scene.record(1, 2, 3, ago=4 * 3600)
    scene.record(5, 6, ago=600)
    scene.record(8, 9, 10, ago=600)
    watch = scene.start()
    look = watch.look()
    assert look.told["r1-3"] == "are from before the watch began"
    assert look.told[f"r8-10 {OTHER}"] == "make a set from before the watch began"
    scene.record(7)
    assert runs(wait(watch, clock)) == [(NAME, "r5-7")]  # its last run was closed after the begin


def test_the_begin_of_the_first_watch_is_kept(scene: Any, clock: Clock) -> None:
    first = scene.start(since=None).record.since
    assert first is not None
    assert scene.start(since=None).record.since == first
    assert scene.start(since=None, once=True).since == 0
    assert scene.start(since=None).record.since == first
    assert scene.start(since=NOW).record.since == NOW


def test_missing_sequences_and_locked_files_are_waited_for(scene: Any, clock: Clock) -> None:
    scene.record(8, 9, 10)
    last = sorted(file for file in (scene.folder / "r0009").glob("*-AGIPD*S00001.h5"))[0]
    held = scene.folder.parent / last.name
    last.rename(held)
    touch(scene.folder / "r0009", clock.now)
    watch = scene.start()
    look = wait(watch, clock)
    assert runs(look) == []
    assert look.told[f"r0009 {OTHER}"] == f"waits for files: {last.name.split('-')[2]} has 1 of 2 sequences"
    held.rename(last)
    touch(scene.folder / "r0009", clock.now)
    with last.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        look = wait(watch, clock)
        assert look.told["r0009"].startswith("waits until nobody writes it: ")
        assert last.name in look.told["r0009"]
    assert runs(watch.look()) == [(OTHER, "r8-10")]


def test_a_run_that_grows_afterwards_is_told_and_not_started_again(scene: Any, clock: Clock) -> None:
    scene.record(1, 2, 3)
    watch = scene.start()
    [ready] = wait(watch, clock).ready
    watch.begin(ready)
    grown = scene.folder / "r0002"
    file = sorted(grown.iterdir())[-1]
    shutil.copy(file, file.with_name(file.name.replace("S00000", "S00001")))
    watch.end(ready, "done", "a line")
    look = wait(watch, clock)
    assert runs(look) == []
    before, now = (f"{n} files, {size / 1e6:.1f} MB" for n, size in (
        (len(ready.runs[1].files), ready.runs[1].bytes),
        (len(list(grown.iterdir())), sum(one.stat().st_size for one in grown.iterdir()))))
    assert look.told[f"r0002 {NAME}"] == (f"has changed since it was used: {before} then, {now} now; nothing is "
                                          "started again, do it by hand if it shall be")


def test_a_folder_that_is_away_is_waited_for(scene: Any, clock: Clock) -> None:
    scene.record(1, 2, 3)
    watch = scene.start()
    watch.look()
    away = scene.folder.with_name("away")
    scene.folder.rename(away)
    assert watch.look().waiting.startswith("raw waits until it can be read: ")
    away.rename(scene.folder)
    assert runs(wait(watch, clock)) == [(NAME, "r1-3")]


def test_one_program_watches_a_folder(scene: Any, tmp_path: Path) -> None:
    scene.start()
    with pytest.raises(BadInput, match="is watched already"):
        Watch(Watched(scene.folder, scene.out))
    with pytest.raises(BadInput, match="is no folder"):
        Watch(Watched(tmp_path / "nothing", scene.out))


def test_a_record_that_is_damaged_is_told(scene: Any) -> None:
    place = scene.start().place
    place.write_text("{", "utf-8")
    with pytest.raises(BadInput, match="is no record of a watch"):
        scene.start()


def test_what_is_no_run_of_a_detector_is_told(scene: Any, clock: Clock) -> None:
    (scene.folder / "r0020").mkdir()
    (scene.folder / "r0021").mkdir()
    (scene.folder / "r0021" / "RAW-R0021-DA01-S00000.h5").write_bytes(b"no HDF5")
    touch(scene.folder / "r0021", clock.now)
    look = wait(scene.start(), clock)
    assert look.told["r0020"] == "waits for its first file"
    assert look.told["r0021"].startswith("cannot be characterised: Run ")
