"""Constants that steps take: the newest before the run, and every doubt about one is told."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from calib_core.characterisation.correct import Correct
from calib_core.characterisation.family import named
from calib_core.constants.condition import Condition, Found
from calib_core.correction.images import Images
from calib_core.correction.mask import Mask
from calib_core.correction.offset import Offset
from calib_core.correction.pipeline import BoundPipeline
from calib_core.correction.step import Skipped
from calib_core.detector import Detector, Frames, Module
from calib_core.detector.registry import detector_type
from calib_core.errors import BadInput
from calib_core.jobs.resolution import OfRun
from calib_core.jobs.spec import JobSpec
from calib_core.jobs.step_constants import bind_before, left_out

from .tiny import KIND, MODULE, put_constant

STRIPS = replace(detector_type("GOTTHARD2"), shape=(1, 4), saturation=9)
GOTTHARD2 = Detector("LAB_GH2", STRIPS, (Module(1, "", "GH201", "GH2_A"), Module(2, "", "GH202", "GH2_B")))
DARK = named("GOTTHARD2").method("DARK")
RUN = OfRun(Condition(()))

TINY = Detector("LAB_TINY", KIND, (MODULE, Module(5, "", "TINY05", "TINY_M005")))
STAGES = len(KIND.stages)
START = datetime(2025, 6, 1, 12, tzinfo=UTC)
BIAS = {"Sensor Bias Voltage": {"value": 200.0, "origin": "key"}}


def spec(path: Path | None, name: str = "dark", **fields: Any) -> JobSpec:
    inputs = {} if path is None else {name: (str(path),)}
    return JobSpec(family="TINY", method="MAKE", out_folder=Path("/out"), inputs=inputs, **fields)


def table(root: Path, pdu: str, name: str = "LUTGotthard2", number: int = 1) -> Path:
    codes = np.broadcast_to(np.arange(10, dtype="u2")[:, None] // 2, (2, 10, 4))
    return put_constant(root, codes, pdu, name, number, dims=())


def bound(path: Path, *modules: int) -> tuple[set[int], list[str]]:
    """Modules with steps before, and the file that each step took."""
    pipelines = bind_before(spec(path, "lut"), DARK, GOTTHARD2, modules, RUN).bound
    return ({m for m, one in pipelines.items() if one.steps},
            [given.why for one in pipelines.values() for step in one.steps for given in step.given.values()])


def test_each_module_takes_the_table_of_its_own_unit(tmp_path: Path) -> None:
    first, second = table(tmp_path, "GH2_A"), table(tmp_path, "GH2_B")
    assert bound(tmp_path, 1, 2) == ({1, 2}, [str(first), str(second)])
    newer = table(tmp_path, "GH2_A", number=2)
    assert bound(tmp_path, 1, 2) == ({1, 2}, [str(newer), str(second)])


def test_a_single_file_serves_a_single_module_whatever_its_unit(tmp_path: Path) -> None:
    path = table(tmp_path, "GH2_OLD")
    assert bound(path, 2) == ({2}, [str(path)])


def test_without_a_table_the_step_is_left_out_and_that_is_told() -> None:
    before = bind_before(spec(None), DARK, GOTTHARD2, (1,), RUN)
    said = before.told
    assert before.bound[1].steps == ()
    assert len(said) == 1
    assert "codes 0 to 9 of the converter" in said[0]


@pytest.mark.parametrize(("units", "name", "modules", "words"), [
    (("GH2_A",), "LUTGotthard2", (1, 2), "of module 2 (GH2_B); it has those of GH2_A."),
    (("GH2_C", "GH2_D"), "LUTGotthard2", (1,), "of module 1 (GH2_A); it has those of GH2_C, GH2_D."),
    (("GH2_A",), "OffsetGotthard2", (1,), "LUTGotthard2; it has OffsetGotthard2."),
    ((), "", (1,), "LUTGotthard2; it has no constants: there are no files xfel/cal/<type>/<unit>/cal.*.h5."),
])
def test_a_folder_without_the_table_of_a_module_is_named(
    units: tuple[str, ...], name: str, modules: tuple[int, ...], words: str, tmp_path: Path
) -> None:
    for unit in units:
        table(tmp_path, unit, name)
    with pytest.raises(BadInput, match=re.escape(words)) as told:
        bound(tmp_path, *modules)
    assert str(told.value).startswith(f"{tmp_path} has no look-up table ")


@pytest.mark.parametrize(("values", "words"), [
    (np.zeros((2, 8, 4), "u2"), "holds an array of (2, 8, 4)"),
    (np.full((2, 10, 4), 10, "u2"), "holds values that are no codes from 0 to 9"),
    (np.full((2, 10, 4), np.nan), "holds values that are no codes from 0 to 9"),
])
def test_a_table_of_another_converter_is_named(values: Any, words: str, tmp_path: Path) -> None:
    path = put_constant(tmp_path, values, "GH2_A", "LUTGotthard2", dims=())
    with pytest.raises(BadInput, match=re.escape(f"{path} {words}")):
        bound(path, 1)


DIMS = ("fast_scan", "slow_scan", "cell", "gain")


def offsets(cells: int = 2) -> Any:
    """Offsets of the tiny detector with the axes in the order of the file."""
    return np.full((3, 2, cells, STAGES), 7.0)


def put(root: Path, cells: int = 2, named: tuple[int, ...] = (), **attributes: Any) -> Path:
    said = {"conditions": BIAS, "begin_validity": "2025-05-01T00:00:00+00:00"} | attributes
    if named:
        said["cells"] = np.array(named, "u2")
    return put_constant(root, offsets(cells), dims=DIMS, **said)


def run(start: datetime | None = START, cells: tuple[int, ...] = (0, 1), bias: float = 200.0) -> OfRun:
    return OfRun(Condition(KIND.condition, {"bias_voltage": Found(bias, "key")}), start, cells)


def taken(
    path: Path, of: OfRun | None = None, modules: tuple[int, ...] = (3,), **knobs: Any
) -> tuple[str, list[str]]:
    """File that the offset of module 3 comes from, and what is told."""
    method = Correct(steps=(Offset(),)).with_changes(knobs)
    before = bind_before(spec(path, "offset"), method, TINY, modules, of or run())
    [step] = before.bound[3].steps
    return step.given["Offset"].why, list(before.told)


def test_the_newest_constant_before_the_run_is_taken_whatever_its_name(tmp_path: Path) -> None:
    put(tmp_path, number=3, begin_validity="2025-04-01T00:00:00+00:00")
    wanted = put(tmp_path, number=1, begin_validity="2025-05-31T00:00:00+00:00")
    put(tmp_path, number=9, begin_validity="2025-06-02T00:00:00+00:00")
    assert taken(tmp_path) == (str(wanted), [])


def test_a_constant_that_holds_from_after_the_run_on_is_told(tmp_path: Path) -> None:
    wanted = put(tmp_path, number=2, begin_validity="2025-06-02T00:00:00+00:00")
    put(tmp_path, number=1, begin_validity="2025-07-02T00:00:00+00:00")
    assert taken(tmp_path) == (str(wanted), [
        f"Offset of module 3 ({wanted}) is valid from 2025-06-02 00:00:00 UTC, after the run began "
        "(2025-06-01 12:00:00); there is none before."])


def test_where_the_run_tells_no_time_the_newest_is_taken_and_told(tmp_path: Path) -> None:
    put(tmp_path, number=2, begin_validity="2025-06-02T00:00:00+00:00")
    wanted = put(tmp_path, number=1, begin_validity="2025-07-02T00:00:00+00:00")
    assert taken(tmp_path, run(start=None)) == (str(wanted), [
        f"Offset of module 3 ({wanted}) is the newest of several; the run does not tell when it was recorded."])


def test_of_files_that_tell_no_time_the_last_is_taken_and_told(tmp_path: Path) -> None:
    for number in (1, 2):
        wanted = put_constant(tmp_path, offsets(), number=number, dims=DIMS, conditions=BIAS)
    assert taken(tmp_path) == (str(wanted), [
        f"Offset of module 3 ({wanted}) is the last of several by its name; it does not tell from when on it is "
        "valid."])


def test_a_constant_of_the_runs_condition_is_looked_for_among_others(tmp_path: Path) -> None:
    wanted = put(tmp_path, number=1)
    put(tmp_path, number=2, conditions={"Sensor Bias Voltage": {"value": 90.0, "origin": "key"}},
        begin_validity="2025-05-31T00:00:00+00:00")
    assert taken(tmp_path) == (str(wanted), [])


def test_another_condition_is_refused_and_told_where_it_is_taken_all_the_same(tmp_path: Path) -> None:
    path = put(tmp_path)
    words = "Sensor Bias Voltage differs: 200.0 V and 90.0 V"
    with pytest.raises(BadInput, match=re.escape(f"{path} is of another operating condition than the run: {words}")):
        taken(tmp_path, run(bias=90.0))
    assert taken(tmp_path, run(bias=90.0), other_conditions=True) == (
        str(path), [f"Offset of module 3 ({path}) is of another operating condition than the run: {words}."])


def test_a_constant_that_tells_no_condition_is_told(tmp_path: Path) -> None:
    path = put(tmp_path, conditions={})
    assert taken(tmp_path)[1] == [f"Offset of module 3 ({path}) does not tell its operating condition, so it was not "
                                  "compared with the run's."]


def test_memory_cells_that_a_constant_lacks_are_told_with_their_numbers(tmp_path: Path) -> None:
    path = put(tmp_path, named=(0, 4))
    assert taken(tmp_path, run(cells=(0, 1, 2, 4)))[1] == [
        f"Offset of module 3 ({path}) has no memory cells 1-2 of the run; what is made of them has no value, or is "
        "flagged."]


@pytest.mark.parametrize(("named_cell", "told"), [(15, 0), (5, 1)])
def test_one_memory_cell_is_that_of_the_frames_only_if_it_is_the_same(
    named_cell: int, told: int, tmp_path: Path
) -> None:
    put(tmp_path, cells=1, named=(named_cell,))
    assert len(taken(tmp_path, run(cells=(15,)))[1]) == told


def test_one_image_that_names_no_cell_is_of_all_frames(tmp_path: Path) -> None:
    put(tmp_path, cells=1)
    assert taken(tmp_path, run(cells=(15,)))[1] == []


@pytest.mark.parametrize("chunks", [None, (3, 2, 1, 1)])
def test_what_is_there_in_place_of_a_constant_is_told(chunks: tuple[int, ...] | None, tmp_path: Path) -> None:
    path = put(tmp_path)
    assert taken(tmp_path)[1] == []
    with h5py.File(path, "r+") as file:
        group = file[f"{MODULE.pdu}/Offset/0"]
        attributes, values = dict(group["data"].attrs), np.zeros_like(group["data"])
        del group["data"]
        group.create_dataset("data", data=values, chunks=chunks).attrs.update(attributes)
    number = 6 if chunks else values[0].size
    assert taken(tmp_path)[1] == [
        f"Offset of module 3 ({path}) is 0 in each of the {number} values that were looked at."]


def test_modules_with_the_same_doubt_are_told_together(tmp_path: Path) -> None:
    first = put(tmp_path, conditions={})
    put(tmp_path, conditions={}, pdu="TINY_M005")
    assert taken(tmp_path, modules=(3, 5))[1] == [
        f"Offset of modules 3,5 ({first}) does not tell its operating condition, so it was not compared with the "
        "run's."]


@pytest.mark.parametrize(("shape", "dims"), [
    ((3, 2, 2, STAGES - 1), DIMS), ((3, 2, 2), DIMS[:3]), ((4, 2, 2, STAGES), DIMS), ((3, 4, 2, STAGES), DIMS),
    ((2, 2), ()), ((2, 2, 2, 2, 2), ()),
])
def test_a_shape_that_is_not_the_detectors_is_refused_before_the_work(
    shape: tuple[int, ...], dims: tuple[str, ...], tmp_path: Path
) -> None:
    path = put_constant(tmp_path, np.zeros(shape), dims=dims, conditions=BIAS)
    words = rf"^{re.escape(f'{path} has ')}.*{re.escape(str(shape))}.*(no stack of images|no images|Offset) of Tiny"
    with pytest.raises(BadInput, match=words):
        taken(tmp_path)


def test_a_step_without_its_optional_constants_says_which(tmp_path: Path) -> None:
    put(tmp_path)
    method = Correct(steps=(Offset(), Mask()))
    said = bind_before(spec(tmp_path, "offset"), method, TINY, (3,), run()).told
    assert list(said) == ["Mask is done without BadPixelsDark and BadPixelsFF."]


def test_a_step_that_is_left_out_of_many_modules_is_one_sentence() -> None:
    def without(*reasons: str) -> BoundPipeline:
        return BoundPipeline((), tuple(Skipped(f"Step {i}", reason) for i, reason in enumerate(reasons)), TINY)

    same = "Step 0 is left out: there is no SlopesPC."
    bound = {module: without(same, f"Step 1 is left out: offsets lie {module}00 ADU above.") for module in (2, 3, 5)}
    assert list(left_out(bound)) == [
        same, "Step 1 is left out: offsets lie 200 ADU above (module 2; likewise modules 3,5)."]


def mask(root: Path, flags: int, hours: float, number: int) -> Path:
    """A mask of people for all memory cells and gain stages, that holds from so many hours after the run began on."""
    begin = (START + timedelta(hours=hours)).isoformat()
    values = np.full(KIND.shape, flags, "u4")
    return put_constant(root, values, "TINY_M003", "BadPixelsManual", number, dims=("slow_scan", "fast_scan"),
                        begin_validity=begin)


def test_a_mask_of_people_is_taken_from_its_begin_on_and_modules_need_none(tmp_path: Path) -> None:
    put(tmp_path, number=1)
    put(tmp_path, number=1, pdu="TINY_M005")
    mask(tmp_path, 1 << 23, -30, 3)
    newest = mask(tmp_path, 1 << 30, -2, 4)
    mask(tmp_path, 1 << 31, 1, 5)
    method = Correct(steps=(Offset(), Mask()))
    before = bind_before(spec(tmp_path, "constants"), method, TINY, (3, 5), run())
    given = {number: one.steps[-1].given for number, one in before.bound.items()}
    assert {number: list(one) for number, one in given.items()} == {3: ["BadPixelsManual"], 5: []}
    assert given[3]["BadPixelsManual"].why == str(newest)
    assert not [one for one in before.told if "BadPixelsManual" in one]
    assert [one for one in before.lines if "BadPixelsManual of module 3: 2 h before the run" in one]


def test_only_a_later_mask_of_people_is_none(tmp_path: Path) -> None:
    put(tmp_path, number=1)
    mask(tmp_path, 1 << 23, 1, 2)
    for closest in (False, True):
        method = Correct(steps=(Offset(), Mask())).with_changes(
            {"constants_strategy": "closest" if closest else "prior"})
        before = bind_before(spec(tmp_path, "constants"), method, TINY, (3,), run())
        assert list(before.bound[3].steps[-1].given) == []


def test_a_mask_of_people_is_left_out_by_a_word(tmp_path: Path) -> None:
    put(tmp_path, number=1)
    mask(tmp_path, 1 << 23, -1, 2)
    inputs = {"constants": (str(tmp_path),), "badpixelsmanual": ("neutral",)}
    job = JobSpec(family="TINY", method="MAKE", out_folder=Path("/out"), inputs=inputs)
    before = bind_before(job, Correct(steps=(Offset(), Mask())), TINY, (3,), run())
    [one] = before.bound[3].steps[-1].given.values()
    assert not np.any(one.data)
    assert [text for text in before.told if "Neutral constants are taken for BadPixelsManual of module 3" in text]


def test_one_image_of_a_mask_flags_all_memory_cells_and_gain_stages(tmp_path: Path) -> None:
    put(tmp_path, number=1)
    mask(tmp_path, 1 << 23, -1, 2)
    [*_, masked] = bind_before(spec(tmp_path, "constants"), Correct(steps=(Offset(), Mask())), TINY, (3,), run()
                               ).bound[3].read().steps
    frames = Frames(np.zeros((STAGES, 1, *KIND.shape), np.uint16), np.arange(STAGES), np.arange(STAGES))
    images = Images.of_frames(frames)
    images.stage[:] = np.arange(STAGES, dtype=np.uint8)[:, None, None]
    masked.apply(images)
    assert (images.mask & (1 << 23)).all()
