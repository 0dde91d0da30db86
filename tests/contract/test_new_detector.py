"""A detector declared in a few lines gets darks, flags, form, simulator and export for nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.forms.knob_form import KnobForm
from calib_core.characterisation.dark import Dark
from calib_core.characterisation.family import Family, declare, named, withdraw
from calib_core.cli.main import main
from calib_core.constants.badpixels import BadPixels
from calib_core.constants.condition import ConditionParameter
from calib_core.detector import (
    Array,
    Calibration,
    ControlReader,
    DetectorType,
    Electronics,
    Frames,
    GainStage,
    Level,
    Levels,
    RawLayout,
    SampleStatistics,
    Simulated,
    StageEvidence,
)
from calib_core.detector.clues import Usual
from calib_core.geometry import single, stacked
from calib_core.simulate import default_settings, read_truth, simulate
from calib_core.simulate.truth import BadKind
from calib_core.store.constants import list_constants


def decode(arrays: Mapping[str, Array]) -> Frames:
    return Frames(arrays["data.pixels"], arrays["data.cell"], arrays["data.trainId"])


def encode(block: Array, stage: int, gain: Array | None) -> Mapping[str, Array]:
    return {"data.pixels": block[:, 0]}


def find_stage(run: ControlReader, detector: str, sample: SampleStatistics) -> StageEvidence:
    return StageEvidence(0, "it has but one")


@pytest.fixture
def toy() -> Iterator[DetectorType]:
    kind = DetectorType(
        name="TOY", database_type="Toy-Type", title="Toy", shape=(32, 48), planes=1, max_modules=2,
        max_cells=2, saturation=4095, asic_shape=(16, 24), stages=(GainStage("G", "dark", "the only gain"),),
        raw=RawLayout(
            source=r"(?P<detector>\w+_TOY)/DET/(?P<module>\d+):out", source_format="{detector}/DET/{module}:out",
            aggregator="TOY{module:02d}", group="data", pixels="data.pixels", cell="data.cell", train="data.trainId",
            frames_per_entry=True,
        ),
        decode=decode, encode=encode, condition=(ConditionParameter("bias", "Bias", "V", 1.0, help="Bias"),),
        clues={"bias": (Usual(12.0, "a toy has no supply"),)}, find_stage=find_stage,
        calibrations={kind: Calibration(f"{kind}Toy", ("cell", "gain", "slow_scan", "fast_scan"))
                      for kind in ("Offset", "Noise", "BadPixelsDark")},
        geometry=lambda n: None,
        simulated=Simulated(
            Levels((Level(800, asic=30, pixel=10, cell=5),), (Level(6, pixel=0.3),)), Electronics((16, 8), "DA01"),
            {"identifier": "LAB_TOY", "memory_cells": 2, "trains": 300, "dead_share": 0.01}),
        simulate_control=lambda detector, stage, settings: {},
    )
    family = declare(Family("TOY", "Toy", (kind,), (Dark(thresholds_noise_hard=((0.5, 50.0),)),)))
    yield kind
    withdraw(family)


@pytest.fixture
def constants(toy: DetectorType, tmp_path: Path) -> tuple[dict[str, Any], Any]:
    made = simulate(default_settings("TOY"), tmp_path / "data")
    run = made.runs["dark"]
    status = main(["TOY", "DARK", "--in-folder", str(run.parent), "--run-dark", run.name, "--modules", "1",
                   "--bias", "13", "--thresholds-offset-hard-g", "100", "4000",
                   "--out-folder", str(tmp_path / "out")])
    assert status == 0
    found = {c.calibration: c for c in list_constants(tmp_path / "out")}
    return found, read_truth(made.truth_file)


def test_the_command_line_makes_its_constants(constants: tuple[dict[str, Any], Any]) -> None:
    found, truth = constants
    assert found.keys() == {"OffsetToy", "NoiseToy", "BadPixelsDarkToy"}
    offset = found["OffsetToy"]
    assert offset.dims == ("cell", "gain", "slow_scan", "fast_scan")
    assert offset.shape == (2, 1, 32, 48)
    assert offset.attributes["conditions"]["Bias"] == {
        "value": 13.0, "unit": "V", "tolerance": 1.0, "origin": "operator"}
    good = np.broadcast_to(truth.bad(1) == 0, offset.values().shape)
    pulls = ((offset.values() - truth.offset(1)) / (truth.noise(1) / np.sqrt(300) + (truth.bad(1) != 0)))[good]
    assert abs(pulls.mean()) < 5 / np.sqrt(good.sum())
    assert abs(pulls.std() - 1) < 5 / np.sqrt(2 * good.sum())
    dead = np.broadcast_to(truth.bad(1) & BadKind.DEAD != 0, good.shape)
    assert dead.any()
    assert (found["BadPixelsDarkToy"].values()[dead] & BadPixels.NO_DARK_DATA).all()


def test_it_has_help_and_info(toy: DetectorType, constants: Any, capsys: pytest.CaptureFixture[str],
                              tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["TOY", "DARK", "--help"])
    text = capsys.readouterr().out
    assert "--run-dark" in text
    assert "--thresholds-noise-hard-g" in text
    run = next((tmp_path / "data").rglob("r0001"))
    assert main(["info", str(run)]) == 0
    assert "LAB_TOY" in capsys.readouterr().out


def test_it_has_a_form_with_an_editor_for_each_parameter(toy: DetectorType, qtbot: Any) -> None:
    method = named("TOY").method("DARK")
    form = KnobForm(method, [stage.short for stage in toy.stages])
    qtbot.addWidget(form)
    assert form.changes() == {}
    form.set_changes({"max_trains": 77, "thresholds_noise_hard": ((1.0, 40.0),)})
    changed = method.with_changes(form.changes())
    assert changed.max_trains == 77
    assert changed.thresholds_noise_hard == ((1.0, 40.0),)


def test_it_can_be_shown(toy: DetectorType) -> None:
    assert single(toy, (0, 1), 1).index.max() == 2 * 32 * 48 - 1
    assert (stacked(toy, (0, 1)).index >= 0).sum() == 2 * 32 * 48
