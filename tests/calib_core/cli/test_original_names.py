"""Names of the original notebooks: recorded corrections are taken word by word, and what is not done is said."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from calib_core.characterisation.family import families
from calib_core.cli.main import main
from calib_core.cli.original_names import original_names
from calib_core.jobs.spec import JobSpec

RECORDS = {"AGIPD": "cal-metadata-agipd-p900508-r22.yml", "JUNGFRAU": "cal-metadata-jf-p900491-r487.yml",
           "LPD": "cal-metadata-lpd-p900491-r445.yml"}
METHODS = [(family.name, method.command) for family in families() for method in family.methods]


def recorded(real_data: Path, family: str) -> dict[str, Any]:
    text = (real_data / "calcat" / RECORDS[family]).read_text()
    found: dict[str, Any] = yaml.safe_load(text)["calibration-configurations"]
    return found


def typed(name: str, value: Any) -> list[str]:
    """Flag as it is typed for the originals: switches without a value, lists as words."""
    if isinstance(value, bool):
        return [f"--{name}" if value else f"--no-{name}"]
    return [f"--{name}", *map(str, value if isinstance(value, list) else [value])]


def job_of(folder: Path, family: str, method: str, *words: str) -> JobSpec:
    job = folder / "job.json"
    job.unlink(missing_ok=True)
    assert main([family, method, *words, "--write-job", str(job)]) == 0
    return JobSpec.read(job)


def here(folder: Path, record: dict[str, Any]) -> dict[str, Any]:
    """The record with folders that exist."""
    (folder / f"r{record['run']:04d}").mkdir(exist_ok=True)
    return record | {"in-folder": str(folder), "out-folder": str(folder / "out")}


@pytest.mark.parametrize("family", RECORDS)
def test_every_name_of_a_recorded_correction_is_taken(family: str, real_data: Path, tmp_path: Path, capsys) -> None:
    record = here(tmp_path, recorded(real_data, family))
    needed = [word for name in ("run", "in-folder", "out-folder") for word in typed(name, record[name])]
    assert len(record) > 30
    for name in record.keys() - {"run", "in-folder", "out-folder"}:
        job_of(tmp_path, family, "CORRECT", *needed, *typed(name, record[name]))
        told = capsys.readouterr().err
        ignored = rf"calibwb {family} CORRECT: --(no-)?{name} is ignored: [^\n]+\.\n"
        assert told == "" or re.fullmatch(ignored, told), name


def test_the_recorded_corrections_make_jobs(real_data: Path, tmp_path: Path) -> None:
    jungfrau = here(tmp_path, recorded(real_data, "JUNGFRAU"))
    spec = job_of(tmp_path, "JUNGFRAU", "CORRECT", *(word for item in jungfrau.items() for word in typed(*item)))
    assert (spec.parameters, spec.conditions, spec.modules, spec.detector) == ({}, {}, (1, 2), "FXE_XAD_JF1M")
    agipd = here(tmp_path, recorded(real_data, "AGIPD"))
    spec = job_of(tmp_path, "AGIPD", "CORRECT", *(word for item in agipd.items() for word in typed(*item)))
    on = ("force_hg_if_below", "force_mg_if_below", "low_medium_gap", "blc_set_min", "cm")
    assert spec.parameters == {**dict.fromkeys(on, True), "rel_gain": False, "xray_gain": False}
    assert (spec.conditions, spec.modules, spec.again) == ({"bias_voltage": 300}, tuple(range(16)), True)
    lpd = here(tmp_path, recorded(real_data, "LPD"))
    spec = job_of(tmp_path, "LPD", "CORRECT", *(word for item in lpd.items() for word in typed(*item)))
    # all else is as the defaults are
    assert spec.parameters == {"lit_frames": "offline", "xgm_device": "SA1_XTD2_XGM/DOOCS/MAIN"}
    assert (spec.modules, spec.again) == (tuple(range(16)), True)
    assert spec.conditions == {"bias_voltage": 250, "memory_cells": 512, "feedback_capacitor": 5, "category": 0,
                               "source_energy": 9.2}


@pytest.mark.parametrize(("words", "expected"), [
    (("--mem-cells", "352"), {"conditions": {"memory_cells": 352}}),
    (("--acq_rate=1.1",), {"conditions": {"acquisition_rate": 1.1}}),
    (("--gain-mode", "-1"), {"conditions": {}}),
    (("--hg-hard-threshold", "700"), {"parameters": {"force_hg_if_below_threshold": 700.0}}),
    (("--only-offset",), {"parameters": {"rel_gain": False, "xray_gain": False}}),
    (("--only-offset", "false"), {"parameters": {}}),
    (("--no-adjust-mg-baseline",), {"parameters": {"rel_gain_adjust_baseline": False}}),
    (("--adjust-mg-baseline", "--max-trains", "9"), {"parameters": {"max_trains": 9}}),
    (("--rel-gain-mode", "off"), {"parameters": {"rel_gain": False}}),
    (("--karabo-da", "AGIPD03", "AGIPD11"), {"modules": (3, 11)}),
    (("--karabo-da", "-1"), {"modules": ()}),
    (("--modules", "0", "4"), {"modules": (0, 4)}),
    (("--modules", "0-2,7"), {"modules": (0, 1, 2, 7)}),
    (("--modules", "1,2"), {"modules": (1, 2)}),
    (("--bias-voltage", "−1,0"), {"conditions": {}}),
    (("--overwrite",), {"again": True}),
    (("--blc-noise", "--blc-noise-threshold", "900"),
     {"parameters": {"blc_noise": True, "blc_noise_threshold": 900.0}}),
    (("--round-photons", "--photon-energy", "9.2", "--rounding-threshold", "0.7"),
     {"parameters": {"round_photons": True, "round_photons_energy": 9.2, "round_photons_threshold": 0.7}}),
    (("--photon-energy", "-1.0", "--zero-nans", "--no-zero-orange"), {"parameters": {"zero_nans": True}}),
    (("--cm-dark-range", "-50", "30", "--cm_n_itr", "2", "--noisy-adc-threshold", "0.5"), {"parameters": {
        "cm_dark_range": [-50.0, 30.0], "cm_n_itr": 2, "mask_noisy_adc_threshold": 0.5}}),
    (("--max-pulses", "0", "9", "2"), {"parameters": {"pulses": "0:9:2"}}),
    (("--max-pulses", "3", "9"), {"parameters": {"pulses": "3:9"}}),
    (("--max_pulses=5",), {"parameters": {"pulses": ":5"}}),
    (("--max-pulses", "0", "352", "1"), {"parameters": {}}),
    (("--train-ids", "1600000010", "1600000012"), {"parameters": {"train_ids": "1600000010,1600000012"}}),
    (("--train-ids", "-1"), {"parameters": {}}),
    (("--sequences", "2", "3"), {"parameters": {"sequences": "2,3"}}),
    (("--sequences", "-1"), {"parameters": {}}),
    (("--cs-mg-adjust", "7000.0"), {"parameters": {}}),
    (("--cs_mg_adjust", "6500"), {"parameters": {"rel_gain_medium_shift": 6500.0}}),
    (("--blc-stripes", "--blc_hmatch", "--corr-asic-diag", "true", "--melt_snow"),
     {"parameters": {"blc_stripes": True, "blc_hmatch": True, "corr_asic_diag": True, "melt_snow": True}}),
    (("--use-litframe-finder", "device", "--litframe-device-id", "A/REDU/LITFRM"),
     {"parameters": {"lit_frames": "device", "lit_frames_device": "A/REDU/LITFRM"}}),
    (("--use-litframe-finder", "off", "--litframe-device-id", ""), {"parameters": {}}),
    (("--melt-snow", "--only-offset"), {"parameters": {"rel_gain": False, "xray_gain": False}}),
    (("--common-mode", "--blc-set-min", "--only-offset"), {"parameters": {"rel_gain": False, "xray_gain": False}}),
])
def test_a_name_stands_for_what_it_means_here(
    words: tuple[str, ...], expected: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "r0001").mkdir()
    run = ("--run", str(tmp_path / "r0001"), "--out-folder", str(tmp_path))
    spec = job_of(tmp_path, "agipd", "correct", *run, *words)
    assert {name: getattr(spec, name) for name in expected} == expected


@pytest.mark.parametrize(("words", "told"), [
    (("--rel-gain-mode", "FF"), "--rel-gain-mode FF: medium gain follows from slopes of the pulse capacitor, and low "
     "gain from those of the current source where they are given; give off or PC or CS"),
    (("--spi-hitfinding",), "--spi-hitfinding: hits are not looked for; give false"),
    (("--count-lit-pixels", "true"), "--count-lit-pixels true: lit pixels are not counted; give false"),
    (("--require_ppu_trigger",), "--require_ppu_trigger: trains are not chosen by the pulse picker; give false"),
    (("--ff-gain", "7.2"), "--ff-gain 7.2: flat-field slopes have their own unit; give 1"),
    (("--recast-image-data", "int16"), '--recast-image-data int16: frames are written as float32; give ""'),
])
def test_what_is_not_done_is_refused_in_one_sentence(
    words: tuple[str, ...], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["AGIPD", "CORRECT", "--run", str(tmp_path), "--out-folder", str(tmp_path), *words]) == 2
    assert capsys.readouterr().err == f"calibwb: {told}, or leave it out.\n"


@pytest.mark.parametrize(("words", "told"), [
    *((("--offset-image", image), "each frame has the offset of its own memory cell, and of which image another "
       "offset would be is not published; give PP") for image in ("first", "last")),
    (("--intra-train-dark", "nearest"), "frames without light are not taken off their neighbours, since of how many "
     "of them a dark would be is not settled; offsets of a dark with the same pattern of pulses are; give off"),
])
def test_offsets_of_other_images_are_refused(
    words: tuple[str, str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["DSSC", "CORRECT", "--run", str(tmp_path), "--out-folder", str(tmp_path), *words]) == 2
    assert capsys.readouterr().err == f"calibwb: {' '.join(words)}: {told}, or leave it out.\n"


def test_what_has_no_meaning_is_told_once_for_each_reason(tmp_path: Path, capsys) -> None:
    (tmp_path / "r0001").mkdir()
    job_of(tmp_path, "LPD", "DARK", "--run-high", str(tmp_path / "r0001"), "--out-folder", str(tmp_path),
           "--cal-db-root", "", "--max-nodes", "8", "--cal-db-timeout=30000")
    assert capsys.readouterr().err.splitlines() == [
        "calibwb LPD DARK: --cal-db-root, --cal-db-timeout are ignored: constants come from what is given, "
        "and calcat given there asks the facility's database.",
        "calibwb LPD DARK: --max-nodes is ignored: all work is done on this machine."]


def test_a_notebooks_name_sets_all_that_it_stands_for(tmp_path: Path) -> None:
    (tmp_path / "r0001").mkdir()
    run = ("--run-high", str(tmp_path / "r0001"), "--out-folder", str(tmp_path))
    for words, value in ((("--badpixel-threshold-sigma", "7"), 7.0), (("--badpixel_threshold_sigma=8",), 8.0)):
        spec = job_of(tmp_path, "jungfrau", "dark", *run, *words)
        assert spec.parameters == {"thresholds_offset_sigma": value, "thresholds_noise_sigma": value}


@pytest.mark.parametrize(("family", "method"), METHODS)
def test_names_stand_for_flags_that_exist_and_are_in_the_help(family: str, method: str, capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "1000")
    with pytest.raises(SystemExit):
        main([family, method, "--help"])
    flags, _, names = capsys.readouterr().out.partition("names of the original notebooks:")
    known = set(re.findall(r"--[\w-]+", flags))
    for name, meaning in original_names(family, method).items():
        flag = "--" + name.replace("_", "-")
        assert flag in known or flag in names, name
        stands_for = getattr(meaning, "flags", ()) or [w for words in getattr(meaning, "by_value", {}).values()
                                                       for w in words]
        stands_for = [word.partition("=")[0] for word in stands_for]
        assert {word for word in stands_for if word.startswith("--")} <= known, name


@pytest.mark.parametrize(("family", "words", "expected"), [
    ("EPIX100", ("--no-pattern-classification", "--cm-noise-sigma", "4"),
     {"split_events": False, "common_mode_sigma": 4.0}),
    ("EPIX100", ("--split-evt-mip-threshold", "900", "--photon-energy", "0"), {"split_events_largest": 900.0}),
    ("EPIX100", ("--photon_energy=8.4", "--relative-gain", "false"),
     {"absolute_gain_photon_energy": 8.4, "gain_map": False}),
    ("PNCCD", ("--only-offset",),
     {"common_mode": False, "gain_map": False, "split_events": False, "absolute_gain": False}),
    ("PNCCD", ("--cti-corr",), {"cti_corr": True}),
    ("PNCCD", ("--saturated-threshold", "30000", "--commonModeAxis", "row"),
     {"saturated_threshold": 30000.0, "common_mode_axis": "row"}),
    ("FASTCCD", ("--operation-mode", "FF", "--cmEventThreshold", "6", "--no-commonMode"),
     {"common_mode_sigma": 6.0, "common_mode": False}),
])
def test_names_of_corrections_of_single_photons(
    family: str, words: tuple[str, ...], expected: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "r0001").mkdir()
    run = ("--run", str(tmp_path / "r0001"), "--constants-offset", str(tmp_path), "--out-folder", str(tmp_path))
    assert job_of(tmp_path, family, "CORRECT", *run, *words).parameters == expected


def test_vacuum_is_a_word_of_the_notebooks_and_a_number_here(tmp_path: Path) -> None:
    (tmp_path / "r0001").mkdir()
    run = ("--run", str(tmp_path / "r0001"), "--constants-offset", str(tmp_path), "--out-folder", str(tmp_path))
    typed = ((("--in-vacuum",), 1), (("--no-in-vacuum",), 0), (("--in-vacuum", "true"), 1), (("--in-vacuum", "0"), 0),
             (("--in-vacuum=1.0",), 1))
    for words, value in typed:
        assert job_of(tmp_path, "EPIX100", "CORRECT", *run, *words).conditions == {"in_vacuum": value}


@pytest.mark.parametrize(("family", "words", "told"), [
    ("FASTCCD", ("--operation-mode", "FS"), "frames are whole, and no half of them is storage; give FF"),
    ("FASTCCD", ("--cti-corr",), "charge that is lost on its way is not given back; give false"),
    ("EPIX100", ("--temp-limits", "9"), "constants are of the run's temperature within 5 K; give 5"),
])
def test_what_corrections_of_single_photons_do_not_do(
    family: str, words: tuple[str, ...], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([family, "CORRECT", "--run", str(tmp_path), "--out-folder", str(tmp_path), *words]) == 2
    assert capsys.readouterr().err == f"calibwb: {' '.join(words)}: {told}, or leave it out.\n"
