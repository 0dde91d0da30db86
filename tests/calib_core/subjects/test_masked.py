"""What people masked is in flags, curves, reasons and notes of any subject, at the times and places it is about."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from calib_core.axes import Axis, Pick, Picture, View
from calib_core.constants.badpixels import BadPixels
from calib_core.constants.expert_mask import MaskBook, MaskedPixels, MaskEntry, ModuleMask
from calib_core.subjects.age import age_of
from calib_core.subjects.masked import MaskedSubject, Masks, bare, detector_of, masked
from calib_core.subjects.pair import PairSubject
from calib_core.subjects.shown import final_flags

from .arrays import DARK, FLAGS, OFFSET, SHAPE, Arrays

BEGIN = datetime(2026, 3, 1, 12, tzinfo=UTC)
EXPERT, USER1 = int(BadPixels.EXPERT_CHOICE), int(BadPixels.USER1)
CORNER = np.array([[True, False, False], [False, False, False]])
MIDDLE = np.array([[False, True, False], [False, True, False]])


def entry(pixels: np.ndarray, **changes: Any) -> MaskedPixels:
    made = MaskEntry("anna", "scratch", "rectangle", BEGIN, BEGIN)
    return MaskedPixels(replace(made, **changes), pixels)


def book(*entries: MaskedPixels, unit: str = "UNIT_03") -> MaskBook:
    return MaskBook({unit: ModuleMask(SHAPE).with_entries(entries)})


def looked_at(subject: Arrays, result: str = FLAGS.name, **at: int) -> MaskedSubject:
    """A subject with a picture of its modules, masked."""
    place = {"gain": 0, "cell": 0, **at}
    known = [one.name for one in subject.results]
    maps = {Pick(name): np.array([subject.plane(name, module, place) for module in subject.modules])
            for name in (result,) if name in known}
    subject.picture = Picture(View(place), subject.modules, maps, np.ones(len(subject.modules)))
    return MaskedSubject(subject, Masks(book(
        entry(CORNER), entry(MIDDLE, flags=USER1, cells=(4,), stages=("MG",), reason="one cell only"))))


def no_flags() -> Arrays:
    subject = Arrays()
    subject.put(FLAGS.name, 2)
    return subject


@pytest.mark.parametrize(("at", "wanted"), [
    ({}, np.where(CORNER, EXPERT, 0)), ({"cell": 1}, np.where(CORNER, EXPERT, 0)),
    ({"cell": 1, "gain": 1}, np.where(CORNER, EXPERT, 0) | np.where(MIDDLE, USER1, 0)),
])
def test_flags_have_what_is_masked_at_their_place(at: dict[str, int], wanted: np.ndarray) -> None:
    subject = looked_at(no_flags(), **at)
    place = {"gain": 0, "cell": 0, **at}
    np.testing.assert_array_equal(subject.picture.maps[Pick(FLAGS.name)], [wanted | 2, np.full(SHAPE, 2)])
    assert subject.picture.made_of is subject.bare.picture
    np.testing.assert_array_equal(subject.plane(FLAGS.name, 3, place), wanted | 2)
    np.testing.assert_array_equal(subject.plane(FLAGS.name, 5, place), np.full(SHAPE, 2))
    np.testing.assert_array_equal(subject.plane(OFFSET.name, 3, place), subject.bare.plane(OFFSET.name, 3, place))


def test_a_pixel_along_memory_cells_has_it_in_those_that_it_is_about() -> None:
    subject = looked_at(no_flags())
    found = subject.along(FLAGS.name, "cell", 3, 0, 1, {"gain": 1})
    assert found.tolist() == [2, 2 | USER1, 2]
    assert subject.along(FLAGS.name, "cell", 3, 0, 0, {"gain": 0}).tolist() == [2 | EXPERT] * 3
    assert subject.along(FLAGS.name, "cell", 5, 0, 0, {"gain": 0}).tolist() == [2, 2, 2]


def test_who_masked_a_pixel_is_among_the_reasons() -> None:
    subject = looked_at(no_flags())
    [*_, said] = subject.reasons(3, 0, 1, {"gain": 1, "cell": 1})
    assert (said.flag, said.set) == (USER1, True)
    assert said.words == "Masked by anna, 2026-03-01 12:00 UTC (rectangle): one cell only"
    assert not [one for one in subject.reasons(3, 0, 1, {"gain": 0, "cell": 1}) if "anna" in one.words]


def test_how_much_is_masked_is_a_note() -> None:
    subject = looked_at(no_flags())
    assert subject.notes[-1] == (
        "3 pixels masked by people, in 2 entries; the last by anna, 2026-03-01 12:00 UTC: "
        f"{subject._masks.book.told[0].entry.reason}")


def test_data_from_before_an_entry_are_not_masked() -> None:
    subject = looked_at(no_flags())
    for when, number in ((BEGIN - timedelta(seconds=1), 0), (BEGIN, 1), (None, 1)):
        subject.bare.when = when
        found = subject.plane(FLAGS.name, 3, {"gain": 0, "cell": 0})
        assert int((found & EXPERT != 0).sum()) == number, when


def test_results_without_flags_get_those_of_people() -> None:
    subject = looked_at(Arrays(results=(OFFSET,)), OFFSET.name)
    flags = final_flags(subject.results)
    assert flags is not None
    assert flags.hidden
    np.testing.assert_array_equal(subject.plane(flags.name, 3, {"gain": 0, "cell": 0}), np.where(CORNER, EXPERT, 0))
    np.testing.assert_array_equal(
        subject.picture.maps[Pick(flags.name)], [np.where(CORNER, EXPERT, 0), np.zeros(SHAPE)])
    assert subject.along(flags.name, "cell", 3, 0, 0, {"gain": 0}).tolist() == [EXPERT] * 3
    subject.look_at(View(picks=(Pick(flags.name), Pick(OFFSET.name))))
    assert subject.bare.looks[-1].picks == (Pick(OFFSET.name),)


def test_another_mask_is_another_version_and_another_picture() -> None:
    subject = looked_at(no_flags())
    before, picture = subject.version, subject.picture
    assert subject.picture is picture
    subject._masks.take(MaskBook())
    assert subject.version > before
    np.testing.assert_array_equal(subject.picture.maps[Pick(FLAGS.name)], np.full((2, *SHAPE), 2))


def test_flags_of_single_passes_stay_as_they_were_found() -> None:
    passes = replace(FLAGS, name="bad_pixels_passes", over=("gain", "pass", "cell"))
    axes = (Axis("gain", "Gain stage", ("HG",)), Axis("cell", "Memory cell", (0,)), Axis("pass", "Pass", ("1", "2")))
    subject = looked_at(Arrays(results=(*DARK, passes), axes=axes))
    place = {"gain": 0, "cell": 0, "pass": 1}
    assert not subject.plane(passes.name, 3, place).any()
    assert subject.plane(FLAGS.name, 3, place)[0, 0] & EXPERT


def test_both_of_a_pair_are_masked_by_their_own_times() -> None:
    masks, sides = Masks(book(entry(CORNER))), (no_flags(), no_flags())
    for one, when in zip(sides, (BEGIN, BEGIN - timedelta(days=1)), strict=True):
        one.when = when
    pair = PairSubject(*(masked(one, masks) for one in sides))
    place = {"gain": 0, "cell": 0}
    for name, wanted in ((FLAGS.name, np.where(CORNER, EXPERT, 0) | 2), (f"{FLAGS.name}.new", np.where(
            CORNER, EXPERT, 0)), (f"{FLAGS.name}.healed", np.zeros(SHAPE))):
        np.testing.assert_array_equal(pair.plane(name, 3, place), wanted)
    pair.close()


def test_units_tell_the_modules_that_can_be_masked() -> None:
    subject = Arrays()
    subject.units = {3: "UNIT_03", 5: ""}
    detector = detector_of(subject)
    assert detector is not None
    assert [(one.number, one.pdu) for one in detector.modules] == [(3, "UNIT_03")]
    subject.units = {}
    assert detector_of(subject) is None
    assert bare(masked(subject, Masks())) is subject


@pytest.mark.parametrize(("hours", "text", "old"), [
    (0, "today 12:00 · 0 s old", False), (3, "today 09:00 · 3 h old", False),
    (14, "yesterday 22:00 · 14 h old", False), (25, "yesterday 11:00 · 25 h old", True),
    (24 * 9, "20 Feb 12:00 · 9 d old", True), (-5, "today 17:00 · 5 h ahead of the clock", True),
    (24 * 400, "25 Jan 2025 12:00 · 400 d old", True),
])
def test_ages_are_as_operators_say_them(
    monkeypatch: pytest.MonkeyPatch, hours: float, text: str, old: bool
) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    subject = Arrays()
    subject.when = BEGIN - timedelta(hours=hours)
    age = age_of(subject, BEGIN)
    assert (age.text, age.old) == (text, old)


def test_of_a_pair_both_ages_are_told() -> None:
    sides = Arrays(), Arrays()
    for one, days in zip(sides, (0, 9), strict=True):
        one.when = BEGIN - timedelta(days=days)
    pair = PairSubject(*sides)
    age = age_of(pair, BEGIN)
    assert age.old
    assert age.text == "A 0 s old, B 9 d old"  # their times are beside it, and whole
    assert age.whole.startswith("A today")
    assert ", B 20 Feb" in age.whole
    pair.close()
