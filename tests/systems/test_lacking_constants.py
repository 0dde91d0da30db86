"""What follows where constants of a correction are missing, of other memory cells, or neutral: all families."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import yaml
from extra.calibration import CalibrationData
from extra_data import RunDirectory

from calib_core.characterisation.family import families
from calib_core.constants.badpixels import BadPixels
from calib_core.detector import DetectorType
from calib_core.detector.registry import detector_type
from calib_core.errors import CalibrationError
from calib_core.jobs.plan import Plan, make_plan
from calib_core.jobs.preview import Preview
from calib_core.jobs.survey import survey
from calib_core.jobs.truth_constants import folder_of, write_truth
from calib_core.simulate import Simulated, default_settings, simulate
from calib_core.simulate.scenes.photons import Photons
from calib_core.store.constants import StoredConstant, list_constants

from .command import Result

Array = Any
pytestmark = pytest.mark.usefixtures("few_columns")


@dataclass(frozen=True)
class Family:
    """A family's simulated run, and what 3.1 of its correction says.

    Attributes
    ----------
    kind : str
    raw, corrected, mask : str
        Keys of raw and corrected samples and of the mask.
    bits : int
        Bits of a raw word that are the sample.
    refused : tuple of str
        Kinds without which nothing is corrected.
    left_out : mapping of str to tuple of str
        Titles of the steps that are left out without a kind.
    told : mapping of str to str
        Part of the sentence where a step is done without a kind.
    """

    kind: str
    raw: str
    corrected: str
    mask: str
    bits: int = 0xFFFF
    settings: dict[str, Any] = field(default_factory=dict)
    refused: tuple[str, ...] = ("Offset",)
    left_out: dict[str, tuple[str, ...]] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)


_EVENTS = {"GainMap": ("Relative gain", "Absolute gain"), "Noise": ("Common mode", "Split events")}
_MASK = {"BadPixelsDark": "Mask is done without BadPixelsDark"}
#: Steps of which the truth of a simulation has no constants.
_NO_TRUTH = {"Linear codes", "Gain of classes"}
#: One for each family that corrects, by its name.
FAMILIES = {
    "AGIPD": Family(
        "AGIPD1M", "image.data", "image.data", "image.mask",
        settings={"modules": "1", "memory_cells": 2}, refused=("Offset", "ThresholdsDark"),
        left_out={"SlopesPC": ("Relative gain",), "SlopesFF": ("X-ray gain",)}, told=_MASK),
    "DSSC": Family(
        "DSSC1M", "image.data", "image.data", "image.mask",
        settings={"modules": "1", "memory_cells": 2}, told=_MASK),
    "EPIX100": Family(
        "EPIX100", "data.image.pixels", "data.image.pixels", "data.image.mask",
        left_out=_EVENTS, told=_MASK),
    "EPIX10K": Family(
        "EPIX10K", "data.image.pixels", "data.image.pixels", "data.image.mask", bits=0x3FFF, told=_MASK),
    "FASTCCD": Family(
        "FASTCCD", "data.image.pixels", "data.image.pixels", "data.image.mask", bits=0x3FFF, left_out=_EVENTS,
        told=_MASK),
    "GOTTHARD2": Family(
        "GOTTHARD2", "data.adc", "data.adc", "data.mask", settings={"frames_per_train": 20},
        left_out={"RelativeGain": ("Relative gain",)}, told=_MASK),
    "JUNGFRAU": Family(
        "JUNGFRAU", "data.adc", "data.adc", "data.mask", settings={"modules": "1", "memory_cells": 1},
        left_out={"RelativeGain": ("Relative gain",)}, told=_MASK),
    "LPD": Family(
        "LPD1M", "image.data", "image.data", "image.mask", bits=0x0FFF, settings={"modules": "1", "memory_cells": 2},
        left_out={"RelativeGain": ("Relative gain",), "GainAmpMap": ("Amplifiers",), "FFMap": ("Flat field",)},
        told=_MASK),
    "PNCCD": Family("PNCCD", "data.image", "data.pixels", "data.mask", left_out=_EVENTS, told=_MASK),
}


@dataclass(frozen=True)
class Case:
    """A family's run, and its truth as constants."""

    family: str
    made: Simulated

    @property
    def of(self) -> Family:
        return FAMILIES[self.family]

    @property
    def type(self) -> DetectorType:
        return detector_type(self.of.kind)

    @property
    def run(self) -> Path:
        [run] = self.made.runs.values()
        return run

    def plan(self, constants: Path) -> Plan:
        spec = survey([self.run], family=self.family, method="CORRECT").spec(
            constants / "out", inputs={"run": (str(self.run),), "constants": (str(constants),)})
        return make_plan(spec)

    def without(self, kinds: Sequence[str], to: Path) -> Path:
        """Constants without some kinds."""
        root = Path(shutil.copytree(folder_of(self.made), to))
        stored = self.type.calibrations
        names = {stored[kind].name for kind in kinds if kind in stored}
        gone = [one for one in list_constants(root) if one.calibration in names]
        for one in gone:
            one.path.unlink()
        assert len(gone) == len(kinds), f"the simulator has no {kinds}"
        return root


