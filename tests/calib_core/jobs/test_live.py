"""Pictures of a running job: the nearest place is shown, running units fill gaps, and trouble is told once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from calib_core.axes import Axis, Pick, Picture, Result, View
from calib_core.characterisation.inputs import Arranged, Input
from calib_core.characterisation.unit import Accumulator, Maps, Unit
from calib_core.detector import DetectorType
from calib_core.errors import OutputFailed
from calib_core.jobs.job import Job
from calib_core.jobs.live import Live
from calib_core.jobs.plan import Plan
from calib_core.jobs.results import Results
from calib_core.jobs.sources import Source
from calib_core.jobs.survey import survey
from calib_core.simulate import default_settings, simulate

from .tiny import Tiny, plan_of, results_of

MEAN, FLAGS = Pick("mean"), Pick("flags")
TRUTH = np.arange(36.0).reshape(2, 3, 2, 3)


class Half(Accumulator):
    """Has seen 10 of 20 frames of each memory cell, whose means are the number of the cell so far."""

    coverage = np.array([10, 10])

    def snapshot(self, index: int) -> Maps:
        return {"mean": np.full((2, 3), float(index))}


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """Two modules, two gain stages with a run each, three memory cells."""
    plan = plan_of(tmp_path, cells=(0, 4, 8), modules=(3, 5))
    arranged = {key: Arranged(key, Input(key, key), None, at={"gain": i}) for i, key in enumerate(("high", "low"))}
    return replace(plan, context=replace(plan.context, arranged=arranged))


@pytest.fixture
def results(plan: Plan, tmp_path: Path) -> Iterator[dict[int | None, Results]]:
    """Means of module 3; there is nothing of module 5."""
    found: dict[int | None, Results] = {3: results_of(plan, tmp_path), 5: results_of(plan, tmp_path)}
    found[3].write({}, {"mean": TRUTH})
    yield found
    for one in found.values():
        one.close()


@pytest.fixture
def last(plan: Plan, results: dict[int | None, Results]) -> Callable[..., Picture]:
    """The last picture of a view after something has been done."""

    def one(view: View, do: Callable[[Live], None] = lambda live: None) -> Picture:
        pictures: list[Picture] = []
        live = Live(plan, results, pictures.append, lambda text: None)
        live.look_at(view)
        do(live)
        live.stop()
        return pictures[-1]

    return one


@pytest.mark.parametrize(("at", "gain", "cell"), [
    ({"gain": 1, "cell": 1}, 1, 1), ({}, 0, 0), ({"gain": 9, "cell": 99}, 1, 2), ({"gain": -1, "cell": -7}, 0, 0),
    ({"cell": 3, "threshold": 4}, 0, 2),
])
def test_a_view_beyond_the_data_shows_the_nearest_place(at: Any, gain: int, cell: int, last: Any) -> None:
    picture = last(View(at, picks=(MEAN,)))
    assert picture.modules == (3, 5)
    np.testing.assert_array_equal(picture.maps[MEAN][0], TRUTH[gain, cell])
    assert np.isnan(picture.maps[MEAN][1]).all()
    assert picture.coverage.tolist() == [1.0, 0.0]
    assert not picture.maps[MEAN].flags.writeable


def test_all_images_are_shown_unless_some_are_picked_and_flags_are_blank_where_there_are_none(last: Any) -> None:
    picture = last(View(modules=(3,)))
    assert set(picture.maps) == {MEAN, Pick("samples"), FLAGS}
    assert picture.modules == (3,)
    assert picture.maps[FLAGS].dtype == np.uint32
    assert (picture.maps[FLAGS] == 0).all()
    assert set(last(View(picks=(FLAGS, Pick("spread")))).maps) == {FLAGS}


@pytest.mark.parametrize(("gain", "cell", "seen"), [(0, 1, True), (0, 0, False), (1, 1, False), (0, 2, True),
                                                    (0, 50, True)])
def test_a_running_unit_is_shown_where_it_is_looked_at(gain: int, cell: int, seen: bool, last: Any) -> None:
    unit = Unit(0, 5, ("high",), (1, 2), 20)
    picture = last(View({"gain": gain, "cell": cell}, picks=(MEAN,)), lambda live: live.offer(unit, Half()))
    assert picture.coverage.tolist() == [1.0, 0.5 if seen else 0.0]
    expected = np.full((2, 3), float(min(cell, 2)) if seen else np.nan)
    np.testing.assert_array_equal(picture.maps[MEAN][1], expected)


def test_entries_that_are_there_are_told_until_all_are(
    plan: Plan, results: dict[int | None, Results], last: Callable[..., Picture]
) -> None:
    """Of module 3 all is there, of module 5 there will be two memory cells of three, of which one is being read."""
    object.__setattr__(plan, "units", (
        Unit(0, 3, ("high",), (0, 1, 2), 20), Unit(1, 5, ("high",), (0,), 20), Unit(2, 5, ("high",), (1,), 20),
        Unit(3, 5, ("low",), (2,), 20)))
    np.testing.assert_array_equal(last(View({"gain": 0})).there["cell"], [0.5, 0.5, 1.0])
    begun = last(View({"gain": 0}), lambda live: live.offer(plan.units[2], Half()))
    np.testing.assert_array_equal(begun.there["cell"], [0.5, 0.75, 1.0])
    assert last(View({"gain": 0}, modules=(3,))).there == {}
    np.testing.assert_array_equal(last(View({"gain": 0}, modules=(5,))).there["cell"], [0.0, 0.0, np.nan])
    # another gain stage has its own units
    np.testing.assert_array_equal(last(View({"gain": 1}, modules=(5,))).there["cell"], [np.nan, np.nan, 0.0])

    def fails(live: Live) -> None:
        live.offer(plan.units[2], Half())
        live.dropped(5)
    np.testing.assert_array_equal(last(View({"gain": 0}), fails).there["cell"], [0.5, 0.5, 1.0])
    for cell in (0, 1):
        results[5].write({"gain": 0, "cell": cell}, {"mean": TRUTH[0, cell]})
    assert last(View({"gain": 0})).there == {}


def test_the_table_of_a_running_unit_is_that_of_the_last_snapshot(
    plan: Plan, results: dict[int | None, Results]
) -> None:
    rows = np.array([(7, 0.5)], [("peak", "i8"), ("share", "f8")])

    class Found(Half):
        def snapshot(self, index: int) -> Maps:
            return {**super().snapshot(index), "peaks": rows, "spread": np.ones(())}

    live = Live(plan, results, lambda picture: None, lambda text: None)
    live.look_at(View(picks=(MEAN,)))
    unit = Unit(0, 5, ("high",), (0, 1), 20)
    assert live.values("peaks", 5) is None
    live.offer(unit, Found())
    assert live.values("peaks", 5) is rows
    assert live.values("peaks", 3) is None
    assert live.values("spread", 5) is None
    live.finished(unit)
    assert live.values("peaks", 5) is None
    live.stop()


def test_numbers_of_a_running_unit_are_those_of_its_whole_block(
    plan: Plan, results: dict[int | None, Results]
) -> None:
    class Counted(Half):
        def numbers(self) -> Maps:
            return {"spread": np.array([2.0, 3.0])}

    results[5].write({"cell": 0}, {"spread": np.array(5.0)})
    live = Live(plan, results, lambda picture: None, lambda text: None)
    live.look_at(View({"gain": 1, "cell": 1}, picks=(MEAN,)))
    assert live.values("spread", 5) is None
    live.offer(Unit(0, 5, ("low",), (1, 2), 20), Counted())
    np.testing.assert_array_equal(live.values("spread", 5), [5, 2, 3])
    np.testing.assert_array_equal(results[5].values("spread"), [5, np.nan, np.nan])  # they are not kept
    live.stop()


class Counting(Tiny):
    """Counts the frames of each memory cell."""

    def results(self, kind: DetectorType | None) -> tuple[Result, ...]:
        return (*super().results(kind), Result("frames", "Frames", "frames", "i8", "Frames", over=("cell",),
                                               pixels=False, role="count"))


def test_frames_behind_a_picture_and_those_that_there_will_be(plan: Plan, tmp_path: Path) -> None:
    """Of a module that is finished, of one on its way, and of one of which there is nothing."""
    class Some(Half):
        def numbers(self) -> Maps:
            return {"frames": np.array([7, 10])}

    frames = {(3, "high"): 20, (5, "high"): 18, (6, "high"): 20}
    source = Source({key: SimpleNamespace(frames_per_cell={0: 3, 4: n, 8: n})  # type: ignore[misc]
                     for key, n in frames.items()}, {}, {}, 1 << 20)
    method = Counting()
    arranged = {key: replace(one, run=SimpleNamespace()) for key, one in plan.context.arranged.items()}
    context = replace(plan.context, arranged=arranged)
    counting = replace(plan, context=context, method=method, results=method.results(None), source=source,
                       modules=(3, 5, 6))
    results = {module: results_of(counting, tmp_path) for module in (3, 5, 6)}
    results[3].write({"gain": 0, "cell": 1}, {"mean": np.ones((2, 3))})
    results[3].write({"cell": 1}, {"frames": np.array(19)})  # one was no frame
    pictures: list[Picture] = []
    live = Live(counting, results, pictures.append, lambda text: None)
    live.look_at(View({"cell": 1}, picks=(MEAN,)))
    live.offer(Unit(0, 5, ("high",), (1, 2), 18), Some())
    live.stop()
    found = pictures[-1].counts
    assert found is not None
    np.testing.assert_array_equal(found, [[19, 7, 0], [20, 18, 20]])
    for one in results.values():
        one.close()


def test_entries_that_come_whole_are_counted_until_all_are_there(
    plan: Plan, results: dict[int | None, Results]
) -> None:
    """Of three memory cells, one of which has no frames in module 5; those of another gain stage do not count."""
    class Whole(Tiny):
        by_entry = True

    def counts(at: dict[str, int]) -> tuple[list[list[int]] | None, str]:
        pictures: list[Picture] = []
        live = Live(replace(plan, method=Whole(), units=units), results, pictures.append, lambda text: None)
        live.look_at(View(at, picks=(MEAN,)))
        live.stop()
        found = pictures[-1].counts
        return None if found is None else found.tolist(), pictures[-1].counted

    units = (Unit(0, 3, ("high",), (0, 1, 2), 20), Unit(1, 5, ("high",), (0,), 20), Unit(2, 5, ("high",), (1,), 20),
             Unit(3, 3, ("low",), (0, 1, 2), 20), Unit(4, 5, ("low",), (0, 1, 2), 20))
    name = plan.context.axes["cell"].title.lower()
    assert counts({"gain": 0, "cell": 2}) == ([[3, 0], [3, 2]], name)
    results[5].write({"gain": 0, "cell": 1}, {"mean": np.ones((2, 3))})
    assert counts({"gain": 0, "cell": 2}) == ([[3, 1], [3, 2]], name)
    assert counts({"gain": 1}) == ([[3, 0], [3, 3]], name)
    results[5].write({"gain": 0, "cell": 0}, {"mean": np.ones((2, 3))})
    assert counts({"gain": 0})[0] is None


def test_snapshots_that_take_long_are_few(
    plan: Plan, results: dict[int | None, Results], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A snapshot of 1 s is taken every 4 s, although frames come every 0.1 s; after another view at once."""
    clock, taken = [100.0], []

    class Slow(Half):
        def snapshot(self, index: int) -> Maps:
            taken.append(round(clock[0] - 100, 1))
            clock[0] += 1.0
            return super().snapshot(index)

    monkeypatch.setattr("calib_core.jobs.live.time", SimpleNamespace(monotonic=lambda: clock[0]))
    live = Live(plan, results, lambda picture: None, lambda text: None)
    live.look_at(View(picks=(MEAN,)))
    slow, unit = Slow(), Unit(0, 5, ("high",), (0, 1), 20)
    while clock[0] < 111:
        live.offer(unit, slow)
        clock[0] += 0.125
    live.look_at(View({"cell": 1}, picks=(MEAN,)))
    live.offer(unit, slow)
    live.stop()
    assert taken == [0.0, 4.0, 8.0, 11.0]


