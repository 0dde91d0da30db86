"""Answers of the facility's database that are kept, for work without the network."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from calib_core.errors import OutputFailed
from calib_core.store.files import write_atomically


@dataclass(frozen=True)
class Kept:
    """An answer, and when it was given."""

    data: Any
    at: datetime


@dataclass(frozen=True)
class Question:
    """What is asked: address of the database, path behind it, words, and content."""

    address: str
    path: str
    words: Mapping[str, str]
    content: str = ""

    @property
    def key(self) -> str:
        """What tells it from others."""
        said = [self.address, self.path, sorted(self.words.items()), self.content]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()


class KeptAnswers:
    """Answers in a folder, a file each; whatever is damaged is as if it were not there.

    Parameters
    ----------
    folder : Path
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.trouble = ""

    def get(self, question: Question) -> Kept | None:
        """The last answer to a question; None where there is none.

        Parameters
        ----------
        question : Question
        """
        with suppress(OSError, ValueError, KeyError, TypeError):
            told = json.loads(self._path(question).read_bytes())
            return Kept(told["answer"], datetime.fromisoformat(told["at"]))
        return None

    def put(self, question: Question, data: Any) -> None:
        """Keep an answer in place of the one before; where that fails :attr:`trouble` has the sentence.

        Parameters
        ----------
        question : Question
        data
            Plain JSON.
        """
        told = {"asked": [question.path, dict(question.words), question.content],
                "at": datetime.now(UTC).isoformat(), "answer": data}
        try:
            write_atomically(self._path(question), json.dumps(told).encode(), overwrite=True)
        except OutputFailed as error:
            self.trouble = f"Answers are not kept for work without the network: {error}"

    def _path(self, question: Question) -> Path:
        return self.folder / question.key[:2] / f"{question.key}.json"
