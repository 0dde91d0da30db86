"""The plain-JSON specification of a job, the same for window, command line and job file."""

from __future__ import annotations

import codecs
import os
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails

from calib_core.characterisation.inputs import NEUTRAL
from calib_core.errors import BadInput, BadParameter
from calib_core.io.budget import LEAST_MEMORY_MB, default_memory_mb
from calib_core.store.opening import usual_store
from calib_core.store.statuses import CALCAT_WORD, STORE_WORD
from calib_core.typed import check_path

MOST_MEMORY_MB = 1 << 24
MOST_THREADS = 256
MOST_PARTS = 1000
#: No job file is longer, bytes.
_LONGEST = 16 << 20


class JobSpec(BaseModel):
    """Everything that decides a job's results, and where they go.

    Attributes
    ----------
    family, method : str
        Detector family and characterisation, as on the command line (``… DARK``).
    inputs : dict
        What each input of the characterisation reads: run folders, files or folders of constants, or
        :data:`~calib_core.characterisation.inputs.NEUTRAL` in place of constants.
    constants : dict
        Files of constants by module and kind that are taken in place of those that would be chosen, or ``neutral``.
    detector : str
        Identifier of the detector, where a run holds several; empty takes the only one.
    modules : tuple of int
        Modules to work on; empty takes all.
    parameters : dict
        Parameters that differ from the family's defaults.
    conditions : dict
        Operating conditions that the operator gives in place of those found.
    pdus : dict
        Physical detector unit by module number, where known.
    keep_order : bool
        Keep the operator's assignment of runs to inputs even if the data say otherwise.
    strict : bool
        Whether the job is refused where a value of the operating condition is not sure.
    again : bool
        Whether constants are written once more that the same job has written already.
    drafts : bool
        Whether drafts of a store are taken too, and not only what was accepted.
    all_or_nothing : bool
        Whether constants appear only when all of them are written.
    begin : datetime, optional
        Begin of validity in place of the begin of the runs; aware, UTC where no offset is given.
    notes : tuple of str
        Sentences to record with the constants, such as that runs were re-ordered before the job was specified.
    out_folder : Path
    memory_mb : int
        Memory budget, MiB; :func:`default_memory_mb` of the threads unless given. It says how many memory cells a
        unit has, so it is kept as a number, whatever machine the job runs on.
    threads : int
        Worker threads; 0 takes one per processor.
    parts : int
        Parts, of whole sequences of files, in which work is done and merged; results do not depend on it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[2] = 2
    family: str
    method: str
    inputs: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    constants: dict[int, dict[str, str]] = Field(default_factory=dict)
    out_folder: Path
    detector: str = ""
    modules: tuple[int, ...] = ()
    parameters: dict[str, Any] = Field(default_factory=dict)
    conditions: dict[str, float | str] = Field(default_factory=dict)
    pdus: dict[int, str] = Field(default_factory=dict)
    keep_order: bool = False
    strict: bool = False
    again: bool = False
    drafts: bool = False
    all_or_nothing: bool = False
    begin: datetime | None = None
    notes: tuple[str, ...] = ()
    threads: int = Field(0, ge=0, le=MOST_THREADS)
    memory_mb: int = Field(
        default_factory=lambda said: default_memory_mb(said.get("threads", 0)), ge=LEAST_MEMORY_MB, le=MOST_MEMORY_MB)
    parts: int = Field(1, ge=1, le=MOST_PARTS)

    @field_validator("detector")
    @classmethod
    def _without_blanks(cls, value: str) -> str:
        return value.strip()

    @field_validator("begin")
    @classmethod
    def _aware(cls, value: datetime | None) -> datetime | None:
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value

    @field_validator("inputs")
    @classmethod
    def _inputs_absolute(cls, value: dict[str, tuple[str, ...]], info: ValidationInfo) -> dict[str, tuple[str, ...]]:
        return {name: tuple(_given(path, info) for path in paths) for name, paths in value.items()}

    @field_validator("constants")
    @classmethod
    def _constants_absolute(cls, value: dict[int, dict[str, str]], info: ValidationInfo) -> dict[int, dict[str, str]]:
        return {module: {kind: _given(path, info) for kind, path in found.items()} for module, found in value.items()}

    @field_validator("out_folder")
    @classmethod
    def _output_absolute(cls, value: Path, info: ValidationInfo) -> Path:
        return _absolute(str(value), info)

    def paths(self, name: str) -> tuple[Path, ...]:
        """Folders or files of an input; none where it was left out."""
        return tuple(map(Path, self.inputs.get(name, ())))

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a job file; paths that are not absolute begin at its folder.

        Raises
        ------
        BadInput
            The file cannot be read or is no job file.
        """
        try:
            return cls.model_validate_json(_content(path), context={"folder": path.absolute().parent})
        except OSError as error:
            raise BadInput(f"Job file {path} cannot be read: {error.strerror}.") from error
        except UnicodeDecodeError as error:
            raise BadInput(f"Job file {path} is not valid: it is no text.") from error
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the file"
            raise BadInput(f"Job file {path} is not valid: {where}: {_reason(first)}.") from error

    @classmethod
    def checked(cls, **fields: Any) -> Self:
        """Specification from given fields; BadParameter with one sentence where one is not allowed."""
        try:
            return cls(**fields)
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"])
            raise BadParameter(f"{name} = {first['input']!r} is not allowed: {_reason(first)}.") from error


#: Words in place of pydantic's, by the type of its error.
_REASONS = {"extra_forbidden": "there is no such field", "path_type": "it is no path"}


def _reason(error: ErrorDetails) -> str:
    """What is wrong with a value; words of our own as they are."""
    said = error["msg"].removeprefix("Value error, ")
    return _REASONS.get(error["type"]) or said.replace("Input should", "it should").replace("Unable", "unable")


def _given(path: str, info: ValidationInfo) -> str:
    """An absolute path, also of the operator's own store, or the word in place of constants."""
    if path == STORE_WORD:
        return str(usual_store().absolute())
    return path if path in (NEUTRAL, CALCAT_WORD) else str(_absolute(path, info))


def _absolute(path: str, info: ValidationInfo) -> Path:
    """Path from the folder of the job file, or from the working folder where there is no file."""
    found = Path(info.context["folder"], path) if info.context else Path(path).absolute()
    check_path(str(found))
    return found


def _content(path: Path) -> str:
    """Text of a regular file of bounded length, whatever mark stands at its begin."""
    if "\0" in str(path):
        raise OSError(0, "a path has no NUL character")
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe would block
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(0, "it is no regular file")
        data = file.read(_LONGEST + 1)
    if len(data) > _LONGEST:
        raise OSError(0, f"it is longer than {_LONGEST >> 20} MiB")
    return data.decode("utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig")
