"""Folders that a job's form proposes; knows no widgets."""

from __future__ import annotations

from pathlib import Path

from app.session.session import Session
from calib_core.subjects.constant_sets import holds_constants


def folders(session: Session, corrects: bool) -> tuple[Path, Path | None]:
    """Output folder, and folder of constants where there is one to propose.

    Parameters
    ----------
    session : Session
    corrects : bool
        Whether the job corrects frames; they do not go among constants unless the operator says so.

    Returns
    -------
    out_folder : Path
    constants : Path or None
    """
    if not corrects:
        return session.out_folder, None
    made = session.constants_folder or session.out_folder
    constants = made if holds_constants(made) else None
    own = session.out_folder if constants is None else session.out_folder.with_name("corrected")
    return session.corrected_folder or own, constants
