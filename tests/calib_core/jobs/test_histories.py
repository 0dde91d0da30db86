"""Which versions of a folder are taken, which are compared, and what is told of the others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calib_core.characterisation.family import named
from calib_core.characterisation.statistics import map_of
from calib_core.errors import BadInput
from calib_core.jobs.given import GivenConstants, constants_of
from calib_core.jobs.spec import JobSpec
from calib_core.store.about import about_of, abouts_of
from calib_core.store.constants import read_constant

from ..subjects.files import BEGIN, images, put_bare, put_ours

UNIT = "SCS_DET_DSSC1M-1_DSSC00"


def bias(value: float, tolerance: float = 1.0) -> dict[str, Any]:
    entry = {"value": value, "unit": "V", "tolerance": tolerance, "origin": "KEY x"}
    return {"conditions": {"Sensor Bias Voltage": entry}}


def given(root: Path, **parameters: Any) -> GivenConstants:
    fields = {name: parameters.pop(name) for name in ("detector", "modules") if name in parameters}
    spec = JobSpec(family="GENERIC", method="STATS", inputs={"sets": (str(root),)}, out_folder=Path("/out"),
                   parameters=parameters, **fields)
    family = named("GENERIC")
    return constants_of(spec, family, family.method("STATS").with_changes(parameters))


def labels(found: GivenConstants, module: int = 0) -> list[str]:
    return [label for number, label in found.files if number == module and not label.startswith("map of")]


def test_all_versions_are_taken_in_the_order_of_time(tmp_path):
    for day in (3, 1, 2):
        put_ours(tmp_path, 0, "Offset", images(), day * 86400.0)
    assert labels(given(tmp_path)) == [f"Offset 2026-11-{26 + i} 07:25:00" for i in range(3)]
    assert labels(given(tmp_path, newest=1)) == ["Offset 2026-11-28 07:25:00"]
    assert labels(given(tmp_path, until="2026-11-27")) == ["Offset 2026-11-26 07:25:00"]


def test_conditions_that_are_one_within_tolerance_are_one(tmp_path):
    paths = [put_ours(tmp_path, 0, "Offset", images(), i * 60.0, **bias(value))
             for i, value in enumerate((100.0, 100.7, 99.4, 103.0))]
    found = abouts_of(map(read_constant, paths))
    values = [dict(found[path].comparable.condition)["Sensor Bias Voltage"] for path in paths]
    assert values == [100.0, 100.0, 100.0, 103.0]
    assert found[paths[0]].comparable == found[paths[2]].comparable != found[paths[3]].comparable


def test_several_values_of_gain_stages_are_one_condition(tmp_path):
    several = {"Gain Setting": {"value": 0.0, "values": [0.0, 1.0, 2.0], "tolerance": 0, "origin": "KEY x"}}
    one = about_of(read_constant(put_ours(tmp_path, 0, "Offset", images(), 0.0, conditions=several)))
    assert one.comparable.condition == (("Gain Setting", "0.0 / 1.0 / 2.0"),)


def test_other_numbers_of_memory_cells_are_not_compared(tmp_path):
    for i, cells in enumerate((2, 3)):
        put_ours(tmp_path, 0, "Offset", images(cells), i * 60.0)
    first, second = (about_of(one).comparable for one in given(tmp_path).files.values())
    assert dict(first.shape)["cell"] == 2
    assert dict(second.shape)["cell"] == 3


def test_maps_go_with_constants_though_they_are_not_asked_for(tmp_path):
    put_ours(tmp_path, 0, "Offset", images(), 0.0)
    flags = put_ours(tmp_path, 0, "BadPixelsDark", np.zeros((512, 128, 2), np.uint32), 600.0)
    found = given(tmp_path, calibrations="Offset")
    assert found.files[0, map_of("Offset 2026-11-25 07:25:00")].path == flags
    assert "1 of 2 constants are left out: they are of other calibrations." in found.notes
    assert map_of("Offset 2026-11-25 07:25:00") not in [label for _, label in given(tmp_path, map_within=5.0).files]
    assert not [note for note in given(tmp_path, bad_pixels=False).notes if "map" in note]


def test_of_two_of_one_time_the_later_file_counts(tmp_path):
    put_ours(tmp_path, 0, "Offset", images(), 0.0)
    path = put_ours(tmp_path, 0, "Offset", images(seed=1), 0.0)
    later = path.with_name(f"cal.{BEGIN + 100:.6f}.h5")
    later.write_bytes(path.read_bytes())
    found = given(tmp_path)
    assert [one.path for one in found.files.values()] == [later]
    assert "1 of 2 constants are left out: another of the same time was made later." in found.notes


def test_bare_files_are_timed_by_their_names_and_told(tmp_path):
    folder = tmp_path / "xfel" / "cal" / "dssc-type"
    for number in (0, 86400):
        put_bare(folder, UNIT, "Offset", images(), number)
    found = given(tmp_path)
    assert [about_of(one).begin for one in found.files.values()] == [
        datetime.fromtimestamp(BEGIN, UTC) + timedelta(days=i) for i in range(2)]
    assert any(note.startswith("2 of 2 constants do not tell when they begin") for note in found.notes)


def test_a_unit_that_took_the_place_of_another_has_its_module(tmp_path):
    put_ours(tmp_path, 0, "Offset", images(), 0.0)
    folder = tmp_path / "xfel" / "cal" / "dssc-type"
    put_bare(folder, "DSSC_M007", "Offset", images(), 86400, dims=("fast_scan", "slow_scan", "cell"))
    found = given(tmp_path)
    assert {one.pdu: number for (number, _), one in found.files.items()} == {UNIT: 0, "DSSC_M007": 0}
    assert len({about_of(one).comparable for one in found.files.values()}) == 2
    assert "The files do not tell the modules, so they are in the order of the units' names." in found.notes


def test_several_detectors_are_refused_by_their_names(tmp_path):
    put_ours(tmp_path, 0, "Offset", images(), 0.0)
    path = put_ours(tmp_path, 1, "Offset", images(), 0.0)
    known = {"detector_type": "DSSC-Type", "detector": "OTHER_DET", "module": 1}
    put_ours(tmp_path, 2, "Offset", images(), 5.0, provenance=known)
    with pytest.raises(BadInput, match=r"constants of OTHER_DET, SCS_DET_DSSC1M-1; name one of them \(--karabo-id\)"):
        given(tmp_path)
    assert [one.path for one in given(tmp_path, detector="SCS_DET_DSSC1M-1", modules=(1,)).files.values()] == [path]


def test_what_is_no_stack_of_images_is_left_out(tmp_path):
    put_ours(tmp_path, 0, "Offset", images(), 0.0)
    path = put_bare(tmp_path / "xfel" / "cal" / "dssc-type", UNIT, "FFHistogram", np.zeros((2, 3, 4, 128, 512), "u4"),
                    dims=("group", "bin", "gain", "slow_scan", "fast_scan"))
    assert path.exists()
    found = given(tmp_path)
    assert labels(found) == ["Offset 2026-11-25 07:25:00"]
    assert "1 of 2 constants are left out: they are no images over memory cells and gain stages." in found.notes


def test_damaged_attributes_are_one_sentence(tmp_path):
    put_ours(tmp_path, 0, "Offset", images(), 0.0, conditions={"Sensor Bias Voltage": 3})
    with pytest.raises(BadInput, match="says of itself what cannot be understood"):
        given(tmp_path)
