"""Constants given as inputs: the newest of each unit are taken, and what is none of them is named in one sentence."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
import pytest

from calib_core.characterisation.inputs import Input
from calib_core.constants.constant import BAD_PIXELS_DARK, NOISE, OFFSET
from calib_core.detector import Calibration
from calib_core.errors import BadInput, BadParameter
from calib_core.jobs.constant_blocks import OfAxis
from calib_core.jobs.given import GivenConstants, constants_of
from calib_core.jobs.spec import JobSpec
from calib_core.params import knob
from calib_core.store.constants import read_constant
from calib_core.store.local.records import Place, Record, add_act, add_version
from calib_core.store.local.store import LocalStore
from calib_core.store.statuses import Status

from .tiny import FAMILY, PDU, Tiny, put_constant


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


def complex_numbers(root: Path) -> Path:
    return put_constant(root, np.zeros((3, 2, 2), complex))


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
    (complex_numbers, "cannot be read as a calibration constant: its values are of the type complex128, which are no "
                      "real numbers."),
    (no_constant, "has no constant of Offset for TINY; it has no constants: there are no files xfel/cal/"),
    (noise, "has no constant of Offset for TINY; it has Noise."),
    (larger, "is no constant of TINY: it is of an unknown type with the shape (4, 2, 2, 3)."),
    (other_type, "is no constant of TINY: it is of DSSC-Type with the shape (3, 2, 2, 3)."),
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


def accept(store: LocalStore, path: Path, number: int, pdu: str) -> int:
    """Put a file that lies in a store into its index, from a day on that is its number; returns its own there."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    at = datetime(2025, 6, number, tzinfo=UTC)
    with store.writing() as writing:
        return add_version(writing, add_act(writing, "inject", "anna", "", at), Record(
            pdu, "Offset", "AGIPD-Type", {}, at, at, str(path.relative_to(store.folder)), f"/{pdu}/Offset/0", digest,
            digest), Status.ACCEPTED)


def test_of_a_store_the_newest_that_was_accepted_is_taken(tmp_path: Path) -> None:
    store = LocalStore(tmp_path, create=True)
    values = {(3, PDU): 1.0, (9, PDU): 2.0, (7, PDU): 3.0, (5, "TINY_M001"): 50.0}
    made = {key: accept(store, put_constant(tmp_path, np.full((3, 2, 2), value), key[1], number=key[0]), *key)
            for key, value in values.items()}

    def taken(**fields: Any) -> dict[str, float]:
        found = given(tmp_path, **fields).files.values()
        return {one.pdu: float(one.data().max()) for one in found}

    assert taken() == {PDU: 2.0, "TINY_M001": 50.0}
    store.decide([made[9, PDU]], Status.WITHDRAWN, "anna", "")
    assert taken() == {PDU: 3.0, "TINY_M001": 50.0}
    store.install(PDU, Place("LAB_TINY", "TINY03", 3), "AGIPD-Type", datetime(2025, 1, 1, tzinfo=UTC), "anna", "")
    assert taken(detector="LAB_TINY") == {PDU: 3.0}
    store.decide(list(made.values())[:1] + list(made.values())[2:], Status.WITHDRAWN, "anna", "")
    store.close()
    with pytest.raises(BadInput, match="has no constant of Offset for TINY; it has no constants"):
        given(tmp_path)


