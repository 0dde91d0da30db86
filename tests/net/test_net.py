"""Constants, maps and sentences of small darks are what they were before the program changed its shape."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from calib_core.cli.command_line import command_line
from calib_core.cli.main import main
from calib_core.jobs.spec import JobSpec
from calib_core.simulate.run import Simulated

from .cases import CASES, Case, raw_runs
from .digests import of_constants, of_run
from .running import recorded, run, spec_of

RECORDED = recorded()
BY_NAME = {case.name: case for case in CASES}
#: Cases in which threads, budgets, ways of starting and parts could make a difference: several cells, two passes,
#: two modules, refined passes, a table, parts of a train.
SPLIT = ("agipd two passes", "epix100 auto", "gotthard2 25 um table", "lpd parallel gain")
Make = Callable[[Case], Simulated]


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Raw runs of a case; cases of the same data share them."""
    made: dict[str, Simulated] = {}
    root = tmp_path_factory.mktemp("net")  # here, since it goes with who makes it

    def make(case: Case) -> Simulated:
        if case.data not in made:
            made[case.data] = raw_runs(case, root / str(len(made)))
            digests = [of_run(path) for path in made[case.data].runs.values()]
            assert digests == RECORDED["runs"][case.data], "the simulator, not the dark, has changed"
        return made[case.data]

    return make


def constants(case: Case) -> Any:
    return RECORDED["cases"][case.name]["constants"]


def assert_same(case: Case, spec: JobSpec) -> None:
    expected = RECORDED["cases"][case.name]
    found = run(spec, expected["maps"])
    assert found["said"] == expected["said"]
    assert found == expected


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_results_and_sentences(case: Case, simulated: Make, tmp_path: Path) -> None:
    assert_same(case, spec_of(case, simulated(case), tmp_path))


@pytest.mark.parametrize(("threads", "memory_mb"), [(2, 448), (1, 640), (1, 2048)])
@pytest.mark.parametrize("name", SPLIT)
def test_any_threads_and_budget(name: str, threads: int, memory_mb: int, simulated: Make, tmp_path: Path) -> None:
    case = BY_NAME[name]
    spec = spec_of(case, simulated(case), tmp_path, threads=threads, memory_mb=memory_mb)
    assert_same(case, spec)


@pytest.mark.parametrize("name", SPLIT)
def test_the_command_line_and_a_job_file(name: str, simulated: Make, tmp_path: Path) -> None:
    case = BY_NAME[name]
    spec = spec_of(case, simulated(case), tmp_path)
    typed = command_line(spec.model_copy(update={"out_folder": tmp_path / "typed"})).split()
    assert main(typed[1:]) == 0
    assert of_constants(tmp_path / "typed") == constants(case)
    job = tmp_path / "job.json"
    job.write_text(spec.model_copy(update={"out_folder": tmp_path / "file"}).model_dump_json())
    assert main(["run", str(job)]) == 0
    assert of_constants(tmp_path / "file") == constants(case)


def test_units_are_the_same_whatever_the_machine(simulated: Make, tmp_path: Path) -> None:
    """Planned in a fresh process that sees one processor, and in one that sees eight and holds 300 MiB more."""
    jobs = [tmp_path / f"{name}.json" for name in SPLIT]
    for job in jobs:
        case = BY_NAME[job.stem]
        job.write_text(spec_of(case, simulated(case), tmp_path / job.stem, memory_mb=640).model_dump_json())
    script = Path(__file__).with_name("units.py")
    found = {
        subprocess.run([sys.executable, script, processors, held, *jobs], capture_output=True, text=True, check=True,
                       cwd=script.parents[2]).stdout
        for processors, held in (("1", "0"), ("8", "300"))
    }
    [units] = found
    assert [bool(json.loads(one)) for one in units.splitlines()] == [True] * len(SPLIT)


#: All estimators, refined passes, tracks of cosmic rays, gain bits, a table, a run with trains that modules lost.
IN_PARTS = (*SPLIT, "agipd plain", "agipd median", "pnccd cosmics", "jungfrau", "agipd normality")


@pytest.mark.parametrize(("name", "parts"), [*((name, 3) for name in IN_PARTS), ("agipd two passes", 2)])
def test_parts_that_are_merged_give_the_same_bits(name: str, parts: int, simulated: Make, tmp_path: Path) -> None:
    """The same frames in several sequences of files, of which each part of a unit reads some."""
    whole = BY_NAME[name]
    trains = whole.settings["trains"]
    case = replace(whole, settings={**whole.settings, "trains_per_sequence": max(1, -(-trains // 5))})
    made = raw_runs(case, tmp_path / "data")
    spec = spec_of(case, made, tmp_path, parts=parts)
    expected = RECORDED["cases"][name]
    found = run(spec, expected["maps"])
    assert found["constants"] == expected["constants"]
    assert found["maps"] == expected["maps"]
    assert not [text for text in found["said"] if " of 2 parts" in text or " of 3 parts" in text]


def test_fewer_sequences_than_parts_are_told(simulated: Make, tmp_path: Path) -> None:
    case = BY_NAME["dssc"]
    found = run(spec_of(case, simulated(case), tmp_path, parts=4))
    assert "WARN p900000 r0001 is done in 1 of 4 parts, since it has no more sequences of files." in found["said"]
    assert found["constants"] == constants(case)
