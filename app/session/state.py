"""What a session keeps from one start of the window to the next, as JSON that appears whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from calib_core.errors import CalibrationError
from calib_core.jobs.spec import JobSpec
from calib_core.store.files import PRIVATE, write_atomically
from calib_core.subjects.region import RegionOfInterest

STATE_VARIABLE = "CALIBWB_STATE_DIR"


class SavedState(BaseModel):
    """The kept state; keys of a newer version are carried along unread.

    Attributes
    ----------
    clean : bool
        False while a window is open: what is found so at a start was left by a crash.
    runs, detector : opened run folders, and which of their detectors
    spec : JobSpec, optional
        What the form would run.
    place : dict
        Labels along axes that are looked at, such as a memory cell.
    region : RegionOfInterest, optional
        Marked pixels.
    maps : tuple of str
        Map of each slot.
    recent : tuple of str
        Texts that open recent runs again, newest first.
    shown, compared : tuple of Path
        Files of the results that were looked at, and of those that they were compared with.
    root : Path, optional
        Folder above all instruments.
    watched : str
        Folder of runs that was watched; it is not watched again before somebody says so.
    layout : str
        Which arrangement of the panels was there.
    layouts : dict
        What Qt keeps of the docks in each arrangement, base64.
    geometry : str
        What Qt keeps of the window, base64.
    """

    model_config = ConfigDict(extra="allow")

    version: Literal[1] = 1
    clean: bool = True
    runs: tuple[Path, ...] = ()
    detector: str = ""
    spec: JobSpec | None = None
    out_folder: Path | None = None
    place: dict[str, str | int | float] = Field(default_factory=dict)
    module: int = Field(0, ge=0)
    pixel: tuple[int, int, int] | None = None
    region: RegionOfInterest | None = None
    arrangement: Literal["assembled", "stacked", "module"] = "assembled"
    overlay: int = Field(0xFFFFFFFF, ge=0, le=0xFFFFFFFF)
    excluded: int = Field(0xFFFFFFFF, ge=0, le=0xFFFFFFFF)
    theme: Literal["dark", "light"] = "dark"
    slots: Literal[1, 2, 4, 6] | None = None
    maps: tuple[str, ...] = ()
    percentiles: tuple[float, float] = (1.0, 99.0)
    recent: tuple[str, ...] = ()
    shown: tuple[Path, ...] = ()
    compared: tuple[Path, ...] = ()
    root: Path | None = None
    watched: str = ""
    layout: str = ""
    layouts: dict[str, str] = Field(default_factory=dict)
    geometry: str = ""


def state_folder() -> Path:
    """Folder of the kept state and of the logs; the environment's CALIBWB_STATE_DIR, or the user's."""
    given = os.environ.get(STATE_VARIABLE)
    return Path(given).absolute() if given else Path(platformdirs.user_state_dir("calibwb"))


def make_folder(folder: Path) -> str:
    """Make the folder of the state if need be; says why nothing can be kept there, else nothing."""
    if not folder.is_absolute():  # what is left of a home that the system does not know
        return "there is no home folder"
    try:
        folder.mkdir(0o700, parents=True, exist_ok=True)
    except OSError as error:
        return f"{folder} cannot be made ({error.strerror})"
    return "" if os.access(folder, os.W_OK | os.X_OK) else f"{folder} cannot be written"


def state_path(folder: Path) -> Path:
    """File of the kept state."""
    return folder / "session.json"


def read_state(folder: Path) -> tuple[SavedState, str]:
    """Read the kept state; a damaged file is put aside as ``.bad``.

    Returns
    -------
    state : SavedState
        Defaults where there is no usable file.
    note : str
        Sentence for the log, empty where all is well.
    """
    path = state_path(folder)
    try:
        return SavedState.model_validate_json(path.read_bytes()), ""
    except FileNotFoundError:
        return SavedState(), ""
    except (OSError, ValidationError) as error:
        return SavedState(), _put_aside(path, error)


def _put_aside(path: Path, error: Exception) -> str:
    bad = path.with_name(path.name + ".bad")
    try:
        path.replace(bad)
    except OSError as refused:
        return f"The saved session {path} cannot be read ({refused.strerror}); the window starts with defaults."
    reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
    return f"The saved session was damaged ({reason}); it was kept as {bad} and the window starts with defaults."


def write_state(folder: Path, state: SavedState) -> str:
    """Write the state; returns a sentence for the log where that fails, else nothing."""
    try:
        write_atomically(state_path(folder), state.model_dump_json(indent=1).encode(), overwrite=True, mode=PRIVATE)
    except CalibrationError as error:
        return f"The session was not saved: {error}"
    return ""
