"""Presets through the command line: what they stand for is what the facility's own parameters stand for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from calib_core.characterisation.dark import Dark
from calib_core.characterisation.family import Family, declare, families, named, with_defaults
from calib_core.characterisation.presets import Preset
from calib_core.cli.main import main
from calib_core.detectors.agipd import AGIPD1M
from calib_core.errors import BadParameter
from calib_core.jobs.spec import JobSpec

#: Parameters of the public notebook of 2019 as it sets them, but for those that say where data and constants are.
PUBLISHED = {
    "blc_noise_threshold": 5000, "cm_dark_fraction": 0.66, "cm_dark_range": [-50.0, 30], "cm_n_itr": 4,
    "hg_hard_threshold": 1000, "mg_hard_threshold": 1000, "noisy_adc_threshold": 0.25, "only_offset": False,
    "rel_gain": False, "xray_gain": False, "blc_noise": False, "blc_stripes": False, "blc_hmatch": False,
    "match_asics": False, "adjust_mg_baseline": False, "zero_nans": False, "zero_orange": False,
    "blc_set_min": False, "corr_asic_diag": False, "force_hg_if_below": False, "force_mg_if_below": False,
    "mask_noisy_adc": False, "common_mode": False, "melt_snow": False, "mask_zero_std": False,
    "low_medium_gap": False,
}


def typed(parameters: dict[str, Any]) -> list[str]:
    return [word for name, value in parameters.items()
            for word in (f"--{name}", *(str(one).lower() for one in (value if isinstance(value, list) else [value])))]


def parameters(folder: Path, *words: str) -> dict[str, Any]:
    (folder / "r0001").mkdir(exist_ok=True)
    job = folder / "job.json"
    job.unlink(missing_ok=True)
    run = ("--run", str(folder / "r0001"), "--out-folder", str(folder / "out"))
    assert main(["AGIPD", "CORRECT", *run, *words, "--write-job", str(job)]) == 0
    return JobSpec.read(job).parameters


def test_published_is_what_the_public_notebook_stands_for(tmp_path: Path) -> None:
    found = parameters(tmp_path, "--preset", "published")
    assert found == parameters(tmp_path, *typed(PUBLISHED))
    assert found["cm_dark_range"] == [-50, 30]
    assert found["xray_gain"] is False


def test_production_is_what_the_recorded_correction_stands_for(real_data: Path, tmp_path: Path) -> None:
    text = (real_data / "calcat" / "cal-metadata-agipd-p900508-r22.yml").read_text()
    recorded = yaml.safe_load(text)["calibration-configurations"]
    left = {"run", "in-folder", "out-folder", "overwrite", "bias-voltage", "modules", "karabo-da"}
    known = {name: value for name, value in recorded.items() if name not in left}
    found = parameters(tmp_path, "--preset", "production")
    assert found == parameters(tmp_path, *typed(known))
    assert found["cm"] is found["blc_set_min"] is True


def test_plain_is_the_default_and_the_job_has_what_differs_alone(tmp_path: Path) -> None:
    assert parameters(tmp_path) == parameters(tmp_path, "--preset", "plain") == {}


def test_flags_override_a_preset_wherever_they_stand(tmp_path: Path) -> None:
    for words in (("--preset", "production", "--no-cm"), ("--no-cm", "--preset", "production")):
        found = parameters(tmp_path, *words, "--cm-n-itr", "7", "--xray-gain")
        assert "cm" not in found
        assert "xray_gain" not in found
        assert found["cm_n_itr"] == 7
        assert found["low_medium_gap"] is True


def test_the_help_tells_each_preset_and_what_it_stands_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "1000")
    with pytest.raises(SystemExit):
        main(["AGIPD", "CORRECT", "--help"])
    told = capsys.readouterr().out
    assert "--preset {plain,published,production}" in told
    assert ("--low-medium-gap --force-mg-if-below --force-hg-if-below --blc-set-min --cm --cm-dark-range -30 30 "
            "--cm-dark-fraction 0.15 --cm-n-itr 4 --no-rel-gain --no-xray-gain") in told
    with pytest.raises(SystemExit):
        main(["AGIPD", "DARK", "--help"])
    assert "--preset" not in capsys.readouterr().out


def test_a_preset_that_there_is_not_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["AGIPD", "CORRECT", "--run", str(tmp_path), "--out-folder", str(tmp_path), "--preset", "best"]
    with pytest.raises(SystemExit):
        main(words)
    assert "--preset: there is no 'best'; there are plain, published, production." in capsys.readouterr().err
    family = named("AGIPD")
    with pytest.raises(BadParameter, match="AGIPD CORRECT has no preset “best”; it has plain, published, production"):
        family.preset(family.method("CORRECT"), "best")


def test_nothing_moves_samples_by_a_rule_unasked() -> None:
    for family in families():
        for method in family.methods:
            on = {step.word for step in method.steps_before() if step.on and step.of_frames is not None}
            assert on == set(), f"{family.name} {method.command}"
    method = named("AGIPD").method("CORRECT")
    assert [step.word for step in method.steps_before() if step.on] == [
        "stage_of_signal", "full", "offset", "rel_gain", "xray_gain", "mask"]


def test_a_preset_with_a_value_that_is_not_allowed_is_not_declared() -> None:
    wrong = {"DARK": (Preset("odd", "odd", "odd", {"thresholds_offset_sigma": -1}),)}
    family = Family("ODD", "Odd", (AGIPD1M,), with_defaults("agipd", Dark()), presets=wrong)
    with pytest.raises(BadParameter, match="thresholds_offset_sigma = -1 is not allowed"):
        declare(family)
    assert "ODD" not in {one.name for one in families()}
