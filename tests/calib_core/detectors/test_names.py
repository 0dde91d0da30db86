"""Names of detectors, types and aggregators are those of the facility's database and files."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from calib_core.detector.registry import detector_types, identify
from calib_core.io.run import Run
from calib_core.simulate import default_settings, simulate

#: Detectors of the facility's database as European-XFEL/EXtra's tests have recorded them, the type of each, and a
#: source: that of the database where it has a pattern, else as EXtra-data's documentation writes them.
RECORDED = [
    ("SPB_DET_AGIPD1M-1", "AGIPD-Type", "SPB_DET_AGIPD1M-1/DET/3CH0:xtdf", 3),
    ("MID_DET_AGIPD1M-1", "AGIPD-Type", "MID_DET_AGIPD1M-1/DET/0CH0:xtdf", 0),
    ("HED_DET_AGIPD500K2G", "AGIPD-Type", "HED_DET_AGIPD500K2G/DET/7CH0:xtdf", 7),
    ("FXE_DET_LPD1M-1", "LPD-Type", "FXE_DET_LPD1M-1/DET/15CH0:xtdf", 15),
    ("SCS_DET_DSSC1M-1", "DSSC-Type", "SCS_DET_DSSC1M-1/DET/11CH0:xtdf", 11),
    ("SCS_DET_DSSC2", "DSSC-Type", "SCS_DET_DSSC2/DET/4CH0:xtdf", 4),
    ("SPB_IRDA_JF4M", "jungfrau-Type", "SPB_IRDA_JF4M/DET/JNGFR08:daqOutput", 8),
    ("FXE_XAD_JF1M", "jungfrau-Type", "FXE_XAD_JF1M/DET/JNGFR02:daqOutput", 2),
    ("FXE_XAD_JFHZ", "jungfrau-Type", "FXE_XAD_JFHZ/DET/JNGFR01:daqOutput", 1),
    ("SCS_HRIXS_JUNGF", "jungfrau-Type", "SCS_HRIXS_JUNGF/DET/JNGFR01:daqOutput", 1),
    ("SPB_CFEL_JF1M", "jungfrau-Type", "SPB_CFEL_JF1M/DET/JNGFR01:daqOutput", 1),
    ("SPB_HIZ_JF1M", "jungfrau-Type", "SPB_HIZ_JF1M/DET/MODULE_1:daqOutput", 1),
    ("SA1_XTD9_HIREX", "Gotthard2-Type", "SA1_XTD9_HIREX/DET/GOTTHARD2_MASTER:daqOutput", 1),
    ("SCS_XOX_GH21", "Gotthard2-Type", "SCS_XOX_GH21/DET/RECEIVER:daqOutput", 1),
    ("SCS_XOX_GH22", "Gotthard2-Type", "SCS_XOX_GH22/DET/RECEIVER:daqOutput", 1),
    ("SPB_50UM_GH2", "Gotthard2-Type", "SPB_50UM_GH2/DET/RECEIVER:daqOutput", 1),
]


@pytest.mark.parametrize(("identifier", "kind", "source", "number"), RECORDED)
def test_recorded_detectors_are_recognised(identifier: str, kind: str, source: str, number: int) -> None:
    [found] = identify([source])
    assert (found.identifier, found.type.database_type, found.modules[0].number) == (identifier, kind, number)


def test_no_source_is_of_two_types() -> None:
    for _, _, source, _ in RECORDED:
        assert sum(kind.raw.match(source) is not None for kind in detector_types()) == 1


@pytest.mark.parametrize(("files", "aggregators", "units"), [
    ({"GOTTHARD2_MASTER": ["GH200"], "GOTTHARD2_SLAVE": ["GH200"]}, ["GH200/1", "GH200/2"],
     ["SA1_XTD9_HIREX_GH200_1", "SA1_XTD9_HIREX_GH200_2"]),
    ({"GOTTHARD2_SLAVE": ["GH200"]}, ["GH200/2"], ["SA1_XTD9_HIREX_GH200_2"]),
    ({"GOTTHARD2_MASTER": ["GH201"], "GOTTHARD2_SLAVE": ["DA07"]}, ["GH201/1", "DA07/2"],
     ["SA1_XTD9_HIREX_GH201_1", "SA1_XTD9_HIREX_DA07_2"]),
])
def test_aggregators_are_those_of_the_files(
    files: dict[str, list[str]], aggregators: list[str], units: list[str]
) -> None:
    """The recorded units of SA1_XTD9_HIREX are at GH200/1 and GH200/2: both modules in one file."""
    named = {f"SA1_XTD9_HIREX/DET/{name}:daqOutput": there for name, there in files.items()}
    [found] = identify(sorted(named), named)
    assert [module.aggregator for module in found.modules] == aggregators
    assert [module.pdu for module in found.modules] == units


@pytest.mark.parametrize("files", [["AGIPD01", "AGIPD03"], ["AGIPD01"], ["AGIPD03", "DA01"]])
def test_a_file_of_another_modules_name_does_not_rename_a_module(files: list[str]) -> None:
    """A file was renamed or copied: its sources say which module it is of."""
    source = "SPB_DET_AGIPD1M-1/DET/3CH0:xtdf"
    [found] = identify([source], {source: files})
    assert found.modules[0].aggregator == "AGIPD03"


def test_a_camera_in_a_file_of_another_aggregator(tmp_path: Path) -> None:
    """Cameras are recorded by whichever aggregator is free."""
    made = simulate(default_settings("EPIX100").with_changes({"trains": 2}), tmp_path)
    [folder] = made.runs.values()
    for path in folder.glob("*-EPIX01-*"):
        path.rename(path.with_name(path.name.replace("EPIX01", "DA04")))
    with Run.open(folder) as run:
        assert [module.aggregator for module in run.detectors[0].modules] == ["DA04"]
        assert run.inventory(run.detectors[0]).modules[0].trains == 2


def test_two_modules_in_one_file(tmp_path: Path) -> None:
    """As the database has them; the simulator writes them so too, each with the trains that it lost."""
    settings = default_settings("GOTTHARD2_25UM").with_changes(
        {"trains": 12, "frames_per_train": 4, "lost_trains": 0.4})
    folder = simulate(settings, tmp_path).runs["high"]
    [path] = folder.glob("*-GH200-*")
    with h5py.File(path) as file:
        counts = [int(np.count_nonzero(file[f"INDEX/SA1_XTD9_HIREX/DET/GOTTHARD2_{word}:daqOutput/data/count"][()]))
                  for word in ("MASTER", "SLAVE")]
    with Run.open(folder) as run:
        [detector] = run.detectors
        assert [module.aggregator for module in detector.modules] == ["GH200/1", "GH200/2"]
        assert [module.trains for module in run.inventory(detector).modules] == counts
    assert 0 < min(counts) < 12


def test_modules_of_a_type_that_usually_has_files_of_their_own_may_share_one(tmp_path: Path) -> None:
    sources = [f"SPB_IRDA_JF4M/DET/JNGFR0{number}:daqOutput" for number in (1, 2)]
    [found] = identify(sources, {source: ["DA05"] for source in sources})
    assert [module.aggregator for module in found.modules] == ["DA05/1", "DA05/2"]