@pytest.fixture(scope="module", params=list(FAMILIES))
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    of = FAMILIES[request.param]
    settings = default_settings(of.kind).with_changes({"trains": 4, "first_run": 4, **of.settings})
    made = simulate(settings, tmp_path_factory.mktemp(of.kind), scene=Photons(photons=300.0))
    write_truth(made)
    return Case(request.param, made)


def test_there_is_a_row_for_each_family_that_corrects() -> None:
    assert {one.name for one in families() if any(method.corrects for method in one.methods)} == set(FAMILIES)


def test_what_each_missing_constant_means(case: Case, tmp_path: Path) -> None:
    for kind in case.of.refused:
        with pytest.raises(CalibrationError, match=rf"(has no|was given for) {kind}"):
            case.plan(case.without([kind], tmp_path / kind))
    for kind, steps in case.of.left_out.items():
        plan = case.plan(case.without([kind], tmp_path / kind))
        [number] = plan.modules
        skipped = {one.step: one.reason for one in plan.context.before[number].skipped}
        assert set(steps) <= set(skipped), kind
        for step in steps:
            assert any(text == skipped[step] for text in plan.notes), (kind, step)
        plan.close()
    for kind, text in case.of.told.items():
        plan = case.plan(case.without([kind], tmp_path / kind))
        assert [note for note in plan.notes if note.startswith(text)], plan.notes
        plan.close()


def test_all_that_is_there_is_used_and_told_with_its_age(case: Case, tmp_path: Path) -> None:
    plan = case.plan(Path(shutil.copytree(folder_of(case.made), tmp_path / "c")))
    [number] = plan.modules
    assert {one.step for one in plan.context.before[number].skipped} <= _NO_TRUTH
    lines = plan.before.lines
    assert len(lines) == len(plan.before.constants[number].found)
    assert all(f"of module {number}: at the begin of the run (" in line for line in lines), lines
    plan.close()


def content(path: Path, key: str) -> Array:
    """The data set of a key of the only module in a file."""
    found = []
    with h5py.File(path) as file:
        file["INSTRUMENT"].visititems(lambda name, node: found.append(node[()]) if isinstance(node, h5py.Dataset)
                                      and name.endswith(f"/{key.replace('.', '/')}") else None)
    [one] = found
    return one


def raw_codes(case: Case) -> Array:
    """Samples as they are stored, frame by frame, by EXtra-data alone."""
    run = RunDirectory(case.run)
    [found] = [run[source, case.of.raw].ndarray() for source in run.instrument_sources
               if _is_module(source) and case.of.raw in run[source]]
    if case.family == "AGIPD":
        found = found[:, 0]
    return (found.astype(np.int64) & case.of.bits).reshape(-1, *case.type.shape)


def _is_module(source: str) -> bool:
    return source.endswith((":xtdf", ":daqOutput", ":output"))


def test_with_neutral_constants_codes_come_out_as_they_are(case: Case, tmp_path: Path, capsys: Any) -> None:
    words = [case.family, "CORRECT", "--run", str(case.run), "--constants", "neutral", "--out-folder", str(tmp_path)]
    done = Result(words, tmp_path, capsys)
    assert done.status == 0, done.errors
    [said] = [text for text in done.warnings if text.startswith("Neutral constants are taken for ")]
    assert "Offset" in said.partition(" of module ")[0]
    [path] = tmp_path.glob("CORR-*.h5")
    values = content(path, case.of.corrected).reshape(-1, *case.type.shape)
    raw = raw_codes(case)
    there = np.isfinite(values)
    assert there.mean() > 0.99
    np.testing.assert_array_equal(values[there], raw[there])
    mask = content(path, case.of.mask).reshape(values.shape)
    of_constants = BadPixels.OFFSET_OUT_OF_THRESHOLD | BadPixels.NOISE_OUT_OF_THRESHOLD | BadPixels.NO_DARK_DATA
    assert not (mask[there] & int(of_constants)).any()
    with h5py.File(path) as file:
        [noted] = attributes(file, "constants")
        [unit] = attributes(file, "unit", case.of.corrected)
    assert json.loads(noted)["Offset"] == {"chosen": "neutral"}
    assert unit == "ADU"
    [record] = tmp_path.glob("calibration_metadata_*.yml")
    configuration = yaml.safe_load(record.read_text())["calibration-configurations"]
    assert all("Offset" in kinds for kinds in configuration["neutral-constants"].values())
    read_by_extra(record, case, {})