def test_the_newest_constant_of_each_unit_is_taken(tmp_path: Path) -> None:
    for number, value in ((9, 2.0), (10, 3.0), (8, 1.0)):
        put_constant(tmp_path, np.full((3, 2, 2), value), number=number)
    put_constant(tmp_path, np.full((3, 2, 2), 50.0), "TINY_M001", number=5)
    put_constant(tmp_path, np.full((3, 2, 2), 99.0), number=20, name="Noise")
    found = given(tmp_path)
    assert found.modules == (0, 1)
    assert [float(found.files[m, "Offset"].data().max()) for m in (0, 1)] == [50.0, 3.0]
    [silent] = found.notes
    assert found.lines == (f"dark constants: 2 constants of {tmp_path}.",)
    assert silent.startswith("2 of 2 constants tell no operating condition")
    assert found.files[0, "Offset"].path.name in silent


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
        np.testing.assert_array_equal(given(one, name).files[0, "Offset"].data(), np.full((3, 2, 2, 3), expected))


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
    why = r"a has no Offset of TINY_B \(module 1\), which is read for dark constants\. 1 other module lacks"
    with pytest.raises(BadInput, match=why):
        constants_of(asked, FAMILY, Both())
    put_constant(tmp_path / "b", pdu="TINY_A")
    found = constants_of(asked, FAMILY, Both())
    assert found.modules == (0,)
    assert found.left_out == {1: f"{tmp_path / 'a'} has no Offset of TINY_B (module 1), which is read for dark "
                                 "constants."}
    assert f"Module 1 left out: {found.left_out[1]}" in found.notes


class Lenient(Both):
    """Takes what goes together and what does not."""

    optional: bool = knob(True, help="Whether the second may be left out")
    other_conditions: bool = knob(False, help="Take constants that differ in their condition")
    cells: Literal["same", "intersect", "union"] = knob("same", help="Memory cells")

    def inputs(self, kind: Any) -> tuple[Input, ...]:
        first, second = super().inputs(kind)
        return first, replace(second, optional=self.optional, kinds=(NOISE,), also=(BAD_PIXELS_DARK,))

    @property
    def takes_other_conditions(self) -> bool:
        return self.other_conditions

    @property
    def cells_together(self) -> Literal["same", "intersect", "union"]:
        return self.cells


def both(root: Path, **changes: Any) -> GivenConstants:
    inputs = {"dark": (str(root / "a"),), "other": (str(root / "b"),)}
    fields = {name: changes.pop(name) for name in ("conditions",) if name in changes}
    return constants_of(JobSpec(family="TINY", method="MAKE", out_folder=Path("/out"), inputs=inputs, **fields),
                        FAMILY, Lenient().with_changes(changes))


def test_a_constant_that_may_be_lacking_is_told(tmp_path: Path) -> None:
    for name in ("TINY_A", "TINY_B"):
        put_constant(tmp_path / "a", pdu=name)
    put_constant(tmp_path / "b", pdu="TINY_B", name="Noise")
    found = both(tmp_path)
    assert found.modules == (0, 1)
    assert set(found.files) == {(0, "Offset"), (1, "Offset"), (1, "Noise")}
    assert (f"{tmp_path / 'b'} has no Noise of TINY_A (module 0), which is read for other constants. The module is "
            "done without.") in found.notes


def bias(volts: float) -> dict[str, Any]:
    return {"conditions": {"Sensor Bias Voltage": {"value": volts, "origin": "key"}}}


def test_constants_of_another_condition_are_refused_with_both_values(tmp_path: Path) -> None:
    first = put_constant(tmp_path / "a", **bias(300.0))
    other = put_constant(tmp_path / "b", name="Noise", **bias(200.0))
    sentence = (f"{first} and {other} are not of one operating condition: Sensor Bias Voltage differs: 300.0 V and "
                "200.0 V")
    with pytest.raises(BadInput, match=f"^{re.escape(sentence)}; give others, or --other-conditions takes them"):
        both(tmp_path)
    found = both(tmp_path, other_conditions=True)
    assert f"{sentence}; they are taken all the same." in found.notes
    assert found.condition["bias_voltage"] == 300.0
    said = both(tmp_path, conditions={"bias_voltage": 250.0})
    assert said.condition["bias_voltage"] == 250.0


