"""Operating conditions of simulated runs: what our descriptors find is what EXtra asks the database for."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from extra_data import RunDirectory

from calib_core.constants.condition import Condition, Found
from calib_core.detector import SampleStatistics
from calib_core.detector.registry import detector_type
from calib_core.io.run import Run
from calib_core.jobs.survey import found_condition
from calib_core.simulate import Simulated

from ..detectors.fake_run import FakeRun
from .conftest import Make

AGIPD = {"fpga_comp": "SPB_IRU_AGIPD1M1/MDL/FPGA_COMP", "mpod": "SPB_IRU_AGIPD1M/PSC/HV", "fpga_control": [],
         "xtdf": ["SPB_DET_AGIPD1M-1/DET/0CH0:xtdf"]}
AGIPD_500K = {"fpga_comp": "HED_EXP_AGIPD500K2G/MDL/FPGA_COMP", "mpod": "HED_EXP_AGIPD500K2/PSC/HV",
              "fpga_control": [f"HED_EXP_AGIPD500K2G/FPGA/M_{i}" for i in range(8)],
              "xtdf": ["HED_DET_AGIPD500K2G/DET/2CH0:xtdf"]}
JUNGFRAU = {"control": "SPB_IRDA_JF4M/DET/CONTROL"}
LPD = {"fem_comp": "FXE_DET_LPD1M-1/COMP/FEM_MDL_COMP", "xtdf": ["FXE_DET_LPD1M-1/DET/2CH0:xtdf"]}


@pytest.fixture(scope="module")
def conditions() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("extra.calibration")


@pytest.fixture(scope="session")
def lpd(make: Make) -> Simulated:
    """Three memory cells, of which the second is recorded first."""
    return make("LPD1M", modules="2", memory_cells=3, first_cell=1, trains=3)


@pytest.fixture(scope="session")
def lpd_ascending(make: Make) -> Simulated:
    return make("LPD1M", modules="2", memory_cells=4, trains=3)


@pytest.fixture(scope="session")
def lpd_parallel(make: Make) -> Simulated:
    """All gain stages in each train; the cells of the first third are in ascending order."""
    return make("LPD1M", modules="2", memory_cells=3, trains=3, parallel_gain=True)


def ours(simulated: Simulated, role: str) -> tuple[Any, Condition]:
    """Detector type and condition of a run."""
    with Run.open(simulated.runs[role]) as run:
        [detector] = run.detectors
        return detector.type, found_condition(run, detector)[0]


OWN = {"FitsPC", "FitsCS", "FitsFF", "FFHistogram", "FFHistogramIsolated", "FFSums", "GainADUperkeV", "OffsetShift",
       "ThresholdsGain", "BadPixelsGain", "FieldsGain", "BadPixelsManual", "PixelOrder"}


def known_elsewhere(kind: Any) -> list[Any]:
    """Calibrations but those of our own; relative gains of AGIPD are, those of other detectors are not."""
    own = OWN | ({"RelativeGain"} if kind.name.startswith("AGIPD") else set())
    return [one for one in kind.calibrations.values() if one.name not in own]


@pytest.mark.parametrize(("fixture", "role", "theirs", "sources"), [
    *(("agipd", role, "AGIPDConditions", AGIPD) for role in ("high", "med", "low")),
    *(("agipd_500k", role, "AGIPDConditions", AGIPD_500K) for role in ("high", "med", "low")),
    ("burst", "high", "JUNGFRAUConditions", JUNGFRAU), ("single", "high", "JUNGFRAUConditions", JUNGFRAU),
    *(("lpd", role, "LPDConditions", LPD) for role in ("high", "med", "low")),
    ("lpd_ascending", "high", "LPDConditions", LPD), ("lpd_parallel", "high", "LPDConditions", LPD),
])
def test_every_query_is_that_of_extra_for_the_same_run(
    fixture: str, role: str, theirs: str, sources: dict[str, Any], conditions: Any, request: pytest.FixtureRequest
) -> None:
    simulated = request.getfixturevalue(fixture)
    kind, condition = ours(simulated, role)
    extra = getattr(conditions, theirs)
    found = extra.from_data(RunDirectory(simulated.runs[role]), None, **sources)
    if hasattr(found, "source_energy"):  # no run tells it, neither us nor EXtra, which takes the usual one
        others = {name: 0 for name in ("category",) if hasattr(found, name)}
        condition = condition.overridden({"source_energy": found.source_energy, **others})
    for calibration in known_elsewhere(kind):
        [query] = condition.of(kind.condition_of(calibration)).queries()
        known = found.make_dict(extra.calibration_types[calibration.name])
        # numbers in single precision have their last digits cut here
        assert query == {name: value if isinstance(value, str) else pytest.approx(value, rel=1e-6)
                         for name, value in known.items()}


@pytest.mark.parametrize(("kinds", "theirs"), [
    (("AGIPD1M", "AGIPD500K"), "AGIPDConditions"), (("LPD1M", "LPDMINI"), "LPDConditions"),
    (("JUNGFRAU",), "JUNGFRAUConditions"),
])
def test_every_calibration_has_the_parameters_that_extra_knows(
    kinds: tuple[str, ...], theirs: str, conditions: Any
) -> None:
    for kind in map(detector_type, kinds):
        names = {parameter.name: parameter.database_name for parameter in kind.condition}
        for calibration in known_elsewhere(kind):
            known = getattr(conditions, theirs).calibration_types[calibration.name]
            assert sorted(names[one] for one in kind.condition_of(calibration)) == sorted(known)


#: Queries of darks that were recorded at the facility's database, from the tests of European-XFEL/EXtra (cassettes of
#: AGIPD_CalibrationData_metadata, …_metadata_SPB, load_data, JUNGFRAU_constant, LPD_constant, DSSC_modules_missing).
RECORDED = [
    ("AGIPD1M", "Offset", {"Sensor Bias Voltage": 300, "Pixels X": 512, "Pixels Y": 128, "Memory cells": 352,
                           "Acquisition rate": 2.2, "Gain setting": 1}),
    ("AGIPD1M", "Noise", {"Sensor Bias Voltage": 300, "Pixels X": 512, "Pixels Y": 128, "Memory cells": 352,
                          "Acquisition rate": 1.1, "Gain setting": 0, "Integration time": 20}),
    ("AGIPD1M", "ThresholdsDark", {"Sensor Bias Voltage": 300, "Pixels X": 512, "Pixels Y": 128, "Memory cells": 352,
                                   "Acquisition rate": 1.1, "Gain setting": 0}),
    ("JUNGFRAU", "BadPixelsDark", {"Sensor Bias Voltage": 90, "Memory Cells": 1, "Pixels X": 1024, "Pixels Y": 512,
                                   "Integration Time": 400, "Sensor temperature": 291, "Gain Setting": 0}),
    ("LPD1M", "Offset", {"Sensor Bias Voltage": 250, "Memory cells": 200, "Pixels X": 256, "Pixels Y": 256,
                         "Feedback capacitor": 5}),
    ("LPD1M", "Offset", {"Sensor Bias Voltage": 250, "Memory cells": 512, "Pixels X": 256, "Pixels Y": 256,
                         "Feedback capacitor": 5, "Memory cell order": "".join(f"{n}," for n in range(510))}),
    ("DSSC1M", "Noise", {"Sensor Bias Voltage": 100, "Memory cells": 600, "Pixels X": 512, "Pixels Y": 128}),
]


@pytest.mark.parametrize(("name", "calibration", "query"), RECORDED)
def test_recorded_queries_find_what_is_of_their_condition(
    name: str, calibration: str, query: dict[str, Any]
) -> None:
    """Whatever else a run tells, the query has these parameters and no other."""
    kind = detector_type(name)
    values = {p.name: Found(query.get(p.database_name, 3.25 if p.left_out_at is None else p.left_out_at), "run")
              for p in kind.condition}
    assert all(p.allows(query[p.database_name]) for p in kind.condition if p.database_name in query)
    condition = Condition(kind.condition, values).of(kind.condition_of(kind.calibrations[calibration]))
    assert condition.queries() == (query,)


@pytest.mark.parametrize(
    ("fixture", "name", "expected"),
    [
        ("agipd", "AGIPD1M", {"bias_voltage": 300, "memory_cells": 4, "acquisition_rate": 1.1, "gain_setting": 0,
                              "gain_mode": 0, "integration_time": 12}),
        ("agipd_500k", "AGIPD500K", {"bias_voltage": 250, "gain_setting": 1, "gain_mode": 1}),
        ("burst", "JUNGFRAU", {"bias_voltage": 90, "memory_cells": 16, "integration_time": 10, "gain_setting": 1,
                               "gain_mode": 0, "exposure_timeout": 25}),
        ("single", "JUNGFRAU", {"memory_cells": 1, "gain_setting": 0}),
    ],
)
def test_what_slow_control_tells_is_sure(
    fixture: str, name: str, expected: dict[str, float], request: pytest.FixtureRequest
) -> None:
    _, condition = ours(request.getfixturevalue(fixture), "high")
    assert {key: condition[key] for key in expected} == expected
    assert all(condition.values[key].sure for key in expected)


def test_gain_stage_is_told_by_the_control_values(agipd_500k: Simulated, burst: Simulated) -> None:
    nothing = SampleStatistics(None, None)
    for simulated in (agipd_500k, burst):
        found = []
        for path in simulated.runs.values():
            with Run.open(path) as run:
                [detector] = run.detectors
                control = run.control(detector)
                found.append(detector.type.find_stage(control, detector.identifier, nothing).stage)
        assert found == [0, 1, 2]


def test_old_words_of_slow_control_mean_what_they_mean_to_extra(conditions: Any) -> None:
    """Before there was a key for the gain mode, settings told both; what is not told is not sure."""
    extra = conditions.JUNGFRAUConditions
    for word, (settings, mode) in extra.legacy_settings.items():
        found = detector_type("JUNGFRAU").find_condition(
            FakeRun({"SPB_IRDA_JF4M/DET/CONTROL": {"settings": word}}), "SPB_IRDA_JF4M")
        assert found["gain_mode"].value == extra.gain_mode_labels.get(mode, 0)
        assert found["gain_setting"].value == int(settings == "highgain0")
        assert found["gain_setting"].sure == word.startswith("dynamic")


@pytest.mark.parametrize("setup", [0, 8, 32, 40, 7])
@pytest.mark.parametrize("pattern", [1, 3, 4, 5])
def test_registers_of_old_devices_mean_what_they_mean_to_extra(setup: int, pattern: int, conditions: Any) -> None:
    class Register:
        def __init__(self, value: int) -> None:
            self.value = value

        def as_single_value(self, **_: Any) -> int:
            return self.value

    registers = {"setupr": setup, "patternTypeIndex": pattern}
    found = detector_type("AGIPD1M").find_condition(
        FakeRun({"SPB_IRU_AGIPD1M1/MDL/FPGA_COMP": registers}), "SPB_DET_AGIPD1M-1")["gain_setting"]
    try:
        known = conditions.AGIPDConditions.gain_setting_from_comp({k: Register(v) for k, v in registers.items()})
    except ValueError:
        assert not found.sure
    else:
        assert (found.value, found.sure) == (known, True)
