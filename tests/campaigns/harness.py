"""Tries in processes that can be killed: each damages a copy, runs the dark, and is judged beside the whole runs."""

from __future__ import annotations

import contextlib
import io
import json
import os
import resource
import select
import shutil
import subprocess
import sys
import time
import traceback
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from calib_core.cli.main import main

from .catalogue import kinds
from .outcome import Dark, constants_in, differences, sentences, verdict
from .raw import Raw, make_runs

#: Budget of a dark, MiB; a process may take a fifth more beside what it has at its start.
BUDGET = 512
#: A dark that takes longer hangs, s.
TIME_LIMIT = 120.0
_SCRIPT = Path(__file__).with_name("damaged_runs.py")


@dataclass(frozen=True)
class Try:
    """One try: a kind of damage to the runs of a family, and what chance decides."""

    kind: str
    family: str
    seed: int

    @property
    def chance(self) -> int:
        """Seed of the damage."""
        return zlib.crc32(f"{self.kind} {self.family} {self.seed}".encode())


@dataclass
class Judged:
    """A try with its outcome and, where it is bad, what happened."""

    kind: str
    family: str
    seed: int
    outcome: str
    detail: str = ""


def run_dark(family: str, runs: dict[str, Path], out: Path) -> Dark:
    """Run a dark on the command line, in this process."""
    words = [family, "DARK", *[word for role, run in runs.items() for word in (f"--run-{role}", str(run))],
             "--out-folder", str(out), "--memory-mb", str(BUDGET), "--threads", "1"]
    _forget_peak()
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            status = main(words)
        except SystemExit as stop:
            status = int(stop.code or 0)
        except BaseException:
            traceback.print_exc()
            status = 1
    return Dark(status, sentences(said.getvalue()), said.getvalue(), constants_in(out), _peak())


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def _peak() -> int:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) << 10


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Wholes:
    """Whole runs of families, and what their darks say and leave; made once in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._darks: dict[str, Dark] = {}

    def dark(self, family: str) -> tuple[dict[str, Path], Dark]:
        """Whole runs of a family and their dark, in a folder of the same names as those of damaged ones."""
        runs = make_runs(family, self.folder / family)
        kept = self.folder / f"{family}.json"
        if not kept.exists():
            out = self.folder / f"{family}-out"
            kept.write_text(json.dumps(asdict(run_dark(family, runs, out))))
            shutil.rmtree(out)
        if family not in self._darks:
            self._darks[family] = Dark(**json.loads(kept.read_text()))
        return runs, self._darks[family]


def judge(one: Try, wholes: Wholes, scratch: Path) -> Judged:
    """Damage a copy of the whole runs, run the dark and say what that is worth."""
    runs, whole = wholes.dark(one.family)
    base = _resident()
    try:
        raw = Raw.linked(one.family, runs, scratch, one.chance)
        try:
            names = kinds()[one.kind].damage(raw)
        except Exception:
            return Judged(one.kind, one.family, one.seed, "broken", traceback.format_exc())
        found = run_dark(one.family, raw.given or raw.runs, scratch / "out")
        outcome = verdict(whole, found, names, base + int(1.2 * (BUDGET << 20)))
        new = [line for line in found.said if line not in whole.said]
        detail = f"{raw.role} {raw.part} S{raw.sequence}; {differences(whole, found)}; said {new}"
        if outcome == "traceback":
            detail += found.text[-3000:]
        return Judged(one.kind, one.family, one.seed, outcome, detail)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def campaign(tries: list[Try], folder: Path, time_limit: float = TIME_LIMIT) -> Iterator[Judged]:
    """Judge tries one after the other in a worker, which is replaced where it hangs or dies."""
    worker = None
    for one in tries:
        worker = worker or _Worker(folder)
        answer = worker.ask(one, time_limit)
        if answer.outcome in ("hang", "crash"):
            worker.kill()
            worker = None
        yield answer
    if worker:
        worker.kill()


class _Worker:
    def __init__(self, folder: Path) -> None:
        self._folder, self._scratch = folder, folder / f"try-{os.getpid()}"
        self._process = subprocess.Popen([sys.executable, _SCRIPT, "--worker", str(folder), str(self._scratch)],
                                         text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, one: Try, time_limit: float) -> Judged:
        """Outcome of a try; a worker that does not answer in time hangs, one that is gone has crashed."""
        process, began = self._process, time.monotonic()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(asdict(one)) + "\n")
        process.stdin.flush()
        ready, _, _ = select.select([process.stdout], [], [], time_limit)
        line = process.stdout.readline() if ready else ""
        if line:
            return Judged(**json.loads(line))
        outcome = "crash" if ready else "hang"
        detail = f"status {process.wait()}" if ready else f"no end after {time.monotonic() - began:.0f} s"
        return Judged(one.kind, one.family, one.seed, outcome, detail)

    def kill(self) -> None:
        """End the worker and remove what it left."""
        self._process.kill()
        self._process.communicate()
        shutil.rmtree(self._scratch, ignore_errors=True)


def work(folder: Path, scratch: Path) -> None:
    """Judge tries from standard input; answers go to standard output, one line each."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    wholes = Wholes(folder)
    for line in sys.stdin:
        answer: dict[str, Any] = asdict(judge(Try(**json.loads(line)), wholes, scratch))
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
