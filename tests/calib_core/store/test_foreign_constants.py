"""Files that are no constants in the facility's tree: exported ones, and those of single constants."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from calib_core.cli.main import main
from calib_core.constants.constant import NOISE
from calib_core.detector.registry import detector_type
from calib_core.errors import BadInput, BadParameter, OutputFailed
from calib_core.store.base import Query, Version
from calib_core.store.constants import read_constant
from calib_core.store.exporting import export
from calib_core.store.local import injecting
from calib_core.store.local.by_operator import ByOperator
from calib_core.store.local.candidates import candidates_of
from calib_core.store.local.checking import check
from calib_core.store.local.injecting import Injected, inject
from calib_core.store.local.injection_table import examine
from calib_core.store.local.records import Place
from calib_core.store.local.remaking import made_anew
from calib_core.store.local.store import LocalStore
from calib_core.store.statuses import Status

from .constant_files import AGGREGATOR, BEGIN, DETECTOR, KIND, UNIT, VALUES, put

CALIBRATION = KIND.calibrations["Offset"].name
CONDITIONS = {one.database_name: VALUES[one.name] for one in KIND.condition if one.name in VALUES}
MADE = datetime(2026, 3, 1, 7, 30, tzinfo=UTC)
STAND_IN = f"{DETECTOR}_{AGGREGATOR}"
ANY = frozenset(Status)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LocalStore]:
    made = LocalStore(tmp_path / "store", create=True)
    yield made
    made.close()


def take(store: LocalStore, *paths: Path, about: ByOperator | None = None) -> Injected:
    return inject(store, candidates_of(store, paths, about or ByOperator()), "anna", "")


def accept(store: LocalStore, made: Injected) -> tuple[Version, ...]:
    return store.decide([one.number for one in made.versions], Status.ACCEPTED, "ben", "")


def single(folder: Path, name: str = f"const_{CALIBRATION}_{AGGREGATOR}.h5", shape: tuple[int, ...] = KIND.shape,
           missing: int = 0, condition: dict[str, float] | None = None, **beside: str) -> tuple[Path, Any]:
    """A file of a single constant by h5py alone, with what is to stand beside its values."""
    values = np.random.default_rng(3).normal(900, 10, shape)
    values.reshape(-1)[:missing] = np.nan
    folder.mkdir(exist_ok=True)
    with h5py.File(folder / name, "w") as file:
        file["data"] = values
        for parameter, value in (condition or {}).items():
            file[f"condition/{parameter}/value"] = value
            file[f"condition/{parameter}/lower_deviation"] = 0.0
        for key, text in beside.items():
            file[key] = text
    return folder / name, values


def whole(folder: Path, **changes: Any) -> tuple[Path, Any]:
    return single(folder, **{"condition": CONDITIONS, "karabo_id": DETECTOR, "creation_time": MADE.isoformat(),
                             "file_loc": "proposal:900000 runs:7", **changes})


def test_exported_files_come_back_into_an_empty_store_as_they_are(store: LocalStore, tmp_path: Path) -> None:
    """And out of it again, the same each time; the store that they are from knows them."""
    path = put(tmp_path / "made")
    [first] = accept(store, take(store, path))
    [copied] = export(store, [first], tmp_path / "out", "modules")
    assert copied.path is not None
    [known] = candidates_of(store, [copied.path])
    assert known.known is not None
    assert (known.known.number, known.refused) == (first.number, "")
    other = LocalStore(tmp_path / "other", create=True)
    try:
        [second] = accept(other, take(other, copied.path))
        assert (second.conditions, second.begin, second.pdu) == (first.conditions, first.begin, first.pdu)
        assert second.path.read_bytes() == copied.path.read_bytes()
        with h5py.File(second.path) as file:  # where EXtra would look
            data = file[f"{second.dataset}/data"]
            np.testing.assert_array_equal(data[()], read_constant(path).data())
            assert data.attrs["dims"].tolist() == list(read_constant(path).dims)
        [again] = export(other, [second], tmp_path / "again", "modules")
        assert again.path is not None
        before, after = read_constant(copied.path), read_constant(again.path)
        np.testing.assert_array_equal(after.data(), before.data())
        assert (after.dims, after.conditions, after.begin) == (before.dims, before.conditions, before.begin)
        assert take(other, copied.path).versions == ()
        assert list(check(other, False, "anna")) == []
    finally:
        other.close()


def test_a_file_of_a_single_constant_becomes_one_that_names_its_axes(store: LocalStore, tmp_path: Path) -> None:
    store.install(UNIT, Place(DETECTOR, AGGREGATOR, 1), KIND.database_type, MADE - timedelta(days=9), "anna", "")
    path, values = whole(tmp_path / "in")
    [one] = candidates_of(store, [path], ByOperator(detector_type=KIND.name))
    assert one.refused == ""
    assert [note.removeprefix(f"{path} ") for note in one.notes] == [
        f"The files of {CALIBRATION} do not name their axes; by their lengths they are taken as slow_scan, "
        "fast_scan.",
        "tells no program that made it.", "is taken as valid from when it was made, 2026-03-01 07:30 UTC.",
        f"{STAND_IN} is {UNIT}, which is installed there."]
    [made] = inject(store, [one], "anna", "").versions
    assert (made.pdu, made.calibration, made.begin) == (UNIT, CALIBRATION, MADE)
    assert made.raw_data == "proposal:900000 runs:7"
    assert {name: each["value"] for name, each in made.conditions.items()} == CONDITIONS
    with h5py.File(made.path) as file:
        data = file[f"/{UNIT}/{CALIBRATION}/0/data"]
        np.testing.assert_array_equal(data[()], values)
        assert data.attrs["dims"].tolist() == ["slow_scan", "fast_scan"]
    np.testing.assert_array_equal(store.read(made).data(), values)
    assert list(check(store, False, "anna")) == []
    kept, anew = store.lines.of([made.number])[made.number], made_anew(store, made)
    assert (kept.numbers, kept.told) == (anew.line, anew.told)
    assert {name: each["value"] for name, each in kept.told["conditions"].items()} == CONDITIONS
    again = take(store, path, about=ByOperator(detector_type=KIND.name))
    assert (again.versions, [each.number for each in again.known]) == ((), [made.number])


def test_what_a_bare_file_does_not_tell_is_asked_for_one_by_one(store: LocalStore, tmp_path: Path) -> None:
    path, _ = single(tmp_path / "in")

    def told(**about: Any) -> str:
        return candidates_of(store, [path], ByOperator(**about))[0].refused

    assert "does not tell its detector type" in told()
    about: dict[str, Any] = {"detector_type": KIND.name}
    assert told(**about) == (f"{path} is of module 1 ({AGGREGATOR}) and does not tell of which detector; name it "
                             "(--karabo-id).")
    about["detector"] = DETECTOR
    assert "does not tell Sensor Bias Voltage, Memory cells, " in told(**about)
    about["conditions"] = VALUES
    assert told(**about) == ""
    about["begin"] = BEGIN
    [one] = candidates_of(store, [path], ByOperator(**about))
    assert one.record is not None
    assert (one.record.begin, one.stands_in) == (BEGIN, STAND_IN)
    with pytest.raises(BadParameter, match=f"Nobody has told the physical unit behind {STAND_IN}"):
        inject(store, [one], "anna", "")
    assert store.find(Query(take="all", statuses=ANY)) == ()
    [made] = take(store, path, about=ByOperator(**about, confirmed=True)).versions
    assert (made.pdu, made.begin) == (STAND_IN, BEGIN)
    assert made.conditions["Sensor Bias Voltage"]["value"] == 200.0


@pytest.mark.parametrize(("change", "words"), [
    ({"name": f"const_{CALIBRATION}_EPIX_M99.h5"}, "is of EPIX_M99, which is neither a unit that"),
    ({"shape": (128, 512)}, "which is no stack of images of ePix100 (708, 768)"),
    ({"missing": 708 * 768 // 20 + 1}, "has no number in 5.0% of its values; at most 5% may have none"),
    ({"name": "const_OffsetOfOthers_1.h5"}, "is a constant OffsetOfOthers, which ePix100 has not"),
    ({"name": "offsets.h5"}, "neither it nor its name tells what it is; name it const_<kind>_<module>.h5"),
    ({"karabo_id": "LAB_OTHER"}, f"is of LAB_OTHER by itself, and not of {DETECTOR}; leave it out"),
    ({"condition": {**CONDITIONS, "Sensor Bias Voltage": 1e6}}, "which ePix100 cannot have"),
    ({"creation_time": (datetime.now(UTC) + timedelta(days=2)).isoformat()}, "more than 24 h ahead of the clock"),
])
def test_what_a_single_constant_cannot_be_is_told(
    change: dict[str, Any], words: str, store: LocalStore, tmp_path: Path
) -> None:
    path, _ = whole(tmp_path / "in", **change)
    about = ByOperator(detector=DETECTOR, detector_type=KIND.name, confirmed=True)
    with pytest.raises(BadInput) as told:
        take(store, path, about=about)
    assert words in str(told.value)
    assert str(told.value).startswith(str(path))
    assert not list((store.folder / "xfel").rglob("*")) if (store.folder / "xfel").exists() else True


def test_files_of_another_detector_are_refused_by_name(store: LocalStore, tmp_path: Path) -> None:
    path = put(tmp_path / "made")
    with pytest.raises(BadInput, match=r"is of ePix100-Type, and constants of LPD-Type are asked for"):
        take(store, path, about=ByOperator(detector_type=detector_type("LPD1M").database_type))


def test_a_single_constant_that_was_changed_after_it_was_looked_at_is_refused(
    store: LocalStore, tmp_path: Path
) -> None:
    path, _ = whole(tmp_path / "in")
    looked = candidates_of(store, [path], ByOperator(detector_type=KIND.name, confirmed=True))
    with h5py.File(path, "a") as file:
        file["data"][0, 0] = 0
    with pytest.raises(BadInput, match="was changed since it was looked at"):
        inject(store, looked, "anna", "")
    assert store.find(Query(take="all", statuses=ANY)) == ()


@pytest.mark.parametrize("other", [False, True], ids=["the same again", "with other words"])
def test_what_an_injection_left_that_was_cut_short_is_taken_by_the_next(
    other: bool, store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the operator says something else, the file is none of its; a check tells of what is left."""
    path, values = whole(tmp_path / "in")
    about = ByOperator(detector_type=KIND.name, confirmed=True)
    with monkeypatch.context() as patch:
        patch.setattr(injecting, "_add_rows", lambda *_: (_ for _ in ()).throw(OutputFailed("cut short")))
        with pytest.raises(OutputFailed, match="cut short"):
            take(store, path, about=about)
    [left] = store.folder.rglob("cal.*.h5")
    begin = MADE + timedelta(hours=1) if other else None
    [made] = take(store, path, about=replace(about, begin=begin)).versions
    assert (made.path == left) == (not other)
    np.testing.assert_array_equal(store.read(made).data(), values)
    assert len(list(check(store, False, "anna"))) == int(other)
    assert take(store, path, about=about).versions == ()