def read_by_extra(record: Path, case: Case, by_hand: dict[str, Path]) -> CalibrationData:
    """The record as EXtra reads it: the detector, the module's unit, and constants of files with their values.

    By hand are those of some names in the database; others are of the truth, which nothing else is.
    """
    found = CalibrationData.from_correction(record, use_calcat=False)
    assert {found.detector_name} == {one.split("/")[0] for one in RunDirectory(record.parent).instrument_sources}
    of_truth = {one.calibration: one.path for one in list_constants(folder_of(case.made))}
    for name, of_modules in found.items():
        [one] = of_modules.constants.values()
        assert Path(one.path) == by_hand.get(name, of_truth[name])
        with h5py.File(one.path) as file:
            np.testing.assert_array_equal(of_modules.ndarray(caldb_root="/")[0], file[one.dataset]["data"])
            assert one.dataset.split("/")[1:3] == [of_modules.pdu_names[0], name]
    return found


def attributes(file: h5py.File, name: str, key: str = "") -> list[str]:
    """Attributes of a name, of data sets of a key, or of sources."""
    found: list[str] = []

    def look(path: str, node: h5py.Group | h5py.Dataset) -> None:
        if name in node.attrs and path.endswith(key.replace(".", "/")):
            found.append(node.attrs[name])

    file["INSTRUMENT"].visititems(look)
    return found


def rewrite(one: StoredConstant, values: Array, cells: Array) -> None:
    """Write a constant again with other values and memory cells, by h5py alone."""
    with h5py.File(one.path, "w") as file:
        group = file.create_group(f"{one.pdu}/{one.calibration}/0")
        group["data"] = values
        group["data"].attrs.create("dims", list(one.dims), dtype=h5py.string_dtype())
        group.attrs["cells"] = cells
        group.attrs["begin_validity"] = one.begin.isoformat()  # type: ignore[union-attr]
        group.attrs["unit"] = one.attributes["unit"]
        for name in ("conditions", "recorded"):
            group.attrs[name] = json.dumps(one.attributes.get(name, {}))


@pytest.mark.parametrize("case", [name for name, of in FAMILIES.items() if of.settings.get("memory_cells") == 2],
                         indirect=True)
def test_memory_cells_beyond_those_of_the_constants_are_flagged(case: Case, tmp_path: Path, capsys: Any) -> None:
    root = Path(shutil.copytree(folder_of(case.made), tmp_path / "c"))
    for one in list_constants(root):
        rewrite(one, np.take(one.data(), [0], one.dims.index("cell")), np.atleast_1d(one.attributes["cells"])[:1])
    words = [case.family, "CORRECT", "--run", str(case.run), "--constants", str(root), "--out-folder",
             str(tmp_path / "out")]
    done = Result(words, tmp_path / "out", capsys)
    assert done.status == 0, done.errors
    assert [text for text in done.warnings if text.startswith("Offset of module 1 ")
            and "has no memory cell 1 of the run" in text], done.warnings
    [path] = (tmp_path / "out").glob("CORR-*.h5")
    shape = (-1, *case.type.shape)
    values, mask = (content(path, key).reshape(shape) for key in (case.of.corrected, case.of.mask))
    second = content(path, "image.cellId").ravel() == 1
    assert second.mean() == 0.5
    assert np.isnan(values[second]).all()
    assert (mask[second] & int(BadPixels.NO_DARK_DATA)).all()
    assert (mask[~second] & int(BadPixels.NO_DARK_DATA) == 0).mean() > 0.99
    assert np.isfinite(values[~second]).mean() > 0.99


@pytest.mark.usefixtures("small_jungfrau")
def test_so_are_those_that_lie_side_by_side_in_a_row(tmp_path: Path, capsys: Any) -> None:
    """Of a type whose files have all memory cells of a train in one entry."""
    made = simulate(default_settings("JUNGFRAU").with_changes(
        {"trains": 3, "first_run": 4, "modules": "1", "memory_cells": 16}), tmp_path / "light",
        scene=Photons(photons=300.0))
    write_truth(made)
    for one in list_constants(folder_of(made)):
        cells = np.atleast_1d(one.attributes["cells"])
        rewrite(one, np.take(one.data(), range(9), one.dims.index("cell")), cells[:9])
    [run] = made.runs.values()
    done = Result(["JUNGFRAU", "CORRECT", "--run", str(run), "--constants", str(folder_of(made)), "--out-folder",
                   str(tmp_path / "out")], tmp_path / "out", capsys)
    assert done.status == 0, done.errors
    assert [text for text in done.warnings if text.startswith("Offset of module 1 ")
            and "has no memory cells 9-15 of the run" in text], done.warnings
    [path] = (tmp_path / "out").glob("CORR-*.h5")
    values, mask = (content(path, key) for key in ("data.adc", "data.mask"))
    beyond = content(path, "data.memoryCell") >= 9
    assert beyond.sum() == 3 * 7
    assert np.isnan(values[beyond]).all()
    assert (mask[beyond] & int(BadPixels.NO_DARK_DATA)).all()
    assert np.isfinite(values[~beyond]).mean() > 0.99
    assert (mask[~beyond] & int(BadPixels.NO_DARK_DATA) == 0).mean() > 0.99