def test_parameters_that_one_calibration_has_alone_are_not_compared(tmp_path: Path) -> None:
    """Slopes of a current source have neither integration time nor gain mode: formats 6.1."""
    kind = replace(FAMILY.types[0], calibrations={
        **FAMILY.types[0].calibrations, "Noise": Calibration("Noise", ("fast_scan", "slow_scan", "cell", "gain"),
                                                             parameters=("bias_voltage",))})
    family = replace(FAMILY, types=(kind,))
    time = {"Integration time": {"value": 12.0, "origin": "key"}}
    put_constant(tmp_path / "a", conditions={**bias(300.0)["conditions"], **time})
    put_constant(tmp_path / "b", name="Noise", conditions={
        **bias(300.0)["conditions"], "Integration time": {"value": 20.0, "origin": "key"}})
    inputs = {"dark": (str(tmp_path / "a"),), "other": (str(tmp_path / "b"),)}
    asked = JobSpec(family="TINY", method="MAKE", out_folder=Path("/out"), inputs=inputs)
    assert constants_of(asked, family, Lenient()).condition["integration_time"] == 12.0
    with pytest.raises(BadInput, match=r"Integration time differs: 12\.0 and 20\.0"):
        constants_of(asked, FAMILY, Lenient())


def numbered(cells: tuple[int, ...]) -> Any:
    """Values that tell their memory cell."""
    return np.broadcast_to(np.array(cells, float), (3, 2, len(cells)))


def test_memory_cells_are_those_of_all_or_of_any(tmp_path: Path) -> None:
    put_constant(tmp_path / "a", numbered((0, 1, 2, 40)), cells=np.array([0, 1, 2, 40], "u2"))
    put_constant(tmp_path / "b", numbered((0, 2, 3)), name="Noise", cells=np.array([0, 2, 3], "u2"))
    with pytest.raises(BadInput, match=r"has the memory cells 0,2-3, but .* has 0-2,40; give constants of the same"):
        both(tmp_path)
    found = both(tmp_path, cells="intersect")
    assert found.cells == (0, 2)
    assert any("those that all have are taken, 2 of 5" in note for note in found.notes)
    found = both(tmp_path, cells="union")
    assert found.cells == (0, 1, 2, 3, 40)
    labels = dict(enumerate(found.cells))
    read = {name: [(one.stand_in.get(kind), None if kind not in one.values else float(one.values[kind][0, 0, 0]))
                   for one in found.blocks[0, name].blocks(labels)]
            for name, kind in (("dark", "Offset"), ("other", "Noise"))}
    assert read["dark"] == [(None, 0.0), (None, 1.0), (None, 2.0), (2, 2.0), (None, 40.0)]
    assert read["other"] == [(None, 0.0), (0, 0.0), (None, 2.0), (None, 3.0), (None, None)]
    assert any("has no Noise of the memory cells 40, nor of any in their rows" in note for note in found.notes)


def test_files_whose_memory_cells_lie_all_over_them_are_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("calib_core.store.by_cell._LITTLE", 0)
    values = np.random.default_rng(1).normal(4000, 100, (3, 2, 9))
    path = put_constant(tmp_path, values, cells=np.arange(9, dtype="u2"))
    blocks = given(tmp_path).blocks[0, "dark"]
    assert blocks.bytes_beside > 0
    opened: list[str] = []
    real = h5py.Dataset.read_direct
    monkeypatch.setattr(h5py.Dataset, "read_direct", lambda self, *a, **k: (opened.append(self.name),
                                                                            real(self, *a, **k))[1])
    read = list(blocks.blocks(dict(enumerate(range(9)))))
    for cell, one in enumerate(read):
        np.testing.assert_array_equal(one.values["Offset"], np.broadcast_to(values[:, :, cell].T, (3, 2, 3)))
    pieces = len(opened)
    list(blocks.blocks(dict(enumerate(range(9)))))
    assert 0 < pieces == len(opened)
    blocks.close()
    assert path.exists()


def test_a_constant_over_another_axis_comes_along_it(tmp_path: Path) -> None:
    values = np.arange(3 * 2 * 4 * 5.0).reshape(3, 2, 4, 5)
    dims = ("fast_scan", "slow_scan", "bin", "group")
    stored = read_constant(put_constant(tmp_path, values, name="Counts", dims=dims,
                                        axes={"group": [0, 32, 64, 96, 128]}))
    entries = OfAxis(stored, "group")
    assert entries.labels == (0, 32, 64, 96, 128)
    for index in range(5):
        np.testing.assert_array_equal(entries.entry(index), values[..., index].transpose(2, 1, 0))