def noise(folder: Path, seed: int, **changes: Any) -> Path:
    """Noise from 5 to 15, of another kind than an offset alone."""
    made = np.random.default_rng(seed).uniform(5, 15, (1, 1, *KIND.shape))
    return put(folder, seed, change=lambda one: replace_kind(one, made), **changes)


def replace_kind(one: Any, made: Any) -> Any:
    return replace(one, kind=NOISE, calibration=KIND.calibrations["Noise"].name, read=lambda part: made[:, part])


def test_differences_are_told_in_the_noise_of_what_is_accepted(store: LocalStore, tmp_path: Path) -> None:
    old, width = put(tmp_path / "old"), noise(tmp_path / "old", 5)
    accept(store, take(store, old, width))
    new = put(tmp_path / "new", 2, begin=BEGIN + timedelta(days=1), missing=1000)
    found = examine(store, new, ByOperator())
    assert found.difference is not None
    apart = np.abs(read_constant(new).data() - read_constant(old).data()) / read_constant(width).data()
    apart = apart[np.isfinite(apart)]
    assert (found.difference.sigma, found.difference.every, found.replaces) == ("noise", 1, None)
    np.testing.assert_allclose([found.difference.median, found.difference.beyond],
                               [np.median(apart), (apart > 5).mean()], rtol=1e-12)
    assert 0.3 < found.difference.median < 3
    assert 0 < found.difference.beyond < 0.05
    [before] = [one for one in store.find(Query(take="all")) if one.calibration == CALIBRATION]
    same = examine(store, put(tmp_path / "new", 3), ByOperator())
    assert same.replaces == before