def test_a_pixel_whose_offset_is_no_number_has_no_value_and_is_flagged(
    case: Case, tmp_path: Path, capsys: Any,
) -> None:
    root = Path(shutil.copytree(folder_of(case.made), tmp_path / "c"))
    name, at = case.type.calibrations["Offset"].name, tuple(length // 3 for length in case.type.shape)
    [offset] = [one for one in list_constants(root) if one.calibration == name]
    values = offset.data()
    place = dict(zip(("slow_scan", "fast_scan"), at, strict=True))
    values[tuple(place.get(dim, slice(None)) for dim in offset.dims)] = np.nan
    rewrite(offset, values, np.atleast_1d(offset.attributes["cells"]))
    words = [case.family, "CORRECT", "--run", str(case.run), "--constants", str(root), "--out-folder",
             str(tmp_path / "out")]
    done = Result(words, tmp_path / "out", capsys)
    assert done.status == 0, done.errors
    [path] = (tmp_path / "out").glob("CORR-*.h5")
    shape = (-1, *case.type.shape)
    values, mask = (content(path, key).reshape(shape) for key in (case.of.corrected, case.of.mask))
    assert np.isnan(values[:, *at]).all()
    assert mask[:, *at].all()
    assert np.isfinite(values).mean() > 0.99


def test_a_constant_by_hand_is_in_record_and_file(case: Case, tmp_path: Path, capsys: Any) -> None:
    """A constant of the same values in a folder of its own, which the record names."""
    name = case.type.calibrations["Offset"].name
    [offset] = [one for one in list_constants(folder_of(case.made)) if one.calibration == name]
    own, number = tmp_path / "own.h5", offset.attributes["module"]
    own.write_bytes(offset.path.read_bytes())
    out = tmp_path / "out"
    words = [case.family, "CORRECT", "--run", str(case.run), "--constants", str(folder_of(case.made)),
             "--constant", f"{number}:Offset={own}", "--out-folder", str(out)]
    done = Result(words, out, capsys)
    assert done.status == 0, done.errors
    [path] = out.glob("CORR-*.h5")
    with h5py.File(path) as file:
        [noted] = attributes(file, "constants")
    assert json.loads(noted)["Offset"]["file"] == str(own)
    assert json.loads(noted)["Offset"]["chosen"] == "by hand"
    used = yaml.safe_load(next(out.glob("calibration_metadata_*.yml")).read_text())
    assert used["calibration-configurations"]["constants-by-hand"] == [f"{number}:Offset={own}"]
    [module] = used["retrieved-constants"].values()
    assert module["constants"][name]["path"] == str(own)
    assert set(module["constants"]) == {case.type.calibrations[kind].name for kind in json.loads(noted)}
    [record] = out.glob("calibration_metadata_*.yml")
    assert set(read_by_extra(record, case, {name: own})) == set(module["constants"])


def test_a_preview_with_other_constants_is_that_of_a_job_with_them(case: Case, tmp_path: Path) -> None:
    """Neutral constants in place of those of the truth, and back, without opening the run again."""
    spec = survey([case.run], family=case.family, method="CORRECT").spec(
        tmp_path, inputs={"run": (str(case.run),), "constants": (str(folder_of(case.made)),)})
    neutral = spec.model_copy(update={"inputs": {**spec.inputs, "constants": ("neutral",)}})
    first = Preview.of(make_plan(spec))
    others = first.with_constants(neutral)
    again, anew = others.with_constants(spec), Preview.of(make_plan(neutral))
    [module] = first.plan.modules
    assert module is not None
    frame = first.frame(module, first.trains[1], first.cells[-1])
    assert frame is not None
    images = {name: one.passed(module, frame).last for name, one in (
        ("first", first), ("others", others), ("again", again), ("anew", anew))}
    for one, other in (("first", "again"), ("others", "anew")):
        np.testing.assert_array_equal(images[one].values, images[other].values)
        np.testing.assert_array_equal(images[one].mask, images[other].mask)
    assert not np.array_equal(images["first"].values, images["others"].values, equal_nan=True)
    assert others.plan.notes == anew.plan.notes
    assert again.plan.notes == first.plan.notes
    assert others.unit == anew.unit == "ADU"
    for preview in (first, anew):
        preview.plan.close()
