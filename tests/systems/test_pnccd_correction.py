"""Steps that this family alone has: charge that is lost on its way, and tracks of particles among photons."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from calib_core.constants.badpixels import BadPixels
from calib_core.jobs.truth_constants import folder_of
from calib_core.simulate import Simulated
from calib_core.store.constants import list_constants

from .event_runs import CASES, Corrected, check, corrected, lit, pulls

Array = Any
CASE = CASES["PNCCD"]
SHAPE = (1024, 1024)


def kept() -> Array:
    """Share of a pixel's charge that is left after all of its transfers to the nearer side; rows differ."""
    transfers = np.minimum(np.arange(1024) + 1, 1024 - np.arange(1024))
    return (1 - np.random.default_rng(1).uniform(2e-5, 1e-4, (1024, 1))) ** transfers


def of_truth(light: Simulated, kind: str) -> Any:
    [found] = [one for one in list_constants(folder_of(light)) if one.attributes["kind"] == kind]
    return found


def with_map(light: Simulated, folder: Path, values: Array) -> Path:
    """The truth's constants, and a map of charge transfer as a file of the facility has it."""
    shutil.copytree(folder_of(light), folder)
    gain = of_truth(light, "GainMap")
    beside = (folder / gain.path.relative_to(folder_of(light))).with_name("cal.1.h5")
    with h5py.File(gain.path) as file, h5py.File(beside, "w") as out:
        stored = file[gain.pdu][gain.calibration]["0"]
        group = out.create_group(f"{gain.pdu}/CTECCD/0")
        group["data"] = values.reshape(stored["data"].shape)
        group["data"].attrs["dims"] = stored["data"].attrs["dims"]
        others = ("kind", "sealed", "unit", "adu_per_photon", "photon_energy")
        group.attrs.update({name: value for name, value in stored.attrs.items() if name not in others})
    return folder


def changed(light: Simulated, folder: Path, change: Any) -> Simulated:
    """The run with other samples: ``change`` makes them of the stored ones, (trains, 1024, 1024), and the offset."""
    [(name, run)] = light.runs.items()
    shutil.copytree(run, folder / run.name)
    offset = of_truth(light, "Offset").values()[0, 0]
    first = 0
    for path in sorted((folder / run.name).glob("*PNCCD01*.h5")):
        with h5py.File(path, "r+") as file:
            stored = file[f"INSTRUMENT/{CASE.raw_source}/data/image"]
            stored[...] = np.rint(change(stored[()].view(np.uint16).astype(float), offset, first))
            first += len(stored)
    return Simulated(light.data_root, {name: folder / run.name}, light.truth_file, light.size)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    return lit(CASE, tmp_path_factory.mktemp("many"), CASE.many, common_mode=0, trains=4)


def test_charge_that_is_lost_on_its_way_is_given_back(many: Simulated, tmp_path: Path, capsys: Any) -> None:
    share = kept()
    lossy = changed(many, tmp_path / "raw", lambda raw, offset, _: offset + (raw - offset) * share)
    constants = with_map(many, tmp_path / "constants", share)
    words = ("--no-common-mode", "--no-split-events")
    given_back = corrected(CASE, lossy, tmp_path / "on", capsys, *words, "--cti-corr", constants=constants)
    check(pulls(given_back, "pixels_rg"), least=10_000)
    told = (f"The charge transfer of module 0 keeps {share.min():.4f} to {share.max():.4f} of a pixel's charge on "
            "its way to the read-out")
    assert any(told in text for text in given_back.said)
    plain = corrected(CASE, lossy, tmp_path / "off", capsys, *words, constants=constants)
    assert not any(told in text for text in plain.said)
    assert far(given_back) == pytest.approx(1, abs=0.002)
    assert far(plain) == pytest.approx(share[:, 500:524].mean(), abs=0.005)


def far(found: Corrected) -> float:
    """Signal over the charge of bright pixels that are read last."""
    sums = np.zeros(2)
    for values, mask, charge, _ in found.frames("pixels_rg", "mask"):
        mine = (mask == 0) & (charge > 3)
        mine[:, :480], mine[:, 544:] = False, False
        sums += values[mine].sum(dtype=float), charge[mine].sum(dtype=float)
    return float(sums[0] / sums[1])


def test_a_map_that_is_not_there_is_told(many: Simulated, tmp_path: Path, capsys: Any) -> None:
    said = corrected(CASE, many, tmp_path, capsys, "--cti-corr").said
    assert "Charge transfer is left out: there is no CTE." in said


def test_tracks_of_particles_are_flagged_and_photons_are_not(tmp_path: Path, capsys: Any) -> None:
    """Tracks of 22 keV in each pixel, as 80 electrons per µm leave, among photons of 1.6 keV; every other train."""
    light = lit(CASE, tmp_path / "light", CASE.few, common_mode=0, trains=4)
    track = np.array([(200 + 2 * i // 3, 300 + i) for i in range(12)])

    def hit(raw: Array, offset: Array, first: int) -> Array:
        raw[(first + 1) % 2::2, track[:, 0], track[:, 1]] += 22_000
        return raw

    struck = changed(light, tmp_path / "raw", hit)
    found = corrected(CASE, struck, tmp_path / "out", capsys, "--cosmics", "--no-common-mode")
    tracks = found.key("tracks")
    np.testing.assert_array_equal(tracks, [0, 1, 0, 1] if tracks[0] == 0 else [1, 0, 1, 0])
    flag, around = int(BadPixels.VALUE_OUT_OF_RANGE), np.zeros(SHAPE, bool)
    for row, column in track:
        around[row - 1:row + 2, column - 1:column + 2] = True
    for mask, codes, charge, _ in [(*one[:2], *one[2:]) for one in found.frames("mask", "patterns")]:
        flagged = (mask & flag) > 0
        if flagged.any():
            np.testing.assert_array_equal(flagged & around, around)
            # a photon beside a track belongs to it
            assert (flagged & ~around).sum() <= 30
            assert not ((codes > 0) & (codes < 1000) & flagged).any()
        assert ((codes > 0) & (codes < 1000) & (charge > 0)).sum() > 500
