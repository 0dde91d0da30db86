"""Jobs that are killed at any moment: what they leave is whole, or marked as what it is, and the next job says so.

``python tests/campaigns/kills.py --kills 200 --interrupts 50`` takes minutes and prints a table. With
``--memory-cells 48`` constants are so large that they go past the system's cache.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from calib_core.cli.main import main as command
from calib_core.errors import CalibrationError
from calib_core.numerics.warmup import warm_up
from calib_core.simulate.run import simulate
from calib_core.simulate.settings import default_settings
from calib_core.store.constants import read_constant
from calib_core.store.manifests import list_sets

KIND, SETTINGS = "DSSC1M", {"modules": "0-2", "trains": 10}
#: Constants of a job of three modules.
CONSTANTS = 9
#: Files of other programs, old and new, and with our prefix where we do not look.
FOREIGN = (".tmp-old", "xfel/cal/.tmp-old", "xfel/cal/dssc-type/.tmp-new", "xfel/cal/dssc-type/.cal.1.h5.aZ3x",
           ".calibwb-tmp-beside")
_LONGEST = 120.0


@dataclass
class Ended:
    """A job that has ended: exit status or minus its signal, and what it said."""

    status: int
    said: str


@dataclass
class Tally:
    """Outcomes of a campaign by signal and moment, and what was wrong."""

    outcomes: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def table(self) -> str:
        """Lines of signal, moment, outcome and how often it was so."""
        lines = ["| signal | moment | left | jobs |", "|---|---|---|---|"]
        lines += [f"| {' | '.join(key)} | {number} |" for key, number in sorted(self.outcomes.items())]
        return "\n".join([*lines, "", f"wrong: {len(self.wrong)}", *self.wrong])


class Campaign:
    """Kills jobs in folders of their own.

    Parameters
    ----------
    work : Path
        Folder for raw data and results.
    seed : int
        Of the moments.
    cells : int
        Memory cells, which decide how large constants are.
    """

    def __init__(self, work: Path, seed: int, cells: int) -> None:
        self._work, self._random, self.tally = work, random.Random(seed), Tally()
        made = simulate(default_settings(KIND).with_changes({**SETTINGS, "memory_cells": cells}), work / "raw")
        self._run = next(iter(made.runs.values()))
        warm_up()
        self._whole, self._writing = self._durations()

    def strike(self, number: int, kind: signal.Signals, while_writing: bool) -> None:
        """Start a job, send it a signal, and look at what is left and what the next job says."""
        out = self._work / f"out{number}"
        foreign = _plant(out)
        child = self._start(out, self._work / "said.txt")
        begun = time.monotonic()
        if while_writing:
            _until_written(out, child)
            time.sleep(self._random.uniform(0, self._writing))
        else:
            time.sleep(self._random.uniform(0, self._whole))
        late = time.monotonic() - begun
        os.kill(child, kind)
        ended = _end(child, self._work / "said.txt")
        name = f"{kind.name} of job {number} after {late:.2f} s"
        left = self._judge(name, out, ended, foreign)
        self.tally.outcomes[kind.name, "while constants are written" if while_writing else "any", left] += 1
        self._judge_next(name, out, left)
        shutil.rmtree(out)

    def _judge(self, name: str, out: Path, ended: Ended, foreign: dict[Path, tuple[bytes, int]]) -> str:
        """What is left, in a word; what is wrong with it goes to the tally."""
        wrong = [f"{name}: {text}" for text in (*_damaged(out), *_untrue(out), *_lies(out, ended))]
        wrong += [f"{name}: {path} is not as it was" for path, before in foreign.items() if _of(path) != before]
        wrong += [f"{name}: a traceback"] if "Traceback" in ended.said else []
        self.tally.wrong += wrong
        number = len(_constants(out))
        marked = [one.manifest.state for one in list_sets(out)[0]]
        if number == CONSTANTS and marked == ["complete"]:
            return "complete set"
        return "part, marked as incomplete" if number else "nothing"

    def _judge_next(self, name: str, out: Path, left: str) -> None:
        before = list_sets(out)[0]
        ended = _end(self._start(out, self._work / "next.txt"), self._work / "next.txt")
        told = {"complete set": f"has written {CONSTANTS} constants at", "nothing": "",
                "part, marked as incomplete": "is not complete: "}[left]
        right = told in ended.said and ended.status == (1 if left == "complete set" else 0)
        if left == "part, marked as incomplete":
            right = right and str(before[0].path) in ended.said
        if left == "nothing":
            right = right and "is not complete: module" not in ended.said and "has written" not in ended.said
        whole = [one for one in list_sets(out)[0] if one.whole]
        if not right or len(whole) != 1:
            self.tally.wrong.append(f"{name}: the next job (status {ended.status}) said: {ended.said}")

    def _start(self, out: Path, said: Path) -> int:
        """A child that runs a job; it is forked, since to start Python anew costs more than the job."""
        words = ["DSSC", "DARK", "--run", str(self._run), "--min-trains", "1", "--out-folder", str(out)]
        child = os.fork()
        if child:
            return child
        status = 70
        try:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            file = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(file, 1)
            os.dup2(file, 2)
            sys.stdout, sys.stderr = (open(n, "w", buffering=1, closefd=False) for n in (1, 2))  # noqa: SIM115
            status = command(words)
        finally:
            sys.stdout.flush()
            os._exit(status)

    def _durations(self) -> tuple[float, float]:
        """Seconds that a job takes from its start, and from its first constant on."""
        out, begun = self._work / "measured", time.monotonic()
        child = self._start(out, self._work / "said.txt")
        _until_written(out, child)
        first = time.monotonic()
        ended = _end(child, self._work / "said.txt")
        if ended.status:
            raise RuntimeError(ended.said)
        return time.monotonic() - begun, time.monotonic() - first


def campaign(work: Path, kills: int, interrupts: int, seed: int, cells: int) -> Tally:
    """Kill and interrupt jobs, half of them while constants are written."""
    made = Campaign(work, seed, cells)
    for number in range(kills + interrupts):
        made.strike(number, signal.SIGKILL if number < kills else signal.SIGINT, number % 2 == 0)
    return made.tally


def _plant(out: Path) -> dict[Path, tuple[bytes, int]]:
    """Files of other programs; what they are like."""
    for i, name in enumerate(FOREIGN):
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
        if i % 2 == 0:
            os.utime(path, (1e9, 1e9))
    return {out / name: _of(out / name) for name in FOREIGN}


def _of(path: Path) -> tuple[bytes, int] | None:
    return (path.read_bytes(), path.stat().st_mtime_ns) if path.exists() else None


def _constants(out: Path) -> list[Path]:
    return sorted(out.rglob("cal.*.h5"))


def _until_written(out: Path, child: int) -> None:
    """Wait for the first manifest, or for the end of the job."""
    end = time.monotonic() + _LONGEST
    while not any(out.rglob("set.*.json")) and time.monotonic() < end:
        if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            return
        time.sleep(0.002)


def _end(child: int, said: Path) -> Ended:
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return Ended(status, said.read_text("utf-8", "replace") if said.exists() else "")


def _damaged(out: Path) -> list[str]:
    """Constant files that are not whole."""
    found = []
    for path in _constants(out):
        try:
            read_constant(path).data()
        except CalibrationError as error:
            found.append(str(error))
    return found


def _untrue(out: Path) -> list[str]:
    """What manifests say that is not so."""
    sets, trouble = list_sets(out)
    found, on_disk = list(trouble), set(_constants(out))
    named = {one.folder / member.path for one in sets for member in one.there}
    if named != on_disk:
        found.append(f"manifests name {len(named)} constants, {len(on_disk)} are on the disk")
    for one in (one for one in sets if one.manifest.state == "complete"):
        for member in one.manifest.members:
            path = one.folder / member.path
            if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != member.sha256:
                found.append(f"the complete set names {path}, which is not so")
    return found


def _lies(out: Path, ended: Ended) -> list[str]:
    """What the job told as written that is not there, or not the other way round where it had the time to tell."""
    found, there = [], len(_constants(out))
    for module, number in re.findall(r"Module (\d+): (\d+) constants written", ended.said):
        on_disk = len(list(out.rglob(f"*dssc{int(module):02d}/cal.*.h5")))
        if on_disk != int(number):
            found.append(f"module {module}: told {number}, on disk {on_disk}")
    closing = re.search(r"after [\d.]+ s, (?:(\d+) constants?|no file) written", ended.said)
    if closing and int(closing[1] or 0) != there:
        found.append(f"the closing line tells {closing[0]}, on disk are {there}")
    if ended.status == 130 and not closing and there:
        found.append(f"interrupted without a word on {there} constants: {ended.said}")
    return found


def main(words: Sequence[str] | None = None) -> int:
    """Run a campaign and print its table; 1 where something was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--interrupts", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--memory-cells", type=int, default=2)
    given = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as work:
        tally = campaign(Path(work), given.kills, given.interrupts, given.seed, given.memory_cells)
    print(tally.table())
    return int(bool(tally.wrong))


if __name__ == "__main__":
    sys.exit(main())
