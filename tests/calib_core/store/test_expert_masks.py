"""Expert masks: entries are added and taken back, nothing is lost, and EXtra reads what holds from a time on."""

from __future__ import annotations

import base64
import json
import zlib
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from extra.calibration import SingleConstant
from extra.calibration.calcat import set_default_caldb_root

from calib_core.constants.badpixels import BadPixels
from calib_core.constants.expert_mask import MaskBook, MaskedPixels, MaskEntry, read_entry, taking_back
from calib_core.detector import Detector, Module
from calib_core.detector.registry import detector_type
from calib_core.errors import BadInput, BadParameter, OutputFailed
from calib_core.store import withheld
from calib_core.store.base import Query
from calib_core.store.constants import list_constants
from calib_core.store.expert_masks import MaskFiles
from calib_core.store.local.store import LocalStore
from calib_core.store.statuses import Status

JF = detector_type("JUNGFRAU")
UNITS = {1: "JF_M001", 2: "JF_M002"}
DETECTOR = Detector("LAB_JF", JF, tuple(Module(n, "", f"JNGFR{n:02d}", unit) for n, unit in UNITS.items()))
BEGIN = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
EXPERT, USER2 = int(BadPixels.EXPERT_CHOICE), int(BadPixels.USER2)


def entry(reason: str = "hot corner", minutes: int = 0, **changes: Any) -> MaskEntry:
    made = MaskEntry("anna", reason, "rectangle of 6 pixels in module 1", BEGIN + timedelta(days=1, minutes=minutes),
                     BEGIN)
    return replace(made, **changes)


def box(rows: slice, cols: slice) -> np.ndarray:
    pixels = np.zeros(JF.shape, bool)
    pixels[rows, cols] = True
    return pixels


CORNER, LINE = box(slice(0, 2), slice(0, 3)), box(slice(1, 2), slice(0, 50))


@pytest.fixture
def files(tmp_path: Path) -> MaskFiles:
    return MaskFiles(tmp_path, DETECTOR)


def arrays(path: Path, unit: str) -> np.ndarray:
    """As any program reads it, without a word of ours."""
    with h5py.File(path) as file:
        return file[f"/{unit}/BadPixelsManual/0/data"][()]


def test_extra_opens_what_was_masked(files: MaskFiles) -> None:
    set_default_caldb_root(files.root)
    [made] = files.add([(entry(), {1: CORNER, 2: np.zeros(JF.shape, bool)})])
    single = SingleConstant(made.path.relative_to(files.root), "/JF_M001/BadPixelsManual/0", 1, "JF_M001")
    assert single.dimensions == ("fast_scan", "slow_scan")
    found = single.ndarray()
    set_default_caldb_root(None)
    assert found.dtype == np.uint32
    np.testing.assert_array_equal(found.T, np.where(CORNER, EXPERT, 0))


def test_memory_cells_and_gain_stages_are_axes_only_where_they_were_chosen(files: MaskFiles) -> None:
    files.add([(entry(), {1: CORNER})])
    [made] = files.add([(entry("one cell", 1, flags=USER2, cells=(3, 5), stages=("G1",)), {1: LINE})])
    found = arrays(made.path, "JF_M001").transpose(3, 2, 1, 0)
    assert found.shape == (3, 16, *JF.shape)
    wanted = np.zeros(found.shape, np.uint32)
    wanted[:, :, CORNER] |= EXPERT
    wanted[1, np.array([3, 5])[:, None, None], np.nonzero(LINE)[0], np.nonzero(LINE)[1]] |= USER2
    np.testing.assert_array_equal(found, wanted)
    assert made.bytes < 1 << 20  # of 100 MB of zeros
    mask = files.read().modules["JF_M001"]
    np.testing.assert_array_equal(mask.flags(BEGIN, 5, "G1"), wanted[1, 5])
    np.testing.assert_array_equal(mask.flags(BEGIN, 4, "G1"), wanted[1, 4])


def test_all_memory_cells_are_no_choice(files: MaskFiles) -> None:
    [made] = files.add([(entry(cells=tuple(range(16)), stages=("G2", "G0", "G1")), {1: CORNER})])
    assert arrays(made.path, "JF_M001").shape == JF.shape[::-1]


def test_an_entry_that_is_taken_back_stays_in_the_history(files: MaskFiles) -> None:
    first, second = entry(), entry("a line", 1, author="bert", flags=USER2)
    files.add([(first, {1: CORNER, 2: LINE})])
    files.add([(second, {1: LINE})])
    last = MaskBook.last(files.read().told, "bert")
    assert last is not None
    [back] = files.add([(taking_back(last.entry, "bert", second.time + timedelta(minutes=1)), {})])
    np.testing.assert_array_equal(arrays(back.path, "JF_M001").T, np.where(CORNER, EXPERT, 0))
    book = MaskFiles(files.root, DETECTOR).read()
    told = [(one.entry.reason, one.entry.author, one.pixels, one.units, one.counts) for one in book.told]
    assert told == [("a line", "bert", 50, ("JF_M001",), False),
                    ("hot corner", "anna", 56, ("JF_M001", "JF_M002"), True)]
    assert book.told[0].taken_back is not None
    assert book.told[0].taken_back.time == second.time + timedelta(minutes=1)
    assert MaskBook.last(book.told, "bert") is None
    assert len(list_constants(files.root)) == 4  # none is ever removed
    with pytest.raises(BadParameter, match="was taken back already"):
        files.add([(taking_back(last.entry, "anna", last.entry.time), {})])


