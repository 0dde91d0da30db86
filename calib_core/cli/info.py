"""What a run holds, for people and as JSON: detectors, modules, condition with origins, and problems."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from calib_core.cli.info_sets import holds_sets, look_at_sets
from calib_core.constants.condition import Condition
from calib_core.detector import Detector, StageEvidence
from calib_core.errors import BadInput
from calib_core.io.inventory import ModuleInventory, Problem, RunInventory
from calib_core.io.locate import label, parse_runs
from calib_core.io.run import Run
from calib_core.jobs.survey import cells_in_use, found_condition
from calib_core.plain_text import shown
from calib_core.ranges import format_numbers


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("runs", nargs="+", help="folders of runs or constants, or such as: p900450 r12-14")
    parser.add_argument("--json", action="store_true", help="machine-readable")
    parser.set_defaults(act=_info)


def _info(namespace: argparse.Namespace) -> int:
    found = [look_at_sets(path) if holds_sets(path) else look(path) for path in parse_runs(namespace.runs)]
    if namespace.json:
        print(json.dumps([one.to_json() for one in found], indent=2, ensure_ascii=False, allow_nan=False))
    else:
        print("\n\n".join(one.text() for one in found if not one.error))
    unusable = [one.unusable for one in found if one.unusable]
    for sentence in unusable:
        print(f"calibwb: {shown(sentence)}", file=sys.stderr)
    return 2 if unusable else int(not all(one.whole for one in found))


@dataclass(frozen=True)
class DetectorReport:
    """One detector of a run: its stock, condition, gain stage, and how many stages each of its trains holds."""

    detector: Detector
    inventory: RunInventory
    condition: Condition
    evidence: StageEvidence
    stages: int = 1


@dataclass(frozen=True)
class RunReport:
    """What a look at a run found."""

    label: str
    path: Path
    start: str
    detectors: tuple[DetectorReport, ...]
    problems: tuple[Problem, ...] = ()
    error: str = ""
    whole = True

    @property
    def unusable(self) -> str:
        """Sentence on why nothing can be characterised: the first cause; empty where something can, or none was."""
        if self.error or any(module.frames for one in self.detectors for module in one.inventory.modules):
            return self.error
        found = [*self.problems, *(p for one in self.detectors for p in one.inventory.problems)]
        causes = [problem.sentence() for problem in found if problem.severity != "warn"]
        what = "frames that can be used" if self.detectors else "detector that is known"
        return f"Run {self.label} has no {what}: {causes[0]}." if causes else ""

    def text(self) -> str:
        """Lines for a terminal."""
        head = [f"Run {self.label}  {self.path}", f"  started   {self.start or 'unknown'}"]
        if not self.detectors:
            head += ["  no detector that is known", *(f"    ! {problem.sentence()}" for problem in self.problems)]
        return "\n".join(map(shown, head + [line for one in self.detectors for line in _lines(one)]))

    def to_json(self) -> dict[str, Any]:
        """The same as plain JSON."""
        return {
            "run": self.label, "path": str(self.path), "start": self.start, "unusable": self.unusable,
            "problems": [problem.to_json() for problem in self.problems],
            "detectors": [
                {
                    "identifier": one.detector.identifier, "type": one.detector.type.name,
                    "condition": {n: asdict(f) for n, f in one.condition.values.items()},
                    "gain_stage": asdict(one.evidence), "stages_in_run": one.stages,
                    "inventory": one.inventory.to_json(),
                }
                for one in self.detectors
            ],
        }


def look(path: Path) -> RunReport:
    """Take stock of a run; of one that cannot be read there is nothing but the reason."""
    try:
        return _look(Run.open(path))
    except BadInput as error:
        return RunReport(label(path), path, "", (), error=str(error))


def _look(run: Run) -> RunReport:
    try:
        found = tuple(_look_at(run, detector) for detector in run.detectors)
        start = run.start_time.isoformat() if run.start_time else ""
        return RunReport(run.label, run.path, start, found, run.problems)
    finally:
        run.close()


def _look_at(run: Run, detector: Detector) -> DetectorReport:
    condition, stages = found_condition(run, detector)
    inventory = run.inventory(detector, parts=stages, cells=cells_in_use(detector.type, condition))
    evidence = detector.type.find_stage(run.control(detector), detector.identifier, run.sample(detector))
    return DetectorReport(detector, inventory, condition, evidence, stages)


def _lines(one: DetectorReport) -> list[str]:
    kind, modules = one.detector.type, one.inventory.modules
    number = f"{len(modules)} module{'s' * (len(modules) != 1)}"
    lines = [f"  detector  {one.detector.identifier} ({kind.title}), {number}"]
    alike: dict[str, list[int]] = {}
    for module in modules:
        alike.setdefault(_stock(module), []).append(module.number)
    lines += [f"    modules {format_numbers(numbers)}: {stock}" for stock, numbers in alike.items()]
    lines.append(f"    gain stage: {_stage(one)}")
    lines += [f"    ! {one.evidence.conflict}"] if one.evidence.conflict else []
    for parameter in kind.condition:
        found = one.condition.values.get(parameter.name)
        if found:
            unit = f" {parameter.unit}" if parameter.unit else ""
            doubt = "" if found.sure else " ?"
            lines.append(f"    {parameter.database_name:22} {found.value}{unit}{doubt}  ({found.origin})")
    return lines + [f"    ! {problem.sentence()}" for problem in one.inventory.problems]


def _stock(module: ModuleInventory) -> str:
    of_run = f" of {module.trains_of_run}" if module.trains_lost else ""
    cells = format_numbers(module.cells) or "none"
    return f"{module.trains}{of_run} trains, {module.frames} frames, memory cells {cells}"


def _stage(one: DetectorReport) -> str:
    if one.stages > 1:
        return f"all {one.stages} in each train ({one.evidence.origin})"
    if one.evidence.stage is not None:
        return f"{one.detector.type.all_stages[one.evidence.stage].label} ({one.evidence.origin})"
    if one.evidence.gain_signal is not None:
        return f"told by comparing runs; gain signal {one.evidence.gain_signal:.0f} ADU"
    return "not told by this run alone"
