"""Simulated runs in every layout that a descriptor may declare, read back by EXtra-data."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from extra_data import RunDirectory

from calib_core.detector import DetectorType, Electronics, GainStage, Level, Levels, RawLayout, Simulated
from calib_core.detector.registry import declare, detector_type, withdraw
from calib_core.errors import BadParameter
from calib_core.simulate import Simulated as Written
from calib_core.simulate import default_settings, read_truth, simulate

CAMERA = "TOY_EXP_CAM-1/DET/RECEIVER0:daqOutput"
MODULE = "TOY_DET_TOY1M-1/DET/3CH0:xtdf"
QUIET = {"dead_share": 0.0, "noisy_share": 0.0, "high_offset_share": 0.0, "wrong_gain_share": 0.0}
LEVELS = Levels((Level(1000, pixel=5), Level(2000, pixel=5), Level(3000, pixel=5)), (Level(3), Level(2), Level(1)))
HARDWARE = Electronics((4, 4), "DA01", telemetry_bytes=416)


def camera_layout(**layout) -> RawLayout:
    return RawLayout(**{
        "source": r"(?P<detector>TOY_EXP_CAM-1)/DET/RECEIVER(?P<module>\d+):daqOutput",
        "source_format": "{detector}/DET/RECEIVER{module}:daqOutput", "aggregator": "DA{module:02d}",
        "group": "data", "pixels": "data.image.pixels", "cell": None, "train": "data.trainId", **layout})


def xtdf_layout(**layout) -> RawLayout:
    return RawLayout(
        source=r"(?P<detector>\w+_TOY1M[^/]*)/DET/(?P<module>\d+)CH0:xtdf",
        source_format="{detector}/DET/{module}CH0:xtdf", aggregator="TOY{module:02d}", group="image",
        pixels="image.data", cell="image.cellId", pulse="image.pulseId", train="image.trainId", **layout)


@pytest.fixture
def run_of(tmp_path: Path) -> Iterator[Callable[..., Written]]:
    """Simulate a toy detector: shape, layout and encode, fields of its type under ``kind``, settings by keyword."""

    def make(shape, raw, encode, kind=None, **settings) -> Written:
        base: DetectorType = detector_type("AGIPD1M")
        declare(replace(
            base, name="TOY", shape=shape, asic_shape=shape, raw=raw, planes=1, signal_plane=None,
            max_modules=4, max_cells=64, saturation=4095, encode=encode, simulate_control=None,
            **{"stages": base.stages[:1], "simulated": Simulated(LEVELS, HARDWARE), **(kind or {})}))
        identifier = "TOY_DET_TOY1M-1" if "xtdf" in raw.source_format else "TOY_EXP_CAM-1"
        changes = {"modules": "3" if "xtdf" in raw.source_format else "0", "identifier": identifier, **QUIET}
        return simulate(default_settings("TOY").with_changes({**changes, **settings}), tmp_path)

    yield make
    withdraw("TOY")


def opened(simulated: Written, role: str = "high"):
    return RunDirectory(simulated.runs[role], parallelize=False)


def test_a_camera_has_the_groups_of_an_image(run_of):
    run = opened(run_of((8, 12), camera_layout(), lambda b, s, g: {"data.image.pixels": b[:, 0]}, trains=3))
    source = run[CAMERA]
    assert source["data.image.pixels"].shape == (3, 8, 12)
    np.testing.assert_array_equal(source["data.image.dims"].ndarray(), [[8, 12]] * 3)
    np.testing.assert_array_equal(source["data.image.bitsPerPixel"].ndarray(), [16] * 3)
    for key in ("dimTypes", "encoding", "binning", "roiOffsets", "flipX", "flipY"):
        assert source[f"data.image.{key}"].shape[0] == 3
    np.testing.assert_array_equal(source["data.trainId"].ndarray(), run.train_ids)
    np.testing.assert_array_equal(source.data_counts().to_numpy(), [1] * 3)


def test_words_hold_sample_and_gain_bits(run_of):
    stages = (GainStage("A", "high", "a", code=1), GainStage("B", "med", "b", code=2))
    simulated = run_of(
        (8, 12), camera_layout(adc_mask=0x3FFF, gain_shift=14),
        lambda b, s, g: {"data.image.pixels": b[:, 0] | g.astype(np.uint16) << np.uint16(14)},
        {"stages": stages}, trains=2)
    for role, code, mean in (("high", 1, 1000), ("med", 2, 2000)):
        words = opened(simulated, role)[CAMERA]["data.image.pixels"].ndarray()
        assert (words >> 14 == code).all()
        assert abs((words & 0x3FFF).mean() - mean) < 10


def test_strips_have_many_frames_of_a_cell_each_with_its_own_noise(run_of):
    raw = camera_layout(strips=True, frames_per_entry=True, cell="data.memoryCell", pixels="data.adc")
    simulated = run_of((1, 64), raw, lambda b, s, g: {"data.adc": b[:, 0, 0]}, memory_cells=2, frames_per_train=40,
                       trains=3)
    run = opened(simulated)
    adc, cell = run[CAMERA]["data.adc"].ndarray(), run[CAMERA]["data.memoryCell"].ndarray()
    assert adc.shape == (3, 40, 64)
    np.testing.assert_array_equal(cell, np.tile([0, 1], (3, 20)))
    assert len(np.unique(adc.reshape(120, 64), axis=0)) == 120
    truth = read_truth(simulated.truth_file)
    np.testing.assert_array_equal(truth.cells, [0, 1])
    pull = (adc - truth.offset(0)[0, cell, 0]) / truth.noise(0)[0, cell, 0]
    assert abs(pull.mean()) < 5 / np.sqrt(pull.size)
    assert pull.std() == pytest.approx(1, abs=5 / np.sqrt(2 * pull.size))
    with h5py.File(next(simulated.runs["high"].glob("*DA00*"))) as file:
        assert file[f"INSTRUMENT/{CAMERA}/data/adc"].chunks == (1, 40, 64)


def test_telemetry_is_as_long_as_the_family_says(run_of):
    run = opened(run_of((8, 12), xtdf_layout(), lambda b, s, g: {"image.data": b}, memory_cells=3, trains=2))
    assert run[MODULE]["detector.data"].shape == (2, 416)
    assert run[MODULE]["image.data"].shape == (6, 1, 8, 12)
    np.testing.assert_array_equal(run[MODULE]["image.length"].ndarray(), [[192]] * 6)


def test_the_first_cell_may_be_another(run_of):
    run = opened(run_of((8, 12), xtdf_layout(), lambda b, s, g: {"image.data": b}, memory_cells=5, first_cell=3,
                        trains=2, acquisition_rate=4.5))
    np.testing.assert_array_equal(run[MODULE]["image.cellId"].ndarray()[:, 0], [3, 4, 0, 1, 2] * 2)
    np.testing.assert_array_equal(run[MODULE]["image.pulseId"].ndarray()[:, 0], [*range(5)] * 2)


def test_orders_of_cells_may_be_any(run_of):
    known = Simulated(LEVELS, replace(HARDWARE, cell_orders={4: (2, 0, 3, 1)}))
    simulated = run_of((8, 12), xtdf_layout(), lambda b, s, g: {"image.data": b}, {"simulated": known},
                       memory_cells=4, trains=1)
    np.testing.assert_array_equal(opened(simulated)[MODULE]["image.cellId"].ndarray()[:, 0], [2, 0, 3, 1])
    np.testing.assert_array_equal(read_truth(simulated.truth_file).cells, [0, 1, 2, 3])


def test_trains_may_be_short(run_of):
    whole = dict(memory_cells=8, trains=40)
    simulated = run_of((8, 12), xtdf_layout(), lambda b, s, g: {"image.data": b}, **whole, short_trains=0.5)
    run = opened(simulated)
    counts = run[MODULE]["image.data"].data_counts().to_numpy()
    assert 1 <= counts.min() < counts.max() == 8
    assert abs((counts < 8).mean() - 0.5) < 5 * np.sqrt(0.25 / 40)
    np.testing.assert_array_equal(run[MODULE]["header.pulseCount"].ndarray(), counts)
    expected = np.concatenate([np.arange(n) for n in counts])
    np.testing.assert_array_equal(run[MODULE]["image.cellId"].ndarray()[:, 0], expected)
    np.testing.assert_array_equal(run[MODULE]["image.trainId"].ndarray()[:, 0], np.repeat(run.train_ids, counts))
    same = opened(run_of((8, 12), xtdf_layout(), lambda b, s, g: {"image.data": b}, **whole, first_run=5))
    kept = (np.arange(8) < counts[:, None]).ravel()
    np.testing.assert_array_equal(run[MODULE]["image.data"].ndarray(), same[MODULE]["image.data"].ndarray()[kept])


def test_first_and_last_trains_may_be_empty(run_of):
    run = opened(run_of((8, 12), camera_layout(), lambda b, s, g: {"data.image.pixels": b[:, 0]}, trains=6,
                        empty_first=2, empty_last=1))
    filled = run[CAMERA]["data.image.pixels"].ndarray().any(axis=(1, 2))
    np.testing.assert_array_equal(filled, [False, False, True, True, True, False])


def test_all_stages_in_one_run(run_of):
    stages = (
        GainStage("A", "high", "a", code=0), GainStage("B", "med", "b", code=1), GainStage("C", "low", "c", code=2))
    layout = xtdf_layout(adc_mask=0x0FFF, gain_shift=12)

    def encode(block, stage, gain):
        return {"image.data": block | gain[:, None].astype(np.uint16) << np.uint16(12)}

    kind = {"stages": stages, "stages_in_run": lambda found: 3}
    together = run_of((8, 12), layout, encode, kind, memory_cells=2, trains=3, parallel_gain=True)
    single = run_of((8, 12), layout, encode, kind, memory_cells=2, trains=3, first_run=5)
    assert list(together.runs) == ["high"]
    run = opened(together)
    words = run[MODULE]["image.data"].ndarray().reshape(3, 3, 2, 8, 12)
    cells = run[MODULE]["image.cellId"].ndarray().reshape(3, 6)
    np.testing.assert_array_equal(cells[:, :2], [[0, 1]] * 3)
    assert cells[:, 2:].min() > 512
    np.testing.assert_array_equal(run[MODULE]["image.data"].data_counts().to_numpy(), [6] * 3)
    alone = opened(single)[MODULE]["image.data"].ndarray().reshape(3, 2, 8, 12)
    np.testing.assert_array_equal(words[:, 0], alone)
    for stage in range(3):
        assert (words[:, stage] >> 12 == stage).all()
        assert abs((words[:, stage] & 0xFFF).mean() - 1000 * (stage + 1)) < 10


@pytest.mark.parametrize(("changes", "message"), [
    ({"first_cell": 4}, "first_cell = 4 .* 0 to 3"), ({"parallel_gain": True}, "no run of all gain stages")])
def test_what_a_type_cannot_do_is_refused(tmp_path, changes, message):
    with pytest.raises(BadParameter, match=message):
        simulate(default_settings("AGIPD500K").with_changes(changes), tmp_path)


def test_entries_have_no_short_trains(tmp_path):
    with pytest.raises(BadParameter, match="same number of frames"):
        simulate(default_settings("JUNGFRAU").with_changes({"short_trains": 0.1}), tmp_path)


#: Digests of everything in the files as they were before there were these layouts.
BEFORE = {
    "AGIPD500K": (
        {"modules": "0", "memory_cells": 3, "trains": 4, "common_mode": 3.0, "drift": 2.0, "outlier_share": 0.001,
         "vetoed_cells": 0.4, "lost_trains": 0.2},
        "20732256f6e2120633b4c237f48941d5029ff0cbaebeaf43a752d5049fbe1479"),
    "JUNGFRAU": (
        {"modules": "2", "memory_cells": 16, "trains": 1, "common_mode": 2.0, "outlier_share": 0.001,
         "vetoed_cells": 0.2},
        "e2da318492185c606e59f2e388533996107700de3f7e037e9eeef9a375621e6e"),
}
#: What truth files did not have then.
LATER = re.compile(r"(module/\d+/(gain|switch|above_line)|kind|scene)$")


def digest(folder: Path) -> str:
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*.h5")):
        with h5py.File(path) as file:
            names: list[str] = []
            file.visit(names.append)
            for name in sorted(n for n in names if isinstance(file[n], h5py.Dataset) and not LATER.match(n)):
                total.update(name.encode())
                if name != "settings":
                    values = file[name][()]
                    total.update(repr(values.tolist()).encode() if values.dtype == object else values.tobytes())
    return total.hexdigest()


@pytest.mark.parametrize("name", BEFORE)
def test_the_same_settings_give_the_same_files_as_ever(tmp_path, name):
    changes, expected = BEFORE[name]
    simulate(default_settings(name).with_changes(changes), tmp_path)
    assert digest(tmp_path) == expected