def test_what_is_drawn_on_older_data_goes_into_later_masks_too(files: MaskFiles) -> None:
    files.add([(entry(), {1: CORNER})])
    earlier = BEGIN - timedelta(days=2)
    before, later = files.add([(entry("older", 1, begin=earlier, flags=USER2), {1: LINE})])
    np.testing.assert_array_equal(arrays(before.path, "JF_M001").T, np.where(LINE, USER2, 0))
    np.testing.assert_array_equal(
        arrays(later.path, "JF_M001").T, np.where(LINE, USER2, 0) | np.where(CORNER, EXPERT, 0))
    begins = {one.path: one.begin for one in list_constants(files.root)}
    assert (begins[before.path], begins[later.path]) == (earlier, BEGIN)


@pytest.mark.parametrize(("changes", "pixels", "words"), [
    ({"reason": "  "}, CORNER, "reason = '' is not allowed"),
    ({"author": ""}, CORNER, "author = '' is not allowed"),
    ({"reason": "x" * 501}, CORNER, "1 to 500 characters"),
    ({"flags": 0}, CORNER, "choose one of expert choice, user1, user2"),
    ({"cells": (3, 16)}, CORNER, "cells = 16 is not allowed; JUNGFRAU has 0 to 15"),
    ({"stages": ("HG",)}, CORNER, "stages = 'HG' is not allowed; JUNGFRAU has G0, G1, G2"),
    ({}, np.zeros(JF.shape, bool), "No pixel is marked"),
])
def test_what_no_mask_can_be_is_refused_in_a_sentence(
    files: MaskFiles, changes: dict[str, Any], pixels: np.ndarray, words: str
) -> None:
    with pytest.raises(BadParameter, match=words):
        files.add([(entry(**changes), {1: pixels})])
    assert list_constants(files.root) == ()


def test_all_modules_get_an_entry_or_none(files: MaskFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    appear = withheld.appear

    def fail(temporary: Path, path: Path) -> None:
        if "jf_m002" in str(path):
            temporary.unlink()
            raise OutputFailed(f"{path} could not be written: no space left on device.")
        appear(temporary, path)

    monkeypatch.setattr(withheld, "appear", fail)
    with pytest.raises(OutputFailed, match="no space left"):
        files.add([(entry(), {1: CORNER, 2: LINE})])
    assert list_constants(files.root) == ()
    assert files.read().told == ()


def test_a_damaged_mask_is_told_and_nothing_is_written_over_it(files: MaskFiles) -> None:
    [made] = files.add([(entry(), {1: CORNER})])
    data = bytearray(made.path.read_bytes())
    data[data.index(b"hot corner")] ^= 1
    made.path.write_bytes(data)
    fresh = MaskFiles(files.root, DETECTOR)
    assert fresh.read().told == ()
    assert len(fresh.trouble) == 1
    assert str(made.path) in fresh.trouble[0]
    with pytest.raises(BadInput, match="Nothing was masked, since entries in it could be lost"):
        fresh.add([(entry("again"), {2: LINE})])


def test_entries_that_cannot_be_understood_are_refused() -> None:
    said = json.loads(json.dumps(MaskedPixels(entry(cells=(2,)), CORNER).as_json()))
    again = read_entry(said, JF.shape)
    assert again.entry == MaskedPixels(replace(again.entry), CORNER).entry
    assert (again.entry.reason, again.entry.cells, again.entry.begin) == ("hot corner", (2,), BEGIN)
    np.testing.assert_array_equal(again.pixels, CORNER)
    bomb = base64.b64encode(zlib.compress(bytes(1 << 26))).decode()
    for wrong in ({"bits": "!"}, {"bits": bomb}, {"pixels": 5}, {"flags": "HOT"}, {"time": "yesterday"},
                  {"cells": None}, {"bits": ""}):
        with pytest.raises(ValueError, match="expert mask"):
            read_entry({**said, **wrong}, JF.shape)
    with pytest.raises(ValueError, match="are not those of such a module"):
        read_entry(said, (256, 256))


def _add(root: Path, number: int) -> None:
    MaskFiles(root, DETECTOR).add([(entry(f"entry {number}", number), {1: box(slice(number, number + 1), slice(9))})])


def test_two_programs_lose_nothing(tmp_path: Path) -> None:
    context = get_context("fork")
    processes = [context.Process(target=_add, args=(tmp_path, number)) for number in range(6)]
    for one in processes:
        one.start()
    for one in processes:
        one.join(60)
        assert one.exitcode == 0
    newest = max(list_constants(tmp_path), key=lambda one: one.path.name)
    assert int((arrays(newest.path, "JF_M001") != 0).sum()) == 6 * 9
    assert [one.entry.reason for one in MaskFiles(tmp_path, DETECTOR).read().told] == [
        f"entry {number}" for number in range(5, -1, -1)]


def test_in_a_store_with_an_index_the_last_mask_is_what_was_accepted(files: MaskFiles) -> None:
    LocalStore(files.root, create=True).close()
    files.add([(entry(), {1: CORNER})])
    [second] = files.add([(entry("a line", 1, author="bert"), {1: LINE})])
    with closing(LocalStore(files.root)) as store:
        [found] = store.find(Query(calibrations=("BadPixelsManual",), take="all"))
        assert (found.path, found.status, found.author, found.comment) == (
            second.path, Status.ACCEPTED, "bert", "a line")
        every = Query(calibrations=("BadPixelsManual",), take="all", statuses=frozenset(Status))
        assert sorted(one.status for one in store.find(every)) == [Status.ACCEPTED, Status.SUPERSEDED]
