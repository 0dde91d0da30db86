"""Statistics over time of what a store has: accepted constants, with the numbers of the folder they came from."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import pytest

from calib_core.cli.main import main
from calib_core.constants.statistics import VersionStatistics
from calib_core.simulate import default_settings, simulate
from calib_core.store.constants import list_constants
from calib_core.store.statistics import read_statistics

from .command import Capture


@pytest.fixture(scope="module")
def darks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = simulate(default_settings("JUNGFRAU").with_changes({"modules": "1", "trains": 12}),
                    tmp_path_factory.mktemp("runs")).runs
    out = tmp_path_factory.mktemp("darks")
    given = [word for role in ("high", "med", "low") for word in (f"--run-{role}", str(made[role]))]
    assert main(["JUNGFRAU", "DARK", *given, "--out-folder", str(out), "--min-trains", "1", "--quiet",
                 "--sensor-temperature", "291"]) == 0
    return out


@contextmanager
def opened_files(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Path]]:
    """Files that this process opens meanwhile, in any way that Python sees."""
    found: list[Path] = []
    watching = [True]

    def hook(event: str, args: tuple[object, ...]) -> None:
        if watching[0] and event == "open" and isinstance(args[0], str | os.PathLike):
            found.append(Path(args[0]))

    really = h5py.File.__init__

    def opened(self: h5py.File, name: object, *args: object, **keys: object) -> None:
        if isinstance(name, str | os.PathLike):
            found.append(Path(name))
        really(self, name, *args, **keys)

    sys.addaudithook(hook)
    with monkeypatch.context() as patch:
        patch.setattr(h5py.File, "__init__", opened)
        yield found
    watching[0] = False


def statistics(constants: Path, out: Path) -> dict[str, VersionStatistics]:
    assert main(["GENERIC", "STATS", "--constants", str(constants), "--out-folder", str(out), "--quiet"]) == 0
    return {one.about.comparable.calibration: one for one in read_statistics(out / "statistics.h5")}


def test_accepted_constants_have_the_numbers_of_their_folder(darks: Path, tmp_path: Path, monkeypatch) -> None:
    store = tmp_path / "store"
    monkeypatch.setenv("CALIBWB_STORE", str(store))
    assert main(["store", "inject", str(darks), "--confirm-units"]) == 0
    assert main(["store", "accept", "1-3"]) == 0
    with opened_files(monkeypatch) as opened:
        ours = statistics(store, tmp_path / "a")
    assert not [path for path in opened if path.name.startswith("cal.")]
    assert len({path for path in opened if path.name.startswith("statistics.1")}) == 3
    theirs = statistics(darks, tmp_path / "b")
    assert set(ours) == set(theirs) == {"Offset10Hz", "Noise10Hz", "BadPixelsDark10Hz"}
    for name, one in ours.items():
        assert one.about.comparable == theirs[name].about.comparable
        assert one.about.path.startswith(str(store))
        for numbers in ("groups", "whole", "flags"):
            a, b = getattr(one, numbers), getattr(theirs[name], numbers)
            assert (a is None) == (b is None)
            for key in vars(a) if a is not None else ():
                np.testing.assert_array_equal(getattr(a, key), getattr(b, key))
    assert ours["Offset10Hz"].map is not None
    assert ours["Offset10Hz"].map.seconds == 0


def test_other_groups_are_made_of_the_files(
    darks: Path, tmp_path: Path, monkeypatch, capsys: Capture
) -> None:
    monkeypatch.setenv("CALIBWB_STORE", str(tmp_path / "store"))
    assert main(["store", "inject", str(darks), "--confirm-units"]) == 0
    assert main(["store", "accept", "1-3"]) == 0
    words = ["GENERIC", "STATS", "--constants", str(tmp_path / "store"), "--quiet", "--block", "128x128"]
    capsys.readouterr()
    assert main([*words, "--out-folder", str(tmp_path / "a")]) == 0
    assert "3 of 3 versions are read, since" in "".join(capsys.readouterr())
    words[3] = str(darks)
    assert main([*words, "--out-folder", str(tmp_path / "b")]) == 0
    ours, theirs = ({one.about.comparable.calibration: one for one in read_statistics(tmp_path / name /
                     "statistics.h5")}["Offset10Hz"] for name in "ab")
    assert ours.groups is not None
    assert theirs.groups is not None
    assert ours.groups.median.shape == (2, 3, 1, 4, 8)
    np.testing.assert_array_equal(ours.groups.median, theirs.groups.median)


def test_numbers_of_real_darks_are_those_of_numpy(darks: Path, tmp_path: Path) -> None:
    """Values and flags read with h5py alone, in the order of the facility's files."""
    found = statistics(darks, tmp_path)["Offset10Hz"]
    files = {one.calibration: one for one in list_constants(darks)}
    arrays = {}
    for name in ("Offset10Hz", "BadPixelsDark10Hz"):
        with h5py.File(files[name].path) as file:
            data = file[f"{files[name].pdu}/{name}/0/data"]
            dims = [str(one) for one in data.attrs["dims"]]
            arrays[name] = data[()].transpose([dims.index(one) for one in ("gain", "cell", "slow_scan", "fast_scan")])
    values, bad = arrays["Offset10Hz"], arrays["BadPixelsDark10Hz"] != 0
    assert found.whole is not None
    assert found.groups is not None
    assert found.flags is not None
    for gain in range(3):
        good = values[gain][~bad[gain]]
        np.testing.assert_allclose(
            [one[1, gain] for one in (found.whole.mean, found.whole.std, found.whole.median)],
            [good.mean(), good.std(), np.median(good)], rtol=1e-12)
        block = np.s_[gain, :, 256:, 512:768]
        np.testing.assert_allclose(found.groups.median[1, gain, 0, 1, 2], np.median(values[block][~bad[block]]),
                                   rtol=1e-12)
        assert found.flags.number[gain, 0, 1, 2] == np.count_nonzero(bad[block])


def test_drafts_and_empty_folders_are_no_history(darks: Path, tmp_path: Path, monkeypatch, capsys: Capture) -> None:
    monkeypatch.setenv("CALIBWB_STORE", str(tmp_path / "store"))
    assert main(["store", "inject", str(darks), "--confirm-units"]) == 0
    (tmp_path / "empty").mkdir()
    for given, has in ((str(tmp_path / "store"), "drafts of BadPixelsDark10Hz"), ("store", "drafts of"),
                       (str(tmp_path / "empty"), "no constants")):
        words = ["--constants", given, "--out-folder", str(tmp_path / "out"), "--quiet"]
        assert main(["GENERIC", "STATS", *words]) == 1
        said = "".join(capsys.readouterr())
        assert "has no constants of which there could be a history" in said
        assert has in said
        assert str(tmp_path) in said