class Nothing(Half):
    """Half a unit of which no sample has come yet."""

    coverage = np.array([0, 0])


@pytest.mark.parametrize("samples", [0, 20])
def test_nothing_is_shown_before_there_are_samples(samples: int, last: Any) -> None:
    unit = Unit(0, 5, ("high",), (1, 2), samples)
    picture = last(View({"gain": 0, "cell": 1}, picks=(MEAN,)), lambda live: live.offer(unit, Nothing()))
    assert picture.coverage.tolist() == [1.0, 0.0]
    assert np.isnan(picture.maps[MEAN][1]).all()


def test_a_finished_unit_is_no_longer_shown_as_running(results: Any, last: Any) -> None:
    unit = Unit(0, 5, ("high",), (1, 2), 20)

    def finish(live: Live) -> None:
        live.offer(unit, Half())
        results[5].write({"gain": 0, "cell": 1}, {"mean": np.full((2, 3), 77.0)})
        live.finished(unit)

    picture = last(View({"cell": 1}, picks=(MEAN,)), finish)
    assert (picture.maps[MEAN][1] == 77).all()
    assert picture.coverage.tolist() == [1.0, 1.0]


def test_a_unit_that_ended_without_results_leaves_nothing_behind(last: Any) -> None:
    unit = Unit(0, 5, ("high",), (1, 2), 20)

    def fail(live: Live) -> None:
        live.offer(unit, Half())
        live.finished(unit)

    picture = last(View({"cell": 1}, picks=(MEAN,)), fail)
    assert np.isnan(picture.maps[MEAN][1]).all()
    assert picture.coverage.tolist() == [1.0, 0.0]


