"""Constants that our darks made, were injected and accepted, found and loaded by the facility's own library.

It asks a server of our store on this machine, and reads our files; what it gets is what the darks wrote.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import requests
import yaml

from calib_core.cli.main import main
from calib_core.jobs.why import Asked, why
from calib_core.simulate import Simulated, default_settings, simulate
from calib_core.store.constants import StoredConstant, list_constants
from calib_core.store.local.store import LocalStore
from calib_core.store.serving.server import Server, serving

from .command import Capture, Result
from .conftest import characterise

extra = pytest.importorskip("extra.calibration", reason="EXtra is not installed (group calcat)")
calcat = pytest.importorskip("extra.calibration.calcat")

Array = Any


@dataclass(frozen=True)
class Family:
    """How a family's darks are simulated, and what the facility's library calls their operating condition.

    Attributes
    ----------
    kind : str
    settings : mapping
    condition : callable
    kinds : set of str
        Names of the constants in the database.
    dims : tuple of str
        Axes of offsets in the file.
    other : mapping
        A parameter of another condition, under which nothing may be found.
    """

    kind: str
    settings: dict[str, Any]
    condition: Any
    kinds: frozenset[str]
    dims: tuple[str, ...]
    other: dict[str, Any] = field(default_factory=dict)


DARKS = frozenset({"Offset", "Noise", "BadPixelsDark"})
FAMILIES = {
    "AGIPD": Family(
        "AGIPD1M", {"identifier": "SPB_DET_AGIPD1M-1", "modules": "0,5", "memory_cells": 3},
        lambda **change: extra.AGIPDConditions(**{
            "sensor_bias_voltage": 300, "memory_cells": 3, "acquisition_rate": 1.1, "gain_setting": 0, "gain_mode": 0,
            "integration_time": 12, **change}),
        DARKS | {"ThresholdsDark"}, ("fast_scan", "slow_scan", "cell", "gain"), {"gain_setting": 1}),
    "LPD": Family(
        "LPD1M", {"identifier": "FXE_DET_LPD1M-1", "modules": "0,15", "memory_cells": 3},
        lambda **change: extra.LPDConditions(**{
            "sensor_bias_voltage": 250, **change}),
        DARKS, (), {"sensor_bias_voltage": 200}),
    "DSSC": Family(
        "DSSC1M", {"identifier": "SCS_DET_DSSC1M-1", "modules": "1,2", "memory_cells": 3},
        lambda **change: extra.DSSCConditions(**{
            "sensor_bias_voltage": 100, "memory_cells": 3, **change}),
        frozenset({"Offset", "Noise"}), (), {"memory_cells": 4}),
    "JUNGFRAU": Family(
        "JUNGFRAU", {"identifier": "FXE_XAD_JF1M", "modules": "1-2", "memory_cells": 1},
        lambda **change: extra.JUNGFRAUConditions(**{
            "sensor_bias_voltage": 90, "memory_cells": 1, "integration_time": 10, "gain_setting": 0, "gain_mode": 0,
            "sensor_temperature": 291, **change}),
        frozenset({"Offset10Hz", "Noise10Hz", "BadPixelsDark10Hz"}), ("fast_scan", "slow_scan", "cell", "gain"),
        {"integration_time": 10.1}),
}


@dataclass
class Case:
    """A family's darks in a store of their own."""

    of: Family
    name: str
    made: Simulated
    folder: Path
    written: dict[tuple[str, str], StoredConstant]

    @property
    def begin(self) -> datetime:
        begins = {one.begin for one in self.written.values()}
        [found] = begins
        assert found is not None
        return found

    @contextmanager
    def served(self, drafts: bool = False) -> Iterator[Server]:
        """The library is pointed at a server of the store; afterwards it is as it was."""
        with ExitStack() as stack:
            store = LocalStore(self.folder)
            stack.callback(store.close)
            server = stack.enter_context(serving(store, drafts))
            stack.callback(setattr, calcat, "global_client", calcat.global_client)
            stack.callback(setattr, calcat, "_default_caldb_root", calcat._default_caldb_root)
            extra.setup_client(server.url, None, None, None)
            stack.callback(extra.get_client().session.close)
            extra.set_default_caldb_root(self.folder)
            yield server

    def find(self, **changes: Any) -> Any:
        condition = changes.pop("condition", None) or self.of.condition()
        return extra.CalibrationData.from_condition(
            condition, self.of.settings["identifier"], **{"event_at": self.begin, **changes})

    def same(self, found: Any, kinds: frozenset[str] | None = None) -> None:
        """What the library loads is in the files that the darks wrote, module by module."""
        assert set(found) == (kinds or self.of.kinds)
        for name, constant in found.items():
            loaded = constant.ndarray()
            assert [one.split("_")[-1] for one in constant.pdu_names] == list(constant.aggregator_names)
            for module, unit in enumerate(constant.pdu_names):
                with h5py.File(self.written[unit, name].path) as file:
                    data = file[f"{unit}/{name}/0/data"]
                    np.testing.assert_array_equal(loaded[module], data[()])
                    assert constant.dimensions == ("module", *data.attrs["dims"])
                assert np.isfinite(loaded[module].astype("f8")).mean() > 0.9


