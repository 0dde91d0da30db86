"""Programs that inject and accept constants are killed at any moment: nothing that they were told is lost.

``python tests/campaigns/store_kills.py --kills 200`` takes two minutes and prints a table. Up to three programs write
into one store, often the same files; all of them are killed at once. Before that they may go on to their end.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from calib_core.constants.condition import Condition, Found
from calib_core.constants.constant import OFFSET, Constant
from calib_core.detector.registry import detector_type
from calib_core.errors import BadParameter, CalibrationError
from calib_core.store.constants import write_constant
from calib_core.store.local.candidates import candidates_of
from calib_core.store.local.checking import check
from calib_core.store.local.injecting import inject
from calib_core.store.local.store import LocalStore
from calib_core.store.statuses import Status

KIND = detector_type("GOTTHARD2")
CONDITION = {"bias_voltage": 200.0, "exposure_time": 1e-7, "exposure_period": 1e-6, "acquisition_rate": 1.1,
             "single_photon": 0.0}
FILES, WRITERS, LONGEST = 40, 3, 0.5
#: Share of programs that are killed only when the first constant is there; others may not have made their store yet.
AFTER_THE_FIRST = 0.8
#: What is found where a program ended between a file and its row.
BETWEEN = "is in no record; it can be taken as a draft."


@dataclass
class Tally:
    """What was told and found, and what was wrong."""

    found: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def table(self) -> str:
        """Lines of what was counted."""
        lines = [f"| {key} | {number} |" for key, number in sorted(self.found.items())]
        return "\n".join(["| what | number |", "|---|---|", *lines, "", f"wrong: {len(self.wrong)}", *self.wrong])


def put(folder: Path, number: int) -> Path:
    """A small constant with a begin of its own."""
    calibration = KIND.calibrations["Offset"]
    names = KIND.condition_of(calibration)
    condition = Condition(KIND.condition, {name: Found(CONDITION[name], "a key") for name in names})
    values = np.random.default_rng(number).normal(1000, 10, (3, 2, 1, 1280))
    return write_constant(Constant(
        kind=OFFSET, calibration=calibration.name, pdu="GH2_X", dims=("gain", "cell", "slow_scan", "fast_scan"),
        shape=values.shape, file_dims=calibration.dims, labels={"gain": ("a", "b", "c"), "cell": (0, 1)},
        condition=condition, recorded=condition, begin=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=number),
        provenance={"detector_type": KIND.database_type, "detector": "LAB_GH2", "aggregator": "GH201", "module": 1,
                    "raw_data": [{"proposal": 900000, "run_number": number}], "software": {"calibwb": "0"},
                    "parameters": {"method": "DARK"}},
        read=lambda part: values[:, part]), folder).path


def work(store: Path, files: Sequence[Path], told: int) -> None:
    """Inject and accept one file after the other; tell what is done when it is done."""
    made = LocalStore(store, create=True)
    os.write(told, b"ready\n")
    for path in files:
        done = inject(made, candidates_of(made, [path]), "anna", "")
        for one in done.versions:
            os.write(told, f"draft {one.number} {one.sha256}\n".encode())
        for one in (*done.versions, *done.known):
            try:
                made.decide([one.number], Status.ACCEPTED, "anna", "")
            except BadParameter:  # another program was faster
                continue
            os.write(told, f"accepted {one.number} {one.sha256}\n".encode())


def strike(folder: Path, files: Sequence[Path], draw: random.Random, tally: Tally) -> None:
    """Let programs write, kill them, and look at what is left."""
    reading, writing = os.pipe()
    children = [_started(folder, draw.sample(files, len(files)), reading, writing)
                for _ in range(draw.randint(1, WRITERS))]
    os.close(writing)
    said = b""
    if draw.random() < AFTER_THE_FIRST:
        while not said.count(b"draft") and (more := os.read(reading, 4096)):
            said += more
    time.sleep(draw.uniform(0, LONGEST))
    for child in children:
        os.kill(child, signal.SIGKILL)
    ended = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    with os.fdopen(reading, "rb") as stream:
        lines = [line.split() for line in (said + stream.read()).decode().splitlines()]
    tally.found["programs killed"] += ended.count(-signal.SIGKILL)
    tally.wrong += [f"a program ended with {status}" for status in ended if status not in (0, -signal.SIGKILL)]
    _judge(folder, [line for line in lines if len(line) == 3], tally)


def _started(folder: Path, files: Sequence[Path], reading: int, writing: int) -> int:
    """A program that injects; it is forked, since to start Python anew costs more."""
    child = os.fork()
    if child:
        return child
    status = 70
    try:
        os.close(reading)
        work(folder, files, writing)
        status = 0
    except BaseException:  # for who reads the campaign
        traceback.print_exc()
    finally:
        os._exit(status)


def together(folder: Path, files: Sequence[Path], draw: random.Random, tally: Tally) -> None:
    """Let programs inject the same files at the same time, to their end: each is there once."""
    reading, writing = os.pipe()
    children = [_started(folder, draw.sample(files, len(files)), reading, writing) for _ in range(WRITERS)]
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        lines = [line.split() for line in stream.read().decode().splitlines()]
    ended = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    tally.wrong += [f"a program ended with {status}" for status in ended if status]
    told = [line for line in lines if len(line) == 3]
    for word in ("draft", "accepted"):
        number = sum(line[0] == word for line in told)
        tally.wrong += [] if number == len(files) else [f"{number} of {len(files)} were told as {word}"]
    _judge(folder, told, tally)
    tally.wrong += [] if tally.found["files without a record, adopted"] == 0 else ["files without a record"]


def _judge(folder: Path, told: Sequence[Sequence[str]], tally: Tally) -> None:
    """What was told must be there, and the store whole, or made whole by a check."""
    store = LocalStore(folder, create=True)
    there = {one.number: one for one in store.every()}
    for word, number, sha256 in told:
        one = there.get(int(number))
        tally.found[f"told: {word}"] += 1
        if one is None or one.sha256 != sha256 or (word == "accepted" and one.status != Status.ACCEPTED):
            tally.wrong.append(f"lost: {word} {number} in {folder}")
    for fault in check(store, True, "anna"):
        between = fault.sentence.endswith(BETWEEN)
        tally.found["files without a record, adopted" if between else "other faults"] += 1
        tally.wrong += [] if between and fault.done else [fault.sentence]
    tally.wrong += [fault.sentence for fault in check(store, False, "anna")]
    tally.wrong += [f"version {number} has no numbers" for number in store.lines.lacking()]
    for one in store.every():
        try:
            store.read(one).data()
        except CalibrationError as error:
            tally.wrong.append(str(error))
    tally.found["versions at the end"] += len(store.every())
    store.close()


def campaign(work_folder: Path, kills: int, seed: int) -> Tally:
    """Kill programs again and again, each time in a store of its own."""
    files = [put(work_folder / "files", number) for number in range(FILES)]
    draw, tally = random.Random(seed), Tally()
    together(work_folder / "together", files, draw, tally)
    for number in range(kills):
        store = work_folder / f"store{number}"
        strike(store, files, draw, tally)
        shutil.rmtree(store, ignore_errors=True)
    return tally


def main(words: Sequence[str] | None = None) -> int:
    """Run a campaign and print its table; 1 where something was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as folder:
        tally = campaign(Path(folder), given.kills, given.seed)
    print(tally.table())
    return int(bool(tally.wrong))


if __name__ == "__main__":
    sys.exit(main())