def test_another_look_takes_a_snapshot_at_once(last: Any) -> None:
    unit = Unit(0, 5, ("high",), (1, 2), 20)

    def look_on(live: Live) -> None:
        live.offer(unit, Half())
        live.look_at(View({"cell": 2}, picks=(MEAN,)))
        live.offer(unit, Half())

    assert (last(View({"cell": 1}, picks=(MEAN,)), look_on).maps[MEAN][1] == 2).all()


def test_results_that_were_written_again_are_shown_again(results: Any, last: Any) -> None:
    def change(live: Live) -> None:
        results[3].write({"gain": 0, "cell": 0}, {"mean": np.full((2, 3), -1.0)})
        live.changed(3)

    assert (last(View(picks=(MEAN,)), change).maps[MEAN][0] == -1).all()


def test_what_is_looked_at_can_be_changed(last: Any) -> None:
    view = View({"gain": 1, "cell": 2}, picks=(MEAN,))
    picture = last(View(picks=(FLAGS,)), lambda live: live.look_at(view))
    assert picture.view is view
    np.testing.assert_array_equal(picture.maps[MEAN][0], TRUTH[1, 2])


@pytest.mark.parametrize(("view", "module", "key", "block", "away"), [
    (View({"gain": 0, "cell": 1}), 3, "high", (1,), (False, 0)),
    (View({"gain": 0, "cell": 0}), 3, "high", (1, 2), (False, 1)),
    (View({"gain": 0, "cell": 99}), 3, "high", (0,), (False, 2)),
    (View({"gain": 99, "cell": -5}), 3, "low", (2,), (False, 2)),
    (View({"gain": 1}), 3, "high", (0,), (True, 0)),
    (View(modules=(5,)), 3, "high", (0,), (True, 0)),
    (View(modules=(5,)), 5, "high", (0,), (False, 0)),
])
def test_work_is_as_far_away_as_it_is_from_what_is_looked_at(
    view: View, module: int, key: str, block: tuple[int, ...], away: tuple[bool, int], plan: Plan, results: Any
) -> None:
    live = Live(plan, results, lambda picture: None, lambda text: None)
    live.look_at(view)
    try:
        assert live.away(Unit(0, module, (key,), block, 20)) == away
    finally:
        live.stop()


