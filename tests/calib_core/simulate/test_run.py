"""The simulation as a whole: repeatable, whole or not at all, refused with a clear sentence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from calib_core.detector.registry import declare, detector_type, withdraw
from calib_core.errors import BadInput, BadParameter, Cancelled, OutputFailed
from calib_core.simulate import Simulated, default_settings, demo_settings, read_truth, simulate

IMAGE = "INSTRUMENT/HED_DET_AGIPD500K2G/DET/{}CH0:xtdf/image/data"
SMALL = default_settings("AGIPD500K").with_changes({"modules": "3", "memory_cells": 2, "trains": 3})


def image(simulated: Simulated, role: str, module: int = 3) -> np.ndarray:
    parts = []
    for path in sorted(simulated.runs[role].glob(f"*AGIPD{module:02d}*")):
        with h5py.File(path) as file:
            parts.append(file[IMAGE.format(module)][:])
    return np.concatenate(parts)


def test_same_settings_give_the_same_data_whatever_is_written_with_them(tmp_path: Path) -> None:
    one = simulate(SMALL, tmp_path / "one")
    other = SMALL.with_changes({"modules": "1-3", "trains_per_sequence": 2})
    two = simulate(other, tmp_path / "two", threads=3)
    for role in one.runs:
        np.testing.assert_array_equal(image(one, role), image(two, role))
    np.testing.assert_array_equal(read_truth(one.truth_file).offset(3), read_truth(two.truth_file).offset(3))
    third = simulate(SMALL.with_changes({"seed": 2}), tmp_path / "three")
    assert (image(one, "high") != image(third, "high")).mean() > 0.9
    assert (image(two, "high", 2) != image(two, "high", 3)).mean() > 0.9


def test_runs_are_numbered_in_the_order_of_the_stages_or_reversed(tmp_path: Path) -> None:
    normal = simulate(SMALL.with_changes({"first_run": 7}), tmp_path / "normal")
    swapped = simulate(SMALL.with_changes({"swap_runs": True}), tmp_path / "swapped")
    assert [p.name for p in normal.runs.values()] == ["r0007", "r0008", "r0009"]
    assert {role: p.name for role, p in swapped.runs.items()} == {"high": "r0003", "med": "r0002", "low": "r0001"}
    medians = [np.median(image(swapped, role)[:, 1]) for role in ("high", "med", "low")]
    assert medians[0] + 1000 < medians[1] < medians[2] - 1000


def test_dead_module_gives_zeros(tmp_path: Path) -> None:
    dead = simulate(SMALL.with_changes({"modules": "3,4", "dead_module": 3}), tmp_path)
    assert image(dead, "med").max() == 0
    assert image(dead, "med", 4).max() > 0


def test_progress_rises_to_one(tmp_path: Path) -> None:
    seen: list[float] = []
    simulate(SMALL, tmp_path, progress=seen.append, threads=1)
    assert seen == sorted(seen)
    assert seen[-1] == pytest.approx(1)


def test_cancelled_simulation_leaves_nothing(tmp_path: Path) -> None:
    calls = iter([False, True, True, True, True])
    with pytest.raises(Cancelled):
        simulate(SMALL, tmp_path, cancelled=lambda: next(calls))
    assert [path for path in tmp_path.rglob("*") if path.is_file() or path.name.startswith(".")] == []


def test_existing_runs_are_not_overwritten(tmp_path: Path) -> None:
    written = simulate(SMALL, tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.h5")}
    with pytest.raises(OutputFailed, match="r0001 exists already"):
        simulate(SMALL, tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.h5")} == before
    assert written.size == sum(path.stat().st_size for path in tmp_path.rglob("RAW*.h5"))


def test_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "root").write_text("a file, no folder")
    with pytest.raises(OutputFailed, match="root"):
        simulate(SMALL, tmp_path / "root")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"detector_type": "NONE"}, "no detector type “NONE”"),
        ({"modules": "7-9"}, "no module 8"),
        ({"modules": "a"}, "not a number or a range"),
        ({"memory_cells": 353}, "1 to 352"),
        ({"identifier": "SPB_IRDA_JF4M"}, "identifier"),
        ({"instrument": "../up"}, "letters and digits"),
        ({"begin": "yesterday"}, "begin"),
    ],
)
def test_settings_that_do_not_fit_are_refused_before_anything_is_written(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(BadParameter, match=message):
        simulate(SMALL.with_changes(changes), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_cell_counts_of_the_family_are_named() -> None:
    with pytest.raises(BadParameter, match="1 or 16"):
        _ = default_settings("JUNGFRAU").with_changes({"memory_cells": 4}).cell_order


def test_a_type_that_cannot_be_simulated_is_refused_in_one_sentence(tmp_path: Path) -> None:
    declare(replace(detector_type("AGIPD500K"), name="TOY", title="Toy", simulated=None))
    try:
        with pytest.raises(BadParameter, match=r"^Toy cannot be simulated; .*\.$"):
            default_settings("TOY")
        with pytest.raises(BadParameter, match=r"^Toy cannot be simulated; "):
            simulate(SMALL.with_changes({"detector_type": "TOY"}), tmp_path)
        assert "TOY" not in demo_settings()
    finally:
        withdraw("TOY")
    assert list(tmp_path.iterdir()) == []


def test_family_defaults_and_demo_settings() -> None:
    assert default_settings("agipd1m").detector_type == "AGIPD1M"
    for name, settings in demo_settings().items():
        assert settings.detector.name == name
        frames = settings.trains * settings.memory_cells * len(settings.module_numbers) * 3
        assert frames * settings.detector.frame_bytes < 1.6e9


def test_truth_of_a_missing_module_or_file_is_named(tmp_path: Path) -> None:
    truth = read_truth(simulate(SMALL, tmp_path).truth_file)
    assert truth.modules == (3,)
    assert truth.settings == SMALL
    with pytest.raises(BadInput, match="module 4"):
        truth.offset(4)
    with pytest.raises(BadInput, match=r"nothing\.h5"):
        read_truth(tmp_path / "nothing.h5")
