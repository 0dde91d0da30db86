"""Gathers what the program says while tests run: ``python -m pytest -p sentences --sentences PAGE …``.

Sentences of errors, jobs, surveys, problems of runs, refused words and logs come into one page, to be read aloud.
What differs from run to run or only by example is replaced, so that each sentence is there once.
"""

from __future__ import annotations

import functools
import logging
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from calib_core.cli.words import Parser
from calib_core.errors import CalibrationError
from calib_core.io.inventory import Problem
from calib_core.jobs.job import Job
from calib_core.jobs.survey import Survey
from calib_core.plain_text import shown

HEAD = """# Sentences

What the program says in the tests: errors, notes and warnings of jobs and surveys, problems of runs, refused words,
logs. Made by `make sentences`, to be read aloud. N stands for numbers, but for 1 of something; … for names, paths and
what was typed.

"""
_BEGIN = "- "
#: What is replaced, in this order.
_EXAMPLES = tuple((re.compile(pattern), instead) for pattern, instead in (
    (r"(?<!\w)'[^']*'(?!\w)", "'…'"),  # what was typed, or stands in a file
    (r'(?<!\w)"[^"]*"(?!\w)', '"…"'),
    (r"“[^”]*”", "“…”"),
    (r"(?<![\w/])~?/[\w.+:-]+(?:/[\w.+:-]*)*(?<![.:])", "…"),  # paths
    (r"\bINSTRUMENT/\S+|\bINDEX/\S+|\bCONTROL/\S+|\bRUN/\S+|\bMETADATA/[\w/.]+", "…"),
    (r"\b[\w.+-]+\.(?:h5|json|yaml|npy|tmp|ini|log)\b", "…"),  # files
    (r"\b(?:RAW|CORR|DA)-R[\w-]+", "…"),
    (r"\b[A-Z]{2,4}[0-9]?_[A-Z0-9_]+(?:-[\w-]+)?(?:/[\w*]+)*(?::\w+)?(?:\.\w+)*", "…"),  # devices
    (r"\bp\d+ r\d+|\br\d{4}\b", "…"),  # runs
    (r"\b\d{4}-\d\d-\d\d[T ][\d:.]+(?:\+[\d:]+)?", "N"),
    (r"(?<![\w.])(?!1 (?:other )?(?:module|file|train|frame|constant|cell|sample|run|value|part|chunk)s?\b)"
     r"[+-]?\d[\d.,]*(?<![.,])(?:e[+-]?\d+)?", "N"),
    (r"(?<=[A-Za-z_])\d+", "N"),
    (r"N(?:(?:[-–×]|, | and )N)+", "N"),
))


def told_without_examples(sentence: str) -> str:
    """A sentence with N for numbers and … for names, paths and what was typed."""
    for pattern, instead in _EXAMPLES:
        sentence = pattern.sub(instead, sentence)
    return sentence


def sentences_of(page: Path) -> list[str]:
    """Sentences of a page."""
    lines = page.read_text("utf-8").splitlines()
    return [line.removeprefix(_BEGIN) for line in lines if line.startswith(_BEGIN)]


class Ear(logging.Handler):
    """Hears what is said."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.heard: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.partition(".")[0] in ("calib_core", "calibwb", "app"):
            self.hear([record.getMessage()])

    def hear(self, sentences: Iterable[str]) -> None:
        self.heard |= {told_without_examples(shown(one.strip())) for one in sentences if one.strip()}

    def listen(self) -> None:
        """Hear all that is said from now on."""
        logging.getLogger().addHandler(self)
        self._behind(CalibrationError, "__init__", lambda error, *_: [str(error)] if _is_ours() else [])
        self._behind(Job, "say", lambda job, given, _: [given[1]] if _is_ours() else [])
        self._behind(Survey, "__init__", lambda found, *_: found.notes)
        self._behind(Problem, "sentence", lambda problem, _, sentence: [sentence])
        self._before(Parser, "exit", lambda given: given[1:2] and [given[1].splitlines()[0]])

    def _behind(self, owner: type, name: str, said: Callable[[Any, Any, Any], Iterable[str]]) -> None:
        plain = getattr(owner, name)

        @functools.wraps(plain)
        def heard(one: Any, *given: Any, **named: Any) -> Any:
            result = plain(one, *given, **named)
            self.hear(said(one, given, result))
            return result

        setattr(owner, name, heard)

    def _before(self, owner: type, name: str, said: Callable[[Any], Iterable[str]]) -> None:
        plain = getattr(owner, name)

        @functools.wraps(plain)
        def heard(one: Any, *given: Any) -> Any:
            self.hear(said(given))
            return plain(one, *given)

        setattr(owner, name, heard)


def _is_ours() -> bool:
    """Whether the program says it, and not a test that plays a part of it."""
    frame = sys._getframe()
    while frame is not None and (frame.f_code.co_name == "__init__" or frame.f_code.co_filename == __file__):
        frame = frame.f_back  # up to who makes the error
    return frame is not None and frame.f_globals.get("__name__", "").startswith(("calib_core.", "app."))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--sentences", type=Path, help="page for all sentences that tests provoke")


def pytest_configure(config: pytest.Config) -> None:
    ear = Ear()
    ear.listen()
    config.pluginmanager.register(Session(config, ear))


class Session:
    """A session of tests, or the part of a worker of it, whose sentences go to where the page is made."""

    def __init__(self, config: pytest.Config, ear: Ear) -> None:
        self._config, self._ear = config, ear

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        self._ear.heard |= set(getattr(node, "workeroutput", {}).get("sentences", ()))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, exitstatus: int) -> None:
        output = getattr(self._config, "workeroutput", None)
        page = self._config.getoption("sentences")
        if output is not None:
            output["sentences"] = sorted(self._ear.heard)
        elif page is not None and exitstatus == 0:
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text(HEAD + "".join(f"{_BEGIN}{one}\n" for one in sorted(self._ear.heard)), "utf-8")