@pytest.mark.parametrize(("error", "words"), [
    (OutputFailed("The scratch file is gone."), "The scratch file is gone."),
    (IndexError("index 4 is out of bounds"), "index 4 is out of bounds"), (MemoryError(), "MemoryError"),
])
def test_trouble_with_pictures_is_told_once_and_they_go_on(
    error: Exception, words: str, plan: Plan, results: Any
) -> None:
    told: list[str] = []
    shown = threading.Semaphore(0)

    def publish(picture: Picture) -> None:
        shown.release()
        raise error

    live = Live(plan, results, publish, told.append)
    live.look_at(View())
    try:
        for module in (3, 5, 3):
            assert shown.acquire(timeout=30)
            live.changed(module)
        assert shown.acquire(timeout=30)
    finally:
        live.stop()
    assert told == [f"The picture of this job is not up to date: {words}"]


def test_pictures_come_again_after_something_unexpected(plan: Plan, results: Any) -> None:
    """Results that a method declares and does not make, until it does."""
    told: list[str] = []
    pictures: list[Picture] = []
    good, broken = results[3], results_of(plan, plan.spec.out_folder.parent)
    results[3] = broken
    broken.filled = None  # type: ignore[method-assign,assignment]
    broken.write({}, {"mean": TRUTH})
    live = Live(plan, results, pictures.append, told.append)
    live.look_at(View(picks=(MEAN,)))
    try:
        end = time.monotonic() + 30
        while not told and time.monotonic() < end:
            time.sleep(0.002)
        results[3] = good
        live.changed(3)
    finally:
        live.stop()
        broken.close()
    np.testing.assert_array_equal(pictures[-1].maps[MEAN][0], TRUTH[0, 0])
    assert len(told) == 1
    assert "not up to date: 'NoneType'" in told[0]


