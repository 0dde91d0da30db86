"""Names of exported files that a person can read, and the words in which files say whose they are."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import Path

from app.panels.maps.pixel_text import flags_text
from calib_core.subjects.shown import Shown

_UNSAFE = re.compile(r"[^A-Za-z0-9.+-]+")


def file_name(
    shown: Shown, what: Sequence[str], suffix: str, place: bool = True, module: int | None = None, but: str = ""
) -> str:
    """Name of a file, such as ``SPB_DET_X_p900100_r1-3_m05_Noise_HG_cell17.png``.

    ``what`` are words for its content; ``place`` adds that of the picture along all axes but ``but``, ``module`` the
    one that the content is of.
    """
    subject = shown.subject
    runs = subject.title.split(" · ")[1:2] if subject is not None and subject.identifier else []
    whose = [subject.identifier or subject.title, *runs] if subject is not None else ["nothing"]
    labels = [str(shown.label(name)) if isinstance(shown.label(name), str) else f"{name}{shown.label(name)}"
              for name in shown.at if name != but] if place else []
    modules = [] if module is None else [f"m{module:02d}"]
    words = [_UNSAFE.sub("_", word).strip("_") for word in (*whose, *modules, *what, *labels)]
    return "_".join(word for word in words if word)[:180] + suffix


def free_path(path: Path, suffix: str, taken: Collection[Path] = ()) -> Path:
    """The path with the suffix, and with a number where there is a file of that name, or one is about to be."""
    path = path if path.suffix.lower() == suffix else path.with_name(path.name + suffix)
    number, free = 1, path
    while free.exists() or free in taken:
        number += 1
        free = path.with_stem(f"{path.stem}_{number}")
    return free


def place_words(shown: Shown, module: int | None = None, but: str = "") -> str:
    """Place of what is shown along all axes but one, after the module where it is of one alone."""
    return " · ".join(part for part in ("" if module is None else f"module {module}", shown.place(but)) if part)


def caption(shown: Shown, place: str) -> list[str]:
    """Lines that say whose pictures are, at which place, and when they were exported."""
    region = [] if shown.region is None else [f"region: {shown.region.words}"]
    when = None if shown.subject is None else shown.subject.when
    recorded = [] if when is None else [f"recorded {when.astimezone():%Y-%m-%d %H:%M %Z}"]
    return [
        shown.subject.title if shown.subject is not None else "", place, *recorded, *region,
        f"exported {datetime.now().astimezone():%Y-%m-%d %H:%M %Z}",
    ]


def heading(shown: Shown, but: str = "") -> str:
    """Whose numbers these are, and at which place along all axes but one."""
    if shown.subject is None:
        return ""
    about = [f"{name}: {text}" for name, text in shown.subject.about.items()]
    notes = [f"note: {one}" for one in shown.subject.notes]
    return "\n".join([shown.subject.title, shown.place(but), *about, *notes])


def left_out(excluded: int, shown: Shown) -> str:
    """Sentence on the pixels that are left out of a table, with their number."""
    if shown.picture is None or shown.flags is None:
        return "left out: pixels without a value"
    flags = next((maps for pick, maps in shown.picture.maps.items() if pick.result == shown.flags.name), None)
    number = 0 if flags is None else int(((flags & excluded) != 0).sum())
    share = number / flags.size if flags is not None and flags.size else 0.0
    return f"left out: pixels without a value, and {number} ({share:.2%}) with {flags_text(excluded, 'any flag')}"
