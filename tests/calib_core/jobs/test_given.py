"""Constants given as inputs: the newest of each unit are taken, and what is none of them is named in one sentence."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calib_core.characterisation.family import named
from calib_core.characterisation.inputs import Input
from calib_core.constants.condition import Condition
from calib_core.constants.constant import OFFSET
from calib_core.detector import Detector, Module
from calib_core.detector.registry import detector_type
from calib_core.errors import BadInput, BadParameter
from calib_core.jobs.given import GivenConstants, bind_before, constants_of
from calib_core.jobs.spec import JobSpec

from .tiny import FAMILY, Tiny, put_constant

STRIPS = replace(detector_type("GOTTHARD2"), shape=(1, 4), saturation=9)
GOTTHARD2 = Detector("LAB_GH2", STRIPS, (Module(1, "", "GH201", "GH2_A"), Module(2, "", "GH202", "GH2_B")))
DARK = named("GOTTHARD2").method("DARK")


def spec(path: Path | None, name: str = "dark", **fields: Any) -> JobSpec:
    inputs = {} if path is None else {name: (str(path),)}
    return JobSpec(family="TINY", method="MAKE", out_folder=Path("/out"), inputs=inputs, **fields)


def given(path: Path | None, name: str = "dark", **fields: Any) -> GivenConstants:
    return constants_of(spec(path, name, **fields), FAMILY, Tiny())


def nothing(root: Path) -> Path:
    return root / "nowhere.h5"


def text(root: Path) -> Path:
    (root / "text.h5").write_text("Offset = 3")
    return root / "text.h5"


def no_constant(root: Path) -> Path:
    (root / "raw").mkdir()
    return root / "raw"


def cut(root: Path) -> Path:
    path = put_constant(root)
    path.write_bytes(path.read_bytes()[:700])
    return path


def noise(root: Path) -> Path:
    return put_constant(root, name="Noise")


def larger(root: Path) -> Path:
    return put_constant(root, np.zeros((4, 2, 2)))


def other_type(root: Path) -> Path:
    return put_constant(root, detector_type="DSSC-Type")


@pytest.mark.parametrize(("make", "words"), [
    (nothing, "cannot be read as a calibration constant: there is no such file."),
    (text, "cannot be read as a calibration constant"),
    (cut, "cannot be read as a calibration constant"),
    (no_constant, "has no constant of Offset for TINY; it has no constants."),
    (noise, "has no constant of Offset for TINY; it has Noise."),
    (larger, "is no constant of TINY: it is of an unknown type with the shape (4, 2, 2)."),
    (other_type, "is no constant of TINY: it is of DSSC-Type with the shape (3, 2, 2)."),
])
def test_what_is_no_constant_for_the_input_is_named(
    make: Callable[[Path], Path], words: str, tmp_path: Path
) -> None:
    path = make(tmp_path)
    with pytest.raises(BadInput, match=f"^{re.escape(f'{path} {words}')}") as told:
        given(path)
    assert "\n" not in str(told.value)


def test_an_input_that_was_not_given_is_told_with_its_flag() -> None:
    with pytest.raises(BadParameter, match=r"^Nothing was given for dark constants; give --constants-dark\.$"):
        given(None)


def test_the_newest_constant_of_each_unit_is_taken(tmp_path: Path) -> None:
    for number, value in ((9, 2.0), (10, 3.0), (8, 1.0)):
        put_constant(tmp_path, np.full((3, 2, 2), value), number=number)
    put_constant(tmp_path, np.full((3, 2, 2), 50.0), "TINY_M001", number=5)
    put_constant(tmp_path, np.full((3, 2, 2), 99.0), number=20, name="Noise")
    found = given(tmp_path)
    assert found.modules == (0, 1)
    assert [float(found.stored[m, "dark"]["Offset"].data().max()) for m in (0, 1)] == [50.0, 3.0]
    assert found.notes == (f"dark constants: 4 constants of {tmp_path}.",)


def test_modules_have_the_numbers_that_the_files_tell(tmp_path: Path) -> None:
    put_constant(tmp_path, pdu="TINY_M009", module=2, karabo_da="TINY02")
    put_constant(tmp_path, pdu="TINY_M001", module=7, karabo_da="TINY07")
    found = given(tmp_path)
    assert found.detector is not None
    assert {(m.number, m.pdu, m.aggregator) for m in found.detector.modules} == {
        (2, "TINY_M009", "TINY02"), (7, "TINY_M001", "TINY07")}
    assert given(tmp_path, modules=(7,)).modules == (7,)


@pytest.mark.parametrize("name", ["dark", "constants"])
def test_a_single_file_serves_as_well_as_a_folder(name: str, tmp_path: Path) -> None:
    put_constant(tmp_path, np.full((3, 2, 2), 1.0), number=1)
    path = put_constant(tmp_path, np.full((3, 2, 2), 2.0), number=2)
    for one, expected in ((path, 2.0), (path.with_name("cal.1700000001.000000000.h5"), 1.0)):
        stored = given(one, name).stored[0, "dark"]["Offset"]
        np.testing.assert_array_equal(stored.data(), np.full((3, 2, 2), expected))


def test_the_condition_and_the_memory_cells_are_those_of_the_file(tmp_path: Path) -> None:
    said = {"Sensor Bias Voltage": {"value": 250.0, "origin": "SOURCE key"}, "Humidity": {"value": 9}}
    put_constant(tmp_path, cells=np.array([0, 4], "u2"), detector_type="AGIPD-Type", provenance={"detector": "LAB_T"},
                 conditions=said)
    found = given(tmp_path)
    assert found.cells == (0, 4)
    assert found.detector is not None
    assert found.detector.identifier == "LAB_T"
    assert {name: (one.value, one.origin) for name, one in found.condition.values.items()} == {
        "bias_voltage": (250.0, "constant: SOURCE key")}


def table(root: Path, pdu: str, name: str = "LUTGotthard2", number: int = 1) -> Path:
    codes = np.broadcast_to(np.arange(10, dtype="u2")[:, None] // 2, (2, 10, 4))
    return put_constant(root, codes, pdu, name, number, dims=())


def bound(path: Path, *modules: int) -> tuple[set[int], list[str]]:
    """Modules with steps before, and the file that each step took."""
    pipelines, _ = bind_before(spec(path, "lut"), DARK, GOTTHARD2, modules, Condition(()))
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
    pipelines, said = bind_before(spec(None), DARK, GOTTHARD2, (1,), Condition(()))
    assert pipelines[1].steps == ()
    assert len(said) == 1
    assert "codes 0 to 9 of the converter" in said[0]


@pytest.mark.parametrize(("units", "name", "modules", "words"), [
    (("GH2_A",), "LUTGotthard2", (1, 2), "of module 2 (GH2_B); it has those of GH2_A."),
    (("GH2_C", "GH2_D"), "LUTGotthard2", (1,), "of module 1 (GH2_A); it has those of GH2_C, GH2_D."),
    (("GH2_A",), "OffsetGotthard2", (1,), "LUTGotthard2; it has OffsetGotthard2."),
    ((), "", (1,), "LUTGotthard2; it has no constants."),
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


def test_modules_without_constants_are_not_passed_over(tmp_path: Path) -> None:
    put_constant(tmp_path, pdu="TINY_M009", module=2, karabo_da="TINY02")
    put_constant(tmp_path, pdu="TINY_M001", module=7, karabo_da="TINY07")
    with pytest.raises(BadInput, match="no constants of module 9; there are of 2,7"):
        given(tmp_path, modules=(9,))
    found = given(tmp_path, modules=(2, 8, 9))
    assert found.modules == (2,)
    assert found.notes[0] == "There are no constants of modules 8-9; there are of 2,7."


@pytest.mark.parametrize("attributes", [
    {"conditions": {"Sensor Bias Voltage": 300.0}}, {"conditions": {"Sensor Bias Voltage": {"unit": "V"}}},
    {"module": "x"}, {"cells": "all"},
])
def test_attributes_that_are_something_else_are_told_with_the_file(
    attributes: dict[str, Any], tmp_path: Path
) -> None:
    path = put_constant(tmp_path, **attributes)
    with pytest.raises(BadInput, match=f"^{re.escape(str(path))} says of itself what cannot be understood"):
        given(tmp_path)


def test_memory_cells_that_a_file_does_not_name_are_all_read(tmp_path: Path) -> None:
    put_constant(tmp_path)
    assert given(tmp_path).cells == (0, 1)


def test_names_of_memory_cells_must_be_as_many_as_there_are(tmp_path: Path) -> None:
    put_constant(tmp_path, cells=np.array([0, 4, 8], "u2"))
    with pytest.raises(BadInput, match="has 2 memory cells, but names 3"):
        given(tmp_path)


def test_modules_with_other_memory_cells_are_told(tmp_path: Path) -> None:
    put_constant(tmp_path, pdu="TINY_A")
    put_constant(tmp_path, np.zeros((3, 2, 5)), pdu="TINY_B")
    with pytest.raises(BadInput, match=r"memory cells 0-4, but .* has 0-1"):
        given(tmp_path)


def test_two_units_of_one_module_are_told(tmp_path: Path) -> None:
    put_constant(tmp_path, pdu="TINY_A", module=3)
    put_constant(tmp_path, pdu="TINY_B", module=3)
    with pytest.raises(BadInput, match="TINY_A and TINY_B are both given as module 3"):
        given(tmp_path)


class Both(Tiny):
    """Reads two inputs of constants."""

    def inputs(self, kind: Any) -> tuple[Input, ...]:
        return (*super().inputs(kind), Input("other", "other constants", of="constants", kinds=(OFFSET,)))


def test_an_input_without_constants_of_a_module_is_told(tmp_path: Path) -> None:
    for folder, pdu in (("a", "TINY_A"), ("b", "TINY_B")):
        put_constant(tmp_path / folder, pdu=pdu)
    inputs = {"dark": (str(tmp_path / "a"),), "other": (str(tmp_path / "b"),)}
    asked = spec(None).model_copy(update={"inputs": inputs})
    with pytest.raises(BadInput, match=r"a has no Offset of TINY_B \(module 1\), which is read for dark constants"):
        constants_of(asked, FAMILY, Both())