def test_snapshots_that_come_fast_are_shown_at_least_ten_times_a_second(plan: Plan, results: Any) -> None:
    pictures: list[tuple[float, Picture]] = []
    unit = Unit(0, 5, ("high",), (1, 2), 20)
    live = Live(plan, results, lambda one: pictures.append((time.monotonic(), one)), _nobody)
    live.look_at(View({"cell": 1}))
    begin = time.monotonic()
    try:
        while len(pictures) < 20 and time.monotonic() < begin + 30:
            live.finished(unit)
            live.offer(unit, Half())
            time.sleep(0.001)
    finally:
        live.stop()
    assert len(pictures) >= 20
    # most of the time: others may take the processor for a while
    assert 0.045 < np.median(np.diff([at for at, _ in pictures])) < 0.1


def test_a_unit_is_seen_wherever_its_runs_lie_among_what_is_side_by_side(plan: Plan, tmp_path: Path) -> None:
    """One run of a scan has a pattern, which nobody chooses: its maps are those of all patterns."""
    arranged = {"scan": Arranged("scan", Input("scan", "scan"), None, at={"pattern": 2, "gain": 1})}
    axes = {**plan.context.axes, "pattern": Axis("pattern", "Pattern", (0, 1, 2), of_slot=True)}
    plan = replace(plan, context=replace(plan.context, arranged=arranged, axes=axes))
    unit, pictures, found = Unit(0, 5, ("scan",), (0, 1), 20), [], {one: results_of(plan, tmp_path) for one in (3, 5)}
    live = Live(plan, found, pictures.append, _nobody)
    live.look_at(View({"gain": 1, "cell": 1}))
    assert live.away(unit) == (False, 0)
    live.offer(unit, Half())
    live.stop()
    np.testing.assert_array_equal(pictures[-1].maps[MEAN][1], 1.0)
    assert pictures[-1].coverage.tolist() == [0.0, 0.5]
    assert plan.context.place(unit) == {"gain": 1}
    for one in found.values():
        one.close()


def _nobody(text: str) -> None:
    raise AssertionError(text)


def test_a_look_while_a_job_gets_ready_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A window looks as soon as there is a plan, and the pictures begin a moment later."""
    settings = default_settings("DSSC1M").with_changes({"modules": "4", "memory_cells": 3, "trains": 4})
    made = simulate(settings, tmp_path)
    job = Job(survey(list(made.runs.values())).spec(tmp_path / "out", parameters={"min_trains": 1}))

    class Late(Live):
        def __init__(self, plan: Plan, results: Any, show: Any, warn: Any) -> None:
            job.look_at(View({"cell": 2}))
            super().__init__(plan, results, show, warn)

    monkeypatch.setattr("calib_core.jobs.job.Live", Late)
    job.start()
    assert job.wait(60)
    end = time.monotonic() + 10
    while job.board.picture is None or job.board.picture.view.at != {"cell": 2}:
        assert time.monotonic() < end
        time.sleep(0.01)
    job.close()


def test_nothing_is_made_before_somebody_looks(plan: Plan, results: dict[int | None, Results]) -> None:
    class Unasked(Half):
        def snapshot(self, index: int) -> Maps:
            raise AssertionError("nobody looks")

    pictures: list[Picture] = []
    live = Live(plan, results, pictures.append, _nobody)
    unit = Unit(0, 5, ("high",), (0, 1), 20)
    assert live.view is None
    assert live.away(unit) == (True, 0)
    live.offer(unit, Unasked())
    live.changed(5)
    live.stop()
    assert pictures == []
