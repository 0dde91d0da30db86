"""What the command does that watches a folder: look, run what is ready, tell, and look again."""

from __future__ import annotations

import argparse
import sys
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from calib_core.cli.follow import follow_job
from calib_core.cli.telling import Telling
from calib_core.errors import BadParameter, CalibrationError
from calib_core.jobs.job import Job
from calib_core.jobs.watching import Look, Ready, Watch, Watched
from calib_core.plain_text import shown
from calib_core.subjects.log_book import log_entry
from calib_core.subjects.sign_off import SignOff
from calib_core.typed import parse_time

_SOME_FAILED, _CANCELLED = 3, 130


def watch(namespace: argparse.Namespace) -> int:
    """Watch a folder until Ctrl-C, or look once; returns the exit status.

    Raises
    ------
    CalibrationError
        The folder cannot be watched.
    """
    with closing(Watch(_watched(namespace))) as watching:
        told = _Told(namespace.quiet)
        told.say(f"Watching {namespace.folder}; what was done is in {watching.place}.")
        failed = False
        while True:
            look = watching.look()
            told.take(look)
            for ready in look.ready:
                status = _start(watching, ready, namespace)
                if status == _CANCELLED:
                    return status
                failed = failed or status != 0
            if namespace.once:
                return _SOME_FAILED if failed else 0
            time.sleep(namespace.every)


def _watched(namespace: argparse.Namespace) -> Watched:
    for name in ("settle", "within", "every"):
        if not getattr(namespace, name) > 0:
            raise BadParameter(f"--{name} {getattr(namespace, name):g} is not allowed; it takes a number above 0.")
    since = parse_time(namespace.since, "since") if namespace.since else None
    return Watched(Path(namespace.folder), namespace.out_folder.absolute(), namespace.settle,
                   timedelta(hours=namespace.within), since, namespace.once, tuple(namespace.karabo_id))


def _start(watching: Watch, ready: Ready, namespace: argparse.Namespace) -> int:
    """Characterise a set and tell the line about it; returns the job's exit status."""
    watching.begin(ready)
    job = Job(ready.survey.spec(watching.watched.out_folder, threads=namespace.threads))
    status = follow_job(job, Telling(quiet=True))
    if status == _CANCELLED:  # it is started again by whoever watches next
        return status
    try:
        line = log_entry(job, SignOff(namespace.store)).line
    except CalibrationError as error:
        line = f"{ready.detector} · {ready.words} · {job.board.state.value}, and no report: {error}"
    watching.end(ready, job.board.state.value, line)
    print(shown(line), flush=True)
    return 0 if job.board.same_as else status


class _Told:
    """Tells what is new of what is not started."""

    def __init__(self, quiet: bool) -> None:
        self._quiet, self._before = quiet, dict[str, str]()

    def say(self, sentence: str) -> None:
        """Say something beside the lines for the log book."""
        if not self._quiet:
            print(f"INFO  {shown(sentence)}", file=sys.stderr, flush=True)

    def take(self, look: Look) -> None:
        """Say what was not said before; seconds that go by are nothing new."""
        now = {who: why.partition(" (")[0] for who, why in look.told.items()}
        for who, why in now.items():
            if self._before.get(who) != why:
                self.say(f"{who} {look.told[who]}.")
        self._before = now