def test_differences_without_a_noise_are_told_in_their_own_scatter(store: LocalStore, tmp_path: Path) -> None:
    old = put(tmp_path / "old")
    accept(store, take(store, old))
    new = put(tmp_path / "new", 2, begin=BEGIN + timedelta(days=1))
    found = examine(store, new, ByOperator()).difference
    assert found is not None
    apart = read_constant(new).data() - read_constant(old).data()
    sigma = 1.4826 * np.median(np.abs(apart - np.median(apart)))
    assert found.sigma == "scatter"
    np.testing.assert_allclose([found.median, found.beyond], [
        np.median(np.abs(apart)) / sigma, (np.abs(apart) > 5 * sigma).mean()], rtol=1e-12)
    other = examine(store, put(tmp_path / "new", 3, integration_time=51.0), ByOperator())
    assert (other.difference, other.compared) == (None, "")  # nothing is accepted of that condition


def test_of_many_values_an_even_selection_is_compared(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("calib_core.store.local.comparing._MOST", 10_000)
    old = put(tmp_path / "old")
    accept(store, take(store, old))
    new = put(tmp_path / "new", 2, begin=BEGIN + timedelta(days=1))
    found = examine(store, new, ByOperator()).difference
    assert found is not None
    assert found.every == 55  # 543,744 of 10,000, and odd
    apart = (read_constant(new).data() - read_constant(old).data()).reshape(-1)[::55]
    sigma = 1.4826 * np.median(np.abs(apart - np.median(apart)))
    np.testing.assert_allclose(found.median, np.median(np.abs(apart)) / sigma, rtol=1e-12)


def test_a_dry_run_tells_all_of_a_file_and_writes_nothing(
    store: LocalStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    accept(store, take(store, put(tmp_path / "old")))
    store.close()
    before = {path: path.read_bytes() for path in sorted(store.folder.rglob("*")) if path.is_file()}
    folder = tmp_path / "in"
    whole(folder)
    whole(folder, name=f"const_{CALIBRATION}_EPIX_M99.h5")
    words = ["store", "inject", str(folder), "--dry-run", "--store", str(store.folder), "--detector-type", KIND.name]
    assert main(words) == 1
    said = capsys.readouterr().out
    assert f"new      {CALIBRATION} of {UNIT}, valid from 2026-03-01 07:30:00 UTC, 708 × 768 (slow_scan, " in said
    assert "; median |difference| " in said
    assert "is of EPIX_M99, which is neither a unit that" in said
    assert said.splitlines()[-1] == "2 files: 1 new, 1 refused."
    assert main([*words, "--json"]) == 1
    rows = json.loads(capsys.readouterr().out)
    assert [(row["unconfirmed"], bool(row["refused"])) for row in rows] == [("", False), ("", True)]
    assert (rows[0]["limit"], rows[0]["unit"], rows[0]["dims"]) == (0.05, UNIT, ["slow_scan", "fast_scan"])
    assert rows[0]["difference"]["sigma"] == "scatter"
    assert {path: path.read_bytes() for path in sorted(store.folder.rglob("*")) if path.is_file()
            and not path.name.endswith(("-wal", "-shm"))} == before
