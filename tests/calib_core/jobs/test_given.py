"""Constants given as inputs: the newest of each unit are taken, and what is none of them is named in one sentence."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calib_core.characterisation.inputs import Input
from calib_core.constants.constant import OFFSET
from calib_core.errors import BadInput, BadParameter
from calib_core.jobs.given import GivenConstants, constants_of
from calib_core.jobs.spec import JobSpec

from .tiny import FAMILY, Tiny, put_constant


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
        "bias_voltage": (250.0, "constant: SOURCE key"),
        "gain_mode": (0.0, "constant: left out, as the old default is"),  # which the database does not store
        "integration_time": (12.0, "constant: left out, as the old default is")}


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