@pytest.fixture(scope="module", params=sorted(FAMILIES))
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    of, folder = FAMILIES[request.param], tmp_path_factory.mktemp(request.param.lower())
    made = simulate(default_settings(of.kind).with_changes({
        "trains": 12, "trains_per_sequence": 12, "instrument": of.settings["identifier"][:3], **of.settings}),
        folder / "data")
    characterise(made, folder / "dark")
    written = {(one.pdu, one.calibration): one for one in list_constants(folder / "dark")}
    assert main(["store", "inject", "--store", str(folder / "store"), str(folder / "dark"), "--confirm-units"]) == 0
    return Case(of, request.param, made, folder / "store", written)


@pytest.fixture
def accepted(case: Case) -> Case:
    """All drafts are accepted."""
    with ExitStack() as stack:
        store = LocalStore(case.folder)
        stack.callback(store.close)
        drafts = [one.number for one in store.every() if one.status == "draft"]
    if drafts:
        assert main(["store", "accept", "--store", str(case.folder), f"{min(drafts)}-{max(drafts)}"]) == 0
    return case


def test_drafts_are_found_on_request_and_accepted_ones_by_condition(case: Case) -> None:
    with case.served():
        assert not set(case.find())
    with case.served(drafts=True):
        case.same(case.find())


def test_constants_are_found_by_condition(accepted: Case) -> None:
    with accepted.served():
        found = accepted.find()
        accepted.same(found)
        assert found.detector.identifier == accepted.of.settings["identifier"]
        assert not set(accepted.find(condition=accepted.of.condition(**accepted.of.other)))
        long_before = accepted.begin - timedelta(days=400)
        accepted.same(accepted.find(event_at=long_before))
        assert not set(accepted.find(event_at=long_before, begin_at_strategy="prior"))
        accepted.same(accepted.find(event_at=None))
        if accepted.of.dims:
            assert found[sorted(accepted.of.kinds & {"Offset", "Offset10Hz"})[0]].dimensions[1:] == accepted.of.dims
        names = found.module_nums
        assert names == sorted({one.attributes["module"] for one in accepted.written.values()})
        assert extra.DetectorData.list_by_instrument(
            accepted.of.settings["identifier"][:3]) == [accepted.of.settings["identifier"]]


def test_constants_are_found_by_report(accepted: Case) -> None:
    with accepted.served():
        [number] = {one.metadata("report_id") for constant in accepted.find().values()
                    for one in constant.constants.values()}
        kinds = frozenset(kind for _, kind in accepted.written)
        accepted.same(extra.CalibrationData.from_report(number), kinds)
        path = extra.get_client().get(f"reports/{number}")["file_path"]
        assert Path(path).name.startswith("set.")
        accepted.same(extra.CalibrationData.from_report(path), kinds)


def test_constants_are_found_from_a_correction(accepted: Case, tmp_path: Path, capsys: Capture) -> None:
    """A correction takes them of the store, and its record leads the library back to them."""
    run = next(iter(accepted.made.runs.values()))
    done = Result([accepted.name, "CORRECT", "--run", str(run), "--constants", str(accepted.folder),
                   "--out-folder", str(tmp_path)], tmp_path, capsys)
    assert done.status == 0, done.errors
    [record] = tmp_path.glob("calibration_metadata_*.yml")
    taken = taken_by_correction(record)
    assert taken
    assert taken <= taken_by_why(accepted, run)  # of steps that are off too
    with accepted.served():
        found = extra.CalibrationData.from_correction(record)
        assert set(found) <= {kind for _, kind in accepted.written}
        assert {"Offset", "Offset10Hz"} & set(found)
        for name, constant in found.items():
            units = [one.split("_")[-1] for one in constant.pdu_names]
            assert units == list(constant.aggregator_names)
            for module, unit in enumerate(constant.pdu_names):
                with h5py.File(accepted.written[unit, name].path) as file:
                    np.testing.assert_array_equal(constant.ndarray()[module], file[f"{unit}/{name}/0/data"][()])
        assert found.module_nums == sorted({one.attributes["module"] for one in accepted.written.values()})


