"""What the commands on expert masks do."""

from __future__ import annotations

import json
from argparse import Namespace
from datetime import UTC, datetime
from typing import Any

from calib_core.constants.badpixels import flags_named
from calib_core.constants.expert_mask import MaskBook, MaskEntry, Told, author_here, taking_back
from calib_core.detector import Detector, Module
from calib_core.errors import BadInput
from calib_core.plain_text import shown
from calib_core.store.expert_masks import MaskFiles
from calib_core.store.masks import entries_of_mask
from calib_core.subjects.constant_sets import ConstantSet, find_sets


def show(namespace: Namespace) -> int:
    """List entries; returns 1 where a file cannot be read."""
    files = _files(namespace, _set(namespace))
    told = files.read().told
    lines = [f"{namespace.folder}: {len(told)} entr{'y' if len(told) == 1 else 'ies'} of {files.detector.identifier}",
             *map(_line, told), *(f"! {one}" for one in files.trouble)]
    text = json.dumps([_as_json(one) for one in told], indent=1, ensure_ascii=False)
    print(text if namespace.json else "\n".join(map(shown, lines)))
    return int(bool(files.trouble))


def add(namespace: Namespace) -> int:
    """Take a mask of others, from the begin of the newest constants on."""
    found, now = _set(namespace), datetime.now(UTC)
    files = _files(namespace, found)
    begin = min((one.begin for one in found.files if one.begin is not None), default=now)
    flag = flags_named(namespace.flag, "flag")
    entry = MaskEntry(_author(namespace), namespace.reason, "", now, begin, flag)
    made = files.add(entries_of_mask(namespace.file, files.detector, entry))
    print(f"masked: {len(made)} file{'s' * (len(made) != 1)} written to {shown(str(namespace.folder))}")
    return 0


def undo(namespace: Namespace) -> int:
    """Take back the last entry."""
    files, author = _files(namespace, _set(namespace)), _author(namespace)
    last = MaskBook.last(files.read().told, author)
    if last is None:
        raise BadInput(f"{namespace.folder} has no entry of {author} that counts; nothing is taken back.")
    files.add([(taking_back(last.entry, author, datetime.now(UTC)), {})])
    print(f"taken back: {shown(_line(last).strip())}")
    return 0


def _files(namespace: Namespace, found: ConstantSet) -> MaskFiles:
    modules = (Module(number, "", "".join(found.kind.raw.usual(number)), unit)
               for unit, number in sorted(found.modules.items(), key=lambda one: one[1]))
    return MaskFiles(namespace.folder, Detector(found.identifier, found.kind, tuple(modules)))


def _set(namespace: Namespace) -> ConstantSet:
    """The newest constants of the detector, which tell its units."""
    sets = find_sets([namespace.folder])
    names = tuple(dict.fromkeys(one.identifier for one in sets))
    wanted = [one for one in sets if namespace.karabo_id in ("", one.identifier)]
    if not wanted or (len(names) > 1 and not namespace.karabo_id):
        raise BadInput(f"{namespace.folder} has constants of {', '.join(names)}; name one of them (--karabo-id).")
    return wanted[0]


def _author(namespace: Namespace) -> str:
    return namespace.author or author_here()


def _line(one: Told) -> str:
    entry, back = one.entry, one.taken_back
    end = "" if back is None else f" – taken back by {back.author}, {back.time:%Y-%m-%d %H:%M} UTC"
    return (f"  {entry.time:%Y-%m-%d %H:%M} UTC  {entry.author}: {entry.reason} ({one.pixels:,} pixels of "
            f"{', '.join(one.units)}; {entry.drawn}; from {entry.begin:%Y-%m-%d %H:%M} UTC on){end}")


def _as_json(one: Told) -> dict[str, Any]:
    entry = one.entry
    return {"name": entry.name, "author": entry.author, "reason": entry.reason, "drawn": entry.drawn,
            "time": entry.time.isoformat(), "begin": entry.begin.isoformat(), "flags": entry.flags,
            "cells": list(entry.cells), "stages": list(entry.stages), "pixels": one.pixels, "units": list(one.units),
            "taken_back_by": one.taken_back.author if one.taken_back else None}
