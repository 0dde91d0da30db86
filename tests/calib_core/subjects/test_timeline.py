"""Constants over time, against what the files were made with."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from calib_core.cli.main import main
from calib_core.constants.matching import Setting
from calib_core.constants.statistics import line_numbers
from calib_core.errors import BadInput
from calib_core.store.constants import read_constant
from calib_core.store.local.records import Record, add_act, add_version
from calib_core.store.local.store import LocalStore
from calib_core.store.seals import sha256_of
from calib_core.store.statuses import Status
from calib_core.subjects.groups_over_time import groups_over_time
from calib_core.subjects.known_numbers import KnownNumbers
from calib_core.subjects.timeline import Asked, change_words, condition_names, timeline_of
from calib_core.subjects.version_list import decisions_on, list_versions, numbers_for, set_of
from tests.calib_core.subjects.files import BEGIN, put_ours
from tests.calib_core.subjects.histories import (
    BIAS,
    CHANGED,
    DAY,
    MODULES,
    OF_ASIC,
    SIZE,
    STEP,
    VERSIONS,
    day_of,
    hot,
    make_history,
    offsets,
)

DETECTOR = "SCS_DET_DSSC1M-1"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return make_history(tmp_path_factory.mktemp("history"))


@pytest.fixture(scope="module")
def listed(folder):
    return list_versions(str(folder))


@pytest.fixture(scope="module")
def groups(listed):
    return {one.path: numbers_for(one, listed) for one in listed.of(DETECTOR, "Offset")}


@pytest.fixture(scope="module")
def numbers(groups):
    return as_lines(groups)


def as_lines(groups):
    return KnownNumbers({path: line_numbers(one) for path, one in groups.items()})


@pytest.fixture(scope="module")
def timeline(listed, numbers):
    return timeline_of(listed.of(DETECTOR, "Offset"), numbers, Asked())


def test_versions_are_listed_with_what_they_are(listed):
    assert listed.detectors == (DETECTOR,)
    assert listed.calibrations(DETECTOR) == ("BadPixelsDark", "Offset")
    rows = listed.of(DETECTOR, "Offset")
    assert len(rows) == VERSIONS * len(MODULES) + 2
    assert [one.begin.timestamp() for one in rows] == sorted(one.begin.timestamp() for one in rows)
    assert rows[0].begin.timestamp() == BEGIN
    assert rows[0].runs == "p002450 r7"
    assert {one.module for one in rows} == set(MODULES)


def test_lines_have_the_medians_of_good_pixels(timeline):
    assert [one.module for one in timeline.lines] == list(MODULES)
    for line in timeline.lines:
        np.testing.assert_array_equal(line.times, [BEGIN + day_of(version) for version in range(VERSIONS)])
        for version in (0, 33, VERSIONS - 1):
            good = offsets(line.module, version)[~hot(line.module)]
            assert line.values[version] == pytest.approx(np.median(good), rel=1e-6)
    assert (timeline.unit, timeline.known, timeline.number) == ("ADU", 210, 210)


def test_the_step_is_marked_and_shifts_are_from_the_reference(timeline):
    by_module = {line.module: line for line in timeline.lines}
    changed = by_module[CHANGED]
    assert changed.level == "red"
    assert by_module[0].level == ""
    assert abs(changed.change.start - STEP) <= 1
    np.testing.assert_allclose(changed.shifts, changed.values - np.median(changed.values[:60]), rtol=0, atol=1e-9)
    assert np.median(changed.shifts[STEP:]) == pytest.approx(SIZE, abs=3)
    heading, *rest = change_words(changed, changed.change, "LIN", timeline.unit)
    assert heading.startswith(f"m{CHANGED} LIN: step of +1")
    assert any(text.startswith("reference 60 versions") for text in rest)


def test_conditions_are_kept_apart_and_named_by_what_differs(timeline, listed, numbers):
    [(first, times), (other, of_other)] = timeline.conditions
    assert len(times) == VERSIONS
    np.testing.assert_array_equal(of_other, [BEGIN + day_of(version) + 3600 for version in (40, 50)])
    assert condition_names((first, other), {"Sensor Bias Voltage": "V"}) == ["100 V", "80 V"]
    assert condition_names((first,), {}) == ["100"]
    two = timeline_of(listed.of(DETECTOR, "Offset"), numbers, Asked(other))
    assert [len(line.rows) for line in two.lines] == [2]
    assert two.without_map == 2  # maps are of the other condition
    assert timeline_of(listed.of(DETECTOR, "Offset"), numbers, Asked()).without_map == 0
    assert two.lines[0].values[0] == pytest.approx(np.median(offsets(0, 40) + 200), rel=1e-6)
    assert two.lines[0].judged.forming == "reference forming, 2 of 60"
    assert dict(other) == {name: one["value"] for name, one in BIAS.items()}


def of_asic(version):
    """Values of the ASIC that changes and its good pixels."""
    module, asic, side, _ = OF_ASIC
    part = np.s_[side * asic:side * (asic + 1), :side]
    return offsets(module, version)[part].astype(float), ~hot(module)[part]


def test_groups_are_asics_row_by_row(timeline, groups):
    module, asic, _, size = OF_ASIC
    line = next(one for one in timeline.lines if one.module == module)
    found = groups_over_time(line, groups, Asked()).shifts
    assert found.shape == (16, VERSIONS)
    own = np.array([np.median(values[good]) for values, good in map(of_asic, range(VERSIONS))])
    # the ASIC is in the first row of blocks along slow scan, eight of which lie along fast scan
    np.testing.assert_allclose(found[asic], own - np.median(own[:60]), rtol=0, atol=1e-4)
    known = {one.path: groups[one.path] for one in line.rows[1:]}
    assert np.isnan(groups_over_time(line, known, Asked()).values[:, 0]).all()
    assert groups_over_time(line, {}, Asked()).values.shape == (0, VERSIONS)
    others = np.delete(found[:, STEP:], asic, axis=0)
    assert np.median(found[asic, STEP:] - others.mean(axis=0)) == pytest.approx(size, abs=0.3)


def test_a_group_is_a_line_of_its_own(timeline, groups):
    """Of its good pixels, at the times of its module and judged by the same rule."""
    module, asic, side, _ = OF_ASIC
    line = next(one for one in timeline.lines if one.module == module)
    found = groups_over_time(line, groups, Asked(quantity="std"))
    np.testing.assert_allclose(found.line_of(asic).values, [
        values[good].std() for values, good in map(of_asic, range(VERSIONS))], rtol=1e-6)
    one = groups_over_time(line, groups, Asked())
    assert (one.row_of(side - 1, side * asic), one.row_of(side, 0)) == (asic, 8)
    assert one.middle_of(8 + asic) == (side + side // 2, side * asic + side // 2)
    changed = one.line_of(asic)
    np.testing.assert_array_equal(changed.times, line.times)
    np.testing.assert_allclose(changed.shifts, one.shifts[asic], rtol=0, atol=1e-9)
    assert changed.rows is line.rows
    bad = groups_over_time(line, groups, Asked(quantity="bad")).line_of(asic)
    number = hot(module)[side * asic:side * (asic + 1), :side].sum()
    np.testing.assert_allclose(bad.values, np.log((number + 0.5) / (side**2 - number + 0.5)))
    assert bad.level == ""  # shares that never change have the error of counting
    assert (one.name((64, 64)), one.name((128, 64)), one.made) == ("ASIC", "block of 64 × 64 pixels", "")


def test_versions_cut_into_other_groups_are_counted(timeline, groups):
    """As those of a file of statistics may be; of several rows of memory cells the median is taken, which is said."""
    line = timeline.lines[0]
    first = groups[line.rows[0].path]
    halves = {name: np.concatenate([of[..., :4], of[..., :4] + 9], axis=2) for name, of in vars(first.groups).items()}
    other = replace(first, groups=type(first.groups)(**halves), flags=None)
    found = groups_over_time(line, {**groups, line.rows[0].path: other}, Asked())
    assert found.made == "1 version cut into other groups left out"
    assert np.isnan(found.values[:, 0]).all()
    alone = groups_over_time(line, {line.rows[0].path: other}, Asked())
    assert alone.made == "median over 2 rows of memory cells"
    wanted = first.groups.median[1, 0, 0, :, :4] + 4.5
    np.testing.assert_allclose(alone.values[:, 0], wanted.ravel(), rtol=1e-12)


def test_spread_and_bad_pixels(listed, numbers):
    rows = listed.of(DETECTOR, "Offset")
    spread = timeline_of(rows, numbers, Asked(quantity="std")).lines[0]
    assert spread.values[9] == pytest.approx(np.std(offsets(0, 9)[~hot(0)].astype(float)), rel=1e-6)
    bad = timeline_of(rows, numbers, Asked(quantity="bad"))
    number = hot(0).sum()
    assert bad.unit == "logit"
    assert bad.lines[0].values[0] == pytest.approx(np.log((number + 0.5) / (hot(0).size - number + 0.5)))
    own = listed.of(DETECTOR, "BadPixelsDark")
    known = as_lines({one.path: numbers_for(one, listed) for one in own[:30]})
    flags = timeline_of(own, known, Asked(quantity="bad"))
    assert flags.lines[0].values[0] == bad.lines[0].values[0]
    usual = timeline_of(own, known, Asked())  # the median, which flags have not
    np.testing.assert_array_equal(usual.lines[0].values, flags.lines[0].values)
    assert (usual.asked.quantity, usual.unit, usual.of_flags, bad.of_flags) == ("bad", "logit", True, False)


def test_a_confirmed_change_begins_a_reference(listed, numbers, timeline):
    before = next(line for line in timeline.lines if line.module == CHANGED)
    confirmed = frozenset({(before.unit, before.rows[STEP].begin)})
    again = timeline_of(listed.of(DETECTOR, "Offset"), numbers, Asked(confirmed=confirmed))
    assert [len(line.judged.references) for line in again.lines] == [1, 2, 1]
    line = next(one for one in again.lines if one.module == CHANGED)
    assert line.level == ""
    assert line.judged.forming == f"reference forming, {VERSIONS - STEP} of 60"
    assert np.median(line.shifts[STEP:]) == pytest.approx(0, abs=1e-9)


def test_a_line_grows_as_numbers_come(listed, numbers):
    rows = listed.of(DETECTOR, "Offset")
    few = timeline_of(rows, KnownNumbers({one.path: numbers.read[one.path] for one in rows[-12:]}), Asked())
    assert (few.known, few.number) == (12, 210)
    assert all(line.times[-1] == BEGIN + day_of(VERSIONS - 1) for line in few.lines)
    none = timeline_of(rows, KnownNumbers(), Asked())
    assert none.lines == ()
    assert none.number == 210


def test_a_point_leads_to_the_set_that_it_is_of(listed):
    one = listed.of(DETECTOR, "Offset")[3 * 10 + 1]
    found = set_of(one, listed)
    assert one.path in [file.path for file in found.files]
    assert found.identifier == DETECTOR
    assert {file.attributes["module"] for file in found.files if file.calibration == "Offset"} == set(MODULES)


def test_places_are_taken_together_and_a_file_counts_once(folder, listed, tmp_path):
    both = list_versions(str(folder), str(folder / "xfel"), str(tmp_path / "nothing"))
    assert len(both.rows) == len(listed.rows)
    assert any("nothing does not exist" in note for note in both.notes)


def test_a_file_of_statistics_has_the_same_lines(folder, timeline, tmp_path):
    assert main(["GENERIC", "STATS", "--constants", str(folder), "--out-folder", str(tmp_path)]) == 0
    found = list_versions(str(tmp_path / "statistics.h5"))
    [detector] = found.detectors
    again = timeline_of(found.of(detector, "Offset"), as_lines(found.numbers), Asked())
    for line, other in zip(again.lines, timeline.lines, strict=True):
        np.testing.assert_array_equal(line.values, other.values)
        assert line.level == other.level


@pytest.fixture
def store(tmp_path):
    """A store with the offsets of three days of two modules, one accepted, one rejected."""
    folder = tmp_path / "store"
    made = LocalStore(folder, create=True)
    with closing(made):
        with made.writing() as writing:
            act = add_act(writing, "inject", "anna", "", made.clock())
            numbers = [add_version(writing, act, _record(folder, module, day))
                       for day in range(3) for module in (0, 1)]
        made.decide(numbers[:1], Status.ACCEPTED, "ben", "as last week")
        made.decide(numbers[1:2], Status.REJECTED, "ben", "chiller off")
    return folder


def _record(folder, module, day):
    path = put_ours(folder, module, "Offset", offsets(module, day), day * DAY)
    unit, time = f"SCS_DET_DSSC1M-1_DSSC{module:02d}", datetime.fromtimestamp(BEGIN + day * DAY, UTC)
    settings = {"Sensor Bias Voltage": Setting(100.0, 1.0, 1.0, unit="V")}
    return Record(unit, "Offset", "DSSC-Type", settings, time, time, str(path.relative_to(folder)),
                  f"/{unit}/Offset/0", sha256_of(path), read_constant(path).identity, raw_data="p002450 r7")


def test_versions_of_a_store_have_what_was_decided(store):
    found = list_versions(str(store))
    rows = found.of(found.detectors[0], "Offset")
    assert [(one.module, str(one.version.status), one.version.comment) for one in rows] == [
        (0, "accepted", "as last week"), (1, "rejected", "chiller off"),
        *((module, "draft", "") for module in (0, 1, 0, 1))]
    assert [one.runs for one in rows] == ["p002450 r7"] * 6
    decided = decisions_on(rows[1])
    assert [(str(one.status), one.author, one.comment) for one in decided] == [
        ("draft", "anna", ""), ("rejected", "ben", "chiller off")]
    timeline = timeline_of(rows, as_lines({one.path: numbers_for(one, found) for one in rows}), Asked())
    for line in timeline.lines:  # without a map all pixels count
        np.testing.assert_allclose(line.values, [np.median(offsets(line.module, day)) for day in range(3)], rtol=1e-6)
    assert timeline.without_map == 6
    assert {one.path for one in rows[:2]} == {one.path for one in set_of(rows[0], found).files}


def test_what_a_store_has_counts_for_the_file_of_a_folder(store, listed, folder):
    both = list_versions(str(folder), str(store))
    first = [one for one in both.of(DETECTOR, "Offset") if one.begin == listed.rows[0].begin]
    assert [(one.module, one.version.status) for one in first] == [
        (0, Status.ACCEPTED), (1, Status.REJECTED), (2, None)]
    opened = next(one for one in listed.of(DETECTOR, "Offset") if one.module == 1)
    assert both.by_path[opened.path.absolute()].version.comment == "chiller off"


def test_nobody_decides_on_files_of_a_folder(listed):
    assert decisions_on(listed.rows[0]) == ()


def test_what_cannot_be_used_is_one_sentence(tmp_path, listed):
    with pytest.raises(BadInput, match="does not exist"):
        list_versions(str(tmp_path / "nothing"))
    (tmp_path / "notes.h5").write_bytes(b"no HDF5")
    with pytest.raises(BadInput, match=r"notes.h5 cannot be read as statistics"):
        list_versions(str(tmp_path / "notes.h5"))
    one = listed.rows[0]
    gone = replace(one, version=replace(one.version, path=tmp_path / "cal.1.h5"), begin=one.begin.replace(year=2001))
    with pytest.raises(BadInput, match="their numbers alone are known"):
        set_of(gone, listed)