def taken_by_correction(record: Path) -> set[tuple[str, str, int]]:
    """Aggregator, kind and number of each version that was taken."""
    told = yaml.safe_load(record.read_text())["retrieved-constants"]
    return {(aggregator, kind, one["ccv_id"]) for aggregator, of_module in told.items()
            for kind, one in of_module.get("constants", {}).items()}


def taken_by_why(case: Case, run: Path) -> set[tuple[str, str, int]]:
    """The same by what is told of the run, of the kinds that the darks have made."""
    with closing(LocalStore(case.folder)) as store:
        found = why(run, store, Asked())
    aggregators = {one.number: one.aggregator for one in found.detector.modules}
    return {(aggregators[one.module], one.calibration, one.taken.number) for one in found.found
            if one.taken is not None}


def test_a_run_finds_its_constants(accepted: Case) -> None:
    """The library reads the operating condition of the simulated run by itself."""
    from extra_data import RunDirectory

    if accepted.name == "DSSC":
        pytest.skip("EXtra does not read operating conditions of this family")
    run = RunDirectory(accepted.made.runs["high"])
    with accepted.served():
        accepted.same(extra.CalibrationData.from_data(run, accepted.of.settings["identifier"]))


def test_bad_questions_get_a_sentence(accepted: Case) -> None:
    with accepted.served() as server:
        def say(address: str, status: int, words: str, **asked: Any) -> None:
            answer = requests.request(asked.pop("method", "GET"), f"{server.url}{address}", timeout=10, **asked)
            assert answer.status_code == status
            assert re.search(words, answer.json()["info"]), answer.json()

        by_condition = "/api/calibration_constant_versions/get_by_detector_conditions"
        known = {"detector_identifier": accepted.of.settings["identifier"], "calibration_id": "[1]"}
        body = json.dumps({"parameters_conditions_attributes": []})
        say("/api/elsewhere", 404, "There is nothing at 'elsewhere'; this store answers me, detectors")
        say("/", 404, "Addresses begin with http://127.0.0.1")
        say("/api/reports/77", 404, "not found")
        say("/api/calibration_constant_versions/9999", 404, "not found")
        say("/api/physical_detector_units/get_all_by_detector?detector_id=88", 404, "not found")
        say("/api/me", 405, "only read here", method="POST")
        say("/api/me", 405, "only read here", method="DELETE")
        say(by_condition, 422, "no detector 'NONE' in .*; it has", params={"detector_identifier": "NONE"}, data=body)
        say(by_condition, 422, "takes a list of numbers", params={**known, "calibration_id": "[1, x]"}, data=body)
        say(by_condition, 422, "takes a list of numbers", params={**known, "calibration_id": "[7777]"}, data=body)
        say(by_condition, 422, "The operating condition is missing", params=known, data="{")
        say(by_condition, 422, "event_at = 'soon' is not allowed", params={**known, "event_at": "soon"}, data=body)
        say(by_condition, 422, "takes closest or prior", params={**known, "begin_at_strategy": "any"}, data=body)
        say(by_condition, 413, "longer than", params=known, data=b" " * (1 << 20) + b" ")
        say("/api/calibration_constant_versions", 422, "Give report_id")
        answer = requests.get(f"{server.url}/api/calibrations", params={"page_size": 5, "page": 2}, timeout=10)
        assert len(answer.json()) == 5
        assert answer.headers["X-Current-Page"] == "2"
        assert int(answer.headers["X-Total-Pages"]) == -(-int(answer.headers["X-Total-Count"]) // 5)


def test_the_command_line_serves_until_it_is_interrupted(accepted: Case) -> None:
    if accepted.name != "JUNGFRAU":
        pytest.skip("one family is enough")
    command = [sys.executable, "-m", "calib_core", "store", "serve", "--store", str(accepted.folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        try:
            said = program.stdout.readline()  # type: ignore[union-attr]
            assert said.endswith("seen are versions that are accepted. Ctrl-C ends it.\n")
            url = re.search(r"http://127\.0\.0\.1:\d+/api/", said)[0]  # type: ignore[index]
            [detector] = requests.get(f"{url}detectors", timeout=10).json()
            assert detector["identifier"] == accepted.of.settings["identifier"]
            again = [*command, "--port", url.split(":")[2].split("/")[0]]
            other = subprocess.run(again, capture_output=True, text=True, check=False)
            assert other.returncode == 2
            assert "is not allowed: Address already in use; give another" in other.stderr
        finally:
            program.send_signal(signal.SIGINT)
            _, errors = program.communicate(timeout=20)
    assert (program.returncode, errors) == (0, "")
