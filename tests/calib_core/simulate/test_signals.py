"""Common mode and cosmic rays: what is in the files against what the accessors tell, and their statistics."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from calib_core.detector import Electronics, Level, Levels, Simulated
from calib_core.detector.registry import declare, detector_type, withdraw
from calib_core.simulate import Settings, common_mode_of, cosmics_of, default_settings
from calib_core.simulate.scenes.dark import DarkSource
from calib_core.simulate.truth import BadKind, ModuleTruth

SHAPE, BANK = (64, 96), (32, 24)
TRAINS = np.arange(2_000_000_000, 2_000_000_200, dtype=np.uint64)
LEVELS, HARDWARE = Levels((Level(1000, pixel=20),), (Level(2),)), Electronics((4, 4), "DA01")
GOOD = {"dead_share": 0.0, "noisy_share": 0.0, "high_offset_share": 0.0}


@pytest.fixture
def settings() -> Iterator[Callable[..., Settings]]:
    """Settings of a toy camera with four by two banks."""

    def make(hardware=None, shape=SHAPE, **changes) -> Settings:
        base = detector_type("AGIPD1M")
        declare(replace(
            base, name="TOY", shape=shape, asic_shape=shape, bank_shape=(min(32, shape[0]), 24),
            planes=1, signal_plane=None, stages=base.stages[:1], saturation=4095,
            simulated=Simulated(LEVELS, replace(HARDWARE, **(hardware or {})))))
        return default_settings("TOY").with_changes({**GOOD, **changes})

    yield make
    withdraw("TOY")


def frames_of(settings: Settings, module: int = 0, n: int = len(TRAINS)) -> tuple[np.ndarray, ModuleTruth]:
    truth = ModuleTruth(settings, module)
    source = DarkSource(settings, truth, 0, np.array([0]))
    return source.block(TRAINS[:n], np.array([0]), np.zeros(n))[0][:, 0], truth


def true_shifts(settings: Settings, n: int) -> np.ndarray:
    return np.array([common_mode_of(settings, 0, 0, int(train), 0) for train in TRAINS[:n]])


@pytest.mark.parametrize("axis", [("frame",), ("bank",), ("row",), ("column",), ("bank", "row", "column")])
def test_frames_are_shifted_by_what_the_accessor_tells(settings, axis):
    chosen = settings({"common_mode_axis": axis}, common_mode=5.0)
    adc, truth = frames_of(chosen, n=50)
    shifts = true_shifts(chosen, 50)
    pull = (adc - truth.offset(0, 0) - shifts) / truth.noise(0)
    assert abs(pull.mean()) < 5 / np.sqrt(pull.size)
    assert pull.std() == pytest.approx(1, abs=5 / np.sqrt(2 * pull.size))
    unshifted, _ = frames_of(chosen.with_changes({"common_mode": 0.0}), n=50)
    assert np.abs(adc - (unshifted + shifts)).max() <= 1.5  # the same noise below


#: Axis and the pixels that share a shift.
SHARED = {"frame": SHAPE, "bank": BANK, "row": (1, 24), "column": (32, 1)}


@pytest.mark.parametrize("axis", SHARED)
def test_shifts_are_shared_and_independent_between_amplifiers(settings, axis):
    shifts = true_shifts(settings({"common_mode_axis": (axis,)}, common_mode=5.0), 200)
    high, wide = SHARED[axis]
    blocks = shifts.reshape(200, SHAPE[0] // high, high, SHAPE[1] // wide, wide)
    assert np.ptp(blocks, axis=(2, 4)).max() == 0
    single = blocks[:, :, 0, :, 0].reshape(200, -1)
    assert single.std() == pytest.approx(5, abs=5 * 5 / np.sqrt(2 * single.size))
    assert abs(single.mean()) < 5 * 5 / np.sqrt(single.size)
    correlation = np.corrcoef(single[:, :8].T) if single.shape[1] > 1 else np.eye(1)
    assert np.abs(correlation - np.eye(len(correlation))).max() < 5 / np.sqrt(200)


def test_shifts_depend_on_what_the_frame_is(settings):
    chosen = settings({"common_mode_axis": ("row",)}, common_mode=5.0)
    one = common_mode_of(chosen, 0, 0, 7, 0)
    np.testing.assert_array_equal(one, common_mode_of(chosen, 0, 0, 7, 0))
    for other in ((1, 0, 7, 0), (0, 1, 7, 0), (0, 0, 8, 0), (0, 0, 7, 1), (0, 0, 7, 0, 1)):
        assert (common_mode_of(chosen, *other) != one).mean() > 0.9
    assert not common_mode_of(chosen.with_changes({"common_mode": 0.0}), 0, 0, 7, 0).any()


def test_tracks_are_in_the_frames_and_nothing_else(settings):
    chosen = settings({"cosmic_adu_per_pixel": 300.0}, cosmic_rate=0.5)
    adc, _ = frames_of(chosen, n=60)
    without, _ = frames_of(chosen.with_changes({"cosmic_rate": 0.0}), n=60)
    expected = without.astype(np.float64)
    for image, train in zip(expected, TRAINS, strict=False):
        for track in cosmics_of(chosen, 0, 0, int(train), 0):
            image[track.rows, track.columns] += np.rint(track.charge)
    np.testing.assert_array_equal(adc, expected)
    assert (adc != without).any()


def test_tracks_are_straight_and_have_their_length_charge_and_number(settings):
    chosen = settings({"cosmic_adu_per_pixel": 300.0}, cosmic_rate=0.7)
    per_frame = [cosmics_of(chosen, 0, 0, train, 0) for train in range(1000)]
    counts = np.array([len(tracks) for tracks in per_frame])
    assert counts.mean() == pytest.approx(0.7, abs=5 * np.sqrt(0.7 / 1000))
    assert counts.var(ddof=1) == pytest.approx(0.7, rel=0.3)
    tracks = [track for some in per_frame for track in some]
    lengths = np.array([len(track.rows) for track in tracks])
    assert (lengths.min(), lengths.max()) == (2, 40)
    assert lengths.mean() == pytest.approx(21, abs=5 * 11.3 / np.sqrt(len(tracks)))
    for track in tracks:
        steps = np.array([np.diff(track.rows), np.diff(track.columns)])
        assert (np.abs(steps).max(axis=0) == 1).all()
        ends = [np.linspace(v[0], v[-1], len(v)) for v in (track.rows, track.columns)]
        assert np.abs(np.array([track.rows, track.columns]) - ends).max() <= 0.5
        assert 0 <= track.rows.min() <= track.rows.max() < SHAPE[0]
        assert 0 <= track.columns.min() <= track.columns.max() < SHAPE[1]
    charge = np.concatenate([track.charge for track in tracks])
    assert 210 <= charge.min() < 215 < 385 < charge.max() <= 390
    assert charge.mean() == pytest.approx(300, abs=5 * 90 / np.sqrt(3 * charge.size))


def test_tracks_leave_dead_pixels_and_stop_at_the_top(settings):
    chosen = settings({"cosmic_adu_per_pixel": 10_000.0}, cosmic_rate=5.0, dead_share=0.2)
    adc, truth = frames_of(chosen, n=20)
    assert adc[:, truth.dead].max() == 0
    assert adc.max() == 4095
    assert adc[:, ~truth.dead].min() > 900


def test_tracks_of_strips_run_along_them(settings):
    chosen = settings(shape=(1, 96), cosmic_rate=3.0)
    tracks = [track for train in range(50) for track in cosmics_of(chosen, 0, 0, train, 0)]
    assert {int(track.rows.max()) for track in tracks} == {0}
    assert min(len(track.columns) for track in tracks) >= 2


def test_no_rate_no_tracks(settings):
    assert cosmics_of(settings(), 0, 0, 1, 0) == ()


def test_blinking_pixels_have_a_second_level_in_a_share_of_the_frames(settings):
    plain = settings()
    chosen = plain.with_changes({"blinking_share": 0.05, "blinking_time": 0.2, "blinking_height": 15.0})
    adc, truth = frames_of(chosen)
    blinking = truth.bad == BadKind.BLINKING
    assert blinking.mean() == pytest.approx(0.05, abs=5 * np.sqrt(0.05 / blinking.size))
    raised = adc.astype(int) - frames_of(plain)[0]  # the same noise below
    assert (raised[:, ~blinking] == 0).all()
    height = np.floor(15 * truth.sigma(0)[blinking] + 0.5)
    on = raised[:, blinking] > 0
    assert (raised[:, blinking] == np.where(on, height, 0)).all()
    assert on.mean() == pytest.approx(0.2, abs=5 * np.sqrt(0.16 / on.size))
