"""Statistics in their file: what is drawn of them is drawn from it alone."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import h5py
import numpy as np
import pytest

from calib_core.constants.badpixels import BadPixels
from calib_core.constants.history import Comparable
from calib_core.constants.statistics import About, PairedMap, lines_of, statistics_of, together
from calib_core.errors import BadInput, OutputFailed
from calib_core.numerics.group_statistics import Cut
from calib_core.store.statistics import read_statistics, write_statistics

CUT = Cut((4, 4), 3)
BEGIN = datetime(2026, 11, 1, 12, 30, 15, 123456, tzinfo=UTC)
SHAPE = (2, 5, 8, 8)


def about(calibration: str, day: int, module: int = 0, bias: float = 300.0) -> About:
    shape = tuple(zip(("gain", "cell", "slow_scan", "fast_scan"), SHAPE, strict=True))
    condition = ("Sensor Bias Voltage", bias), ("Gain", "high")
    return About(Comparable(f"Q1M{module + 1}", calibration, condition, shape), module, BEGIN + timedelta(days=day),
                 "gain", ("HG", "MG"), "" if "Bad" in calibration else "ADU", f"/store/{calibration}.{day}.h5")


def versions():
    rng = np.random.default_rng(1)
    for module in (0, 3):
        for day in range(4):
            flags = np.where(rng.random(SHAPE) < 0.1, np.uint32(1 << 11), np.uint32(0))
            paired = PairedMap("/store/map.h5", -60.0) if day != 2 else None
            yield statistics_of(about("Offset", day, module), rng.normal(700, 9, SHAPE),
                                flags if paired else None, CUT, paired)
            yield statistics_of(about("BadPixelsDark", day, module), flags, None, CUT)
    yield statistics_of(about("Offset", 1, 0, bias=200.0), rng.normal(500, 9, SHAPE), None, CUT)


def same(one, other) -> bool:
    """Whether two statistics are equal number by number."""
    for name in ("groups", "whole", "flags"):
        ours, theirs = getattr(one, name), getattr(other, name)
        if (ours is None) != (theirs is None):
            return False
        if ours is not None and not all(np.array_equal(a, getattr(theirs, key), equal_nan=a.dtype.kind == "f")
                                        for key, a in vars(ours).items()):
            return False
    return (one.about, one.cut, one.map) == (other.about, other.cut, other.map)


def key(one):
    return str(one.about)


def test_what_is_read_back_is_what_was_written(tmp_path):
    made = list(versions())
    write_statistics(tmp_path / "statistics.h5", made)
    found = read_statistics(tmp_path / "statistics.h5")
    assert len(found) == len(made) == 17
    assert all(same(*pair) for pair in zip(sorted(made, key=key), sorted(found, key=key), strict=True))


def test_lines_from_the_file_alone_have_the_same_numbers(tmp_path):
    made = list(versions())
    write_statistics(tmp_path / "statistics.h5", made)
    ours, theirs = ([line for of in together(some).values() for line in lines_of(of)]
                    for some in (made, read_statistics(tmp_path / "statistics.h5")))
    assert [one.begins for one in ours] == [one.begins for one in theirs]
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one.values, other.values)
        np.testing.assert_array_equal(one.errors, other.errors)


def test_the_layout_is_the_one_that_is_promised(tmp_path):
    """Read with h5py alone, as another program would."""
    made = list(versions())
    write_statistics(tmp_path / "statistics.h5", made)
    of = [one for one in made if one.about.comparable.calibration == "Offset" and one.about.module == 3]
    with h5py.File(tmp_path / "statistics.h5") as file:
        assert sorted(file["Offset"]) == ["0", "0_2", "3"]
        group = file["Offset/3"]
        assert group["good/median"].shape == (4, 2, 2, 2, 2)
        assert list(group["good/median"].attrs["dims"]) == ["version", "gain", "cell_row", "block_y", "block_x"]
        assert group["good/median"].attrs["unit"] == "ADU"
        for place, one in enumerate(of):
            for number, some in enumerate(("all", "good")):
                for name in ("mean", "std", "median", "n"):
                    np.testing.assert_array_equal(group[f"{some}/{name}"][place], getattr(one.groups, name)[number])
                    np.testing.assert_array_equal(group[f"whole/{some}/{name}"][place],
                                                  getattr(one.whole, name)[number])
        assert (group["nbad"][2] == -1).all()
        np.testing.assert_array_equal(group["nbad"][1], of[1].flags.number)
        named = json.loads(group["nbad_by_flag"].attrs["flags"])
        assert named[str(11)] == BadPixels.VALUE_IS_NAN.name
        np.testing.assert_array_equal(group["nbad_by_flag"][1][..., 11], of[1].flags.number)
        assert group["time"][0] / 1e6 == BEGIN.timestamp()
        assert list(group.attrs["spShape"]) == [4, 4]
        assert group.attrs["nMemToShow"] == 3
        assert json.loads(group.attrs["condition"])["Sensor Bias Voltage"] == 300.0
        assert "all" not in file["BadPixelsDark/0"]


def test_a_file_is_not_replaced_unasked(tmp_path):
    path = tmp_path / "statistics.h5"
    write_statistics(path, versions())
    with pytest.raises(OutputFailed, match="exists already"):
        write_statistics(path, versions())
    write_statistics(path, versions(), overwrite=True)


def test_what_is_no_such_file_is_told(tmp_path):
    path = tmp_path / "statistics.h5"
    write_statistics(path, versions())
    newer, cut = tmp_path / "newer.h5", tmp_path / "cut.h5"
    newer.write_bytes(path.read_bytes())
    with h5py.File(newer, "a") as file:
        file.attrs["format"] = 2
    cut.write_bytes(path.read_bytes()[:-3000])
    for wrong, said in ((newer, "format 2"), (cut, "cannot be read"), (tmp_path / "none.h5", "cannot be read")):
        with pytest.raises(BadInput, match=said) as error:
            read_statistics(wrong)
        assert str(wrong) in str(error.value)


def test_no_map_is_another_thing_than_no_flag(tmp_path):
    clean = statistics_of(about("Offset", 0), np.zeros(SHAPE), np.zeros(SHAPE, np.uint32), CUT, PairedMap("m", 0.0))
    without = replace(statistics_of(about("Offset", 1), np.zeros(SHAPE), None, CUT))
    write_statistics(tmp_path / "statistics.h5", [clean, without])
    first, second = read_statistics(tmp_path / "statistics.h5")
    assert first.flags.number.sum() == 0
    assert second.flags is None
    assert second.map is None
